"""Causal language models of Hugging Face transformers: load them, plan what sequences share, run body and head."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.engine.sources.huggingface.source import HuggingFaceSource

__all__ = ["HuggingFaceSource"]

__getattr__, __dir__ = lazy_names(__name__, {"HuggingFaceSource": "source"})
