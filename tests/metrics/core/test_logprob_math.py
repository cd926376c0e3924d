"""log1mexp and its like: every digit of a calculation in 400 digits, and inputs that are no log-probabilities."""

from __future__ import annotations

from math import inf, nan

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyscore.metrics.core.arrays import as_float64
from pyscore.metrics.core.logprob_math import difference, log1mexp, log_expit
from pyscore.metrics.core.readers import check_logprobs, read_logprobs

ENDS = [-1e-300, -1e-20, -1e-16, -1e-8, -0.5, -0.6931471805599453, -0.7, -1.0, -30.0, -374.0, -700.0]


def exact_log1mexp(x: float) -> float:
    with mpmath.workdps(400):  # 1 - e^-700 has 304 digits
        return float(mpmath.log(-mpmath.expm1(mpmath.mpf(x))))


@pytest.mark.parametrize("x", ENDS)
def test_log1mexp_is_exact_at_both_ends(x: float) -> None:
    # relative: -e^-374 = -4e-163 must keep its digits too
    assert float(log1mexp(x)) == pytest.approx(exact_log1mexp(x), rel=4e-16, abs=0)


@given(st.floats(-745, -1e-300))
def test_log1mexp_equals_400_digits(x: float) -> None:
    assert float(log1mexp(x)) == pytest.approx(exact_log1mexp(x), rel=1e-15, abs=1e-320)


def test_log1mexp_at_its_limits() -> None:
    np.testing.assert_array_equal(log1mexp([0.0, -1e4, -inf]), [-inf, 0.0, 0.0])


@given(st.floats(-700, 700))
def test_log_expit_equals_400_digits(x: float) -> None:
    with mpmath.workdps(400):  # 1 - e^-700 has 304 digits
        exact = float(-mpmath.log(1 + mpmath.exp(-mpmath.mpf(x))))
    assert float(log_expit(x)) == pytest.approx(exact, rel=1e-14, abs=0)


def test_equal_infinities_differ_by_0() -> None:
    a, b = np.array([-inf, -inf, -1.0, inf]), np.array([-inf, -1.0, -inf, inf])
    np.testing.assert_array_equal(difference(a, b), [0.0, -inf, inf, 0.0])


def test_arrays_of_any_kind_are_read() -> None:
    rows = [[-1.0, -2.0], [-3.0, -inf]]
    for values in (rows, np.array(rows), torch.tensor(rows, dtype=torch.bfloat16)):
        np.testing.assert_array_equal(read_logprobs(values, "x", 2), np.array(rows))


class OnlyDlpack:
    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **options: object) -> object:
        return self.tensor.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()


def test_a_foreign_array_is_read_by_dlpack() -> None:
    np.testing.assert_array_equal(as_float64(OnlyDlpack(torch.ones(2, 3)), "x", 2), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[-1.0, 0.5]], r"x\[0, 1\] = 0.5 is no log-probability"),
        ([[-1.0], [nan]], r"x\[1, 0\] = nan is no log-probability"),
        ([[-1.0, -1.0], [-1.0]], "as many in each row"),
        ([-1.0], r"2 dimensions; got shape \(1,\)"),
        (np.empty((0, 2)), "x is empty"),
    ],
)
def test_what_is_no_log_probability_is_refused_with_its_place(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_logprobs(values, "x", 2)


def test_only_the_masked_entries_are_checked() -> None:
    check_logprobs(np.array([nan, -1.0, 3.0]), "x", np.array([False, True, False]))
    with pytest.raises(ValueError, match=r"x\[2\] = 3.0"):
        check_logprobs(np.array([nan, -1.0, 3.0]), "x", np.array([False, True, True]))
