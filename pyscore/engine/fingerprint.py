"""What values depend on, the source, its tokenizer and rendered prompts, and what rows say of their conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from pyscore._digest import json_digest
from pyscore._version import __version__
from pyscore.engine.settings import ScoreSettings, check_metadata
from pyscore.engine.sources.source import Source
from pyscore.engine.tokenization import AnswerTokenizer, tokenizer_hash
from pyscore.tasks import ChatTemplate, Question, render

__all__ = ["describe", "fingerprint", "model_digest"]

_PROBE = Question("probe", "Is 12 + 7 less than 20?", (" Yes", " No"), (True, False))
_NOT_OF_MODEL = ("tokenizer", "chat_template", "prompts")


def fingerprint(source: Source, template: str | ChatTemplate) -> dict[str, str]:
    """What the values of a run depend on, component by component, as the source is now.

    Returns:
        The components that the source names, and SHA-256 digests in hexadecimal: "tokenizer", "chat_template" where the
        template is the tokenizer's own, and "prompts": of what the template makes of a fixed question, which shows a
        date that it prints; left out where it can't render that question, say because it needs ``meta``.
    """
    facts = source.facts
    of_model = facts.fingerprint()
    if not of_model:
        raise ValueError(f"{facts.name}: the fingerprint of a source must name what its scores depend on, and is empty")
    check_metadata(of_model, _NOT_OF_MODEL, f"the fingerprint of {facts.name}")
    found = {**of_model, "tokenizer": tokenizer_hash(source.tokenizer)}
    if template == "chat" or not isinstance(template, str):
        found["chat_template"] = json_digest(getattr(source.tokenizer, "chat_template", None))
    with suppress(ValueError):  # a template that fails here fails for the questions too, with an error that names one
        found["prompts"] = json_digest(render(template, _PROBE, source.tokenizer))
    return found


def model_digest(components: Mapping[str, str]) -> str:
    """One digest of what a `fingerprint`, or `SourceFacts.fingerprint`, says of the model."""
    return json_digest({name: value for name, value in components.items() if name not in _NOT_OF_MODEL})


def describe(
    source: Source, tokens: AnswerTokenizer, settings: ScoreSettings, questions: Iterable[Question]
) -> tuple[dict[str, str], dict[str, str]]:
    """The metadata of a run's rows, as far as it is known before the run, and the `fingerprint` that is part of it.

    To be called in a turn of the source, whose weights are read.
    """
    facts, components = source.facts, fingerprint(source, settings.template)
    hashes = {"chat_template_hash": components.get("chat_template"), "template_hash": components.get("prompts")}
    metadata = {
        "pyscore_version": __version__,
        "template": str(settings.template),
        "dtype": facts.dtype,
        "device": facts.device,
        "model_fingerprint": model_digest(components),
        "tokenizer_hash": components["tokenizer"],
        "add_bos_token": str(bool(tokens.prefix)).lower(),
        "prefix_tokens": " ".join(map(str, tokens.prefix)),
        "choices": ",".join(sorted({question.choices for question in questions})) or "given",
        **{name: digest for name, digest in hashes.items() if digest},
    }
    check_metadata(facts.metadata, metadata, f"the metadata of {facts.name}")
    return {**metadata, **facts.metadata}, components
