"""One number a question from its answers: what published evals average, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.answer_scores import NEEDS, Answers
from pyscore.metrics.core.arrays import Floats, as_float64
from pyscore.metrics.core.logprob_math import segment_logsumexp, segment_softmax
from pyscore.metrics.core.scales import NONNEGATIVE, RATE, REAL, SHARE, SQUARES, Scale, mass_scale
from pyscore.ops import Comparison, checks, score_answers
from pyscore.ops.compare import SETS, TIES

__all__ = [
    "SHIFTS",
    "VALUES",
    "Rule",
    "brier",
    "compare",
    "correct",
    "inverted_loss",
    "logodds_shift",
    "loss",
    "per_question",
    "scale_of",
    "sequence_loss",
    "total_logprob",
]


@dataclass(frozen=True)
class Rule:
    """How answers are compared; checked.

    Attributes:
        normalize: "sum", or by "token", "char", "byte" or "pmi", as in `pyscore.score_answers`.
        sets: "max" compares best with best, "sum" total masses.
        ties: what `prefers` is at a tie: "half", "strict", "first" or "share", as in `pyscore.compare_answers`, or
            "last": 1 if the (best) matching answer comes last, else 0.
    """

    normalize: str = "sum"
    sets: str = "max"
    ties: str = "half"

    def __post_init__(self) -> None:
        checks.check_choice(self.normalize, "normalize", NEEDS)
        checks.check_choice(self.sets, "sets", SETS)
        checks.check_choice(self.ties, "ties", (*TIES, "last"))


PLAIN = Rule()


def compare(answers: Answers, rule: Rule = PLAIN) -> Comparison:
    """The comparison that `pyscore.score_answers` defines, as float64 NumPy arrays.

    Raw mass and coverage leave out answers that are nested in others, so that both are probabilities.

    Raises:
        ValueError: a question without a matching or without another answer; lengths that ``rule`` needs are missing.
    """
    if rule.ties == "last":  # Read backwards, the last answer is the first.
        turned = compare(answers.backwards(), replace(rule, ties="first"))
        return replace(compare(answers, replace(rule, ties="half")), prefers=turned.prefers[::-1], ties="last")
    column = answers.need(NEEDS[rule.normalize]) if NEEDS[rule.normalize] else None
    by_length = rule.normalize not in ("sum", "pmi")
    found = score_answers(
        answers.logprob,
        np.arange(len(answers.logprob) + 1),  # Each answer is one token: its log-probability.
        answers.question_offsets,
        answers.is_matching,
        n_chars=column if by_length else None,
        unconditional=None if by_length else column,
        normalize="char" if by_length else rule.normalize,  # n_chars holds the lengths, whatever they count.
        sets=rule.sets,
        ties=rule.ties,
        backend="cpu",
    )
    if answers.is_nested is not None:
        found = replace(found, coverage=_mass(answers, True, answers.is_nested, found.coverage))
    if answers.is_nested_in_matching is not None:
        raw = _mass(answers, answers.is_matching, answers.is_nested_in_matching, found.probability_raw)
        found = replace(found, probability_raw=raw)
    return found


def _mass(answers: Answers, members: NDArray[np.bool_] | bool, nested: NDArray[np.bool_], whole: Floats) -> Floats:
    """The mass of each question's members, of which ``whole`` counts nested ones twice."""
    starts = answers.question_offsets[:-1]
    once: Floats = np.add.reduceat(np.where(members & ~nested, np.exp(answers.logprob), 0.0), starts)
    return np.where(np.logical_or.reduceat(nested, starts), once, whole)


_FIELDS = ("probability", "probability_raw", "coverage", "log_odds", "margin", "prefers", "tie")


def _field(name: str) -> Callable[[Answers, Rule], Floats]:
    return lambda answers, rule: as_float64(getattr(compare(answers, rule), name), name)


def correct(answers: Answers, rule: Rule = PLAIN) -> Floats:
    """1 where the best answer, the first among equals, is a matching one, else 0."""
    best = answers.question_offsets[:-1] + compare(answers, rule).predicted
    return as_float64(answers.is_matching[best], "correct")


def loss(answers: Answers, rule: Rule = PLAIN) -> Floats:
    """-log softmax of the right answer over a question's answers, nats; of their sum where several match.

    It is log(1 + exp(-log_odds)), so it keeps its digits where the softmax is 0 or 1 to rounding.
    """
    losses: Floats = np.logaddexp(0.0, -compare(answers, rule).log_odds)
    return losses


def inverted_loss(answers: Answers, rule: Rule = PLAIN) -> Floats:
    """-log(1 - exp(-loss)), nats: the loss with the other answers taken for right.

    It is log(1 + exp(log_odds)), so that it is finite where the loss underflows to 0.
    """
    losses: Floats = np.logaddexp(0.0, compare(answers, rule).log_odds)
    return losses


def total_logprob(answers: Answers, rule: Rule = PLAIN) -> Floats:
    """logsumexp of the log-probabilities of all of a question's answers, nats, whatever they are compared by.

    It counts nested answers as well, as published: above 0 it is no logarithm of a probability.
    """
    return segment_logsumexp(answers.logprob, answers.question_offsets)


def brier(answers: Answers, rule: Rule = PLAIN) -> Floats:
    """Σ_k (softmax_k - 1[k is right])² over a question's answers, 0 to 2. Brier 1950.

    Raises:
        ValueError: a question without exactly one matching answer.
    """
    starts = answers.question_offsets[:-1]
    right = np.add.reduceat(answers.is_matching.astype(np.int64), starts)
    bad = np.flatnonzero(right != 1)
    if len(bad):
        raise ValueError(f"question {bad[0]} has {right[bad[0]]} matching answers: a Brier score needs exactly one")
    shares = segment_softmax(answers.scores(rule.normalize), answers.question_offsets)
    return np.add.reduceat((shares - answers.is_matching) ** 2, starts)


def sequence_loss(answers: Answers, rule: Rule = PLAIN) -> Floats:
    """-log p of a question's only answer, nats.

    Raises:
        ValueError: a question with more than one answer.
    """
    _check_n_answers(answers, 1, "the loss of a sequence")
    return -answers.scores(rule.normalize) + 0.0  # The sum turns -0.0 into 0.0.


def logodds_shift(answers: Answers, other: Answers, rule: Rule = PLAIN) -> Floats:
    """How much further the right one of two answers is ahead after one prompt than after another, nats.

    (l_right - l_wrong after the prompt) - (the same after the other prompt). With l0 and l1 in place of right and
    wrong that is a difference whose sign is turned where the right answer has index 1. NaN where both prompts give the
    same infinite log odds.

    Raises:
        ValueError: the two hold different questions; a question without exactly two answers.
    """
    _check_same(answers, other)
    _check_n_answers(answers, 2, "a difference of log odds")
    with np.errstate(invalid="ignore"):
        shift: Floats = compare(answers, rule).log_odds - compare(other, rule).log_odds
    return shift


def _correct_on_other(answers: Answers, other: Answers, rule: Rule = PLAIN) -> Floats:
    _check_same(answers, other)
    return correct(other, rule)


def _check_n_answers(answers: Answers, n: int, what: str) -> None:
    bad = np.flatnonzero(answers.n_answers != n)
    if len(bad):
        raise ValueError(f"question {bad[0]} has {answers.n_answers[bad[0]]} answers: {what} is of exactly {n}")


def _check_same(answers: Answers, other: Answers) -> None:
    if len(answers) != len(other):
        raise ValueError(f"both prompts must have the same questions: {len(answers)} and {len(other)}")
    differ = np.flatnonzero(answers.n_answers != other.n_answers)
    if not len(differ):
        answer = np.flatnonzero(answers.is_matching != other.is_matching)
        differ = np.searchsorted(answers.question_offsets, answer, side="right") - 1
    if len(differ):
        raise ValueError(f"question {differ[0]} has other answers, or another right one, after the other prompt")


VALUES: Mapping[str, Callable[[Answers, Rule], Floats]] = MappingProxyType(
    {name: _field(name) for name in _FIELDS}
    | {
        "correct": correct,
        "loss": loss,
        "inverted_loss": inverted_loss,
        "total_logprob": total_logprob,
        "brier": brier,
        "sequence_loss": sequence_loss,
        "log_n_answers": lambda answers, rule: np.log(answers.n_answers),
        "one_in_n_answers": lambda answers, rule: 1.0 / answers.n_answers,
    }
)
"""Name -> ``[Q]`` float64, one value a question, from `Answers` and a `Rule`."""

SHIFTS: Mapping[str, Callable[[Answers, Answers, Rule], Floats]] = MappingProxyType(
    {
        "logodds_shift": logodds_shift,
        "absolute_logodds_shift": lambda answers, other, rule: np.abs(logodds_shift(answers, other, rule)),
        "correct_on_other": _correct_on_other,
    }
)
"""The same, from the answers after one prompt and after another."""


def per_question(answers: Answers, value: str, rule: Rule = PLAIN, *, other: Answers | None = None) -> Floats:
    """``[Q]`` float64, the value of that name for every question: a name in `VALUES`, or in `SHIFTS` with ``other``.

    Args:
        answers: of the prompt.
        value: its name.
        rule: how answers are normalised and compared, and what a tie counts.
        other: the same questions after another prompt, for a value that compares two prompts.

    Raises:
        ValueError: an unknown name, a missing ``other``, answers that the value isn't defined for, with the question.
    """
    checks.check_choice(value, "value", (*VALUES, *SHIFTS))
    if value in VALUES:
        return VALUES[value](answers, rule)
    if other is None:
        raise ValueError(f"{value} compares two prompts: give other=, the same questions after the other prompt")
    return SHIFTS[value](answers, other, rule)


_SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        "probability": SHARE,
        "prefers": RATE,
        "tie": RATE,
        "correct": RATE,
        "one_in_n_answers": SHARE,
        "brier": SQUARES,
        "correct_on_other": RATE,
    }
    | dict.fromkeys(("loss", "inverted_loss", "sequence_loss", "log_n_answers", "absolute_logodds_shift"), NONNEGATIVE)
)


def scale_of(value: str, values: Floats) -> Scale:
    """What values of that name can be. The mass of answers is at most 1, where none of them repeats another."""
    if value in ("coverage", "probability_raw"):
        return mass_scale(values)
    if value == "total_logprob" and mass_scale(np.exp(values)) is SHARE:
        return Scale(-math.inf, 0.0)
    return _SCALES.get(value, REAL)
