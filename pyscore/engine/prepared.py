"""What a run is asked for, and what its values depend on, before its folder is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pyscore._integers import as_int
from pyscore.engine.asked import Asked
from pyscore.engine.chunks import CHUNK_QUESTIONS
from pyscore.engine.fingerprint import describe
from pyscore.engine.questions import checked_questions
from pyscore.engine.scorer import Scorer
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.skipping import Skips
from pyscore.engine.sources.source import SourceFacts
from pyscore.engine.turns import turn
from pyscore.tasks import ChatTemplate, Question

__all__ = ["PreparedRun", "prepare_run"]


class PreparedRun(NamedTuple):
    """A run that `pyscore.engine.run.write_run` can write.

    Attributes:
        settings: how questions are scored.
        asked: the questions, with their keys.
        skips: what is done with those that can't be scored; those that can't be rendered are in it already.
        metadata: of the rows, as far as it is known before the run.
        manifest: of the run; its "settings" are what values depend on.
        chunk_questions: how many questions become one part.
    """

    settings: ScoreSettings
    asked: Asked
    skips: Skips
    metadata: dict[str, str]
    manifest: dict[str, Any]
    chunk_questions: int


def prepare_run(
    scorer: Scorer,
    questions: Iterable[Question],
    *,
    template: str | ChatTemplate = "plain",
    truncate: bool = False,
    on_error: str = "raise",
    token_logprobs: bool = False,
    dataset: str | None = None,
    step: int | None = None,
    chunk_questions: int = CHUNK_QUESTIONS,
) -> PreparedRun:
    """Read and check all that a run depends on; arguments and errors are those of `pyscore.engine.score_to`."""
    settings = ScoreSettings(template, truncate, token_logprobs, dataset, step)
    chunk_questions = as_int(chunk_questions, "chunk_questions")
    if chunk_questions < 1:
        raise ValueError(f"chunk_questions={chunk_questions} must be at least 1")
    skips = Skips(on_error, dataset)
    asked = Asked(checked_questions(questions, dataset), scorer.tokenizer, settings, skips)
    with turn(scorer.source):  # the weights are read, which another thread's run may have an adapter merged into
        metadata, components = describe(scorer.source, scorer.tokens, settings, asked.questions)
    manifest = _manifest(scorer.source.facts, metadata, components, settings, chunk_questions)
    return PreparedRun(settings, asked, skips, metadata, manifest, chunk_questions)


def _manifest(
    facts: SourceFacts,
    metadata: Mapping[str, str],
    fingerprint: Mapping[str, str],
    settings: ScoreSettings,
    chunk_questions: int,
) -> dict[str, Any]:
    """What values depend on, as "settings", and what else the manifest of a run says of a call.

    What a session finds out is none of the settings: it follows from them.
    """
    own = {
        **{name: metadata[name] for name in ("template", "dtype", "device", "add_bos_token", "prefix_tokens")},
        "fingerprint": fingerprint,
        "revision": facts.revision,
        "step": settings.step,
        "truncate": settings.truncate,
        "token_logprobs": settings.token_logprobs,
        "chunk_questions": chunk_questions,
    }
    if taken := sorted(own.keys() & facts.settings.keys()):
        raise ValueError(f"the settings of {facts.name} can't set {taken[0]!r}: pyscore writes it itself")
    return {
        "settings": own | dict(facts.settings),
        "versions": {k.removesuffix("_version"): v for k, v in metadata.items() if k.endswith("_version")},
        "model": facts.name,
        "commit": metadata.get("commit"),
    }
