"""GGUF files that llama.cpp runs in this process: load one, plan what sequences share, run it quantised as it is."""

from pyscore.engine.sources.llama_cpp.source import LlamaCppSource, load

__all__ = ["LlamaCppSource", "load"]
