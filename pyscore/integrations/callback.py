"""Scoring within training: `Evaluator`, and its adapters to the trainers of Hugging Face and of Lightning.

Both headline numbers with their intervals, and their change since the last evaluation, as often as asked for; see
docs/training.md.
"""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.integrations.training.evaluation import Evaluation
    from pyscore.integrations.training.evaluator import Evaluator
    from pyscore.integrations.training.hugging_face import HuggingFaceCallback
    from pyscore.integrations.training.lightning import LightningCallback

__all__ = ["Evaluation", "Evaluator", "HuggingFaceCallback", "LightningCallback"]

_TRAINING = "pyscore.integrations.training"

# An adapter is made of its trainer's own class of callbacks, which only those need who use that trainer.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        f"{_TRAINING}.evaluation": ["Evaluation"],
        f"{_TRAINING}.evaluator": ["Evaluator"],
        f"{_TRAINING}.hugging_face": ["HuggingFaceCallback"],
        f"{_TRAINING}.lightning": ["LightningCallback"],
    },
)
