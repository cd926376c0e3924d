"""auroc: scikit-learn's areas, DeLong's error by brute force and by jackknife, and how often the interval is right."""

from __future__ import annotations

from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri
from sklearn.metrics import roc_auc_score

from pyscore.metrics.auroc import auroc
from pyscore.metrics.core.intervals import Interval


def scored(seed: int, n: int, levels: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, higher for positives, of which there are at least two, as of negatives."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < rng.uniform(0.2, 0.8)
    positive[:4] = [True, False, True, False]
    return np.round(rng.normal(positive, 1.0) * levels / 4), positive


samples = st.builds(scored, st.integers(0, 2**32 - 1), st.integers(4, 60), st.integers(1, 40))


def components(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong's structural components, pair by pair."""
    x, y = score[positive, None], score[None, ~positive]
    order = (x > y) + 0.5 * (x == y)
    return order.mean(axis=1), order.mean(axis=0)


def jackknife(values: list[float]) -> float:
    """The variance that leaving out one unit at a time gives."""
    n = len(values)
    return (n - 1) / n * float(((np.array(values) - np.mean(values)) ** 2).sum())


@given(samples)
def test_area_equals_sklearns(sample: tuple[np.ndarray, np.ndarray]) -> None:
    assert auroc(*sample).value == pytest.approx(roc_auc_score(sample[1], sample[0]), abs=1e-12)


def test_infinite_scores_are_scores_like_others() -> None:
    score, positive = scored(0, 40)
    order = stats.rankdata(score)
    extreme = np.where(order == order.max(), inf, np.where(order == order.min(), -inf, score))
    assert auroc(extreme, positive) == auroc(score, positive)


@given(samples)
def test_error_equals_delongs_components_by_brute_force(sample: tuple[np.ndarray, np.ndarray]) -> None:
    of_positives, of_negatives = components(*sample)
    expected = of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
    assert auroc(*sample).stderr == pytest.approx(sqrt(expected), abs=1e-12)


@given(samples)
def test_error_equals_the_jackknife_of_sklearns_area(sample: tuple[np.ndarray, np.ndarray]) -> None:
    # leaving out one positive or one negative at a time: Arvesen's two-sample jackknife
    score, positive = sample
    assume(min(positive.sum(), (~positive).sum()) > 1)
    left_out = [
        [roc_auc_score(np.delete(positive, i), np.delete(score, i)) for i in np.flatnonzero(kind)]
        for kind in (positive, ~positive)
    ]
    assert auroc(score, positive).stderr == pytest.approx(sqrt(sum(map(jackknife, left_out))), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_clustered_error_is_close_to_the_jackknife_over_clusters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(60), 5)
    positive = rng.random(300) < np.where(clusters % 2, 0.8, 0.2)  # else a cluster's own shift cancels
    score = rng.normal(size=60)[clusters] + rng.normal(0.7 * positive, 0.7)
    left_out = [roc_auc_score(positive[clusters != c], score[clusters != c]) for c in range(60)]
    robust = auroc(score, positive, clusters=clusters)
    assert robust.stderr == pytest.approx(sqrt(jackknife(left_out)), rel=0.05)
    assert robust.stderr > 1.1 * auroc(score, positive).stderr


def test_clustered_error_equals_a_worked_example() -> None:
    # positives 1, 3 and negatives 0, 2: area 3/4; residuals of the positives -1/4 and 1/4, of the negatives 1/4 and
    # -1/4. With clusters {1, 0} and {3, 2} they cancel: 2 · 2 · (2/16)/4 - 2 · 2 · (2/16)/4 = 0; with {1, 2} and {3, 0}
    # they add up.
    score, positive = [1.0, 3.0, 0.0, 2.0], [1, 1, 0, 0]
    apart, together = (auroc(score, positive, clusters=list(keys)).stderr for keys in ("abab", "abba"))
    assert auroc(score, positive).stderr == pytest.approx(sqrt(1 / 16 + 1 / 16))
    assert apart == pytest.approx(0, abs=1e-12)
    assert together == pytest.approx(sqrt(2 * 2 * (2 / 16) / 4 + 2 * 2 * (2 / 16) / 4))


@given(samples)
def test_questions_given_twice_in_clusters_count_once(sample: tuple[np.ndarray, np.ndarray]) -> None:
    score, positive = sample
    once = auroc(score, positive)
    twice = auroc(np.tile(score, 2), np.tile(positive, 2), clusters=list(range(len(score))) * 2)
    assert (twice.value, twice.stderr) == pytest.approx((once.value, once.stderr), abs=1e-12)


@given(samples, st.integers(0, 2**32 - 1))
def test_order_of_questions_and_scale_of_scores_do_not_matter(
    sample: tuple[np.ndarray, np.ndarray], shuffle: int
) -> None:
    score, positive = sample
    order = np.random.default_rng(shuffle).permutation(len(score))
    one, other = auroc(score, positive), auroc(np.exp(score[order] / 8), positive[order])
    assert [other.value, other.stderr, other.low, other.high] == pytest.approx(
        [one.value, one.stderr, one.low, one.high], abs=1e-12
    )


@given(samples)
def test_turning_scores_or_labels_mirrors_area_and_interval(sample: tuple[np.ndarray, np.ndarray]) -> None:
    score, positive = sample
    one = auroc(score, positive)
    for other in (auroc(-score, positive), auroc(score, ~positive)):
        assert [1 - other.value, other.stderr, 1 - other.high, 1 - other.low] == pytest.approx(
            [one.value, one.stderr, one.low, one.high], abs=1e-9
        )


@given(samples)
def test_interval_lies_in_the_unit_range_around_the_area(sample: tuple[np.ndarray, np.ndarray]) -> None:
    estimate = auroc(*sample)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high


@pytest.mark.parametrize(("m", "n", "area"), [(20, 200, 0.95), (20, 200, 0.99), (30, 30, 0.9)])
def test_intervals_hold_the_true_area_near_one(m: int, n: int, area: float) -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(m + n) < m
    held = {"auto": 0, "t": 0}
    for _ in range(300):
        score = rng.normal(positive * sqrt(2) * ndtri(area), 1.0)
        for method in held:
            estimate = auroc(score, positive, interval=Interval(method=method))
            held[method] += estimate.low <= area <= estimate.high
    assert held["auto"] >= 0.94 * 300
    assert held["t"] < held["auto"]


def test_perfect_separation_has_the_interval_of_as_many_sure_trials() -> None:
    # ten disjoint pairs, all in the right order: Wilson at 1, with t of 9 degrees of freedom
    estimate = auroc(np.arange(40), np.arange(40) >= 30)
    q2 = stats.t.ppf(0.975, 9) ** 2
    assert (estimate.value, estimate.stderr, estimate.high) == (1, 0, 1)
    assert estimate.low == pytest.approx(10 / (10 + q2))
    # clusters that hold both kinds give only one disjoint pair for two of them
    clustered = auroc(np.arange(40), np.arange(40) >= 20, clusters=list(range(20)) * 2)
    assert clustered.low == pytest.approx(10 / (10 + stats.t.ppf(0.975, 19) ** 2))


def test_scores_that_are_all_equal_say_little() -> None:
    estimate = auroc(np.zeros(40), np.arange(40) < 20)
    assert estimate.value == 0.5
    assert estimate.low < 0.35 and estimate.high > 0.65


@pytest.mark.parametrize(("score", "area"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([1, 1, 1, 1], 0.5)])
def test_method_t_has_no_interval_without_spread(score: list[float], area: float) -> None:
    estimate = auroc(score, [0, 0, 1, 1], interval=Interval(method="t"))
    assert (estimate.value, estimate.reason) == (
        area,
        "every question is placed alike: no spread to estimate from",
    )
    assert auroc(score, [0, 0, 1, 1]).low < auroc(score, [0, 0, 1, 1]).high


def test_method_t_is_the_plain_interval() -> None:
    score, positive = scored(1, 50)
    estimate = auroc(score, positive, interval=Interval(0.9, "t"))
    fewest = min(positive.sum(), (~positive).sum())
    half = stats.t.ppf(0.95, fewest - 1) * estimate.stderr
    assert (estimate.low, estimate.high) == pytest.approx((estimate.value - half, estimate.value + half))


@pytest.mark.parametrize(
    ("positive", "clusters", "reason"),
    [
        ([0, 0, 1, 0], None, "one positive"),
        ([1, 0, 1, 1], None, "one negative"),
        ([1, 0, 1, 0], list("abaa"), "one cluster with a positive"),
        ([1, 0, 1, 0], list("abcb"), "one cluster with a negative"),
    ],
)
def test_one_of_a_kind_has_a_value_and_no_interval(
    positive: list[int], clusters: list[str] | None, reason: str
) -> None:
    estimate = auroc([1.0, 2.0, 3.0, 4.0], positive, clusters=clusters)
    assert not isnan(estimate.value)
    assert isnan(estimate.stderr) and isnan(estimate.low) and isnan(estimate.high)
    assert estimate.reason.startswith(reason)


@pytest.mark.parametrize(
    ("score", "positive", "options", "message"),
    [
        ([1.0, 2.0], [1, 1], {}, "holds no negatives"),
        ([1.0, 2.0], [False, False], {}, "holds no positives"),
        ([1.0, nan], [1, 0], {}, r"score\[1\] is NaN"),
        ([1.0, 2.0], [1, -1], {}, r"positive\[1\] = -1.0"),
        ([1.0, 2.0], [1, nan], {}, r"positive\[1\] = nan"),
        ([1.0, 2.0, 3.0], [1, 0], {}, "score has 3, positive has 2"),
        ([], [], {}, "score is empty"),
        ([1.0, 2.0], [1, 0], {"clusters": ["a"]}, "2 questions, 1 clusters"),
        ([1.0, 2.0], [1, 0], {"interval": Interval(method="bootstrap")}, "'bootstrap' is not offered"),
    ],
)
def test_a_users_mistake_is_named(
    score: list[float], positive: list[float], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        auroc(score, positive, **options)  # type: ignore[arg-type]
