"""The compiled sums of SummaryState against NumPy, at every block edge and on every instruction set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore import SummaryState
from pyscore._extension import _C
from pyscore.metrics.core.columns import read_columns
from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.moments import bin_sums
from pyscore.ops.types import Comparison
from tests.metrics.cases import compare_pairs, near_edges, random_pairs

ISAS = [name for name, available in _C.cpu_isas() if available]
FIELDS = ("probability", "prefers", "probability_raw", "log_odds", "coverage")


def moments(comparison: Comparison, threads: int = 2, dtype: Any = np.float64) -> dict[str, Any]:
    fields: dict[str, Any] = {name: np.asarray(getattr(comparison, name), dtype) for name in FIELDS}
    return _C.summary_moments(**fields, tie=np.asarray(comparison.tie, bool), threads=threads)


def check(comparison: Comparison, found: dict[str, Any], tolerance: float = 1e-12) -> None:
    columns = read_columns(comparison)
    summed, n = columns.summed, len(columns)
    centred = summed - summed.mean(axis=0)
    assert found["valid"]
    assert found["mean"] == pytest.approx(summed.mean(axis=0), rel=tolerance, abs=tolerance)
    assert found["m2"] == pytest.approx((centred**2).sum(axis=0), rel=tolerance, abs=tolerance)
    bins = bin_sums(columns, read_design(n))
    assert np.array_equal(found["counts"], bins.weights) and found["counts"].sum() == n
    assert found["gaps"] == pytest.approx(bins.gaps, rel=tolerance, abs=1e-9)
    assert found["gap_squares"] == pytest.approx(np.diag(bins.ss), rel=tolerance, abs=1e-9)
    assert found["expected"] == pytest.approx(bins.expected, rel=tolerance, abs=1e-9)
    assert found["infinite"] == columns.infinite


@pytest.mark.parametrize("n", [1, 7, 8, 9, 511, 512, 513, 32767, 32768, 32769, 70001])
def test_sums_equal_numpys_around_every_edge(n: int) -> None:
    comparison = random_pairs(n, n)
    check(comparison, moments(comparison))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 3000))
def test_infinite_and_extreme_log_odds_are_summed_as_numpy_does(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    m, o = -(10 ** rng.uniform(-8, 4, (2, n)))
    m[rng.random(n) < 0.1] = -np.inf
    comparison = compare_pairs(m, o)
    check(comparison, moments(comparison), 1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [13, 512, 100_003])
def test_bits_depend_on_neither_threads_nor_instruction_set(
    dtype: Any, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = random_pairs(5, n)
    expected = moments(comparison, 1, dtype)
    for isa in ISAS:
        monkeypatch.setenv("PYSCORE_CPU_ISA", isa)
        for threads in (1, 2, 3):
            found = moments(comparison, threads, dtype)
            assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("probability", [0.0, 0.4, 0.5, 0.6, 7 / 15, 8 / 15, 9 / 15, 14 / 15, 1.0])
def test_bins_are_closed_on_the_right_at_every_edge(probability: float) -> None:
    p = np.full(3, probability)
    with np.errstate(divide="ignore"):
        comparison = compare_pairs(np.log(p), np.log1p(-p))
    check(comparison, moments(comparison))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_edge_and_its_neighbours_are_in_the_bin_of_the_definition(dtype: Any) -> None:
    # 15 times the float64 above 11/15 rounds to 11.
    for p in near_edges(dtype):
        comparison = replace(compare_pairs([-1.0], [-1.0]), probability=np.array([p]))
        check(comparison, moments(comparison, dtype=dtype), 1e-6)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("row", [0, 511, 700, 1030])
@pytest.mark.parametrize("value", [np.nan, -0.5, np.inf, 1.5])
def test_what_is_no_share_or_mass_is_found_in_any_row(field: str, row: int, value: float) -> None:
    comparison = random_pairs(0, 1031)
    column = np.asarray(getattr(comparison, field), float).copy()
    column[row] = value
    allowed = not np.isnan(value) if field == "log_odds" else field in ("probability_raw", "coverage") and value == 1.5
    broken = Comparison(**{**vars(comparison), field: column})
    assert moments(broken)["valid"] == allowed
    if not allowed:
        with pytest.raises(ValueError, match=rf"comparison\.{field}\[{row}\]"):
            SummaryState().update(broken)
