"""What the metrics are computed on: comparisons, clusters and weights as checked NumPy arrays."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyscore.ops.types import Comparison

__all__ = [
    "METRICS",
    "SHARES",
    "Codes",
    "Columns",
    "Floats",
    "as_array",
    "as_float64",
    "as_list",
    "check_lengths",
    "cluster_codes",
    "cluster_keys",
    "cluster_sums",
    "encode",
    "read_clusters",
    "read_columns",
    "read_fields",
    "take",
    "why_refused",
]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

METRICS = {
    "mean_probability": "probability",
    "preference_rate": "prefers",
    "mean_probability_raw": "probability_raw",
    "mean_log_odds": "log_odds",
    "mean_coverage": "coverage",
    "tie_rate": "tie",
}
"""Metric name -> the field of `Comparison` that it is the mean of, the two headline numbers first."""

SHARES = ("probability", "prefers")
"""The fields that lie within [0, 1]."""


@dataclass(frozen=True)
class Columns:
    """A comparison's fields, one column a metric in the order of `METRICS`: ``scores [n, 6]``, checked.

    Log odds alone may be infinite.
    """

    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: NDArray[np.bool_]) -> Columns:
        """The rows where the mask is true."""
        return Columns(self.scores[rows])

    @property
    def finite(self) -> Floats:
        """The scores with infinite log odds put at 0."""
        return np.where(np.isinf(self.scores), 0.0, self.scores)

    @property
    def infinite(self) -> tuple[int, int]:
        """How many log odds are +inf, and how many -inf."""
        return int(np.count_nonzero(self.scores == np.inf)), int(np.count_nonzero(self.scores == -np.inf))

    @property
    def ties(self) -> tuple[int, int, float]:
        """How many ties, how many of them count half, and what all of them add up to in the preference rate."""
        tied = self.scores[self.scores[:, 5] > 0, 1]
        return len(tied), int(np.count_nonzero(tied == 0.5)), float(tied.sum())

    @property
    def probability(self) -> Floats:
        return self.scores[:, 0]

    @property
    def correct(self) -> Floats:
        """1 where the matching answers hold more than half of the compared mass, 0 where less, 0.5 at exactly half."""
        return np.heaviside(self.probability - 0.5, 0.5)


def _one_dimension(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 1:
        raise ValueError(f"{name} must have one dimension, one entry a question; got shape {shape}")


def check_lengths(shapes: dict[str, tuple[int, ...]], name: str = "comparison") -> None:
    """Raise ValueError unless the fields of a comparison are vectors of one length above 0."""
    for field, shape in shapes.items():
        _one_dimension(f"{name}.{field}", shape)
    lengths = {field: shape[0] for field, shape in shapes.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the fields of {name} differ in length: {lengths}")
    if not lengths["probability"]:
        raise ValueError(f"{name} is empty: there is nothing to summarise")


def why_refused(field: str, value: float) -> str:
    """What is wrong with a value of a comparison's field that is refused."""
    if field == "tie":
        return "is neither true nor false"
    if np.isnan(value):
        return "is NaN: score that question again or leave it out"
    return "is outside [0, 1]" if field in SHARES else "is no probability mass"


def as_array(values: Any, name: str) -> NDArray[Any]:
    """A 1-D NumPy array of the values' own dtype, from a torch tensor on any device, NumPy, a sequence, or DLPack."""
    if hasattr(values, "__dlpack__") and not isinstance(values, torch.Tensor | np.ndarray):
        values = torch.utils.dlpack.from_dlpack(values)
    if isinstance(values, torch.Tensor):
        # NumPy has no bfloat16: widen before crossing.
        narrow = values.is_floating_point() and values.itemsize < 4
        values = values.detach().to("cpu", torch.float32 if narrow else values.dtype).numpy()
    array = np.asarray(values)
    _one_dimension(name, array.shape)
    return array


def as_float64(values: Any, name: str) -> Floats:
    """`as_array` as float64."""
    return np.asarray(as_array(values, name), np.float64)


def read_fields(comparison: Comparison, name: str = "comparison") -> dict[str, NDArray[Any]]:
    """The fields of a comparison that metrics are made of, by name, as NumPy arrays; only ties are looked at.

    Raises:
        ValueError: no questions, fields that differ in length, or a tie that is neither true nor false.
    """
    fields = {field: as_array(getattr(comparison, field), f"{name}.{field}") for field in METRICS.values()}
    check_lengths({field: column.shape for field, column in fields.items()}, name)
    tie = fields["tie"]
    if tie.dtype != np.bool_:
        _refuse(name, "tie", tie, (tie != 0) & (tie != 1))
        fields["tie"] = tie.astype(np.bool_)
    return fields


def read_columns(comparison: Comparison, name: str = "comparison") -> Columns:
    """`read_fields` as float64, checked.

    Raises:
        ValueError: also a NaN, a share outside [0, 1] or a mass that is none, with its row.
    """
    fields = {field: np.asarray(column, np.float64) for field, column in read_fields(comparison, name).items()}
    for field, column in fields.items():
        _refuse(name, field, column, np.isnan(column))
        if field in SHARES:
            _refuse(name, field, column, (column < 0) | (column > 1))
        elif field not in ("log_odds", "tie"):
            _refuse(name, field, column, np.isinf(column) | (column < 0))
    return Columns(np.stack(list(fields.values()), axis=1))


def as_list(values: Any, name: str) -> list[Any]:
    """A list of Python objects from a sequence, NumPy, torch, pandas or Arrow; TypeError for a single string."""
    if isinstance(values, str | bytes):
        raise TypeError(f"{name} must be a sequence of answers or keys, one entry a question; got a single string")
    for method in ("tolist", "to_pylist"):  # NumPy, torch and pandas; Arrow
        if hasattr(values, method):
            values = getattr(values, method)()
            break
    return list(values)


def cluster_keys(clusters: Iterable[Hashable], n: int) -> list[Hashable]:
    """The cluster of every question, checked: n hashable keys, none missing.

    Raises:
        TypeError: a key that can't be hashed. ValueError: the wrong number of keys, or a missing one, with its row.
    """
    keys: list[Hashable] = as_list(clusters, "clusters")
    if len(keys) != n:
        raise ValueError(f"clusters must have one entry a question: {n} questions, {len(keys)} clusters")
    for row, key in enumerate(keys):
        if not isinstance(key, Hashable):
            raise TypeError(f"clusters[{row}] can't be hashed ({type(key).__name__}): use strings or numbers")
        if key is None or key != key:
            raise ValueError(f"clusters[{row}] is missing ({key}): give every question a cluster, or none at all")
    return keys


def cluster_codes(clusters: Iterable[Hashable] | None, n: int) -> Codes | None:
    """The codes of `read_clusters`, for use with several metrics; None where there are no clusters."""
    return None if clusters is None else read_clusters(clusters, n)[0]


def take(codes: Codes | None, kept: NDArray[Any]) -> Codes | None:
    """The clusters of the questions that are kept, if there are clusters."""
    return None if codes is None else codes[kept]


def read_clusters(clusters: Iterable[Hashable], n: int) -> tuple[NDArray[np.int64], list[Hashable]]:
    """Every question's cluster as a code in order of first appearance, and the distinct keys that the codes stand for.

    Raises:
        TypeError, ValueError: as `cluster_keys`.
    """
    if isinstance(clusters, np.ndarray) and clusters.dtype.kind in "iu" and clusters.shape == (n,) and n:
        return _encode_integers(clusters)
    return encode(cluster_keys(clusters, n))


def encode(keys: list[Hashable]) -> tuple[NDArray[np.int64], list[Hashable]]:
    """Integer codes in order of first appearance, and the distinct keys that they stand for."""
    codes: dict[Hashable, int] = {}
    encoded = np.fromiter((codes.setdefault(key, len(codes)) for key in keys), np.int64, len(keys))
    return encoded, list(codes)


def _encode_integers(keys: NDArray[Any]) -> tuple[NDArray[np.int64], list[Hashable]]:
    low, n = int(keys.min()), len(keys)
    size = int(keys.max()) - low + 1
    if size > 4 * n:  # too sparse for a table
        distinct, first, found = np.unique(keys, return_index=True, return_inverse=True)
    else:
        table = np.full(size, n)
        shifted = (keys - low).astype(np.int64)
        table[shifted[::-1]] = np.arange(n)[::-1]  # the last one written stays: the first row of each key
        distinct = np.flatnonzero(table < n)
        first = table[distinct]
        table[distinct] = np.arange(len(distinct))
        found, distinct = table[shifted], keys[first]
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[found], distinct[order].tolist()


def cluster_sums(values: Floats, codes: NDArray[np.int64], n_clusters: int) -> Floats:
    """Sums of the rows of ``values [n, ...]`` over clusters: ``[n_clusters, ...]``."""
    columns = values.reshape(len(values), -1).T
    sums: Floats = np.stack([np.bincount(codes, column, n_clusters) for column in columns], axis=-1, dtype=np.float64)
    return sums.reshape(n_clusters, *values.shape[1:])


def _refuse(name: str, field: str, column: NDArray[Any], bad: NDArray[np.bool_]) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        value = column[rows[0]]
        raise ValueError(f"{name}.{field}[{rows[0]}] = {value} {why_refused(field, value)} ({len(rows)} such rows)")
