"""Arrays: callers' values as NumPy, keys as integer codes, and sums over clusters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyscore._extension import _C

__all__ = [
    "Codes",
    "Floats",
    "Keys",
    "Mask",
    "as_array",
    "as_float64",
    "as_list",
    "check_dimensions",
    "cluster_means",
    "cluster_sums",
    "encode",
    "encode_integers",
    "pair_differences",
    "take",
]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Keys = Iterable[Hashable] | None
"""One key a question, the same for questions that are not independent; None where all of them are."""


def check_dimensions(name: str, shape: tuple[int, ...], n_dimensions: int = 1) -> None:
    """ValueError unless a shape has so many dimensions."""
    if len(shape) != n_dimensions:
        wanted = f"{n_dimensions} dimensions" if n_dimensions > 1 else "one dimension, one entry a question"
        raise ValueError(f"{name} must have {wanted}; got shape {shape}")


def as_array(values: Any, name: str, n_dimensions: int = 1) -> NDArray[Any]:
    """A NumPy array of the values' own dtype, from a torch tensor on any device, NumPy, nested sequences, or DLPack.

    Raises:
        ValueError: rows that differ in length, or another number of dimensions.
    """
    if hasattr(values, "prefers"):
        raise TypeError(f"{name} must hold numbers, got a {type(values).__name__}: give its .probability or .prefers")
    if hasattr(values, "__dlpack__") and not isinstance(values, torch.Tensor | np.ndarray):
        values = torch.utils.dlpack.from_dlpack(values)
    if isinstance(values, torch.Tensor):
        # NumPy has no bfloat16: narrow floats are widened first.
        narrow = values.is_floating_point() and values.itemsize < 4
        values = values.detach().to("cpu", torch.float32 if narrow else values.dtype).numpy()
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must hold numbers, as many in each row: pad the rows or join them") from None
    check_dimensions(name, array.shape, n_dimensions)
    return array


def as_float64(values: Any, name: str, n_dimensions: int = 1) -> Floats:
    """`as_array` as float64."""
    array = as_array(values, name, n_dimensions)
    try:
        return np.asarray(array, np.float64)
    except ValueError:
        raise ValueError(f"{name} must hold numbers, and holds {array.dtype}") from None


def as_list(values: Any, name: str) -> list[Any]:
    """A list of Python objects from a sequence, NumPy, torch and pandas (by tolist) or Arrow (by to_pylist).

    Raises:
        TypeError: a single string.
    """
    if isinstance(values, str | bytes):
        raise TypeError(f"{name} must be a sequence of answers or keys, one entry a question; got a single string")
    for method in ("tolist", "to_pylist"):
        if hasattr(values, method):
            values = getattr(values, method)()
            break
    return list(values)


def take(codes: Codes | None, kept: Any) -> Codes | None:
    """The clusters of the questions that are kept, if there are clusters."""
    return None if codes is None else codes[kept]


def encode(keys: list[Hashable]) -> tuple[Codes, list[Hashable]]:
    """Integer codes in order of first appearance, and the distinct keys that they stand for."""
    codes: dict[Hashable, int] = {}
    encoded = np.fromiter((codes.setdefault(key, len(codes)) for key in keys), np.int64, len(keys))
    return encoded, list(codes)


def encode_integers(keys: NDArray[Any]) -> tuple[Codes, NDArray[Any]]:
    """`encode` of an array of integers, at least one: by a table where they lie close together, else by sorting."""
    if keys.dtype != np.uint64:  # Unsigned keys of 64 bits may be beyond int64.
        codes, distinct = _C.encode_clusters(np.ascontiguousarray(keys, np.int64))
        if len(distinct):
            return codes, distinct
    sorted_keys, first, found = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[found], sorted_keys[order]


def cluster_sums(values: Floats, codes: Codes, n_clusters: int) -> Floats:
    """Sums of the rows of ``values [n, ...]`` over clusters: ``[n_clusters, ...]``."""
    columns = values.reshape(len(values), -1).T
    sums: Floats = np.stack([np.bincount(codes, column, n_clusters) for column in columns], axis=-1, dtype=np.float64)
    return sums.reshape(n_clusters, *values.shape[1:])


def cluster_means(values: Floats, codes: Codes | None) -> Floats:
    """The mean of each cluster's values, 0 where it is mere rounding; without clusters the values themselves.

    The differences 0.1, 0.2 and -0.3 of a cluster have the mean 3.7e-17 in float64: a test of signs would take it for
    a rise.
    """
    if codes is None:
        return values
    counts = np.bincount(codes)
    means, sizes = (cluster_sums(each, codes, len(counts)) / counts for each in (values, np.abs(values)))
    return np.where(np.abs(means) <= 8 * np.finfo(np.float64).eps * sizes, 0.0, means)


def pair_differences(a: Floats, b: Floats) -> Floats:
    """a - b of finite values, 0 where it is mere rounding: 0.1 + 0.2 and 0.3 differ by 6e-17, always to one side."""
    differences = a - b
    noise = 8 * np.finfo(np.float64).eps * np.maximum(np.abs(a), np.abs(b))
    return np.where(np.abs(differences) <= noise, 0.0, differences)
