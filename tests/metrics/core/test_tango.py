"""Tango's statistic and interval: other packages' numbers, the likelihood itself, McNemar's test and the range."""

from __future__ import annotations

from math import isfinite, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from pyscore.metrics.core.intervals import z_quantile
from pyscore.metrics.core.tango import tango_interval, tango_statistic

confidences = st.sampled_from([0.5, 0.8, 0.95, 0.999])


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    """How many questions only the first gets, how many only the second, and how many there are."""
    b, c, rest = draw(st.integers(0, 60)), draw(st.integers(0, 60)), draw(st.integers(0, 200))
    return b, c, max(b + c + rest, 1)


def interval(b: int, c: int, n: int, confidence: float) -> tuple[float, float]:
    return tango_interval((b - c) / n, (b + c) / n, n, z_quantile(confidence))


# The first is from Fagerland, Lydersen & Laake 2017, "Statistical Analysis of Contingency Tables", ch. 8, as ratesci
# 1.0 shows it; the second from PropCIs 0.3, scoreci.mp(28, 25, 618, 0.9).
@pytest.mark.parametrize(
    ("table", "confidence", "ends"),
    [((1, 7, 21), 0.95, (-0.517, -0.026)), ((28, 25, 618), 0.9, (-0.0148, 0.0247))],
)
def test_intervals_are_those_of_other_packages(
    table: tuple[int, int, int], confidence: float, ends: tuple[float, float]
) -> None:
    assert interval(*table, confidence) == pytest.approx(ends, abs=10 ** -len(str(ends[1])[2:].lstrip("-.0")) / 20)


@given(tables(), st.one_of(st.just(0.0), st.floats(0.001, 0.95), st.floats(-0.95, -0.001)))
def test_the_variance_is_that_of_the_largest_likelihood_under_the_null(
    table: tuple[int, int, int], null: float
) -> None:
    b, c, n = table

    def minus_log_likelihood(q: float) -> float:
        chances = ((b, q + null), (c, q), (n - b - c, 1 - 2 * q - null))
        return -sum(count * log(p) for count, p in chances if count)

    edge = 1e-13
    first, last = max(0.0, -null) + edge, (1 - null) / 2 - edge
    best = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(first, last), method="bounded", options={"xatol": 1e-13}
    )
    ends = [q for q in (first, last) if minus_log_likelihood(q) < best.fun]
    q = ends[0] if ends else best.x
    variance = 2 * q + null - null**2
    expected = ((b - c) / n - null) * sqrt(n / variance)
    assert tango_statistic(null, (b - c) / n, (b + c) / n, n) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(tables())
def test_at_0_the_statistic_is_mcnemars(table: tuple[int, int, int]) -> None:
    b, c, n = table
    found = tango_statistic(0.0, (b - c) / n, (b + c) / n, n)
    if b + c:
        expected = mcnemar(np.array([[n - b - c, b], [c, 0]]), exact=False, correction=False)
        assert found**2 == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
        assert 2 * stats.norm.sf(abs(found)) == pytest.approx(expected.pvalue, rel=1e-9)
    else:
        assert found == 0


@given(tables(), confidences)
def test_at_the_ends_the_statistic_is_the_quantile(table: tuple[int, int, int], confidence: float) -> None:
    b, c, n = table
    low, high = interval(b, c, n, confidence)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert low < high
    for end, z in ((low, z_quantile(confidence)), (high, -z_quantile(confidence))):
        if abs(end) < 1:
            assert tango_statistic(end, (b - c) / n, (b + c) / n, n) == pytest.approx(z, rel=1e-6)


@given(tables(), confidences)
def test_swapping_the_two_negates_the_interval(table: tuple[int, int, int], confidence: float) -> None:
    b, c, n = table
    low, high = interval(b, c, n, confidence)
    assert interval(c, b, n, confidence) == pytest.approx((-high, -low), abs=1e-12)


@given(tables())
def test_the_statistic_falls_with_the_null_and_intervals_grow_with_their_confidence(
    table: tuple[int, int, int],
) -> None:
    b, c, n = table
    nulls = np.linspace(-0.999, 0.999, 41)
    found = [tango_statistic(null, (b - c) / n, (b + c) / n, n) for null in nulls]
    assert (np.diff([z for z in found if isfinite(z)]) < 1e-9).all()
    lows, highs = zip(*(interval(b, c, n, confidence) for confidence in (0.5, 0.8, 0.95, 0.999)), strict=True)
    assert list(lows) == sorted(lows, reverse=True)
    assert list(highs) == sorted(highs)


@pytest.mark.parametrize(("n", "confidence"), [(1, 0.95), (10, 0.95), (1000, 0.8)])
def test_without_discordant_questions_it_is_z_squared_over_n_plus_z_squared(n: int, confidence: float) -> None:
    edge = z_quantile(confidence) ** 2 / (n + z_quantile(confidence) ** 2)
    assert interval(0, 0, n, confidence) == pytest.approx((-edge, edge), rel=1e-9)


@pytest.mark.parametrize("n", [1, 20, 1000])
def test_all_against_none_is_wilsons_interval_of_half_the_distance(n: int) -> None:
    # With c = 0 and b = n the null's q = (1 - null)/2 leaves no question without discord: a binomial (1 + null)/2.
    low, high = interval(n, 0, n, 0.95)
    assert high == 1
    assert (1 + low) / 2 == pytest.approx(stats.binomtest(n, n).proportion_ci(method="wilson").low, rel=1e-9)


# Weights of 1e9 beside one give such differences, where rounding hid that the statistic at -1 is large.
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("gap", [1e-16, 3e-12, 1e-9])
def test_a_difference_next_to_the_end_of_the_range_has_an_interval(side: int, gap: float) -> None:
    low, high = tango_interval(side * (1 - gap), 1.0, 2.0, z_quantile(0.8))
    assert -1 <= low < high <= 1
    assert (low if side < 0 else high) == pytest.approx(side, abs=1e-9)
