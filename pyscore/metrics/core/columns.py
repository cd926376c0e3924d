"""The fields of a `Comparison` that metrics are means of, as checked columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats, Mask, as_array, check_dimensions
from pyscore.metrics.core.readers import refuse
from pyscore.ops import Comparison

__all__ = [
    "METRICS",
    "SHARES",
    "SUMMED",
    "Columns",
    "check_fields",
    "read_columns",
    "read_fields",
    "read_scores",
    "top_label",
    "why_refused",
]

METRICS = {
    "mean_probability": "probability",
    "preference_rate": "prefers",
    "mean_probability_raw": "probability_raw",
    "mean_log_odds": "log_odds",
    "mean_coverage": "coverage",
    "tie_rate": "tie",
}
"""Metric name -> the field of `Comparison` that it is the mean of, the two headline numbers first."""

SUMMED = (*METRICS, "brier")
"""What a summary averages: also (1 - probability)², which no field holds."""

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

    def take(self, rows: Mask) -> Columns:
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
    def summed(self) -> Floats:
        """One column an entry of `SUMMED`, infinite log odds put at 0."""
        return np.column_stack([self.finite, (1 - self.probability) ** 2])

    @property
    def probability(self) -> Floats:
        return self.scores[:, 0]

    @property
    def correct(self) -> Floats:
        """`top_label`: whether the more probable side is that of the matching answers."""
        return top_label(self.probability)[1]

    @property
    def confidence(self) -> Floats:
        """`top_label`: the probability of the more probable side."""
        return top_label(self.probability)[0]


def top_label(probability: Floats) -> tuple[Floats, Floats]:
    """The probability of the more probable side, and whether that is the matching answers: 1, 0, or 0.5 at just ½."""
    return np.maximum(probability, 1 - probability), np.heaviside(probability - 0.5, 0.5)


def check_fields(shapes: dict[str, tuple[int, ...]], name: str = "comparison") -> None:
    """ValueError unless the fields of a comparison are vectors of one length above 0."""
    for field, shape in shapes.items():
        check_dimensions(f"{name}.{field}", shape)
    lengths = {field: shape[0] for field, shape in shapes.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the fields of {name} differ in length: {lengths}")
    if not lengths["probability"]:
        raise ValueError(f"{name} is empty: there is nothing to summarise")


def why_refused(field: str, value: float = 0.0) -> str:
    """What is wrong with a value of a comparison's field that is refused."""
    if field == "tie":
        return "is neither true nor false"
    if np.isnan(value):
        return "is NaN: score that question again or leave it out"
    return "is outside [0, 1]" if field in SHARES else "is no probability mass"


def read_fields(comparison: Comparison, name: str = "comparison") -> dict[str, NDArray[Any]]:
    """The fields of a comparison that metrics are made of, by name, as NumPy arrays; of values only ties are checked.

    Raises:
        ValueError: no questions, fields that differ in length, or a tie that is neither true nor false.
    """
    if not all(hasattr(comparison, field) for field in METRICS.values()):
        kind = type(comparison).__name__
        raise TypeError(f"{name} must be a pyscore.Comparison, got {kind}: of numbers use estimate_mean or its kin")
    fields = {field: as_array(getattr(comparison, field), f"{name}.{field}") for field in METRICS.values()}
    check_fields({field: column.shape for field, column in fields.items()}, name)
    tie = fields["tie"]
    if tie.dtype != np.bool_:
        refuse(f"{name}.tie", tie, (tie != 0) & (tie != 1), "= {} " + why_refused("tie"))
        fields["tie"] = tie.astype(np.bool_)
    return fields


def read_scores(comparison: Comparison) -> dict[str, Any]:
    """`read_fields` as the compiled kernels take them: contiguous, all scores float32 or all float64, ``tie`` bool."""
    fields = read_fields(comparison)
    tie = np.ascontiguousarray(fields.pop("tie"))
    dtype = np.float32 if all(column.dtype == np.float32 for column in fields.values()) else np.float64
    return {field: np.ascontiguousarray(column, dtype) for field, column in fields.items()} | {"tie": tie}


def read_columns(comparison: Comparison, name: str = "comparison") -> Columns:
    """`read_fields` as float64, checked.

    Raises:
        ValueError: also a NaN, a share outside [0, 1] or a mass that is none, with its row.
    """
    fields = {field: np.asarray(column, np.float64) for field, column in read_fields(comparison, name).items()}
    for field, column in fields.items():
        refuse(f"{name}.{field}", column, np.isnan(column), "= {} " + why_refused(field, np.nan))
        if field in SHARES:
            refuse(f"{name}.{field}", column, (column < 0) | (column > 1), "= {} " + why_refused(field))
        elif field not in ("log_odds", "tie"):
            refuse(f"{name}.{field}", column, np.isinf(column) | (column < 0), "= {} " + why_refused(field))
    return Columns(np.stack(list(fields.values()), axis=1))
