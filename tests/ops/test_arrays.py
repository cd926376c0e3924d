"""torch, NumPy and DLPack in; the same kind out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pyscore import compare_answers, linear_logprobs, logprobs
from tests.ops.cases import random_rows


class DLPackOnly:
    """An array that offers DLPack and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


class Namespaced(DLPackOnly):
    """An array-API array: its namespace takes DLPack back."""

    def __array_namespace__(self) -> type[Namespaced]:
        return type(self)

    @classmethod
    def from_dlpack(cls, array: DLPackOnly) -> Namespaced:
        return cls(np.from_dlpack(array))


def test_numpy_in_numpy_out_with_the_bits_of_torch() -> None:
    logits, targets = random_rows(5, 40, torch.float32)
    ours = logprobs(logits.numpy(), targets.numpy(), outputs=("logprob", "is_greedy"), top_k=2)
    assert isinstance(ours.logprob, np.ndarray) and ours.logprob.dtype == np.float32
    assert ours.is_greedy.dtype == np.bool_ and ours.top_ids.dtype == np.int64
    assert (ours.logprob == logprobs(logits, targets).logprob.numpy()).all()
    assert isinstance(
        linear_logprobs(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32), [0, 1, 2]).logprob, np.ndarray
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a[::-1][::-1],
        lambda a: np.asfortranarray(a),
        lambda a: a.astype(">f4"),
        lambda a: np.frombuffer(a.tobytes(), np.float32).reshape(a.shape),
    ],
    ids=["negative strides", "column major", "byte-swapped", "read-only"],
)
def test_unusual_numpy_arrays_are_read_without_a_warning(change: Callable[[np.ndarray], np.ndarray]) -> None:
    logits, targets = random_rows(5, 40, torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = logprobs(change(logits.numpy()), targets.tolist())
    assert (ours.logprob == logprobs(logits, targets).logprob.numpy()).all()


def test_reversed_rows_with_negative_strides_are_read_in_their_order() -> None:
    logits, targets = random_rows(5, 40, torch.float32)
    ours = logprobs(logits.numpy()[::-1], targets.numpy()[::-1])
    assert (ours.logprob[::-1] == logprobs(logits, targets).logprob.numpy()).all()


def test_dlpack_arrays_come_back_as_their_own_kind_or_as_torch() -> None:
    logits, targets = random_rows(5, 40, torch.float32)
    expected = logprobs(logits, targets).logprob
    assert torch.equal(logprobs(DLPackOnly(logits.numpy()), targets).logprob, expected)
    namespaced = logprobs(Namespaced(logits.numpy()), targets).logprob
    assert isinstance(namespaced, Namespaced) and (namespaced.array == expected.numpy()).all()


def test_comparisons_keep_kind_and_floating_dtype() -> None:
    flags, offsets = np.array([True, False]), np.array([0, 2])
    for dtype in (np.float32, np.float64):
        got = compare_answers(np.array([-1, -2], dtype), offsets, flags)
        assert got.probability.dtype == dtype and got.tie.dtype == np.bool_ and got.predicted.dtype == np.int64
    half = compare_answers(torch.tensor([-1.0, -2.0], dtype=torch.bfloat16), offsets, flags)
    assert half.probability.dtype == torch.float32


def test_index_dtypes_other_than_int64_are_widened() -> None:
    logits, targets = random_rows(5, 40, torch.float32)
    for dtype in (np.int32, np.uint8, np.int16):
        assert (
            logprobs(logits.numpy(), targets.numpy().astype(dtype)).logprob == logprobs(logits, targets).logprob.numpy()
        ).all()
