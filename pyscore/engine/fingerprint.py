"""A fingerprint of what values depend on: the source, its tokenizer and the prompts that a template renders."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from pyscore.engine.digest import json_digest
from pyscore.engine.sources.source import Source
from pyscore.engine.tokenization import tokenizer_hash
from pyscore.tasks import ChatTemplate, Question, render

__all__ = ["fingerprint", "model_digest"]

_PROBE = Question("probe", "Is 12 + 7 less than 20?", (" Yes", " No"), (True, False))
_NOT_OF_MODEL = ("tokenizer", "chat_template", "prompts")


def fingerprint(source: Source, template: str | ChatTemplate) -> dict[str, str]:
    """What the values of a run depend on, component by component, as the source is now.

    Returns:
        The components that the source names, and SHA-256 digests in hexadecimal: "tokenizer", "chat_template" where the
        template is the tokenizer's own, and "prompts": of what the template makes of a fixed question, which shows a
        date that it prints; left out where it can't render that question, say because it needs ``meta``.
    """
    found = {**source.facts.fingerprint(), "tokenizer": tokenizer_hash(source.tokenizer)}
    if template == "chat" or not isinstance(template, str):
        found["chat_template"] = json_digest(getattr(source.tokenizer, "chat_template", None))
    with suppress(ValueError):  # a template that fails here fails for the questions too, with an error that names one
        found["prompts"] = json_digest(render(template, _PROBE, source.tokenizer))
    return found


def model_digest(components: Mapping[str, str]) -> str:
    """One digest of what a `fingerprint`, or `SourceFacts.fingerprint`, says of the model."""
    return json_digest({name: value for name, value in components.items() if name not in _NOT_OF_MODEL})
