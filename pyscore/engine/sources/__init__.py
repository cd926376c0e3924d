"""Where scores come from: source.py is the waist, and each other module or package in here is one kind of source."""

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.engine.sources.huggingface.source import HuggingFaceSource
    from pyscore.engine.sources.source import Source

__all__ = ["OWN", "HuggingFaceSource", "Source", "load_source"]

OWN = {
    "vllm": "pyscore.engine.sources.vllm",
    "sglang": "pyscore.engine.sources.sglang",
    "openai": "pyscore.engine.sources.openai",
    "llama-cpp": "pyscore.engine.sources.llama_cpp",
}
"""Sources that come with pyscore besides Hugging Face's, and the modules whose ``load`` makes them."""

__getattr__, __dir__ = lazy_names(__name__, {".huggingface.source": ["HuggingFaceSource"], ".source": ["Source"]})


def load_source(model: Any, **options: Any) -> "Source":
    """The source of a model that is named, on the command line or to `Scorer.from_pretrained`.

    "name:rest" is loaded by the source of that name in `OWN`, or by what an installed distribution registers as
    ``name`` in the group of entry points "pyscore_sources"; either is called with the rest and the options. All else is
    a model of transformers.

    Args:
        model, options: as for `Scorer.from_pretrained`, without ``add_bos_token``.
    """
    name, colon, rest = str(model).partition(":")
    if colon and name in OWN:
        return importlib.import_module(OWN[name]).load(rest, **options)  # type: ignore[no-any-return]
    for entry in entry_points(group="pyscore_sources", name=name) if colon else ():
        return entry.load()(rest, **options)  # type: ignore[no-any-return]
    from pyscore.engine.sources.huggingface.source import HuggingFaceSource

    return HuggingFaceSource.load(model, **options)
