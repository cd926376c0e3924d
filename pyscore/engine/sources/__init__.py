"""Where scores come from: source.py is the waist, and each other module or package in here is one kind of source."""

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.engine.sources.huggingface.source import HuggingFaceSource
    from pyscore.engine.sources.source import Source

__all__ = ["HuggingFaceSource", "Source", "load_source"]

__getattr__, __dir__ = lazy_names(__name__, {".huggingface.source": ["HuggingFaceSource"], ".source": ["Source"]})


def load_source(model: Any, **options: Any) -> "Source":
    """The source of a model that is named, on the command line or to `Scorer.from_pretrained`.

    "name:rest" is loaded by what an installed distribution registers as ``name`` in the group of entry points
    "pyscore_sources", called with the rest and the options; all else is a model of transformers.

    Args:
        model, options: as for `Scorer.from_pretrained`, without ``add_bos_token``.
    """
    name, colon, rest = str(model).partition(":")
    for entry in entry_points(group="pyscore_sources", name=name) if colon else ():
        return entry.load()(rest, **options)  # type: ignore[no-any-return]
    from pyscore.engine.sources.huggingface.source import HuggingFaceSource

    return HuggingFaceSource.load(model, **options)
