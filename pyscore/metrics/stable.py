"""Log-probabilities read, checked, and subtracted or turned into log(1 - p) without losing digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from pyscore.metrics.arrays import Floats, as_float64

__all__ = ["check_logprobs", "difference", "log1mexp", "log_expit", "read_array", "read_logprobs"]


def log1mexp(x: Any) -> Floats:
    """log(1 - e^x) of x <= 0, elementwise: -inf at 0, 0 at -inf.

    Above -log 2 it is log(-expm1(x)), below it log1p(-exp(x)), each exact where the other cancels. Mächler 2012,
    "Accurately Computing log(1 - exp(-|a|))".
    """
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(divide="ignore"):
        result: Floats = np.where(x > -math.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))
    return result


def log_expit(x: Any) -> Floats:
    """log sigmoid(x) = -log(1 + e^-x), elementwise, exact at both ends (scipy)."""
    from scipy import special

    result: Floats = special.log_expit(np.asarray(x, dtype=np.float64))
    return result


def difference(a: Floats, b: Floats) -> Floats:
    """a - b, elementwise; 0 where they are equal, infinities too: two answers of probability 0 are a tie."""
    with np.errstate(invalid="ignore"):
        result: Floats = np.where(a == b, 0.0, a - b)
    return result


def read_array(values: Any, name: str, n_dimensions: int) -> Floats:
    """Float64 of the given number of dimensions, unchecked otherwise, from torch, NumPy, DLPack or nested sequences.

    Raises:
        ValueError: rows that differ in length, or another number of dimensions.
    """
    if not hasattr(values, "reshape") and hasattr(values, "__dlpack__"):
        values = torch.utils.dlpack.from_dlpack(values)
    elif not hasattr(values, "reshape"):
        try:
            values = np.asarray(values, dtype=np.float64)
        except ValueError:
            raise ValueError(f"{name} must hold numbers, as many in each row: pad the rows or join them") from None
    shape = tuple(values.shape)
    if len(shape) != n_dimensions:
        raise ValueError(f"{name} must have {n_dimensions} dimensions; got shape {shape}")
    return as_float64(values.reshape(-1), name).reshape(shape)


def read_logprobs(values: Any, name: str, n_dimensions: int = 1) -> Floats:
    """Log-probabilities in nats, at least one, each <= 0 (-inf too).

    Raises:
        ValueError: none at all, a NaN or a positive one, with its row; the wrong number of dimensions.
    """
    array = read_array(values, name, n_dimensions)
    if not array.size:
        raise ValueError(f"{name} is empty: there is nothing to average")
    check_logprobs(array, name)
    return array


def check_logprobs(array: Floats, name: str, among: Any = True) -> None:
    """ValueError with the first place, of those in the mask ``among``, that holds a NaN or a positive value."""
    bad = np.argwhere(~(array <= 0) & among)
    if len(bad):
        value = array[tuple(bad[0])]
        raise ValueError(f"{name}{bad[0].tolist()} = {value} is no log-probability ({len(bad)} such entries)")
