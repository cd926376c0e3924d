"""Stopping early: intervals and tests that hold however often the values are looked at while they come in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore._confidence import check_confidence
from pyscore._integers import as_int
from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.means import estimate_mean
from pyscore.metrics.core.readers import check_same_length, cluster_codes, read_values, refuse
from pyscore.metrics.core.report import NAN, Estimate, Report, in_clusters, write_signature
from pyscore.metrics.sequential_test import SequentialTest

__all__ = ["asymptotic_sequence", "confidence_sequence", "multiplier", "sequential_difference"]

_LOOKS = 20


def confidence_sequence(
    values: Any,
    *,
    low: float = 0.0,
    high: float = 1.0,
    clusters: Keys = None,
    largest: int | None = None,
    at: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> Report:
    """Intervals for the mean of values in a known range, in order of arrival, all of which hold it at once.

    With probability ``confidence`` none of the intervals misses the mean, so that one may look at each, and stop at
    any. They are those of a `SequentialTest` that is updated at each look; each lies within the earlier ones.

    Args:
        values: ``[n]`` in [low, high], in the order in which they came, which must not depend on them.
        low, high: what values can be.
        clusters: one hashable key a question. A cluster counts from its last question on.
        largest: the most questions that a cluster can have; by default as many as one of the given clusters has, which
            is right where the clusters of the whole run were fixed before it began.
        at: after how many questions to look, ascending; by default 20 times from 10 to n, in equal ratios.
        confidence: of the whole sequence.

    Returns:
        Report with the last look as ``mean`` and each look in ``rows``: n (questions counted), mean, low, high.

    Raises:
        ValueError: as `SequentialTest`; ``at`` that is not ascending within 1..n.
    """
    x = read_values(values, "values")
    looks = _Looks(len(x), clusters, at)
    test = SequentialTest(
        low=low, high=high, null=(low + high) / 2, largest=looks.largest(largest), confidence=confidence
    )
    rows = [_row(each.estimate) for each in looks.run(test, x)]
    return Report(
        title=f"confidence sequence: {len(x)} questions{in_clusters(looks.n_clusters)}, {len(rows)} looks",
        estimates={"mean": test.estimate},
        signature=write_signature("confidence_sequence", **_settings(test), looks=len(rows)),
        confidence=confidence,
        rows=rows,
    )


def sequential_difference(
    a: Any,
    b: Any,
    *,
    low: float = -1.0,
    high: float = 1.0,
    null: float = 0.0,
    clusters: Keys = None,
    largest: int | None = None,
    at: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> Report:
    """A paired test of mean(a - b) = null that may be stopped at any look: what a `SequentialTest` says at each.

    Args:
        a, b: ``[n]`` scores of the same questions, in the order in which they came.
        low, high: what a - b can be: -1 and 1 for scores in [0, 1].
        null: the difference that is tested.
        clusters, largest, at, confidence: as in `confidence_sequence`.

    Returns:
        Report with the last look as ``difference``; each look in ``rows``: n, difference, low, high, e_value, p;
        numbers ``p``, ``e_value`` (the last), and ``decided_at``: after how many questions ``p`` was first at most
        1 - confidence, NaN if never.

    Raises:
        ValueError: lengths that differ; as `confidence_sequence`.
    """
    first, second = read_values(a, "a"), read_values(b, "b")
    check_same_length("questions", a=first, b=second)
    for name, scores in (("a", first), ("b", second)):
        refuse(name, scores, np.isinf(scores), "= {} is infinite: give scores of a known range")
    looks = _Looks(len(first), clusters, at)
    test = SequentialTest(low=low, high=high, null=null, largest=looks.largest(largest), confidence=confidence)
    rows = [
        {"n": t.n, "difference": e.value, "low": e.low, "high": e.high, "e_value": t.e_value, "p": t.p_value}
        for t, e in ((t, t.estimate) for t in looks.run(test, first - second))
    ]
    decided = next((row["n"] for row in rows if row["p"] <= 1 - confidence), NAN)
    clustered = in_clusters(looks.n_clusters)
    return Report(
        title=f"sequential test of a - b: {len(first)} paired questions{clustered}, {len(rows)} looks",
        estimates={"difference": test.estimate},
        signature=write_signature("sequential_difference", null=f"{null:g}", **_settings(test), looks=len(rows)),
        confidence=confidence,
        numbers={"p": test.p_value, "e_value": test.e_value, "decided_at": decided},
        rows=rows,
    )


def asymptotic_sequence(
    values: Any,
    *,
    best_at: float,
    first: int = 100,
    clusters: Keys = None,
    at: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> Report:
    """Intervals at all looks for the mean of values without a known range, such as log odds; for many questions only.

    At K effective units (`Sample.effective`): mean ± se √(2 (K r + 1)/(K r) · log(√(K r + 1)/alpha)), where
    r = (-W(-alpha²/e) - 1)/``best_at``, with W the lower branch of Lambert's function, is narrowest at K = ``best_at``.
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, "Time-Uniform Central Limit Theory and Asymptotic Confidence
    Sequences"; se is the standard error of `estimate_mean`, cluster-robust where clusters are given. It holds in the
    limit of late first looks: there is no look before ``first`` units.

    Args:
        values: ``[n]`` finite, in the order in which they came, which must not depend on them.
        best_at: the number of units at which a decision is most likely.
        first: the fewest effective units at a look.
        clusters, at, confidence: as in `confidence_sequence`; looks before ``first`` units are left out.

    Returns:
        Report with the last look as ``mean`` and each look in ``rows``: n, mean, low, high.

    Raises:
        ValueError: a value that is not finite, with its row; ``best_at`` or ``first`` too small, or fewer than
            ``first`` units at every look.
    """
    x = read_values(values, "values")
    refuse("values", x, np.isinf(x), "= {} is infinite: bound such values, or compare shares")
    if not 1 <= best_at < math.inf:
        raise ValueError(f"best_at must be finite and at least 1, got {best_at!r}")
    if as_int(first, "first") < 2:
        raise ValueError(f"first must be at least 2, got {first!r}")
    check_confidence(confidence)
    looks = _Looks(len(x), clusters, at)
    low, high = -math.inf, math.inf
    estimates: list[Estimate] = []
    for kept in looks.kept():
        keys = None if looks.codes is None else looks.codes[kept]
        units = read_design(len(kept), keys).sample.effective
        if units >= first:
            mean = estimate_mean(x[kept], clusters=keys)
            if not mean.reason:
                half = mean.stderr * multiplier(units / best_at, 1 - confidence)
                low, high = max(low, mean.value - half), min(high, mean.value + half)
            estimates.append(_interval(mean, low, high))
    if not estimates:
        raise ValueError(f"values hold fewer than first = {first} independent units at every look: wait for more")
    settings = {"best_at": f"{best_at:g}", "first": first, "confidence": f"{confidence:g}", "looks": len(estimates)}
    return Report(
        title=f"asymptotic sequence: {len(x)} questions{in_clusters(looks.n_clusters)}, {len(estimates)} looks",
        estimates={"mean": estimates[-1]},
        signature=write_signature("asymptotic_sequence", **settings),
        confidence=confidence,
        rows=[_row(e) | {"reason": e.reason} for e in estimates],
    )


class _Looks:
    """When to look at n questions, and which of them count by then: those of whole clusters."""

    def __init__(self, n: int, clusters: Keys, at: Sequence[int] | None) -> None:
        self.codes = cluster_codes(clusters, n)
        self.at = _read_at(at, n)
        self._due = np.arange(n)  # the last row of each row's cluster
        if self.codes is not None:
            last = np.zeros(int(self.codes.max()) + 1, np.int64)
            np.maximum.at(last, self.codes, self._due)
            self._due = last[self.codes]

    @property
    def n_clusters(self) -> int | None:
        return None if self.codes is None else int(self.codes.max()) + 1

    def largest(self, given: int | None) -> int:
        """The most questions that a cluster can have: as given, or as many as one here has."""
        if given is not None:
            return as_int(given, "largest")
        return 1 if self.codes is None else int(np.bincount(self.codes).max())

    def kept(self, *, new: bool = False) -> Iterator[NDArray[np.int64]]:
        """The rows that count at each look, or with ``new`` those that didn't at the look before; none is left out."""
        before = 0
        for look in self.at:
            rows = np.flatnonzero((self._due >= before) & (self._due < look))
            if len(rows):
                yield rows
            before = look if new else 0

    def run(self, test: SequentialTest, values: Floats) -> Iterator[SequentialTest]:
        """The test after each look that brings it values."""
        for rows in self.kept(new=True):
            yield test.update(values[rows], clusters=None if self.codes is None else self.codes[rows])


def _settings(test: SequentialTest) -> dict[str, object]:
    """What a signature says of a test."""
    return {
        "range": f"[{test.low:g},{test.high:g}]",
        "largest": None if test.largest == 1 else test.largest,
        "confidence": f"{test.confidence:g}",
    }


def _read_at(at: Sequence[int] | None, n: int) -> list[int]:
    if at is None:
        return sorted({round(look) for look in np.geomspace(min(10, n), n, _LOOKS).tolist()})
    looks = [as_int(look, f"at[{i}]") for i, look in enumerate(at)]
    if not looks or looks[0] < 1 or looks[-1] > n or sorted(set(looks)) != looks:
        raise ValueError(f"at must ascend within 1..{n}, the number of values; got {at!s:.80}")
    return looks


def multiplier(time: float, alpha: float) -> float:
    """What `asymptotic_sequence` multiplies the standard error by at K / best_at; alpha is for both sides together."""
    from scipy.special import lambertw

    intrinsic = 1 - time * (lambertw(-(alpha**2) / math.e, -1).real + 1)
    return math.sqrt(2 * intrinsic / (intrinsic - 1) * (math.log(intrinsic) / 2 - math.log(alpha)))


def _interval(mean: Estimate, low: float, high: float) -> Estimate:
    if mean.reason:
        return mean
    if low > high:
        return Estimate.without_interval(mean.value, mean.n, "no mean agrees with all looks: the values drifted")
    return Estimate(mean.value, mean.stderr, low, high, mean.n)


def _row(e: Estimate) -> dict[str, float]:
    return {"n": e.n, "mean": e.value, "low": e.low, "high": e.high}
