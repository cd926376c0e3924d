"""Studies: from a file that names checkpoints, templates and data sets to the runs of a grid, here or on a cluster."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.sweep.models import HuggingFaceLoader, Loader
    from pyscore.sweep.spec import load
    from pyscore.sweep.study import ComparisonRule, Dataset, Model, NamedTemplate, Resources, Scoring, Study
    from pyscore.sweep.sweeps import FailedUnits, Shard, run
    from pyscore.sweep.watch import Watch

__all__ = [
    "ComparisonRule",
    "Dataset",
    "FailedUnits",
    "HuggingFaceLoader",
    "Loader",
    "Model",
    "NamedTemplate",
    "Resources",
    "Scoring",
    "Shard",
    "Study",
    "Watch",
    "load",
    "run",
]

_STUDY = ["ComparisonRule", "Dataset", "Model", "NamedTemplate", "Resources", "Scoring", "Study"]
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "pyscore.sweep.models": ["HuggingFaceLoader", "Loader"],
        "pyscore.sweep.spec": ["load"],
        "pyscore.sweep.study": _STUDY,
        "pyscore.sweep.sweeps": ["FailedUnits", "Shard", "run"],
        "pyscore.sweep.watch": ["Watch"],
    },
)
