"""`rescore`: both headline numbers of a multiple-choice log of inspect_ai, from the log-probs of its letters."""

from __future__ import annotations

import json
import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore._version import __version__
from pyscore.integrations.inspect_scores import read_log
from pyscore.results import summarize_rows
from pyscore.store.schema import row_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from pyscore.metrics import Summary

__all__ = ["Rescored", "rescore"]

_SPACES = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n"})
"""How some tokenizers spell spaces and line ends, which servers may hand on."""
_ANSWER = re.compile(r"answer\s*:", re.IGNORECASE)
_AROUND = " \n\t(*$"
_ROUNDING = 1e-6
"""Log-probabilities of servers are rounded, so that no less than this may be left for what they don't list."""
_GRADES = {"C": True, "I": False}


@dataclass(frozen=True)
class Rescored:
    """What the log-probabilities of a log say, as returned by `rescore`.

    Attributes:
        rows: one an answer, as `pyscore.Scorer.score` gives them: for `pyscore.store.write_rows` and everything that
            reads rows. An answer is a letter as a token.
        options: how they are summarised: arguments of `pyscore.results.summarize_rows`.
    """

    rows: pa.Table
    options: Mapping[str, Any]

    @cached_property
    def summary(self) -> Summary:
        """Mean probability and preference rate with their companions; bounds where letters have bounds alone."""
        return summarize_rows(self.rows, **self.options)[0].summary

    def __str__(self) -> str:
        return str(self.summary)


class _Letters(NamedTuple):
    """The letters of one sample.

    Attributes:
        tokens: how they are spelled as tokens.
        logprobs: of those among the top ones, None for the others.
        chosen: which one the model gave.
        likeliest: the log-probability of the likeliest token, letter or not.
        unlisted: the most that the log-probability of a token outside of the top ones can be.
    """

    tokens: list[str]
    logprobs: list[float | None]
    chosen: int
    likeliest: float
    unlisted: float


def rescore(
    path: str | Path,
    *,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    confidence: float = 0.95,
    cluster: str | None = None,
    epoch: int | None = None,
) -> Rescored:
    """Both headline numbers of a multiple-choice task that inspect ran with ``--logprobs --top-logprobs 20``.

    A letter's log-probability is that of its token in the place where the answer's letter stands: the first letter
    after the last "ANSWER:", else the answer's first token. Letters are spelled there as the one that the model
    gave: " A" and "A" are two tokens, of which one is read. A letter outside of the top log-probs is known between
    bounds alone: at most as likely as the last token listed, and as the probability that is left.

    Args:
        path: a log, ``.eval`` or ``.json``, whose samples have choices, targets that are letters, and log-probs.
        normalize, sets, ties: as in `pyscore.results.comparison_from_rows`.
        confidence: of the intervals.
        cluster: key of the samples' metadata; samples that share its value are not independent.
        epoch: which epoch, where there are several.

    Raises:
        ImportError: inspect_ai isn't installed.
        FileNotFoundError: there is no such file.
        ValueError: no log; several epochs; a sample (named in the message) without choices, letters or log-probs, whose
            choices were shuffled, or whose score says something else than its letter.
    """
    log = read_log(path)
    _check_not_shuffled(log, path)
    samples = _of_epoch(log.samples, epoch, path)
    found: list[tuple[Any, _Letters, list[int]]] = []
    for sample in samples:
        try:
            letters = _letters(sample)
            gold = _gold(sample.target, len(sample.choices))
            _check_grade(sample, letters.chosen in gold)
        except ValueError as error:
            raise ValueError(f"{path}: the sample {sample.id!r} {error}") from None
        found.append((sample, letters, gold))
    lines = [line for one in found for line in _rows(log, *one, cluster, path)]
    options = {"normalize": normalize, "sets": sets, "ties": ties, "confidence": confidence}
    return Rescored(_table(log, lines), {**options, "clustered": cluster is not None})


def _of_epoch(samples: Sequence[Any], epoch: int | None, path: str | Path) -> list[Any]:
    epochs = sorted({sample.epoch for sample in samples})
    if epoch is None and len(epochs) > 1:
        raise ValueError(f"{path} has the epochs {', '.join(map(str, epochs))}: choose one with epoch=")
    chosen = [sample for sample in samples if epoch in (None, sample.epoch)]
    if not chosen:
        raise ValueError(f"{path} has no epoch {epoch}: it has {', '.join(map(str, epochs))}")
    return chosen


def _check_not_shuffled(log: Any, path: str | Path) -> None:
    """A solver that shuffles puts the letters of messages back, but not those of log-probs."""
    for step in log.plan.steps if log.plan else ():
        if (step.params or {}).get("shuffle"):
            raise ValueError(
                f"{path}: its solver {step.solver} shuffled the choices, so letters of log-probs are of another order "
                "than targets: shuffle the data set instead (shuffle_choices)"
            )


def _letters(sample: Any) -> _Letters:
    choices = sample.choices
    if not choices or len(choices) < 2:
        raise ValueError("has no choices: only multiple-choice tasks can be rescored")
    if len(choices) > len(string.ascii_uppercase):
        raise ValueError(f"has {len(choices)} choices, more than there are letters")
    outputs = sample.output.choices if sample.output else []
    content = outputs[0].logprobs.content if outputs and outputs[0].logprobs else []
    if not content:
        raise ValueError("has no log-probs: run inspect with --logprobs --top-logprobs 20")
    texts = [each.token.translate(_SPACES) for each in content]
    if sample.output.completion.strip() not in "".join(texts):
        raise ValueError("has another answer than its log-probs are of: its solver changed it (did it shuffle?)")
    letters = string.ascii_uppercase[: len(choices)]
    place = content[_place(texts, letters)]
    letter = place.token.translate(_SPACES).strip(_AROUND)
    if not place.top_logprobs:
        raise ValueError("has log-probs of the tokens that it gave alone: run inspect with --top-logprobs 20")
    tokens = [place.token.replace(letter, each) for each in letters]
    known = {place.token: place.logprob} | {each.token: each.logprob for each in reversed(place.top_logprobs)}
    for token in tokens:
        if token in known and not known[token] <= 0:
            raise ValueError(f"has the log-probability {known[token]} of {token!r}: it must be at most 0 and not NaN")
    left = 1 - math.fsum(math.exp(min(value, 0.0)) for value in known.values())
    # Some servers list the token that was drawn after the likeliest ones, however unlikely it is.
    others = [each.logprob for each in place.top_logprobs if each.token != place.token] or [place.logprob]
    unlisted = min(*others, math.log(max(left, _ROUNDING)))
    logprobs = [known.get(token) for token in tokens]
    return _Letters(tokens, logprobs, letters.index(letter), max(known.values()), unlisted)


def _place(texts: Sequence[str], letters: str) -> int:
    """The position of the token that is the answer's letter."""
    whole = "".join(texts)
    marks = list(_ANSWER.finditer(whole))
    start = marks[-1].end() if marks else 0
    position = 0
    for i, text in enumerate(texts):
        inner = text.strip(_AROUND)
        if position + len(text) > start and inner:
            if inner in tuple(letters):
                return i
            break
        position += len(text)
    raise ValueError(f"answers {whole!r:.60}, where no token is a letter of {letters[0]} to {letters[-1]} by itself")


def _gold(target: Any, n: int) -> list[int]:
    given = [target] if isinstance(target, str) else list(target)
    letters = tuple(string.ascii_uppercase[:n])
    if not given or not all(each in letters for each in given):
        raise ValueError(f"has the target {target!r}: it must be a letter of A to {letters[-1]}, or several")
    if len(set(given)) == n:
        raise ValueError(f"has the target {target!r}, which makes every choice right: there is nothing to compare")
    return sorted({letters.index(each) for each in given})


def _check_grade(sample: Any, is_right: bool) -> None:
    """The scorer of inspect's multiple-choice tasks must have read the same letter."""
    score = (sample.scores or {}).get("choice")
    value = None if score is None else score.value
    graded = _GRADES.get(value) if isinstance(value, str) else None
    if graded is not None and graded != is_right and isinstance(sample.target, str):
        raise ValueError(f"was graded {value!r}, but its letter is {'right' if is_right else 'wrong'}")


def _rows(
    log: Any, sample: Any, letters: _Letters, gold: Sequence[int], cluster: str | None, path: str | Path
) -> list[dict[str, Any]]:
    usage = sample.output.usage
    shared = {
        "run_id": log.eval.run_id or log.eval.eval_id,
        "model": log.eval.model,
        "revision": None,
        "step": None,
        "dataset": log.eval.dataset.name or log.eval.task,
        "question_id": str(sample.id),
        "cluster": _cluster(sample, cluster, path),
        "group": None,
        "n_tokens": 1,
        "boundary": "clean",
        "prompt_tokens": usage.input_tokens if usage else 0,
        "truncated": False,
        "extends": None,
    }
    return [
        shared
        | {
            "answer_index": i,
            "answer": token,
            "is_matching": i in gold,
            "logprob": letters.unlisted if logprob is None else logprob,
            "logprob_low": -math.inf if logprob is None else None,
            "n_chars": len(token),
            "n_bytes": len(token.encode()),
            "is_greedy": logprob == letters.likeliest,
            "same_as": i,
        }
        for i, (token, logprob) in enumerate(zip(letters.tokens, letters.logprobs, strict=True))
    ]


def _cluster(sample: Any, key: str | None, path: str | Path) -> str | None:
    if key is None:
        return None
    metadata: Mapping[str, Any] = sample.metadata or {}
    if key not in metadata:
        raise ValueError(f"{path}: the sample {sample.id!r} has no {key!r} in its metadata")
    found = metadata[key]
    return found if found is None or isinstance(found, str) else json.dumps(found, sort_keys=True, default=str)


def _table(log: Any, lines: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    packages = log.eval.packages or {}
    metadata = {
        "pyscore_version": __version__,
        "template": f"inspect: {log.eval.task}",
        "choices": "letters",
        "engine": f"inspect_ai {packages.get('inspect_ai', 'unknown')}",
        "logprobs": "top log-probs of the answer's letter, as the server gave them",
    }
    return pa.Table.from_pylist(lines, schema=row_schema(metadata=metadata))
