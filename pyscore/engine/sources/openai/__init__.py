"""Models behind a server that speaks OpenAI's protocol: options, the wire, two endpoints, a journal, the source."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.engine.sources.openai.source import OpenAISource, load

__all__ = ["OpenAISource", "load"]

__getattr__, __dir__ = lazy_names(__name__, {".source": ["OpenAISource", "load"]})
