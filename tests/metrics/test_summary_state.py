"""SummaryState: sums that join to what all rows give together."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from math import inf, isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore import Comparison, Summary, SummaryState, compare_answers, summarize
from pyscore.metrics.core.columns import SUMMED
from tests.metrics.cases import compare_pairs, comparisons, of_preferences, random_pairs, take


def numbers(summary: Summary) -> list[float]:
    estimates = [getattr(summary, name) for name in (*SUMMED, "ece", "calibration_error")]
    flat = [x for e in estimates for x in (e.value, e.stderr, e.low, e.high, float(e.n))]
    return [*flat, summary.chance, float(summary.n_questions), float(summary.n_clusters or -1)]


def split(comparison: Comparison, clusters: np.ndarray | None, cuts: list[int]) -> list[SummaryState]:
    """One state a part; parts may be empty and hold parts of one cluster each."""
    edges = sorted(cut % (len(comparison) + 1) for cut in cuts)
    states = []
    for rows in np.split(np.arange(len(comparison)), edges):
        state = SummaryState()
        if len(rows):
            state.update(take(comparison, rows), None if clusters is None else clusters[rows])
        states.append(state)
    return states


@pytest.mark.parametrize("clustered", [False, True])
@given(comparison=comparisons, cuts=st.lists(st.integers(0, 10**6), max_size=5), shuffle=st.integers(0, 2**32 - 1))
def test_merged_equals_pooled_in_any_order(
    clustered: bool, comparison: Comparison, cuts: list[int], shuffle: int
) -> None:
    clusters = np.array([f"c{i % 5}" for i in range(len(comparison))]) if clustered else None
    states = split(comparison, clusters, cuts)
    order = np.random.default_rng(shuffle).permutation(len(states))
    merged = reduce(SummaryState.merge, [states[i] for i in order])
    pooled = summarize(comparison, clusters=clusters, confidence=0.9)
    assert numbers(merged.summarize(0.9)) == pytest.approx(numbers(pooled), rel=1e-9, abs=1e-9, nan_ok=True)


def test_many_updates_far_from_zero_do_not_lose_the_spread() -> None:
    # log odds near 1e8 with a spread of 1: naive sums of squares would lose all of it
    rng = np.random.default_rng(0)
    m = -1e8 + rng.normal(size=400)
    comparison = compare_pairs(-np.ones(400), m)
    state = SummaryState()
    for start in range(0, 400, 7):
        state.update(take(comparison, np.arange(start, min(start + 7, 400))))
    assert state.summarize().mean_log_odds.stderr == pytest.approx(summarize(comparison).mean_log_odds.stderr, rel=1e-9)


def test_a_pickled_state_goes_on_where_it_was() -> None:
    first, second = random_pairs(1, 20), random_pairs(2, 30)
    state = SummaryState().update(first, clusters=["x", "y"] * 10)
    copied = pickle.loads(pickle.dumps(state))
    keys = ["y", "z", "x"] * 10
    assert copied.update(second, clusters=keys).summarize() == state.update(second, clusters=keys).summarize()


def test_the_size_of_a_state_does_not_grow_with_its_questions() -> None:
    small, large = SummaryState().update(random_pairs(0, 10)), SummaryState().update(random_pairs(0, 10_000))
    assert len(pickle.dumps(large)) < len(pickle.dumps(small)) + 16


def test_merging_changes_neither_state() -> None:
    a = SummaryState().update(of_preferences([1, 0, 1]), clusters=["a", "a", "b"])
    b = SummaryState().update(of_preferences([0, 0]), clusters=["b", "c"])
    before = numbers(a.summarize()), numbers(b.summarize())
    merged = a.merge(b)
    merged.update(of_preferences([1]), clusters=["a"])
    assert (numbers(a.summarize()), numbers(b.summarize())) == before
    assert (merged.summarize().n_questions, merged.summarize().n_clusters) == (6, 3)


def test_merging_with_an_empty_state_copies() -> None:
    a = SummaryState().update(of_preferences([1, 0, 1]))
    for merged in (a.merge(SummaryState()), SummaryState().merge(a)):
        merged.update(of_preferences([0]))
        assert merged.summarize().n_questions == 4
    assert a.summarize().n_questions == 3


def test_infinite_log_odds_are_counted_across_states() -> None:
    a = SummaryState().update(compare_pairs([-1.0, -1.0], [-inf, -2.0]))
    assert a.summarize().mean_log_odds.value == inf
    b = SummaryState().update(compare_pairs([-inf], [-1.0]))
    assert a.merge(b).summarize().mean_log_odds.reason == "2 infinite log odds"


def test_clusters_are_given_always_or_never() -> None:
    state = SummaryState().update(of_preferences([1, 0]), clusters=["a", "b"])
    with pytest.raises(ValueError, match="always or never"):
        state.update(of_preferences([1, 0]))
    assert state.summarize().n_questions == 2


def test_an_empty_state_has_no_summary() -> None:
    with pytest.raises(ValueError, match="empty"):
        SummaryState().summarize()


def test_ties_that_counted_by_different_policies_are_not_joined() -> None:
    half, share = of_preferences([1, 0.5]), replace(of_preferences([1, 0.5]), ties="share")
    state = SummaryState().update(half)
    before = numbers(state.summarize())
    refusals: list[Callable[[], Any]] = [
        lambda: state.update(share),
        lambda: state.merge(SummaryState().update(share)),
    ]
    for refused in refusals:
        with pytest.raises(ValueError, match="ties counted as 'half' and as 'share': compare all"):
            refused()
    assert numbers(state.summarize()) == pytest.approx(before, nan_ok=True)  # The refusals changed nothing.
    assert "ties:half" in state.merge(state).summarize().signature


def test_a_signature_names_the_policy_of_ties_that_all_comparisons_name() -> None:
    named, silent = of_preferences([1, 0.5]), replace(of_preferences([1, 0.5]), ties=None)
    assert "ties" not in SummaryState().update(named).update(silent).summarize().signature
    assert "ties" not in summarize(silent).signature and "ties:half" in summarize(named, weights=[1, 2]).signature


@pytest.mark.parametrize("options", [{}, {"clusters": ["a", "b", "b"]}, {"weights": [1, 1, 1]}])
def test_chance_is_the_mean_share_of_matching_answers(options: dict[str, Any]) -> None:
    logprob, matching = [-1.0] * 8, [True, False, False, True, True, False, False, True]
    compared = compare_answers(np.array(logprob), [0, 3, 6, 8], np.array(matching), ties="share")
    summary = summarize(compared, **options)
    assert summary.chance == pytest.approx((1 / 3 + 2 / 3 + 1 / 2) / 3) and "chance 0.5000" in str(summary)
    assert summary.preference_rate.value == pytest.approx(summary.chance)  # all answers tie
    state = SummaryState().update(compared)
    assert state.merge(state).summarize().chance == pytest.approx(summary.chance)
    unknown = state.update(replace(compared, is_matching=None)).summarize()
    assert isnan(unknown.chance) and unknown.to_dict()["chance"] is None and "chance" not in str(unknown)


def test_chance_follows_weights() -> None:
    compared = compare_answers(np.full(6, -1.0), [0, 2, 6], np.array([True, False, True, False, False, False]))
    assert summarize(compared, weights=[3, 1]).chance == pytest.approx((3 / 2 + 1 / 4) / 4)
    assert summarize(compared, weights=[0, 1]).chance == 0.25
