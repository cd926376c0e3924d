"""How often a two-sided test finds an effect: Student's t test by the noncentral t, McNemar's by binomials."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pyscore.metrics.core.arrays import Floats

__all__ = ["detectable_shift", "mcnemar_effect", "mcnemar_n", "mcnemar_power", "smallest_n", "t_power"]

_NORMAL_FROM = 1e7
"""Degrees of freedom from which the normal stands for t; its quantiles are within 4e-7 of t's there."""
_MOST_PAIRS = 500_000


def t_power(shift: float, dof: float, alpha: float) -> float:
    """P(|T| > t(dof)) of a statistic T that is noncentral t: ``shift`` is the effect in standard errors of the mean.

    Findings in the wrong direction count, as in statsmodels and in R's ``power.t.test(strict=TRUE)``.
    """
    from scipy.special import nctdtr, ndtr, ndtri, stdtrit

    if dof > _NORMAL_FROM:
        z = ndtri(1 - alpha / 2)
        return float(ndtr(shift - z) + ndtr(-shift - z))
    t = stdtrit(dof, 1 - alpha / 2)
    right, wrong = float(nctdtr(dof, -shift, -t)), float(nctdtr(dof, shift, -t))
    # scipy 1.17 gives NaN for tails below about 1e-16.
    return right if math.isnan(wrong) else right + wrong


def detectable_shift(dof: float, power: float, alpha: float) -> float:
    """The effect, in standard errors of the mean, that is found with this power: the root of `t_power`."""
    return _root(lambda shift: t_power(shift, dof, alpha) - power, 4.0)


def smallest_n(enough: Callable[[int], bool], start: int) -> int:
    """The smallest n from ``start`` on with enough(n), which is true for every n from there on."""
    if enough(start):
        return start
    low, high = start, 2 * start
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def mcnemar_power(n: int, effect: float, discordance: float, alpha: float) -> float:
    """P(|b - c| > z √(b + c)) over n pairs of 0/1, b and c the pairs in which only one of the two is 1.

    P = Σ_D Bin(D; n, ψ) P(|2b - D| > z √D), b ~ Bin(D, (1 + effect/ψ)/2), with ψ the ``discordance``.
    """
    low, high = _likely(n, discordance)
    return _average(n, discordance, low, _found(np.arange(low, high, dtype=np.float64), effect / discordance, alpha))


def mcnemar_n(effect: float, discordance: float, power: float, alpha: float) -> int:
    """The smallest n from which on `mcnemar_power` stays at or above ``power``.

    Power given D discordant pairs is a sawtooth g(D). Its lower envelope, min g over D and above, never falls, so that
    the envelope's average over D ~ Bin(n, ψ) never falls in n either: from where it reaches ``power``, the power itself
    stays. From there n goes down as long as the power does reach it. Where the table of g would be longer than
    500,000, it is the approximation of Miettinen 1968, "The Matched Pairs Design in the Case of All-or-None Responses",
    which for effect 0.001 and ψ 0.1 gives 784,870 where the exact n is 784,868.
    """
    from scipy.special import ndtri

    target, ratio, z = power - 1e-12, abs(effect) / discordance, float(ndtri(1 - alpha / 2))
    # From 2,048 on, 0.8 pairs/ψ questions have all likely D within the table.
    pairs = max(2048, math.ceil(3 * ((z + ndtri(power)) / ratio) ** 2))
    if pairs > _MOST_PAIRS:
        spread = math.sqrt(discordance**2 - effect**2 * (3 + discordance) / 4)
        return math.ceil((z * discordance + float(ndtri(power)) * spread) ** 2 / (discordance * effect**2))

    def reaches(n: int, of: Floats) -> bool:
        low, high = _likely(n, discordance)
        return high <= len(of) and _average(n, discordance, low, of[low:high]) >= target

    while True:
        found = _found(np.arange(pairs, dtype=np.float64), ratio, alpha)
        envelope = np.minimum.accumulate(found[::-1])[::-1]
        longest = int(0.8 * pairs / discordance)
        if reaches(longest, envelope):
            break
        pairs *= 2
    n = smallest_n(lambda n: n >= longest or reaches(n, envelope), 1)
    while n > 1 and reaches(n - 1, found):
        n -= 1
    return n


def mcnemar_effect(n: int, discordance: float, power: float, alpha: float) -> float:
    """The smallest effect that n questions, and any more, find with this power; NaN if not even ψ itself is found.

    It is the smallest effect whose `mcnemar_n` is at most n.
    """
    if mcnemar_n(discordance, discordance, power, alpha) > n:
        return math.nan
    # Power is a sawtooth in n: the effect that n itself finds may have to grow to be found by all larger numbers too.
    high = low = _root(lambda e: mcnemar_power(n, e, discordance, alpha) - power, discordance / 2, discordance)
    step = 1e-12
    while mcnemar_n(high, discordance, power, alpha) > n:
        low, high, step = high, min(high * (1 + step), discordance), 10 * step
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if mcnemar_n(middle, discordance, power, alpha) <= n else (middle, high)
    return high


def _found(discordant: Floats, ratio: float, alpha: float) -> Floats:
    """P(|2b - D| > z √D) for each D, b ~ Bin(D, (1 + ratio)/2); 0 for D = 0."""
    from scipy.special import ndtri
    from scipy.stats import binom

    reach = ndtri(1 - alpha / 2) * np.sqrt(discordant)
    p = (1 + abs(ratio)) / 2
    # b > (D + reach)/2 and b < (D - reach)/2
    most, fewest = np.floor((discordant + reach) / 2), np.ceil((discordant - reach) / 2) - 1
    found: Floats = binom.sf(most, discordant, p) + binom.cdf(fewest, discordant, p)
    return np.where(discordant > 0, found, 0.0)


def _likely(n: int, discordance: float) -> tuple[int, int]:
    """The range of D outside of which Bin(n, ψ) has less than about 1e-16."""
    mean, reach = n * discordance, 9 * math.sqrt(n * discordance * (1 - discordance)) + 30
    return max(0, math.floor(mean - reach)), min(n, math.ceil(mean + reach)) + 1


def _average(n: int, discordance: float, low: int, of: Floats) -> float:
    from scipy.stats import binom

    return float(binom.pmf(np.arange(low, low + len(of)), n, discordance) @ of)


def _root(rises: Callable[[float], float], high: float, highest: float = math.inf) -> float:
    """Where a function that rises from below 0 at 0 is 0."""
    from scipy.optimize import brentq

    while high < highest and rises(high) < 0:
        high = min(2 * high, highest)
    return float(brentq(rises, 0.0, high, xtol=1e-300, rtol=1e-15))
