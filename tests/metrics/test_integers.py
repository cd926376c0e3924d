"""Wherever a metric takes an int, any integer is one, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pyscore import compare_answers, summarize
from pyscore.metrics import (
    Interval,
    calibration,
    comparison_calibration,
    distinct_n,
    minimum_detectable_effect,
    multiclass_calibration,
    self_bleu,
    sentence_self_bleu,
)

ANSWERS = torch.log(torch.tensor([0.6, 0.2, 0.3, 0.5, 0.7, 0.1], dtype=torch.float64))
COMPARISON = compare_answers(ANSWERS, [0, 2, 4, 6], [True, False] * 3)
TEXTS = ["a b c", "a b d", "b c d"]

TAKERS: list[tuple[str, Callable[[Any], object]]] = [
    ("seed", lambda n: summarize(COMPARISON, method="bootstrap", seed=n)),
    ("seed", lambda n: Interval(method="bootstrap", seed=n)),
    ("n_resamples", lambda n: Interval(method="bootstrap", n_resamples=n)),
    ("n_bins", lambda n: calibration([0.2, 0.7], [0, 1], n_bins=n)),
    ("n_bins", lambda n: comparison_calibration(COMPARISON, n_bins=n)),
    ("n_bins", lambda n: multiclass_calibration(ANSWERS, [0, 3, 6], [0, 1], n_bins=n)),
    ("max_order", lambda n: self_bleu(TEXTS, max_order=n)),
    ("max_order", lambda n: sentence_self_bleu(TEXTS, max_order=n).tolist()),
    ("max_order", lambda n: distinct_n(TEXTS, max_order=n)),
    ("n", lambda n: minimum_detectable_effect(n, variance=1.0)),
]
every_taker = pytest.mark.parametrize(
    ("name", "take"), TAKERS, ids=[f"{i}-{name}" for i, (name, _) in enumerate(TAKERS)]
)


@every_taker
@pytest.mark.parametrize("two", [np.int64(2), np.array(2), torch.tensor(2)], ids=["int64", "array", "tensor"])
def test_any_integer_is_an_integer(name: str, take: Callable[[Any], object], two: Any) -> None:
    assert repr(take(two)) == repr(take(2))


@every_taker
@pytest.mark.parametrize("value", [2.5, True, None, "2"])
def test_anything_else_is_refused_by_name(name: str, take: Callable[[Any], object], value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be an integer"):
        take(value)


def test_a_seed_may_be_larger_than_64_bits() -> None:
    assert Interval(seed=2**70).seed == 2**70
