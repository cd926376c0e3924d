"""Fewer questions: every subset of a small benchmark, refitting by polyfit, and coverage of both means."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pyscore.metrics import control_variate, estimate_mean

Floats = NDArray[np.float64]


def scores(n: int, seed: int = 0, noise: float = 0.5) -> tuple[Floats, Floats]:
    """Probabilities of a checkpoint and of the one before it, correlated over questions."""
    rng = np.random.default_rng(seed)
    easy = rng.normal(size=n)
    return stats.norm.cdf(easy + 0.3 + noise * rng.normal(size=n)), stats.norm.cdf(easy)


def refitted(y: Floats, x: Floats, control_mean: float) -> float:
    """The regression line at the control's mean, by polyfit."""
    return float(np.polyval(np.polyfit(x, y, 1), control_mean))


def test_the_difference_estimator_is_exact_over_all_subsets() -> None:
    y, x = scores(9, noise=1.0)
    found = [
        control_variate(y[list(rows)], x[list(rows)], x.mean(), n_all=9, slope=1.0)["these_questions"]
        for rows in itertools.combinations(range(9), 4)
    ]
    values = np.array([each.value for each in found])
    assert values.mean() == pytest.approx(y.mean(), abs=1e-12)
    assert np.mean([each.stderr**2 for each in found]) == pytest.approx(values.var(), rel=1e-9)


def test_the_slope_and_its_leave_one_out_variance_equal_refitting() -> None:
    y, x = scores(40)
    report = control_variate(y[:12], x[:12], x.mean(), n_all=40)
    one = report["these_questions"]
    whole = refitted(y[:12], x[:12], x.mean())
    left_out = [refitted(np.delete(y[:12], i), np.delete(x[:12], i), x.mean()) for i in range(12)]
    v = 11 / 12 * sum((each - whole) ** 2 for each in left_out)
    assert one.value == pytest.approx(whole, rel=1e-9)
    assert one.stderr == pytest.approx(math.sqrt((1 - 12 / 40) * v), rel=1e-9)
    assert one.high == pytest.approx(whole + stats.t(10).ppf(0.975) * one.stderr, rel=1e-9)
    both = (1 - 12 / 40) * v + 12 / 40 * np.var(y[:12], ddof=1) / 12
    assert report["new_questions"].stderr == pytest.approx(math.sqrt(both), rel=1e-9)
    assert report.numbers["correlation"] == pytest.approx(np.corrcoef(y[:12], x[:12])[0, 1])


def test_whole_clusters_are_left_out_at_once() -> None:
    y, x = scores(60, seed=1)
    keys = np.array([0] * 7 + [1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 6, 6, 6])
    report = control_variate(y[:20], x[:20], x.mean(), n_all=60, clusters=keys)
    whole = refitted(y[:20], x[:20], x.mean())
    left_out = [refitted(y[:20][keys != c], x[:20][keys != c], x.mean()) for c in range(7)]
    v = 6 / 7 * sum((each - whole) ** 2 for each in left_out)
    assert report["these_questions"].stderr == pytest.approx(math.sqrt(2 / 3 * v), rel=1e-9)
    dof = 20**2 / np.sum(np.bincount(keys) ** 2) - 2
    half = report["these_questions"].high - report["these_questions"].value
    assert half == pytest.approx(stats.t(dof).ppf(0.975) * report["these_questions"].stderr, rel=1e-9)


def test_a_slope_of_0_is_the_plain_mean() -> None:
    y, x = scores(50)
    report = control_variate(y[:20], x[:20], 0.1, n_all=50, slope=0.0)
    plain, usual = report["plain_mean"], estimate_mean(y[:20])
    assert (plain.value, plain.stderr) == pytest.approx((usual.value, usual.stderr))
    new, these = report["new_questions"], report["these_questions"]
    assert (new.value, new.low, new.high) == pytest.approx((usual.value, usual.low, usual.high))
    assert these.stderr == pytest.approx(math.sqrt(0.6) * usual.stderr)  # Cochran 1977, ch. 2


@pytest.mark.parametrize("slope", [None, 1.0])
@pytest.mark.parametrize("n", [30, 200])
def test_both_means_and_the_change_are_covered(slope: float | None, n: int) -> None:
    mean = float(stats.norm.cdf(0.3 / math.sqrt(2.25)))
    held = np.zeros(3)
    for seed in range(400):
        y, x = scores(400, seed)
        report = control_variate(y[:n], x[:n], x.mean(), n_all=400, slope=slope)
        truths = {"these_questions": y.mean(), "new_questions": mean, "change": mean - 0.5}
        held += [report[name].low <= truth <= report[name].high for name, truth in truths.items()]
    assert (abs(held / 400 - 0.95) < 0.035).all()


def test_a_change_is_known_better_than_a_mean() -> None:
    y, x = scores(1000, noise=0.1)
    report = control_variate(y[:100], x[:100], x.mean(), n_all=1000)
    assert report["change"].value == pytest.approx(report["new_questions"].value - x.mean())
    assert report["these_questions"].stderr < report["change"].stderr < 0.6 * report["new_questions"].stderr
    v = report["these_questions"].stderr ** 2 + 0.1 * np.var(y[:100] - x[:100], ddof=1) / 100
    assert report["change"].stderr == pytest.approx(math.sqrt(v), rel=1e-9)
    assert "change" not in control_variate(y[:100], 9 * x[:100], 9 * x.mean(), n_all=1000).estimates


def test_a_good_control_narrows_what_is_known_of_these_questions_most() -> None:
    y, x = scores(1000, noise=0.1)
    report = control_variate(y[:100], x[:100], x.mean(), n_all=1000)
    these, new, plain = (report[name].stderr for name in ("these_questions", "new_questions", "plain_mean"))
    assert these < 0.2 * plain and math.sqrt(0.1) * plain < new < 0.4 * plain


def test_no_spread_is_no_certainty() -> None:
    y, x = scores(50)
    same = control_variate(x[:20], x[:20], x.mean(), n_all=50)
    assert math.isnan(same["these_questions"].low) and "no spread" in same["new_questions"].reason
    assert same["plain_mean"].low > 0 and same["these_questions"].value == pytest.approx(x.mean())
    every = control_variate(y, x, x.mean(), n_all=50)
    assert "all of these questions" in every["these_questions"].reason
    assert every["these_questions"].value == pytest.approx(y.mean()) and every["new_questions"].low > 0
    few = control_variate(y[:2], x[:2], x.mean(), n_all=50)
    assert "too few" in few["these_questions"].reason and few["plain_mean"].low >= 0
    assert "one question" in control_variate(y[:1], x[:1], x.mean(), n_all=50)["plain_mean"].reason


def test_a_constant_control_changes_nothing() -> None:
    y, _ = scores(20)
    report = control_variate(y, np.full(20, 0.1 + 0.2), 0.3, n_all=50)
    assert report["new_questions"].value == pytest.approx(y.mean()) and report.numbers["slope"] == 0
    assert math.isnan(report.numbers["correlation"])


def test_ends_stay_within_the_range() -> None:
    y = np.array([0.0, 0.0, 0.0, 1.0] * 3)
    x = np.array([0.0, 0.0, 1.0, 1.0] * 3)
    report = control_variate(y, x, 0.05, n_all=500)
    shifted = control_variate(4 * y - 2, x, 0.05, n_all=500, low=-2, high=2)
    for name in ("these_questions", "new_questions", "plain_mean"):
        one = report[name]
        assert 0 <= one.low <= one.value <= one.high
        assert shifted[name].low == pytest.approx(4 * one.low - 2) and shifted[name].high == pytest.approx(
            4 * one.high - 2
        )
    assert report["these_questions"].low == 0


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"values\[1\] = 2.0 is outside \[0, 1\]"):
        control_variate([0, 2], [0, 1], 0.5, n_all=9)
    with pytest.raises(ValueError, match="values has 2, control has 1"):
        control_variate([0, 1], [0], 0.5, n_all=9)
    with pytest.raises(ValueError, match="n_all must count the 2 questions"):
        control_variate([0, 1], [0, 1], 0.5, n_all=1)
    with pytest.raises(ValueError, match="control_mean"):
        control_variate([0, 1], [0, 1], math.inf, n_all=9)
    with pytest.raises(ValueError, match=r"control\[0\] = inf"):
        control_variate([0, 1], [math.inf, 1], 0.5, n_all=9)


def test_equal_scores_say_nothing_about_new_questions() -> None:
    x = scores(50)[1]
    report = control_variate(np.ones(20), x[:20], x.mean(), n_all=50, slope=1.0)
    assert "no spread" in report["new_questions"].reason and report["these_questions"].low > 0.5


def test_a_control_mean_outside_of_its_range_is_refused() -> None:
    y, x = np.random.default_rng(0).random((2, 30))
    with pytest.raises(ValueError, match=r"control_mean = 40 is outside of \[0, 1\]"):
        control_variate(y, x, 40.0, n_all=100)
