"""Tokenizers of Hugging Face transformers, for models that run elsewhere."""

from __future__ import annotations

from typing import Any

from pyscore.engine.sources.huggingface.load import require_transformers
from pyscore.engine.sources.huggingface.load_errors import one_line_errors

__all__ = ["pretrained_tokenizer"]


def pretrained_tokenizer(name: str, **options: Any) -> Any:
    """The tokenizer of a folder, which need not hold a model, or of the model hub.

    Args:
        name: the folder or the name on the hub.
        options: of ``AutoTokenizer.from_pretrained``.

    Raises:
        ImportError, ValueError: it can't be loaded; one line says why.
    """
    transformers = require_transformers()
    with one_line_errors(name, "tokenizer", own_code=bool(options.get("trust_remote_code"))):
        return transformers.AutoTokenizer.from_pretrained(name, **options)
