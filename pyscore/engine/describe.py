"""What rows and runs say of the conditions that their values were made under."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pyscore._version import __version__
from pyscore.engine.fingerprint import fingerprint, model_digest
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.source import Source, SourceFacts
from pyscore.engine.tokenization import AnswerTokenizer
from pyscore.tasks import Question

__all__ = ["Description", "describe"]


class Description(NamedTuple):
    """The conditions of a run, known before it.

    Attributes:
        facts: of its source.
        metadata: of its rows.
        fingerprint: as `pyscore.engine.fingerprint.fingerprint` gives it.
    """

    facts: SourceFacts
    metadata: dict[str, str]
    fingerprint: dict[str, str]


def describe(
    source: Source, tokens: AnswerTokenizer, settings: ScoreSettings, questions: Iterable[Question]
) -> Description:
    """The conditions as they are now; in a turn of the source, whose weights are read."""
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
        **facts.metadata,
        **{name: digest for name, digest in hashes.items() if digest},
    }
    return Description(facts, metadata, components)
