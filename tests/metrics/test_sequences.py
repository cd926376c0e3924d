"""Forward KL and unlikelihood: a known divergence, worked examples, masks of the wrong tokens."""

from __future__ import annotations

from math import exp, inf, isnan, log, nan

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pyscore.metrics import Interval
from pyscore.metrics.sequences import forward_kl, unlikelihood, unlikelihood_loss

seeds = st.integers(0, 2**32 - 1)


def pair(seed: int, shape: tuple[int, ...] = (6, 5)) -> np.ndarray:
    """Log-probabilities of the same tokens under a reference and a model."""
    return -np.random.default_rng(seed).gamma(1.0, size=(2, *shape))


# forward_kl


def test_forward_kl_equals_a_worked_example() -> None:
    # differences: 1, 2 in the first sequence, 3 in the second: 6 over 3 tokens, 6 over 2 sequences
    report = forward_kl([[-1.0, -1.0], [-1.0, nan]], [[-2.0, -3.0], [-4.0, 9.0]], mask=[[1, 1], [1, 0]])
    assert report["per_token"].value == pytest.approx(2.0)
    assert report["per_sequence"].value == pytest.approx(3.0)
    # both sums are 3, but a token of the second sequence carries more: without one sequence 3/1 and 3/2
    assert report["per_token"].stderr == pytest.approx((1 / 2 * (1 + 1 / 4)) ** 0.5)
    assert report["per_sequence"].reason.startswith("every question has the same mean")
    assert report.numbers == {"n_tokens": 3, "n_masked_tokens": 1, "n_sequences_without_targets": 0}


def test_samples_of_the_reference_estimate_the_exact_divergence() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    tokens = np.random.default_rng(0).choice(3, size=(2000, 10), p=p)
    report = forward_kl(np.log(p)[tokens], np.log(q)[tokens])
    exact = stats.entropy(p, q)
    assert report["per_token"].low < exact < report["per_token"].high
    assert report["per_token"].value == pytest.approx(exact, abs=0.02)
    assert report["per_sequence"].value == pytest.approx(10 * report["per_token"].value)


@given(seeds)
def test_tokens_of_one_sequence_are_one_unit(seed: int) -> None:
    reference, model = pair(seed)
    report = forward_kl(reference, model)
    sums = (reference - model).sum(axis=1)
    expected = stats.ttest_1samp(sums, 0).confidence_interval(0.95)
    assert (report["per_sequence"].low, report["per_sequence"].high) == pytest.approx((expected.low, expected.high))
    # of equal lengths a token has the interval of a sequence over its length
    assert report["per_token"].low == pytest.approx(expected.low / 5)


@given(seeds)
def test_offsets_and_a_mask_say_the_same(seed: int) -> None:
    reference, model = pair(seed)
    lengths = np.random.default_rng(seed).integers(1, 6, size=6)
    mask = np.arange(5) < lengths[:, None]
    joined = forward_kl(reference[mask], model[mask], offsets=np.r_[0, np.cumsum(lengths)])
    assert joined.estimates == forward_kl(reference, model, mask=mask).estimates


@given(seeds)
def test_what_is_masked_is_not_looked_at(seed: int) -> None:
    reference, model = pair(seed)
    mask = np.random.default_rng(seed).random(reference.shape) < 0.7
    mask[0, 0] = True
    report = forward_kl(reference, model, mask=mask)
    spoilt = forward_kl(np.where(mask, reference, nan), np.where(mask, model, 7.0), mask=torch.tensor(mask))
    assert spoilt.to_dict() == report.to_dict()


@given(seeds)
def test_swapping_the_two_models_negates_the_value(seed: int) -> None:
    a, b = pair(seed)
    assert forward_kl(a, b)["per_token"].value == pytest.approx(-forward_kl(b, a)["per_token"].value)


@given(seeds)
def test_a_model_does_not_diverge_from_itself(seed: int) -> None:
    a, _ = pair(seed)
    report = forward_kl(a, a)
    assert report["per_token"].value == 0 and "no spread" in report["per_token"].reason


@given(seeds)
def test_the_order_of_sequences_does_not_matter(seed: int) -> None:
    reference, model = pair(seed)
    order = np.random.default_rng(seed).permutation(6)
    there, back = forward_kl(reference, model), forward_kl(reference[order], model[order])
    for name in there.estimates:
        assert there[name].value == pytest.approx(back[name].value)
        assert there[name].stderr == pytest.approx(back[name].stderr)


@given(seeds)
def test_clusters_undo_repeated_sequences(seed: int) -> None:
    reference, model = pair(seed)
    twice = forward_kl(np.tile(reference, (2, 1)), np.tile(model, (2, 1)), clusters=np.tile(np.arange(6), 2))
    for name, once in forward_kl(reference, model).estimates.items():
        assert (twice[name].value, twice[name].stderr) == pytest.approx((once.value, once.stderr))


@pytest.mark.parametrize("offsets", [None, [0, 4, 8, 12]])
def test_the_mask_of_the_inputs_is_refused_and_explained(offsets: list[int] | None) -> None:
    shape, mask = ((3, 4), np.ones((3, 5))) if offsets is None else ((12,), np.ones(15))
    reference, model = pair(0, shape)
    with pytest.raises(ValueError, match=r"the mask of the input tokens.*input_mask\[:, 1:\]"):
        forward_kl(reference, model, mask=mask, offsets=offsets)


def test_a_sequence_without_targets_is_counted_and_left_out() -> None:
    reference, model = pair(1, (3, 2))
    report = forward_kl(reference, model, mask=[[1, 1], [0, 0], [1, 1]], clusters=["a", "b", "c"])
    kept = forward_kl(reference[[0, 2]], model[[0, 2]])
    assert report.numbers["n_sequences_without_targets"] == 1
    for name, estimate in report.estimates.items():
        assert estimate == kept[name]
        assert estimate.n == 2


def test_a_token_impossible_for_the_model_makes_the_divergence_infinite() -> None:
    report = forward_kl([[-1.0], [-1.0]], [[-inf], [-2.0]])
    assert report["per_token"].value == report["per_sequence"].value == inf
    assert "infinite" in report["per_token"].reason


def test_tokens_of_tiny_probability_are_ordinary() -> None:
    report = forward_kl([[-374.0], [-1e4]], [[-400.0], [-1e4 - 4]])
    assert report["per_token"].value == pytest.approx(15.0)


def test_one_sequence_has_a_value_and_no_interval() -> None:
    estimate = forward_kl([[-1.0, -2.0]], [[-2.0, -4.0]])["per_token"]
    assert estimate.value == pytest.approx(1.5)
    assert isnan(estimate.low) and estimate.reason.startswith("one question")


@pytest.mark.parametrize(
    ("reference", "model", "options", "message"),
    [
        ([[-1.0, -1.0]], [[-1.0]], {}, r"the same tokens: \(1, 2\) and \(1, 1\)"),
        ([-1.0, -1.0], [-1.0, -1.0], {}, "2 dimensions"),
        ([[-1.0, nan]], [[-1.0, -1.0]], {}, r"logprob_reference\[0, 1\] = nan"),
        ([[-1.0, -1.0]], [[-1.0, 0.5]], {}, r"logprob_model\[0, 1\] = 0.5"),
        ([[-1.0, -inf]], [[-1.0, -1.0]], {}, r"logprob_reference\[0, 1\] = -inf: a sample of the reference"),
        ([[-1.0, -1.0]], [[-1.0, -1.0]], {"mask": [[1, 2]]}, r"mask\[0, 1\] = 2.0"),
        ([[-1.0, -1.0]], [[-1.0, -1.0]], {"mask": [[1, 0.5]]}, r"mask\[0, 1\] = 0.5"),
        ([[-1.0, -1.0]], [[-1.0, -1.0]], {"mask": [[1]]}, "give one entry a target token"),
        ([[-1.0, -1.0]], [[-1.0, -1.0]], {"mask": [[0, 0]]}, "no target token"),
        (np.empty((0, 2)), np.empty((0, 2)), {}, "no target token"),
        ([-1.0, -1.0], [-1.0, -1.0], {"offsets": [0, 1]}, "end at the number of tokens, 2"),
        ([-1.0, -1.0], [-1.0, -1.0], {"offsets": [0, 2, 1, 2]}, r"offsets\[2\] = 1.0"),
        ([-1.0, -1.0], [-1.0, -1.0], {"offsets": [0, 0.5, 2]}, r"offsets\[1\] = 0.5"),
        ([-1.0, -1.0], [-1.0, -1.0], {"offsets": [0, nan, 2]}, r"offsets\[1\] = nan"),
        ([[-1.0, -1.0]], [[-1.0, -1.0]], {"clusters": ["a", "b"]}, "2 clusters"),
    ],
)
def test_a_users_mistake_is_named(reference: object, model: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forward_kl(reference, model, **options)  # type: ignore[arg-type]


# unlikelihood


@given(st.floats(-740, -1e-300))
def test_unlikelihood_equals_400_digits(logprob: float) -> None:
    with mpmath.workdps(400):
        exact = float(-mpmath.log(1 - mpmath.exp(mpmath.mpf(logprob))))
    assert unlikelihood([logprob])[0] == pytest.approx(exact, rel=1e-14, abs=1e-320)


def test_unlikelihood_at_its_ends() -> None:
    losses = unlikelihood([0.0, -1e-20, -374.0, -1e4, -inf, log(0.5)])
    assert losses[0] == inf
    assert losses[1] == pytest.approx(20 * log(10))
    assert losses[2] == pytest.approx(exp(-374.0), rel=1e-12, abs=0)
    assert losses[3] == losses[4] == 0
    assert losses[5] == pytest.approx(log(2))


@given(seeds)
def test_a_likelier_unwanted_token_costs_more(seed: int) -> None:
    logprobs = np.sort(-np.random.default_rng(seed).gamma(2.0, size=20))
    assert (np.diff(unlikelihood(logprobs)) > 0).all()


def test_the_loss_is_the_mean_with_clustered_errors() -> None:
    logprobs = np.log([0.5, 0.5, 0.75, 0.75])
    report = unlikelihood_loss(logprobs, clusters=["a", "a", "b", "b"], interval=Interval(0.9))
    assert report["unlikelihood"].value == pytest.approx((log(2) + log(4)) / 2)
    assert report["unlikelihood"].stderr == pytest.approx(log(2) / 2)
    assert report.confidence == 0.9


def test_a_certain_token_makes_the_loss_infinite_and_is_counted() -> None:
    report = unlikelihood_loss([0.0, -1.0])
    assert report["unlikelihood"].value == inf
    assert report.numbers["n_certain"] == 1
