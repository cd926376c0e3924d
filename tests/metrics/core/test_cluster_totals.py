"""Sums over clusters in one compiled pass are those of a loop, whatever the keys and the threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyscore import summarize
from pyscore._extension import _C
from pyscore.metrics import estimate_mean
from pyscore.metrics.core.arrays import encode_integers
from pyscore.metrics.core.cluster_totals import totals_of
from pyscore.metrics.core.columns import read_columns, read_scores
from tests.metrics.cases import random_pairs

DTYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64]


@given(st.integers(0, 10**6), st.integers(1, 300), st.sampled_from(DTYPES), st.sampled_from([1, 3]))
def test_totals_are_those_of_a_loop(seed: int, n: int, dtype: Any, threads: int) -> None:
    comparison = random_pairs(seed, n)
    keys = np.random.default_rng(seed).integers(0, 40, n).astype(dtype)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        totals = totals_of(read_scores(comparison), keys, n)
    finally:
        torch.set_num_threads(before)
    finite = read_columns(comparison).finite
    expected = [[np.count_nonzero(keys == key), *finite[keys == key].sum(axis=0)] for key in np.unique(keys)]
    scores = totals.scores[totals.scores[:, 0] > 0]
    found = scores[:, : len(expected[0])]
    assert np.sort(found, axis=0) == pytest.approx(np.sort(np.array(expected), axis=0), abs=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_keys_of_every_width_name_as_many_clusters(dtype: Any) -> None:
    # int8 can't hold the distance of -100 and 100.
    low = 0 if np.dtype(dtype).kind == "u" else -100
    keys = np.arange(low, low + 201).astype(dtype)
    codes, distinct = encode_integers(keys)
    assert len(distinct) == len(set(codes.tolist())) == 201
    comparison = random_pairs(0, 201)
    assert summarize(comparison, clusters=keys).n_clusters == 201
    assert summarize(comparison, clusters=keys, weights=np.arange(1, 202)).n_clusters == 201


@pytest.mark.parametrize("keys", [np.array([2**63 - 1, -(2**63), 0]), np.array([2**64 - 1, 0, 1], np.uint64)])
def test_keys_at_the_ends_of_their_range_are_clusters_of_their_own(keys: np.ndarray) -> None:
    codes, distinct = encode_integers(keys)
    assert codes.tolist() == [0, 1, 2] and distinct.tolist() == keys.tolist()


@given(st.integers(0, 10**6), st.integers(2, 60))
def test_a_summary_from_sums_is_that_of_the_values(seed: int, n: int) -> None:
    comparison = random_pairs(seed, n)
    keys = np.random.default_rng(seed).integers(-5, 12, n)
    fast = summarize(comparison, clusters=keys).mean_log_odds
    slow = estimate_mean(comparison.log_odds, clusters=[f"c{key}" for key in keys])
    assert (fast.stderr, fast.low, fast.high) == pytest.approx(
        (slow.stderr, slow.low, slow.high), rel=1e-9, nan_ok=True
    )


def test_bits_do_not_depend_on_threads() -> None:
    comparison, before = random_pairs(0, 50_000), torch.get_num_threads()
    keys = np.random.default_rng(0).integers(0, 3000, 50_000)
    found = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        found.append(totals_of(read_scores(comparison), keys, 50_000).rows().tobytes())
    torch.set_num_threads(before)
    assert len(set(found)) == 1


def test_keys_outside_of_the_table_are_refused() -> None:
    column, tie, keys = np.zeros(3), np.zeros(3, bool), np.array([0, 1, 4])
    with pytest.raises(ValueError, match="keys must be within"):
        _C.cluster_totals(column, column, column, column, column, tie, keys, 0, 4, 1)
