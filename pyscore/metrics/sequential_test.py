"""A test of a mean, with its interval, that is updated while values come in and may be stopped at any time."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np

from pyscore._confidence import check_confidence
from pyscore._integers import as_int
from pyscore.metrics.core.arrays import Codes, Floats, Keys, cluster_sums
from pyscore.metrics.core.readers import read_clusters, read_values, refuse
from pyscore.metrics.core.report import NAN, Estimate
from pyscore.metrics.core.scales import ROUNDING

__all__ = ["SequentialTest"]

# Bets from 0.9 of the capital down by halves to 1/9,102 of it, the larger ones with more of the stake. The last four
# cost 1 % of the width everywhere; without them the interval of a rate of 0.002 at n = 100,000 is 2.4 times as wide as
# Student's t instead of 1.8 times. With equal stakes, concentrated values at n = 100 cost a third.
_BETS = 0.9 * 0.5 ** np.arange(14)
_STAKES = 1 / np.arange(2, 16)
_LOG_STAKES = np.log(_STAKES / _STAKES.sum())

_LEVELS = np.linspace(0.0, 1.0, 1025)
_EDGE = 1e-12  # The capital is evaluated at means in [_EDGE, 1 - _EDGE]: at 0 and 1 it divides by 0.


class SequentialTest:
    """A test of a mean, with its interval, that may be read after every update and stopped at any time.

        test = SequentialTest()
        for a, b in scores_as_they_come:
            if test.update(a - b).p_value <= 0.05:
                break

    For values x in [0, 1] (others are scaled) and a possible mean m, money is staked against m: half on the values
    being larger, half on their being smaller, on each side in 14 portions that bet the fixed fractions
    f = 0.9 · 2^-j, j = 0..13, with stakes w_j in proportion to 1/(j + 2):

        E(m) = ½ Σ_j w_j Π_i (1 - f_j + f_j x_i / m) + ½ Σ_j w_j Π_i (1 - f_j + f_j (1 - x_i) / (1 - m))

    If m is the mean, E(m) is a fair game (a non-negative martingale that starts at 1), so it ever reaches 1/alpha with
    probability alpha at most: Ville 1939, "Étude critique de la notion de collectif"; Waudby-Smith & Ramdas 2024,
    "Estimating Means of Bounded Random Variables by Betting", whose hedged capital this is, with a fixed mixture of
    bets for a predicted bet. The interval holds the m with E(m) < 1/(1 - confidence) at every update so far; E is
    convex in m, so they are an interval. The p-value of ``null`` is 1/E(null) at the update where E was largest, so
    that ``p_value <= 1 - confidence`` exactly where the interval leaves ``null`` out.

    Values are kept as counts at 1,025 levels, each split over the two next to it. The logarithm is concave, so that
    this makes E smaller and never larger: the interval stays valid, and is exact for 0/1 scores and their differences.

    With clusters, a unit is a whole cluster: with s = its questions / ``largest`` and x̄ the mean of their values, its
    factor is 1 + s f (x̄ / m - 1), and likewise on the other side. The mean is that over questions, and the game is fair
    for whatever dependence within a cluster and between its size and its values.

    It can be pickled, and grows by 8 KiB for each distinct size of clusters, and by their keys. There is no merging:
    two tests that were stopped when each of them liked are not one test of all the values, so send the values to one.

    Args:
        low, high: what values can be, known beforehand: -1 and 1 for differences of scores in [0, 1].
        null: the mean that is tested; ``low < null < high``.
        largest: the most questions that a cluster can have, known beforehand.
        confidence: of the interval.

    Raises:
        ValueError: a range that is empty or infinite, a null outside of it, ``largest`` below 1.
    """

    def __init__(
        self,
        *,
        low: float = -1.0,
        high: float = 1.0,
        null: float = 0.0,
        largest: int = 1,
        confidence: float = 0.95,
    ) -> None:
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"low and high must be finite and low < high, got {low!r} and {high!r}")
        if not low < null < high:
            raise ValueError(f"null must lie between low and high, got {null!r} for [{low:g}, {high:g}]")
        if as_int(largest, "largest") < 1:
            raise ValueError(f"largest must be at least 1, got {largest!r}")
        self.low, self.high, self.null = float(low), float(high), float(null)
        self.largest, self.confidence = as_int(largest, "largest"), check_confidence(confidence)
        self._counts: dict[int, Floats] = {}
        self._seen: set[Hashable] = set()
        self._units = 0
        self._sums = np.zeros(5)  # over units of n questions and total t of scaled values: n, t, n², nt, t²
        self._log_e, self._log_e_max = 0.0, 0.0
        self._ends = (0.0, 1.0)

    def update(self, values: Any, clusters: Keys = None) -> SequentialTest:
        """Add values and look at the result; returns this test.

        Args:
            values: ``[n]`` in [low, high], independent of earlier ones (or their clusters are).
            clusters: one hashable key a question. A cluster comes whole, in one update.

        Raises:
            ValueError: no values, one that is NaN or out of range, with its row; a cluster that is larger than
                ``largest`` or was in an earlier update; clusters given in some updates only. It changes nothing then.
        """
        x = self._scaled(values)
        if clusters is None:
            if self._seen:
                raise ValueError(
                    "clusters were given in earlier updates and not in this one: give them always or never"
                )
            sizes, totals = np.ones(len(x), np.int64), x
        else:
            codes, keys = read_clusters(clusters, len(x))
            sizes, totals = np.bincount(codes), cluster_sums(x, codes, len(keys))
            self._check_clusters(sizes, keys)
            self._seen.update(keys)
        for size in np.unique(sizes).tolist():
            means = totals[sizes == size] / size
            self._counts[size] = self._counts.get(size, np.zeros(len(_LEVELS))) + _count(means)
        self._units += len(sizes)
        n = sizes.astype(np.float64)
        self._sums += [n.sum(), totals.sum(), n @ n, n @ totals, totals @ totals]
        self._look()
        return self

    @property
    def n(self) -> int:
        """How many questions it has seen."""
        return int(self._sums[0])

    @property
    def estimate(self) -> Estimate:
        """The mean of the values so far, its linearised standard error, and the interval that holds at all updates."""
        if not self.n:
            return Estimate.without_interval(NAN, 0, "no values yet")
        width = self.high - self.low
        n, t, nn, nt, tt = self._sums.tolist()
        mean = self.low + width * t / n
        low, high = (self.low + width * end for end in self._ends)
        if low > high:
            return Estimate.without_interval(mean, self.n, "no mean agrees with all updates: the values drifted")
        spread = tt - 2 * t / n * nt + (t / n) ** 2 * nn
        if spread < 1e-13 * tt:  # Equal values leave the rounding of these sums, which is no spread.
            spread = 0.0
        stderr = width * math.sqrt(spread * self._units / (self._units - 1)) / n if self._units > 1 else NAN
        return Estimate(mean, stderr, low, high, self.n)

    @property
    def e_value(self) -> float:
        """E(null) now: what 1 staked against ``null`` has become; large is evidence."""
        return math.exp(self._log_e) if self._log_e < 709 else math.inf

    @property
    def p_value(self) -> float:
        """The anytime-valid p-value of ``null``: 1 / the largest e-value at any update, at most 1."""
        return math.exp(-self._log_e_max)

    def _scaled(self, values: Any) -> Floats:
        x = read_values(values, "values")
        scaled = (x - self.low) / (self.high - self.low)
        outside = (scaled < -ROUNDING) | (scaled > 1 + ROUNDING)
        refuse("values", x, outside, f"= {{}} is outside [{self.low:g}, {self.high:g}]")
        return np.clip(scaled, 0.0, 1.0)

    def _check_clusters(self, sizes: Codes, keys: list[Hashable]) -> None:
        if self._units and not self._seen:
            raise ValueError("clusters were not given in earlier updates: give them always or never")
        if sizes.max() > self.largest:
            key, size = keys[int(sizes.argmax())], sizes.max()
            raise ValueError(f"cluster {key!r} has {size} questions, more than largest = {self.largest}: set it higher")
        again = self._seen.intersection(keys)
        if again:
            raise ValueError(f"cluster {next(iter(again))!r} was in an earlier update: give each cluster whole")

    def _log_capital(self, mean: float) -> float:
        """log E(mean), for 0 < mean < 1."""
        capital = np.concatenate([_LOG_STAKES, _LOG_STAKES]) - math.log(2)
        for size, counts in self._counts.items():
            held = counts > 0
            bets, x, times = (size / self.largest * _BETS)[:, None], _LEVELS[held], counts[held]
            capital[: len(_BETS)] += np.log1p(bets * (x / mean - 1)) @ times
            capital[len(_BETS) :] += np.log1p(bets * ((1 - x) / (1 - mean) - 1)) @ times
        return float(np.logaddexp.reduce(capital))

    def _look(self) -> None:
        """Take what E is after an update into the p-value and the ends of the interval."""
        null = (self.null - self.low) / (self.high - self.low)
        self._log_e = self._log_capital(null)
        self._log_e_max = max(self._log_e_max, self._log_e)
        # The same comparison as a reader of the p-value makes, so that the interval agrees with it to the last bit.
        rejected = math.exp(-max(self._log_e, 0.0)) <= 1 - self.confidence
        # By Jensen's inequality E(mean of the values) <= 1, so that each end lies between an old end and that mean.
        mean = min(max(float(self._sums[1] / self._sums[0]), _EDGE), 1 - _EDGE)
        low, high = self._ends
        self._ends = (
            self._end(low, mean, null, rejected) if mean > low else low,
            self._end(high, mean, null, rejected) if mean < high else high,
        )

    def _end(self, old: float, mean: float, null: float, rejected: bool) -> float:
        """Where between an old end and the mean E falls below 1/(1 - confidence); the old end if it is below there."""
        from scipy.optimize import brentq

        def excess(m: float) -> float:
            return self._log_capital(m) + math.log(1 - self.confidence)

        outer, inner = min(max(old, _EDGE), 1 - _EDGE), mean
        between = min(outer, inner) < null < max(outer, inner)
        if between and rejected:
            outer = null
        elif excess(outer) < 0:
            return old
        elif between:
            inner = null
        # At `null` what was said of it decides, even where rounding puts the excess there on the other side of 0.
        if excess(outer) <= 0:
            return math.nextafter(outer, inner)
        return inner if excess(inner) >= 0 else float(brentq(excess, outer, inner, xtol=1e-13))


def _count(x: Floats) -> Floats:
    """Counts at the levels, of values in [0, 1] that are split over the two levels next to each: mean kept."""
    steps = len(_LEVELS) - 1
    below = np.minimum((x * steps).astype(np.int64), steps - 1)
    share = x * steps - below
    counts = np.bincount(below, 1 - share, len(_LEVELS)) + np.bincount(below + 1, share, len(_LEVELS))
    return np.asarray(counts, np.float64)
