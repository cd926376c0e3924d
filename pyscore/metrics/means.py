"""From one value a question to an estimate: means, rates, ratios and paired differences."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore._confidence import check_confidence
from pyscore.metrics.arrays import Floats, as_float64, cluster_sums
from pyscore.metrics.bootstrap import RESAMPLES, bootstrap_estimate, bootstrap_means
from pyscore.metrics.estimate import Estimate
from pyscore.metrics.intervals import clustered_size, t_interval, wilson_interval, z_quantile
from pyscore.metrics.sampling import Design, Sample, read_design
from pyscore.ops.scalars import as_int

__all__ = [
    "METHODS",
    "Interval",
    "estimate_columns",
    "estimate_difference",
    "estimate_mean",
    "estimate_rate",
    "estimate_ratio",
    "from_stderr",
    "infinite_mean",
    "read_shares",
    "read_values",
]

METHODS = ("auto", "t", "wilson", "bootstrap", "bca")


@dataclass(frozen=True)
class Interval:
    """How intervals are made; checked.

    Attributes:
        confidence: 0.95 for 95 %.
        method: "auto" or "wilson": Wilson for rates, Student's t for means; "t": Student's t for both; "bootstrap":
            percentiles of resamples; "bca": the bias-corrected and accelerated bootstrap.
        ddof: what is taken off the number of units in the variance: 1, or 0 where a convention has it so.
        n_resamples, seed: of the bootstrap.
    """

    confidence: float = 0.95
    method: str = "auto"
    ddof: int = 1
    n_resamples: int = RESAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("ddof", "n_resamples", "seed"):
            object.__setattr__(self, name, as_int(getattr(self, name), name))
        check_confidence(self.confidence)
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is unknown: give one of {', '.join(METHODS)}")
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof must be 0 or 1, got {self.ddof!r}")
        if self.n_resamples < 2:
            raise ValueError(f"n_resamples must be at least 2, got {self.n_resamples!r}")

    @property
    def resamples(self) -> bool:
        return self.method in ("bootstrap", "bca")

    def settings(self) -> dict[str, object]:
        """What a signature says of it."""
        name = f"{self.method}:{self.n_resamples}" if self.resamples else self.method
        return {
            "interval": name,
            "confidence": f"{self.confidence:g}",
            "ddof": None if self.ddof == 1 else self.ddof,
            "seed": self.seed if self.resamples else None,
        }


def estimate_mean(
    values: Any,
    *,
    clusters: Iterable[Hashable] | None = None,
    weights: Any = None,
    interval: Interval | None = None,
    name: str = "values",
) -> Estimate:
    """The mean of one value a question: Σ w s / Σ w, with the standard error of Miller 2024, App. A.

    se² = C/(C - ddof) · Σ_c (Σ_{i∈c} w_i (s_i - s̄))² / (Σ w)², over clusters or, without any, over questions; the
    interval is Student's t with C - 1 degrees of freedom, or a bootstrap of whole clusters.

    Args:
        values: ``[n]`` floats or bools: torch, NumPy, DLPack or a sequence. Infinite values make the mean infinite.
        clusters: one hashable key a question; questions that share a key are not independent.
        weights: one non-negative number a question; a question of weight 0 is left out.
        interval: confidence, method and the rest; by default `Interval()`.
        name: what errors call the values.

    Raises:
        ValueError: no values, a NaN with its row, lengths that differ.
    """
    return _estimate(values, False, clusters, weights, interval, name)


def estimate_rate(
    values: Any,
    *,
    clusters: Iterable[Hashable] | None = None,
    weights: Any = None,
    interval: Interval | None = None,
    name: str = "values",
) -> Estimate:
    """The share of questions for which something holds: the mean of values in [0, 1], with Wilson's score interval.

    With clusters or weights it is Wilson's on an effective sample size (`clustered_size` in intervals.py). Arguments
    and errors as in `estimate_mean`; a value outside of [0, 1] is refused with its row.
    """
    return _estimate(values, True, clusters, weights, interval, name)


def estimate_ratio(
    numerator: Any,
    denominator: Any,
    *,
    clusters: Iterable[Hashable] | None = None,
    interval: Interval | None = None,
) -> Estimate:
    """Σ numerator / Σ denominator over questions, as for bits per byte, with its linearised standard error.

    It is the mean of the questions' ratios weighted by their denominators, and so is its error (Cochran 1977,
    "Sampling Techniques", ch. 6). A question whose denominator is 0 is left out.
    """
    top, bottom = read_values(numerator, "numerator"), read_values(denominator, "denominator")
    if len(top) != len(bottom):
        raise ValueError(f"numerator and denominator differ in length: {len(top)} and {len(bottom)}")
    ratios = np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0)
    return _estimate(ratios, False, clusters, bottom, interval, "numerator")


def estimate_difference(
    a: Any,
    b: Any,
    *,
    clusters: Iterable[Hashable] | None = None,
    interval: Interval | None = None,
) -> Estimate:
    """The mean of a_i - b_i over questions that were scored twice, in the same order: a paired difference."""
    first, second = read_values(a, "a"), read_values(b, "b")
    if len(first) != len(second):
        raise ValueError(f"a and b must hold the same questions: a has {len(first)}, b has {len(second)}")
    infinite = np.isinf(first) | np.isinf(second)
    if infinite.any():
        with np.errstate(invalid="ignore"):  # inf - inf: no difference is defined, and NaN says so
            value = float((first - second).mean())
        return Estimate.without_interval(value, len(first), f"{np.count_nonzero(infinite)} infinite pairs")
    return _estimate(first - second, False, clusters, None, interval, "a - b")


def read_values(values: Any, name: str) -> Floats:
    """``[n]`` float64, at least one and no NaN, else ValueError with the row."""
    array = as_float64(values, name)
    if not len(array):
        raise ValueError(f"{name} is empty: there is nothing to average")
    bad = np.flatnonzero(np.isnan(array))
    if len(bad):
        raise ValueError(f"{name}[{bad[0]}] is NaN: leave that question out or score it again ({len(bad)} such rows)")
    return array


def read_shares(values: Any, name: str) -> Floats:
    """`read_values` of values in [0, 1], else ValueError with the row."""
    shares = read_values(values, name)
    bad = np.flatnonzero((shares < 0) | (shares > 1))
    if len(bad):
        raise ValueError(f"{name}[{bad[0]}] = {shares[bad[0]]} is outside [0, 1] ({len(bad)} such rows)")
    return shares


def _estimate(
    values: Any,
    rate: bool,
    clusters: Iterable[Hashable] | None,
    weights: Any,
    interval: Interval | None,
    name: str,
) -> Estimate:
    s = read_shares(values, name) if rate else read_values(values, name)
    design = read_design(len(s), clusters, weights)
    s = s[design.kept]
    if np.isinf(s).any():
        return infinite_mean((int(np.sum(s == np.inf)), int(np.sum(s == -np.inf))), len(s), "values")
    return estimate_columns(s[:, None], [rate], design, interval or Interval())[0]


def estimate_columns(values: Floats, rates: Sequence[bool], design: Design, interval: Interval) -> list[Estimate]:
    """An estimate a column of finite ``values [n, K]``; ``rates`` says which columns are rates."""
    w, sample = design.weights, design.sample
    # Rounding must not carry the mean of equal scores off their value: a rate of exactly 1 has its own interval.
    means = np.clip(w @ values / w.sum(), values.min(axis=0), values.max(axis=0))
    sums = cluster_sums(w[:, None] * (values - means), design.codes, sample.units)
    if interval.resamples and sample.units > 1:
        unit_weights = cluster_sums(w, design.codes, sample.units)
        drawn = bootstrap_means(sums, unit_weights, interval.n_resamples, interval.seed)
        left_out = -sums / (w.sum() - unit_weights)[:, None] if interval.method == "bca" else None
        return [
            bootstrap_estimate(
                float(mean), drawn[:, i], sample, interval.confidence, None if left_out is None else left_out[:, i]
            )
            for i, mean in enumerate(means)
        ]
    # Miller 2024, App. A; with every question a cluster of its own it is sd/√n.
    stderr = np.sqrt(sample.units / max(sample.units - interval.ddof, 1) * (sums**2).sum(axis=0)) / w.sum()
    return [
        from_stderr(float(mean), float(stderr[i]), sample, rate=rates[i], interval=interval)
        for i, mean in enumerate(means)
    ]


def from_stderr(value: float, stderr: float, sample: Sample, *, rate: bool, interval: Interval) -> Estimate:
    """The interval of a value with a standard error: Wilson for rates, Student's t for means."""
    if sample.reason():
        return Estimate.without_interval(value, sample.n, sample.reason())
    if not rate or interval.method == "t":
        return Estimate(value, stderr, *t_interval(value, stderr, sample.units - 1, interval.confidence), sample.n)
    # p(1-p) has no C/(C - ddof) in it, so the variance that it is compared with must have none.
    variance = stderr**2 * max(sample.units - interval.ddof, 1) / sample.units
    trials = clustered_size(value, variance, sample.n, sample.effective, interval.confidence)
    low, high = wilson_interval(value, trials, z_quantile(interval.confidence))
    return Estimate(value, stderr, low, high, sample.n)


def infinite_mean(infinite: tuple[int, int], n: int, what: str) -> Estimate:
    """The mean of values of which some are +inf and some -inf: ±inf, or NaN where both signs occur."""
    positive, negative = infinite
    value = np.inf if not negative else -np.inf if not positive else np.nan
    return Estimate.without_interval(float(value), n, f"{positive + negative} infinite {what}")
