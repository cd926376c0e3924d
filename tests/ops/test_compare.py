"""compare_answers and score_answers: published numbers, definitions and properties on every backend."""

from __future__ import annotations

import csv
import pickle
from dataclasses import fields, replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore import Comparison, compare_answers, score_answers, summarize
from pyscore.ops.compare import TIES
from tests.ops.cases import every_backend, every_compiled_backend
from tests.paths import ORACLES, needs_oracles

INF = float("inf")


def questions(seed: int, n: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities with ties, underflow and -inf; offsets; flags with both kinds in every question."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, n)
    offsets = np.concatenate([[0], sizes.cumsum()])
    values = -rng.choice([0.25, 0.5, 1.0, 3.7, 20.0, 374.0, np.inf], offsets[-1]) * rng.choice([1.0, 0.9], offsets[-1])
    matching = rng.random(offsets[-1]) < 0.5
    for start, end in pairwise(offsets):
        matching[start], matching[end - 1] = rng.permutation([True, False])
    return torch.from_numpy(values).to(dtype), torch.from_numpy(offsets), torch.from_numpy(matching)


def close(actual: Comparison, expected: Comparison, tolerance: float) -> None:
    for field in fields(Comparison):
        ours, theirs = getattr(actual, field.name), getattr(expected, field.name)
        if field.name == "ties":
            assert ours == theirs
            continue
        limits: dict[str, Any] = {"rtol": tolerance, "atol": tolerance, "equal_nan": True}
        torch.testing.assert_close(ours, theirs, **limits, msg=f"{field.name}: {{}}".format)


@every_backend
@needs_oracles
def test_caa_published_mean_and_its_companions(backend: str) -> None:
    with open(ORACLES / "caa_sycophancy_layer13_mult-1_llama2-7b-chat.csv") as file:
        rows = list(csv.DictReader(file))
    p = np.array([[float(row["a_prob"]), float(row["b_prob"])] for row in rows])
    matching = np.array([[row["matching"] == "A", row["matching"] == "B"] for row in rows])
    comparison = compare_answers(np.log(p).ravel(), np.arange(0, 101, 2), matching.ravel(), backend=backend)
    summary = summarize(comparison)
    assert abs(summary.mean_probability.value - 0.6367491809389794) < 1e-12
    assert summary.preference_rate.value == 0.64
    assert abs(summary.mean_probability_raw.value - 0.5149120361637324) < 1e-12
    assert abs(summary.mean_coverage.value - 0.8261871661688202) < 1e-12


@every_backend
@needs_oracles
def test_winogrande_accuracy_of_lm_eval(backend: str) -> None:
    with open(ORACLES / "lm_eval_winogrande_5shot_llama13b.csv") as file:
        rows = list(csv.DictReader(file))
    logprob = np.array([[float(row["logit_0"]), float(row["logit_1"])] for row in rows])
    first = np.array([row["truth"] in ("0", "A") for row in rows])
    matching = np.stack([first, ~first], 1)
    comparison = compare_answers(logprob.ravel(), np.arange(0, 2 * len(rows) + 1, 2), matching.ravel(), backend=backend)
    assert comparison.prefers.sum() == 965
    assert (comparison.prefers == np.array([row["acc"] == "True" for row in rows])).all()
    estimate = summarize(comparison).preference_rate
    assert round(estimate.value, 4) == 0.7616 and round(estimate.stderr, 4) == 0.0120


@every_backend
def test_fields_of_one_question_by_hand(backend: str) -> None:
    p = torch.tensor([0.5, 0.1, 0.2, 0.05], dtype=torch.float64)
    matching = [False, True, True, False]
    got = compare_answers(p.log(), [0, 4], matching, backend=backend)
    assert got.probability.item() == pytest.approx(0.3 / 0.85, abs=1e-15)
    assert got.probability_raw.item() == pytest.approx(0.3) and got.coverage.item() == pytest.approx(0.85)
    assert got.log_odds.item() == pytest.approx(np.log(0.3 / 0.55)) and got.margin.item() == pytest.approx(np.log(0.4))
    assert got.prefers.item() == 0 and not got.tie.item() and got.predicted.item() == 0
    p[0], p[1] = 0.25, 0.2
    assert compare_answers(p.log(), [0, 4], matching, backend=backend).prefers.item() == 0
    assert compare_answers(p.log(), [0, 4], matching, sets="sum", backend=backend).prefers.item() == 1


@every_backend
def test_ties_follow_the_policy(backend: str) -> None:
    logprob = torch.tensor([-1.0, -1.0, -1.0, -1.0, -3.0, -1.0, -1.0], dtype=torch.float64)
    matching = [True, False, False, True, True, False, True]
    expected = {"half": [0.5, 0.5, 0.5], "strict": [0, 0, 0], "first": [1, 0, 0]}
    for ties, prefers in expected.items():
        got = compare_answers(logprob, [0, 2, 4, 7], matching, ties=ties, backend=backend)
        assert got.tie.all() and got.prefers.tolist() == prefers, ties
    # with sets="sum" the first answer of each set decides
    got = compare_answers(torch.tensor([-1.0, -1.0]), [0, 2], [False, True], sets="sum", ties="first", backend=backend)
    assert got.prefers.tolist() == [0]


@every_backend
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("best", [-1.5, -800.0, -INF])
def test_a_shared_tie_counts_the_matching_answers_among_the_best(backend: str, best: float, dtype: torch.dtype) -> None:
    # Every set of matching answers among 2 to 8 that tie, first alone and then with a worse answer of each kind.
    flags = [list(each) for n in range(2, 9) for each in product([True, False], repeat=n) if 0 < sum(each) < n]
    expected = torch.tensor([sum(each) / len(each) for each in flags], dtype=dtype)
    ends = np.cumsum([0, *map(len, flags)])
    logprob = torch.full((int(ends[-1]),), best, dtype=dtype)
    got = compare_answers(logprob, ends, [flag for each in flags for flag in each], ties="share", backend=backend)
    assert got.tie.all() and got.prefers.dtype == dtype and torch.equal(got.prefers, expected)
    if best > -INF:
        values = [value for each in flags for value in (best - 1, *[best] * len(each), -INF)]
        worse = [flag for each in flags for flag in (False, *each, True)]
        ends += 2 * np.arange(len(ends))
        got = compare_answers(torch.tensor(values, dtype=dtype), ends, worse, ties="share", backend=backend)
        assert got.tie.all() and torch.equal(got.prefers, expected)


@every_backend
def test_sums_that_are_equal_share_by_half(backend: str) -> None:
    p = torch.tensor([0.5, 0.25, 0.25, 0.5, 0.5, 0.5], dtype=torch.float64)
    matching, offsets = [True, False, False] * 2, [0, 3, 6]
    got = compare_answers(p.log(), offsets, matching, sets="sum", ties="share", backend=backend)
    assert got.tie.tolist() == [True, False] and got.prefers.tolist() == [0.5, 0]
    assert compare_answers(p.log(), offsets, matching, ties="share", backend=backend).prefers.tolist() == [1, 1 / 3]


@every_backend
def test_underflow_and_minus_infinity_are_ordinary(backend: str) -> None:
    logprob = torch.tensor([-374.0, -375.0, -INF, -5.0, -INF, -INF, -INF], dtype=torch.float64)
    matching = [True, False, True, False, True, False, False]
    got = compare_answers(logprob, [0, 2, 4, 7], matching, backend=backend)
    assert got.probability[0].item() == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-15)
    assert (
        got.log_odds.tolist()[:2] == [1.0, -INF]
        and got.probability[1].item() == 0
        and got.prefers.tolist() == [1, 0, 0.5]
    )
    assert (
        got.probability[2].item() == pytest.approx(1 / 3)
        and got.margin[2].item() == 0
        and got.tie.tolist() == [False, False, True]
    )
    assert got.coverage[2].item() == 0 and got.predicted.tolist() == [0, 1, 0]


@every_backend
@pytest.mark.parametrize("offset", [-1e8, -1e17])
def test_log_odds_keep_their_digits_under_a_common_offset(backend: str, offset: float) -> None:
    answers = torch.full((3,), offset, dtype=torch.float64)
    result = compare_answers(answers, [0, 3], [True, True, False], sets="sum", backend=backend)
    assert result.log_odds.item() == pytest.approx(np.log(2), rel=1e-14)
    assert result.probability.item() == pytest.approx(2 / 3, rel=1e-14)
    assert result.prefers.item() == 1


@every_compiled_backend
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(0, 30),
    sets=st.sampled_from(["max", "sum"]),
    ties=st.sampled_from(TIES),
)
def test_backend_agrees_with_reference(backend: str, seed: int, n: int, sets: str, ties: str) -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        inputs = questions(seed, n, dtype)
        actual = compare_answers(*inputs, sets=sets, ties=ties, backend=backend)
        expected = compare_answers(*inputs, sets=sets, ties=ties, backend="reference")
        close(actual, expected, tolerance)


@every_backend
@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 12))
def test_swapping_matching_and_other_answers_mirrors_the_comparison(backend: str, seed: int, n: int) -> None:
    logprob, offsets, matching = questions(seed, n)
    one, two = (compare_answers(logprob, offsets, flags, backend=backend) for flags in (matching, ~matching))
    torch.testing.assert_close(one.log_odds, -two.log_odds, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        one.probability + two.probability, torch.ones(n, dtype=torch.float64), rtol=1e-12, atol=0
    )
    assert torch.equal(one.prefers + two.prefers, torch.ones(n, dtype=torch.float64))
    assert torch.equal(one.tie, two.tie) and torch.equal(one.predicted, two.predicted)


@every_backend
def test_score_answers_sums_tokens_and_normalizes(backend: str) -> None:
    tokens = torch.tensor([-1.0, -2.0, -0.5, -4.0, -1.5, -1.0], dtype=torch.float64)
    answer_offsets, question_offsets, matching = [0, 2, 3, 4, 6], [0, 2, 4], [True, False, True, False]
    sums = torch.tensor([-3.0, -0.5, -4.0, -2.5], dtype=torch.float64)
    base = torch.tensor([-9.0, -0.25, -8.0, -2.0], dtype=torch.float64)
    common: dict[str, Any] = {"n_chars": [6, 1, 8, 2], "n_bytes": [12, 1, 8, 3], "unconditional": base}
    divisors = {"sum": [1, 1, 1, 1], "token": [2, 1, 1, 2], "char": [6, 1, 8, 2], "byte": [12, 1, 8, 3]}
    plain = compare_answers(sums, question_offsets, matching, backend=backend)
    for normalize, divisor in divisors.items():
        got = score_answers(
            tokens, answer_offsets, question_offsets, matching, normalize=normalize, backend=backend, **common
        )
        expected = compare_answers(sums / torch.tensor(divisor), question_offsets, matching, backend=backend)
        for name in ("probability", "log_odds", "margin", "prefers", "predicted"):
            torch.testing.assert_close(getattr(got, name), getattr(expected, name), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(got.coverage, plain.coverage, rtol=1e-12, atol=0)
        torch.testing.assert_close(got.probability_raw, plain.probability_raw, rtol=1e-12, atol=0)
    pmi = score_answers(tokens, answer_offsets, question_offsets, matching, normalize="pmi", backend=backend, **common)
    torch.testing.assert_close(pmi.margin, torch.tensor([6.25, 4.5], dtype=torch.float64))
    assert pmi.probability[0].item() == pytest.approx(1 / (1 + np.exp(-6.25)))


@pytest.mark.parametrize("kind", [torch.tensor, np.array])
def test_a_comparison_knows_its_policy_and_what_chance_would_score(kind: Any) -> None:
    matching = kind([True, False, False, True, True, False, False, True])
    got = compare_answers(kind([-1.0] * 8), kind([0, 3, 6, 8]), matching, ties="share")
    assert got.ties == "share" and isinstance(got.chance, type(got.prefers))
    assert got.chance.tolist() == [1 / 3, 2 / 3, 1 / 2] and len(pickle.loads(pickle.dumps(got)).chance) == 3
    assert got.prefers.tolist() == pytest.approx(got.chance.tolist())  # all tie
    unknown = replace(got, question_offsets=None)
    assert unknown.chance is None


@every_backend
def test_no_questions(backend: str) -> None:
    got = compare_answers(torch.empty(0), [0], torch.empty(0, dtype=torch.bool), backend=backend)
    assert len(got) == 0 and got.predicted.dtype == torch.int64
