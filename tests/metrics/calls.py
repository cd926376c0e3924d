"""What the table of estimators is made of: its entries, and calls on drawn inputs that take more than a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyscore import metrics
from pyscore.metrics import Answers, Estimate, Report, ScalingPoint, SequentialTest, Summary, SummaryState
from pyscore.results import perplexity, summarize_rows
from tests.metrics.extremes import Inputs
from tests.store.tables import pair, table

LENGTHS = ("n_tokens", "n_chars", "n_bytes", "n_words")
Range = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """What of a row is an interval: the keys of its value and of its ends, their range; whether these may be equal."""

    value: str = "mean"
    low: str = "low"
    high: str = "high"
    range: Range = (0.0, 1.0)
    may_be_equal: bool = False


@dataclass(frozen=True)
class Estimator:
    """A call, and what its intervals are.

    Attributes:
        call: from drawn inputs to an estimate, a report or several.
        ranges: of each estimate by its name, "" for the others.
        rows: the intervals in its rows.
        refuses: a pattern of the ValueErrors that it may raise.
        anytime: intervals are intersections over all looks: they need no standard error, and may lie beside the mean.
    """

    call: Callable[[Inputs], Any]
    ranges: Mapping[str, Range] = field(default_factory=lambda: {"": (0.0, 1.0)})
    rows: tuple[Row, ...] = ()
    refuses: str = ""
    anytime: bool = False


def over(x: Inputs, *methods: str) -> dict[str, Any]:
    """Clusters and an interval, of a method that the call takes."""
    return {"clusters": x.clusters, "interval": x.interval(*methods)}


def columns(x: Inputs, k: int) -> NDArray[Any]:
    """``[n, k]`` shares."""
    return np.column_stack([x.shares() for _ in range(k)])


def both_kinds(x: Inputs) -> NDArray[Any]:
    """Labels of both kinds, where there are two questions or more."""
    labels = x.rates()
    if labels.all() or not labels.any():
        labels = (np.arange(x.n) < x.n // 2) * 1.0
    return labels


def presets(x: Inputs) -> list[Report]:
    """Every published preset, on pairs of answers or on sequences."""
    lengths = {name: 1 + x.rng.integers(0, 9, 2 * x.n) for name in LENGTHS}
    gold = x.rates().astype(int)
    two, other = (_pairs(x, gold, **lengths) for _ in range(2))
    one = Answers.of_sequences(x.losses(), **{name: each[: x.n] for name, each in lengths.items()})
    sequences = ("lm_eval_rolling", "inverse_scaling_sequence_prob")
    return [
        metrics.apply_preset(
            one if name in sequences else two,
            name,
            other=other if preset.two_prompts else None,
            clusters=x.clusters,
            confidence=x.confidence,
        )
        for name, preset in metrics.PRESETS.items()
    ]


def bbq(x: Inputs) -> Report:
    """Three answers a question, the last of them "unknown", every second question in an ambiguous context."""
    ambiguous = np.arange(x.n) % 2 == 0
    right = np.where(ambiguous, 2, x.rates().astype(int))
    answers = Answers.with_gold(x.logprobs(3 * x.n), np.arange(0, 3 * x.n + 1, 3), right)
    condition = ["ambig" if each else "disambig" for each in ambiguous]
    return metrics.bbq_bias(answers, [[int(each)] for each in x.rates()], [[2]] * x.n, condition, **over(x))


def _pairs(x: Inputs, gold: NDArray[Any], **lengths: Any) -> Answers:
    first = x.shares().astype(float)
    with np.errstate(divide="ignore"):
        logprob = np.log(np.column_stack([first, (1 - first) * x.shares()])).ravel()
    offsets = np.arange(0, 2 * x.n + 1, 2)
    return Answers.with_gold(logprob, offsets, gold, unconditional=-np.ones(2 * x.n), **lengths)


def sequential_test(x: Inputs) -> Estimate:
    """After two batches."""
    test = SequentialTest(confidence=x.confidence, null=0.5, largest=x.n)
    test.update(x.shares(), clusters=x.clusters)
    later = None if x.clusters is None else [f"second {key}" for key in x.clusters]
    return test.update(x.shares(), clusters=later).estimate


def summary_state(x: Inputs) -> Summary:
    """After two batches."""
    return SummaryState().update(x.comparison(), x.clusters).update(x.comparison(), x.clusters).summarize(x.confidence)


def rows(x: Inputs) -> list[Summary]:
    """Of two data sets, pooled and macro."""
    p = np.clip(x.shares().astype(float), 1e-9, 1 - 1e-9)
    answers = [
        each
        for i, share in enumerate(p)
        for each in pair(float(np.log(share)), float(np.log1p(-share)), question_id=f"q{i}", dataset="ab"[i % 2])
    ]
    return [each.summary for each in summarize_rows(table(answers), confidence=x.confidence)]


def documents(x: Inputs) -> Report:
    """The perplexities."""
    lengths = {name: 1 + x.rng.integers(0, 9, x.n) for name in LENGTHS}
    scored = pa.table({"logprob": x.losses().astype(float), **lengths})
    return perplexity(scored, clusters=x.clusters, confidence=x.confidence)


def points(x: Inputs) -> list[ScalingPoint]:
    """Three sizes with an outcome a question."""
    return [ScalingPoint("m", 10.0**k, None, "d", x.rates(), x.clusters) for k in range(3)]
