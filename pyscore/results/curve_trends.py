"""Whether a curve rises or falls from its first checkpoint to its last, said with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyscore.metrics import Estimate, Interval, scaling_trend
from pyscore.metrics.core.report import NAN, Record
from pyscore.results.conclusions import adjusted

__all__ = ["Shape", "Trend", "shape_of", "trends_of"]

_SHAPES = ("U-shaped", "inverted-U")
_FEWEST = 4
"""Sizes that a shape is looked for in: with three a U is one checkpoint below two others."""


@dataclass(frozen=True)
class Shape(Record):
    """What `pyscore.metrics.scaling_trend` says of a curve over sizes, of this one curve alone.

    Attributes:
        verdict: "U-shaped", "inverted-U", "positive", "inverse" or "flat or unclear"; None where nothing can be said.
        p: of the turn for a shape, else of the slope; not corrected for the number of curves.
        level: what p had to be below.
        reason: why nothing can be said, or "".
    """

    verdict: str | None
    p: float
    level: float
    reason: str = ""

    def __str__(self) -> str:
        if self.verdict is None:
            return f"no shape: {self.reason}"
        return f"{self.verdict} over sizes ({_p(self.p)}, of this curve alone)"


@dataclass(frozen=True)
class Trend(Record):
    """The last checkpoint of a curve minus its first, question by question: the difference that `compare_runs` finds.

    Attributes:
        change: the estimate.
        p: two-sided, of "there is no change".
        adjusted_p: corrected by Holm's method for all curves of this study over the same axis, of the same metric, and
            of single data sets, pooled or macro averages, whichever this one is of.
        n_curves: how many that are; those without a p-value are no test.
        verdict: "rises" or "falls" where ``adjusted_p`` is at most 1 - confidence, else "not shown"; "no verdict" where
            there is no p-value.
        text: the verdict with its interval and p-value, for a reader.
        shape: of a curve over four sizes or more, else None.
    """

    change: Estimate
    p: float
    adjusted_p: float
    n_curves: int
    verdict: str
    text: str
    shape: Shape | None = None


@dataclass(frozen=True)
class Change:
    """A trend before its p-value is corrected; ``first`` and ``last`` say from where to where, as text."""

    estimate: Estimate
    p: float
    first: str
    last: str
    shape: Shape | None = None


def trends_of(changes: Sequence[Change], confidence: float) -> list[Trend]:
    """The trends of curves that are corrected together."""
    together = adjusted([each.p for each in changes], "holm")
    n = sum(not math.isnan(p) for p in together)
    return [_trend(each, p, n, confidence) for each, p in zip(changes, together, strict=True)]


def _trend(change: Change, adjusted_p: float, n: int, confidence: float) -> Trend:
    value = change.estimate.value
    if math.isnan(adjusted_p):
        verdict = "no verdict"
    elif adjusted_p <= 1 - confidence:
        verdict = "rises" if value > 0 else "falls"
    else:
        verdict = "not shown"
    text = _text(change, adjusted_p, n, verdict)
    if change.shape is not None:
        text += f"; {change.shape}"
    return Trend(change.estimate, change.p, adjusted_p, n, verdict, text, change.shape)


def _text(change: Change, adjusted_p: float, n: int, verdict: str) -> str:
    of, where = change.estimate, f"from {change.first} to {change.last}"
    if verdict == "no verdict":
        return f"no verdict: {_signed(of.value)} {where}, without a p-value ({of.reason})"
    tested = f"({_p(adjusted_p)}, corrected for {n} curves)" if n > 1 else f"({_p(adjusted_p)})"
    if verdict == "rises":
        return f"rises by {of.value:.3f} [{of.low:.3f}, {of.high:.3f}] {where} {tested}"
    if verdict == "falls":
        return f"falls by {-of.value:.3f} [{-of.high:.3f}, {-of.low:.3f}] {where} {tested}"
    interval = f"(no interval: {of.reason})" if of.reason else f"[{_signed(of.low)}, {_signed(of.high)}]"
    return f"no rise or fall is shown: {_signed(of.value)} {interval} {where} {tested}"


def _signed(value: float) -> str:
    """With the minus sign of text, which is as long as a plus."""
    return f"{value:+.3f}".replace("-", "\u2212")


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def shape_of(rows: Mapping[float, Mapping[str, Any]], confidence: float) -> Shape | None:
    """The shape of a curve over sizes; None where they are too few to look for one.

    Args:
        rows: of `pyscore.metrics.curve`, by size.
        confidence: of the verdict.
    """
    if len(rows) < _FEWEST:
        return None
    means, errors = ([float(row[name]) for row in rows.values()] for name in ("mean", "stderr"))
    if not all(error > 0 for error in errors):
        return Shape(None, NAN, NAN, "a checkpoint has no standard error")
    report = scaling_trend(list(rows), means, stderr=errors, interval=Interval(confidence))
    (row,) = report.rows
    verdict = str(row["verdict"])
    p = float(report.numbers["shape_p" if verdict in _SHAPES else "slope_p"])
    return Shape(verdict, p, float(row["level"]))
