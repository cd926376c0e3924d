"""Readers: what metrics take from their callers, as checked arrays and lists; each error names the entry."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sized
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Codes, Floats, Keys, as_float64, as_list, encode, encode_integers

__all__ = [
    "are_integers",
    "check_length",
    "check_logprobs",
    "check_same_length",
    "cluster_codes",
    "cluster_keys",
    "count_clusters",
    "read_binary",
    "read_clusters",
    "read_logprobs",
    "read_positive",
    "read_shares",
    "read_strings",
    "read_values",
    "refuse",
]


def refuse(name: str, values: NDArray[Any], bad: NDArray[np.bool_], why: str) -> None:
    """ValueError where ``bad`` is true anywhere, with the first such entry; in ``why`` {} is its value."""
    entries = np.argwhere(bad)
    if len(entries):
        first = entries[0]
        value = values[tuple(first)]
        raise ValueError(f"{name}{first.tolist()} {why.format(value)} ({len(entries)} such entries)")


def check_length(name: str, values: Sized, n: int, unit: str = "question", entries: str = "entries") -> None:
    """ValueError unless there is one entry a question, or whatever the unit is."""
    if len(values) != n:
        raise ValueError(f"{name} must have one entry a {unit}: {n} {unit}s, {len(values)} {entries}")


def check_same_length(units: str, **columns: Sized) -> None:
    """ValueError unless two columns, given by their names, hold as many entries: those of the same units."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        held = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(f"{' and '.join(columns)} must hold the same {units}: {held}")


def read_values(values: Any, name: str) -> Floats:
    """``[n]`` float64, at least one and no NaN."""
    array = as_float64(values, name)
    if not len(array):
        raise ValueError(f"{name} is empty: there is nothing to average")
    refuse(name, array, np.isnan(array), "is NaN: leave that question out or score it again")
    return array


def read_shares(values: Any, name: str) -> Floats:
    """`read_values` of values in [0, 1]."""
    shares = read_values(values, name)
    refuse(name, shares, (shares < 0) | (shares > 1), "= {} is outside [0, 1]")
    return shares


def read_binary(values: Any, name: str) -> Floats:
    """``[n]`` float64 of 0 and 1, at least one."""
    array = as_float64(values, name)
    if not len(array):
        raise ValueError(f"{name} is empty: there is nothing to measure")
    refuse(name, array, (array != 0) & (array != 1), "= {}: give bools, or 0 and 1")
    return array


def read_positive(values: Any, name: str) -> Floats:
    """`read_values` of finite values above 0."""
    array = read_values(values, name)
    refuse(name, array, ~(array > 0) | np.isinf(array), "= {} must be finite and above 0")
    return array


def read_logprobs(values: Any, name: str, n_dimensions: int = 1) -> Floats:
    """Log-probabilities in nats, at least one, each <= 0 (-inf too)."""
    array = as_float64(values, name, n_dimensions)
    if not array.size:
        raise ValueError(f"{name} is empty: there is nothing to average")
    check_logprobs(array, name)
    return array


def check_logprobs(array: Floats, name: str, among: Any = True) -> None:
    """ValueError where an entry, of those in the mask ``among``, is NaN or positive."""
    refuse(name, array, ~(array <= 0) & among, "= {} is no log-probability")


def read_strings(values: Any, name: str) -> list[str]:
    """A list of strings. TypeError: a single one, or an entry that is no string, with its row."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of strings; got a single {type(values).__name__}")
    read = list(values)
    for row, value in enumerate(read):
        if not isinstance(value, str):
            raise TypeError(f"{name}[{row}] must be a string, not {type(value).__name__}")
    return read


def cluster_keys(clusters: Iterable[Hashable], n: int) -> list[Hashable]:
    """The cluster of every question, checked: n hashable keys, none missing.

    Raises:
        TypeError: a key that can't be hashed. ValueError: the wrong number of keys, or a missing one, with its row.
    """
    keys: list[Hashable] = as_list(clusters, "clusters")
    check_length("clusters", keys, n, entries="clusters")
    for row, key in enumerate(keys):
        if not isinstance(key, Hashable):
            raise TypeError(f"clusters[{row}] can't be hashed ({type(key).__name__}): use strings or numbers")
        if key is None or key != key:
            raise ValueError(f"clusters[{row}] is missing ({key}): give every question a cluster, or none at all")
    return keys


def read_clusters(clusters: Iterable[Hashable], n: int) -> tuple[Codes, list[Hashable]]:
    """Every question's cluster as a code in order of first appearance, and the distinct keys that the codes stand for.

    Raises:
        TypeError, ValueError: as `cluster_keys`.
    """
    if are_integers(clusters, n):
        codes, distinct = encode_integers(clusters)
        return codes, distinct.tolist()
    return encode(cluster_keys(clusters, n))


def count_clusters(clusters: Iterable[Hashable], n: int) -> tuple[Codes, int]:
    """The codes of `read_clusters`, and how many clusters there are: no list of a hundred thousand keys is made."""
    if are_integers(clusters, n):
        codes, distinct = encode_integers(clusters)
        return codes, len(distinct)
    codes, keys = encode(cluster_keys(clusters, n))
    return codes, len(keys)


def are_integers(clusters: Keys, n: int) -> TypeGuard[NDArray[Any]]:
    """Whether the keys are a NumPy array of n integers, which need no dictionary."""
    return isinstance(clusters, np.ndarray) and clusters.dtype.kind in "iu" and clusters.shape == (n,) and n > 0


def cluster_codes(clusters: Keys, n: int) -> Codes | None:
    """The codes of `read_clusters`, for use with several metrics; None where there are no clusters."""
    return None if clusters is None else count_clusters(clusters, n)[0]
