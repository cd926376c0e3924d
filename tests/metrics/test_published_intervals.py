"""Intervals and tests as papers print them and as statsmodels, scipy and plain loops compute them."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from pyscore.metrics import (
    Interval,
    equivalence,
    estimate_difference,
    estimate_mean,
    estimate_rate,
    estimate_ratio,
    minimum_detectable_effect,
    paired_difference,
    required_n,
    unpaired_difference,
)
from pyscore.metrics.core.intervals import beta_bounds, missed_weight
from pyscore.metrics.core.scales import RATE_DIFFERENCE
from tests.metrics.cases import compare_pairs, of_preferences
from tools.coverage_cells.means import gaffke_ends
from tools.coverage_cells.paired import bonett_price, newcombe_paired
from tools.coverage_cells.unpaired import agresti_caffo

seeds = st.integers(0, 2**32 - 1)


def outcomes(wins: int, n: int) -> list[int]:
    return [1] * wins + [0] * (n - wins)


def pairs(wins: int, losses: int, n: int) -> tuple[list[int], list[int]]:
    """Two models on n questions: so many that only the first gets, so many only the second, and none both."""
    return outcomes(wins, n), [0] * wins + outcomes(losses, n - wins)


# Newcombe 1998, "Two-Sided Confidence Intervals for the Single Proportion: Comparison of Seven Methods", Table I, row 3
@pytest.mark.parametrize(
    "wins, n, low, high",
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_as_newcombe_prints_it(wins: int, n: int, low: float, high: float) -> None:
    estimate = estimate_rate(outcomes(wins, n))
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5.1e-5)


# Newcombe 1998, "Interval Estimation for the Difference between Independent Proportions: Comparison of Eleven Methods",
# Table II, method 10, columns (a) to (h)
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize("a, m, b, n, low, high", NEWCOMBE)
def test_unpaired_rates_as_newcombe_prints_them(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    found = unpaired_difference(of_preferences(outcomes(a, m)), of_preferences(outcomes(b, n))).preference_rate
    assert found.value == pytest.approx(a / m - b / n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5.1e-5)


counts = st.integers(2, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=60)
@given(counts, counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_unpaired_rates_as_statsmodels_has_them(a: tuple[int, int], b: tuple[int, int], confidence: float) -> None:
    both = of_preferences(outcomes(*a)), of_preferences(outcomes(*b))
    found = unpaired_difference(*both, confidence=confidence)
    rate = found.preference_rate
    expected = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff", alpha=1 - confidence)
    assert (rate.low, rate.high) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20)
@given(counts, counts)
def test_the_unpaired_p_value_is_where_newcombes_interval_ends_at_0(a: tuple[int, int], b: tuple[int, int]) -> None:
    p = unpaired_difference(of_preferences(outcomes(*a)), of_preferences(outcomes(*b))).p_values["preference_rate"]
    if a[0] * b[1] == b[0] * a[1]:
        assert p == 1
    elif p > 1e-9:
        ends = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff", alpha=p)
        assert min(np.abs(ends)) == pytest.approx(0, abs=1e-8)


# In this order: Tango 1998, "Equivalence Test and Confidence Interval for the Difference in Proportions for the
# Paired-Sample Design", section 6.2; Fagerland, Lydersen & Laake 2014, "Recommended Tests and Confidence Intervals for
# Paired Binomial Proportions", Table V; data of Cavo et al. 2012 in their R package contingencytables; R's PropCIs
TANGO = [
    (9, 3, 32, 0.95, -0.027, 0.390, 3),
    (1, 7, 21, 0.95, -0.517, -0.026, 3),
    (6, 16, 161, 0.95, -0.1240, -0.0054, 4),
    (28, 25, 618, 0.90, -0.0148, 0.0247, 4),
]


@pytest.mark.parametrize("wins, losses, n, confidence, low, high, digits", TANGO)
def test_paired_rates_as_tango_and_others_print_them(
    wins: int, losses: int, n: int, confidence: float, low: float, high: float, digits: int
) -> None:
    a, b = (of_preferences(side) for side in pairs(wins, losses, n))
    found = paired_difference(a, b, confidence=confidence).preference_rate
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.51 * 10**-digits)


def test_the_contact_lenses_of_tango_are_not_inferior() -> None:
    # Tango 1998, section 6.1: Z = 1.709 at a margin of 0.1, and -0.096 is the lower end of the interval of 90 %
    a, b = (of_preferences(side) for side in pairs(0, 1, 44))
    report = equivalence(a, b, margin=0.1, metric="preference_rate", side="not_lower")
    assert report["difference"].low == pytest.approx(-0.096, abs=5.1e-4)
    assert stats.norm.isf(report.numbers["p_not_lower"]) == pytest.approx(1.709, abs=5.1e-4)


def restricted_statistic(null: float, wins: int, losses: int, n: int) -> float:
    """The score statistic of a difference: its variance at the most likely chances that differ by ``null``."""

    def slope(q: float) -> float:  # of the log-likelihood of chances q + null and q
        return wins / (q + null) + losses / q - 2 * (n - wins - losses) / (1 - 2 * q - null)

    least, most = max(0.0, -null), (1 - null) / 2
    q = brentq(slope, least + 1e-13, most - 1e-13, xtol=1e-15)
    return float((wins - losses - n * null) / sqrt(n * (2 * q + null - null**2)))


@pytest.mark.parametrize("wins, losses, n", [(9, 3, 32), (1, 7, 21), (16, 6, 161), (40, 20, 160), (5, 5, 11)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_tangos_ends_solve_the_score_equation(wins: int, losses: int, n: int, confidence: float) -> None:
    found = estimate_difference(*pairs(wins, losses, n), scale=RATE_DIFFERENCE, interval=Interval(confidence))
    z = stats.norm.ppf(0.5 + confidence / 2)
    low, high = (
        brentq(lambda x, s=sign: restricted_statistic(x, wins, losses, n) - s * z, *ends, xtol=1e-14)
        for sign, ends in ((1, (-0.999, found.value)), (-1, (found.value, 0.999)))
    )
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@settings(max_examples=60)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(2, 60))
def test_the_paired_p_value_is_mcnemars(wins: int, losses: int, others: int) -> None:
    a, b = (of_preferences(side) for side in pairs(wins, losses, wins + losses + others))
    found = paired_difference(a, b)
    expected = mcnemar([[0, wins], [losses, others]], exact=False, correction=False).pvalue if wins + losses else 1.0
    p = found.p_values["preference_rate"]
    assert p == pytest.approx(expected, abs=1e-9)
    assert (p < 0.05) == (found.preference_rate.low > 0 or found.preference_rate.high < 0)


def test_the_peers_of_paired_rates_are_as_printed() -> None:
    # R's statpsych, ci.prop.ps(.05, 12, 4, 26, 6), after Bonett & Price 2012
    assert bonett_price(np.array([[26], [4]]), 48)[:, 0] == pytest.approx((0.2548067, 0.6251933), abs=5.1e-8)
    # R's contingencytables, data of Cavo et al. 2012: 59 and 80 concordant
    cavo = np.array([[6], [16]])
    assert bonett_price(cavo, 161)[:, 0] == pytest.approx((-0.1195, -0.0032), abs=5.1e-5)
    assert newcombe_paired(cavo, np.array([59]), 161)[:, 0] == pytest.approx((-0.1186, -0.0046), abs=5.1e-5)


@given(counts, counts)
def test_the_peer_of_unpaired_rates_is_statsmodels(a: tuple[int, int], b: tuple[int, int]) -> None:
    expected = confint_proportions_2indep(*a, *b, method="agresti-caffo", compare="diff")
    ours = agresti_caffo(np.array([[a[0]], [b[0]]]), (a[1], b[1]))[:, 0]
    assert ours == pytest.approx(expected, abs=1e-9)


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_beta_bounds_of_zeros_and_ones_are_clopper_and_pearsons(wins: tuple[int, int], confidence: float) -> None:
    count, n = wins
    p = count / n
    assume(missed_weight(p, n * p * (1 - p) / (n - 1), n) == 1)  # up to 20 trials, or a rate near 0 or 1
    bounds = beta_bounds(p, p * (1 - p) / (n - 1), n, confidence)
    assert bounds == pytest.approx(proportion_confint(count, n, alpha=1 - confidence, method="beta"), abs=1e-9)


def test_gaffkes_bounds_of_zeros_and_ones_are_clopper_and_pearsons() -> None:
    low, high = gaffke_ends(np.array([outcomes(3, 20)], np.float64).T)
    expected = proportion_confint(3, 20, method="beta")
    assert (low[0], high[0]) == pytest.approx(expected, abs=0.006)  # 10,000 draws


def clustered(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, clusters of unlike sizes and weights, of 6 to 60 questions in at least three clusters."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 60))
    clusters = np.r_[0, 1, 2, rng.integers(0, max(3, n // 3), n - 3)] ** 2 // 3
    return rng.normal(size=n) + clusters % 3, clusters, rng.gamma(2.0, 1.0, n)


@settings(max_examples=40)
@given(seeds)
def test_a_weighted_mean_has_the_hc3_error_of_statsmodels(seed: int) -> None:
    values, _, weights = clustered(seed)
    fit = sm.WLS(values, np.ones(len(values)), weights=weights).fit(cov_type="HC3")
    estimate = estimate_mean(values, weights=weights)
    # The jackknife has (C - 1)/C where HC3 has 1.
    n = len(values)
    assert estimate.value == pytest.approx(fit.params[0], rel=1e-9)
    assert estimate.stderr == pytest.approx(fit.bse[0] * sqrt((n - 1) / n), rel=1e-9)


@settings(max_examples=40)
@given(seeds)
def test_a_clustered_mean_is_what_a_loop_of_leaving_out_gives(seed: int) -> None:
    values, clusters, weights = clustered(seed)
    different = np.unique(clusters)
    mean = np.average(values, weights=weights)
    left = [np.average(values[clusters != c], weights=weights[clusters != c]) for c in different]
    totals = np.array([weights[clusters == c].sum() for c in different])
    stderr = sqrt((1 - 1 / len(different)) * sum((np.array(left) - mean) ** 2))
    effective = totals.sum() ** 2 / (totals**2).sum()
    estimate = estimate_mean(values, clusters=clusters, weights=weights)
    if effective < 1.5:
        assert "effective" in estimate.reason
        return
    half = stats.t.ppf(0.975, effective - 1) * stderr
    assert estimate.stderr == pytest.approx(stderr, rel=1e-9)
    assert (estimate.low, estimate.high) == pytest.approx((mean - half, mean + half), rel=1e-9)


@settings(max_examples=40)
@given(seeds)
def test_a_ratio_is_what_a_loop_of_leaving_out_gives(seed: int) -> None:
    top, clusters, bottom = clustered(seed)
    different = np.unique(clusters)
    left = [top[clusters != c].sum() / bottom[clusters != c].sum() for c in different]
    ratio = top.sum() / bottom.sum()
    estimate = estimate_ratio(top, bottom, clusters=clusters)
    assert estimate.value == pytest.approx(ratio, rel=1e-9)
    if not estimate.reason:
        expected = sqrt((1 - 1 / len(different)) * sum((np.array(left) - ratio) ** 2))
        assert estimate.stderr == pytest.approx(expected, rel=1e-9)


@settings(max_examples=40)
@given(seeds, st.integers(2, 40), st.integers(2, 40))
def test_unpaired_log_odds_are_scipys_welch(seed: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = -rng.gamma(2.0, 2.0, (2, m)), -rng.gamma(2.0, 1.0, (2, n))
    found = unpaired_difference(compare_pairs(*x), compare_pairs(*y))
    expected = stats.ttest_ind(x[0] - x[1], y[0] - y[1], equal_var=False)
    low, high = expected.confidence_interval(0.95)
    odds = found.mean_log_odds
    assert (odds.low, odds.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert found.p_values["mean_log_odds"] == pytest.approx(expected.pvalue, rel=1e-9)


@settings(max_examples=40)
@given(seeds, st.sampled_from([0.3, 1.0, 3.0]))
def test_equivalence_is_the_two_one_sided_tests_of_statsmodels(seed: int, margin: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 15)) + 5
    paired = equivalence(a, b, margin=margin)
    p, lower, upper = ttost_paired(a, b, -margin, margin)
    expected = (p, lower[1], upper[1])
    assert [paired.numbers[f"p{name}"] for name in ("", "_not_lower", "_not_higher")] == pytest.approx(expected)
    unpaired = equivalence(a, b[:9], margin=margin, paired=False)
    p, lower, upper = ttost_ind(a, b[:9], -margin, margin, usevar="unequal")
    expected = (p, lower[1], upper[1])
    assert [unpaired.numbers[f"p{name}"] for name in ("", "_not_lower", "_not_higher")] == pytest.approx(expected)


# Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences": large, medium and small effects, as G*Power has
# them for a t test of paired differences at power 0.8
@pytest.mark.parametrize("effect, n", [(0.8, 15), (0.5, 34), (0.2, 199)])
def test_the_sizes_for_cohens_effects_are_those_of_g_power(effect: float, n: int) -> None:
    assert required_n(effect, variance=1.0) == n


@settings(max_examples=30)
@given(st.integers(2, 500), st.floats(0.1, 9.0), st.sampled_from([0.5, 0.8, 0.95]), st.sampled_from([0.01, 0.05]))
def test_the_detectable_effect_is_that_of_statsmodels_noncentral_t(
    n: int, variance: float, power: float, alpha: float
) -> None:
    effect = minimum_detectable_effect(n, variance=variance, power=power, alpha=alpha)
    found = TTestPower().power(effect / sqrt(variance), n, alpha, alternative="two-sided")
    assume(not np.isnan(found))  # scipy's noncentral t is NaN far in the tail on the other side.
    assert found == pytest.approx(power, abs=1e-9)
