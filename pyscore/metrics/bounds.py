"""What answers say whose log-probabilities are known between bounds alone: bounds of each number, or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.answer_scores import Answers
from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.columns import METRICS
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.report import BoundedEstimate, Estimate, write_signature
from pyscore.metrics.question_values import PLAIN, Rule, compare
from pyscore.metrics.summary import Summary, summarize
from pyscore.ops import Comparison

__all__ = ["ComparisonBounds", "compare_between", "summarize_between"]

NO_BOUNDS = "open: it doesn't rise or fall with a question's probability alone"


@dataclass(frozen=True)
class ComparisonBounds:
    """The smallest and the largest value of each field of a `Comparison`, one entry a question.

    These are bounds of single questions and single fields. ``predicted`` is -1 where a question has bounds.

    Attributes:
        lowest, highest: the comparisons; equal for questions whose log-probabilities are exact.
        has_bounds: ``[Q]`` bool, the question has an answer whose log-probability isn't exact.
    """

    lowest: Comparison
    highest: Comparison
    has_bounds: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.has_bounds)

    @property
    def undecided(self) -> NDArray[np.bool_]:
        """``[Q]`` bool: the bounds leave open which side is preferred."""
        found: NDArray[np.bool_] = self.lowest.prefers != self.highest.prefers
        return found


def compare_between(answers: Answers, low: Floats, rule: Rule = PLAIN) -> ComparisonBounds:
    """The bounds of a comparison, where ``answers.logprob`` are upper bounds and ``low`` the lower ones.

    probability, log_odds, margin and prefers (under every policy of ties) rise with the score of each matching answer
    and fall with that of each other answer. So each is smallest where matching answers are at their lower and the
    others at their upper bounds, and largest the other way round: no value between can lie outside, which is the
    argument of Manski 1990, "Nonparametric Bounds on Treatment Effects". Raw mass and coverage rise with each answer,
    and end at 1. A tie is possible unless one side is ahead both ways round. Log-probabilities of a question depend on
    each other (they are of one distribution), which isn't used: the bounds hold, and may be wider than they need be.

    Args:
        answers: of every question.
        low: ``[A]``, at most ``answers.logprob``, and equal where that is exact.
        rule: how answers are compared.

    Raises:
        ValueError: as `compare`.
    """
    matching = answers.is_matching
    for_others, for_matching = np.where(matching, low, answers.logprob), np.where(matching, answers.logprob, low)
    against, in_favour, least, most = (
        compare(replace(answers, logprob=each), rule) for each in (for_others, for_matching, low, answers.logprob)
    )
    has_bounds = np.logical_or.reduceat(low != answers.logprob, answers.question_offsets[:-1])
    ahead = (against.prefers == 1) & ~against.tie
    behind = (in_favour.prefers == 0) & ~in_favour.tie
    shared: dict[str, Any] = {"predicted": np.where(has_bounds, -1, most.predicted)}
    lowest = replace(against, coverage=least.coverage, tie=against.tie & in_favour.tie, **shared)
    highest = replace(
        in_favour,
        coverage=_mass(least.coverage, most.coverage),
        probability_raw=_mass(against.probability_raw, in_favour.probability_raw),
        tie=~(ahead | behind),
        **shared,
    )
    return ComparisonBounds(lowest, highest, has_bounds)


def _mass(low: Floats, high: Floats) -> Floats:
    """An upper bound of a mass, which upper bounds of its parts may put above 1."""
    return np.minimum(high, np.maximum(low, 1.0))


def summarize_between(
    bounds: ComparisonBounds,
    *,
    clusters: Keys = None,
    weights: Any = None,
    confidence: float = 0.95,
    method: str = "auto",
    seed: int = 0,
) -> Summary:
    """`summarize`, with a `BoundedEstimate` wherever bounds leave a number open.

    The bounds of a mean are the means of the bounds. (1 - probability)², and so brier, falls as probability rises. The
    calibration errors neither rise nor fall with a probability, and are NaN with the reason.

    Args:
        bounds: as `compare_between` gives them.
        clusters, weights, confidence, method, seed: as for `summarize`.

    Raises:
        ValueError: as `summarize`.
    """
    options = {"weights": weights, "confidence": confidence, "method": method, "seed": seed}
    keys = clusters if clusters is None or hasattr(clusters, "__len__") else list(clusters)
    low, high = (summarize(each, clusters=keys, **options) for each in (bounds.lowest, bounds.highest))
    found: dict[str, Any] = {}
    for name, field in METRICS.items():
        ends = getattr(bounds.lowest, field), getattr(bounds.highest, field)
        if not np.array_equal(*ends):
            found[name] = BoundedEstimate.between(getattr(low, name), getattr(high, name))
    if "mean_probability" in found:
        found["brier"] = BoundedEstimate.between(high.brier, low.brier)
        found |= {
            name: Estimate.without_interval(np.nan, low.n_questions, NO_BOUNDS) for name in ("ece", "calibration_error")
        }
    if not found:
        return low
    settings = Interval(confidence, method, seed=seed).settings()
    signature = write_signature("summary", ties=bounds.lowest.ties, bounds="outer", **settings)
    return replace(low, **found, signature=signature)
