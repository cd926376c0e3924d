"""Where scores come from: source.py is the waist, and each other module or package in here is one kind of source."""

from typing import TYPE_CHECKING, Any

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.engine.sources.huggingface.source import HuggingFaceSource
    from pyscore.engine.sources.source import Source

__all__ = ["HuggingFaceSource", "Source", "load_source"]

__getattr__, __dir__ = lazy_names(__name__, {".huggingface.source": ["HuggingFaceSource"], ".source": ["Source"]})


def load_source(model: Any, **options: Any) -> "Source":
    """The source of a model that is named, on the command line or to `Scorer.from_pretrained`.

    Args:
        model, options: as for `Scorer.from_pretrained`, without ``add_bos_token``.
    """
    from pyscore.engine.sources.huggingface.source import HuggingFaceSource

    return HuggingFaceSource.load(model, **options)
