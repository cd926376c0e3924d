"""Bounds of log-probabilities become bounds of every number: by brute force, by containment, and by how often."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyscore.metrics import Answers, BoundedEstimate, Estimate, summarize
from pyscore.metrics.bounds import ComparisonBounds, compare_between, summarize_between
from pyscore.metrics.question_values import Rule, compare

FIELDS = ("probability", "probability_raw", "coverage", "log_odds", "margin", "prefers", "tie")
CORNERS = ("probability", "log_odds", "margin", "prefers")
RULES = [
    Rule(normalize, sets, ties)
    for normalize in ("sum", "char", "pmi")
    for sets in ("max", "sum")
    for ties in ("half", "strict", "first", "share", "last")
]
Floats = NDArray[np.float64]


@st.composite
def between(draw: st.DrawFn) -> tuple[Answers, Floats, Floats]:
    """Some questions with upper bounds, lower ones, and log-probabilities between them; ties are common."""
    grid = st.sampled_from([0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -40.0, -750.0, -inf])
    logprob: list[list[float]] = []
    matching: list[bool] = []
    counts = draw(st.lists(st.integers(2, 4), min_size=1, max_size=3))
    for n in counts:
        right = draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=n - 1))
        matching += [k in right for k in range(n)]
        logprob += [sorted(draw(st.tuples(grid, grid, grid))) for _ in range(n)]
    low, value, high = np.array(logprob).T
    n_chars = draw(st.lists(st.integers(1, 3), min_size=len(low), max_size=len(low)))
    unconditional = np.full(len(low), -1.0)
    offsets = np.cumsum([0, *counts])
    return Answers(high, offsets, matching, n_chars=n_chars, unconditional=unconditional), low, value


def at(answers: Answers, logprob: Floats) -> Answers:
    return replace(answers, logprob=logprob)


def values(bounds: ComparisonBounds, field: str) -> tuple[Floats, Floats]:
    low, high = (np.asarray(getattr(each, field), np.float64) for each in (bounds.lowest, bounds.highest))
    return low, high


def holds(low: Floats, value: Floats, high: Floats) -> bool:
    """Whether low <= value <= high, to rounding."""
    slack = 1e-12 * (1 + np.abs(np.where(np.isfinite(value), value, 0.0)))
    return bool(((low - slack <= value) & (value <= high + slack)).all())


@given(between(), st.sampled_from(RULES))
def test_bounds_hold_for_all_that_lies_between(drawn: tuple[Answers, Floats, Floats], rule: Rule) -> None:
    answers, low, value = drawn
    bounds, true = compare_between(answers, low, rule), compare(at(answers, value), rule)
    for field in FIELDS:
        ends, found = values(bounds, field), np.asarray(getattr(true, field), np.float64)
        if field in ("coverage", "probability_raw"):  # which end at 1, above which no mass is
            found = np.minimum(found, np.maximum(1.0, ends[0]))
        assert holds(ends[0], found, ends[1]), field
    certain = ~bounds.undecided
    assert (np.asarray(true.prefers)[certain] == bounds.lowest.prefers[certain]).all()
    known = bounds.lowest.predicted >= 0
    assert (known == ~bounds.has_bounds).all() and (bounds.lowest.predicted == true.predicted)[known].all()


@settings(max_examples=50)
@given(between(), st.sampled_from(RULES))
def test_bounds_are_those_of_all_corners(drawn: tuple[Answers, Floats, Floats], rule: Rule) -> None:
    answers, low, _ = drawn
    answers = at(answers, answers.logprob)
    n = int(answers.question_offsets[1])
    first = Answers(
        answers.logprob[:n], [0, n], answers.is_matching[:n],
        n_chars=answers.need("n_chars")[:n], unconditional=answers.need("unconditional")[:n],
    )  # fmt: skip
    bounds = compare_between(first, low[:n], rule)
    every = [
        compare(at(first, np.array(corner)), rule)
        for corner in product(*zip(low[:n].tolist(), first.logprob.tolist(), strict=True))
    ]
    for field in CORNERS:
        found = np.array([float(getattr(each, field)[0]) for each in every])
        ends = np.array([end[0] for end in values(bounds, field)])
        finite = np.isfinite(ends)
        assert (np.array([found.min(), found.max()])[~finite] == ends[~finite]).all(), field
        assert ends[finite] == pytest.approx(np.array([found.min(), found.max()])[finite], abs=1e-12), field


@given(between(), st.sampled_from(RULES))
def test_bounds_that_meet_are_the_comparison(drawn: tuple[Answers, Floats, Floats], rule: Rule) -> None:
    answers, _, value = drawn
    bounds, exact = compare_between(at(answers, value), value, rule), compare(at(answers, value), rule)
    for field in (*FIELDS, "predicted"):
        for each in (bounds.lowest, bounds.highest):
            assert np.array_equal(getattr(each, field), getattr(exact, field)), field
    assert not bounds.has_bounds.any() and not bounds.undecided.any()


def test_summaries_of_bounds_that_meet_are_those_of_values() -> None:
    answers, low, _ = censored(np.random.default_rng(1), 30, 9)
    bounds = compare_between(at(answers, low), low)
    found, exact = summarize_between(bounds), summarize(compare(at(answers, low)))
    assert str(found) == str(exact) and found.to_dict() == exact.to_dict()


def censored(rng: np.random.Generator, n: int, k: int) -> tuple[Answers, Floats, Floats]:
    """Questions of which a server lists the k likeliest of 8 tokens, two of them being the answers."""
    logits = rng.normal(size=(n, 8)) * 2
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (*top_k(p, k), np.log(p[:, :2]).ravel())


def top_k(p: Floats, k: int) -> tuple[Answers, Floats]:
    ordered = -np.sort(-p, axis=1)
    last, left = (ordered[:, k - 1], 1 - ordered[:, :k].sum(axis=1)) if k < p.shape[1] else (np.zeros(len(p)),) * 2
    listed = p >= last[:, None]
    high = np.where(listed, p, np.minimum(last, np.maximum(left, 0.0))[:, None])[:, :2]
    with np.errstate(divide="ignore"):
        low = np.log(np.where(listed, p, 0.0))[:, :2].ravel()
        return Answers(np.log(high).ravel(), np.arange(0, 2 * len(p) + 1, 2), [True, False] * len(p)), low


def test_more_listed_tokens_never_widen_the_bounds() -> None:
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.full(8, 0.7), 200)
    true = compare(Answers(np.log(p[:, :2]).ravel(), np.arange(0, 401, 2), [True, False] * 200))
    wider = None
    for k in range(1, 9):
        bounds = compare_between(*top_k(p, k))
        for field in FIELDS:
            low, high = values(bounds, field)
            assert holds(low, np.asarray(getattr(true, field), np.float64), high)
            if wider is not None:
                before = values(wider, field)
                assert holds(before[0], low, high) and holds(low, high, before[1])
        wider = bounds
    assert not bounds.has_bounds.any()


NAMES = ("mean_probability", "preference_rate", "mean_probability_raw", "mean_coverage", "tie_rate", "brier")


@pytest.mark.parametrize("k", [1, 3])
def test_intervals_cover_the_true_mean_at_least_as_often_as_they_say(k: int) -> None:
    rng, times = np.random.default_rng(3), 300
    logits = rng.normal(size=(2_000, 8)) * 2
    population = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = summarize(compare(Answers(np.log(population[:, :2]).ravel(), np.arange(0, 4001, 2), [True, False] * 2_000)))
    covered = dict.fromkeys(NAMES, 0)
    for _ in range(times):
        drawn = population[rng.integers(0, len(population), 60)]
        found = summarize_between(compare_between(*top_k(drawn, k)))
        for name in NAMES:
            estimate: Estimate = getattr(found, name)
            covered[name] += estimate.low <= getattr(true, name).value <= estimate.high
    # Four standard errors below 95 %, since so many numbers are looked at.
    assert min(covered.values()) >= times * 0.95 - 4 * (times * 0.95 * 0.05) ** 0.5


def test_a_summary_between_bounds_says_what_it_leaves_open() -> None:
    answers, low, value = censored(np.random.default_rng(4), 50, 3)
    bounds = compare_between(answers, low)
    found = summarize_between(bounds, clusters=[i // 5 for i in range(50)])
    ends = [summarize(each, clusters=[i // 5 for i in range(50)]) for each in (bounds.lowest, bounds.highest)]
    mean = found.mean_probability
    assert isinstance(mean, BoundedEstimate) and np.isnan(mean.value)
    assert (mean.value_low, mean.value_high) == tuple(each.mean_probability.value for each in ends)
    assert (mean.low, mean.high) == (ends[0].mean_probability.low, ends[1].mean_probability.high)
    assert isinstance(found.brier, BoundedEstimate)
    true = compare(at(answers, value))
    assert found.brier.value_low <= float(np.mean((1 - np.asarray(true.probability)) ** 2)) <= found.brier.value_high
    assert found.ece.reason.startswith("open") and np.isnan(found.ece.value) and np.isnan(found.calibration_error.value)
    assert f"{mean.value_low:.4f} to {mean.value_high:.4f}" in str(found) and "bounds:outer" in found.signature
    assert found.mean_log_odds.reason and isinstance(found.mean_log_odds, BoundedEstimate)
    assert found.mean_log_odds.value_low == -inf
    assert found.to_dict()["mean_probability"]["value"] is None
