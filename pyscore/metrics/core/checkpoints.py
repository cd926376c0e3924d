"""Checkpoints of a study: their scores on the same questions as checked columns, and coefficients for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.columns import METRICS, read_columns
from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.joint import read_table
from pyscore.metrics.core.readers import check_length, read_values, refuse
from pyscore.metrics.core.report import in_clusters
from pyscore.metrics.core.scales import RATE, RATE_DIFFERENCE, REAL, ROUNDING, SHARE, Scale
from pyscore.ops import Comparison, checks

__all__ = ["Checkpoints", "read_checkpoints", "read_coefficients"]


@dataclass(frozen=True)
class Checkpoints:
    """K checkpoints on the same questions.

    Attributes:
        names: ``[K]``.
        values: ``[n, K]``, finite, of the questions that count.
        scale: what a value can be.
        design: the questions' clusters and weights.
        metric: which one of comparisons the values are; None for numbers as they were given.
    """

    names: list[str]
    values: Floats
    scale: Scale
    design: Design
    metric: str | None = None

    def __str__(self) -> str:
        n = self.design.sample.n
        where = f"{len(self.names)} checkpoints over {n} questions{in_clusters(self.design.n_clusters)}"
        return f"{self.metric.replace('_', ' ')}, {where}" if self.metric else where

    @property
    def means(self) -> Floats:
        return self.design.means(self.values)

    def find(self, name: str | int) -> int:
        """The index of a checkpoint by its name, or by its index; KeyError for one that isn't there."""
        if name in self.names:
            return self.names.index(str(name))
        if isinstance(name, int) and -len(self.names) <= name < len(self.names):
            return name % len(self.names)
        raise KeyError(f"{name!r} is none of the checkpoints {', '.join(self.names)}")

    def contrast_scale(self, c: Floats, interval: Interval) -> Scale:
        """What Σ c_k s_k of a question can be; the largest |c_k| is 1."""
        used = np.sort(c[c != 0])
        if self.scale.method == "wilson" and interval.method != "t" and np.array_equal(used, [-1.0, 1.0]):
            return RATE_DIFFERENCE
        if not math.isfinite(self.scale.high - self.scale.low):
            return REAL
        ends = used[:, None] * [self.scale.low, self.scale.high]
        return Scale(float(ends.min(axis=1).sum()), float(ends.max(axis=1).sum()))


def read_checkpoints(scores: Any, metric: str, scale: Scale | None, clusters: Keys, weights: Any) -> Checkpoints:
    """Checkpoints from an array, a mapping of names, or comparisons; see `pyscore.metrics.contrast` for what is taken.

    Raises:
        ValueError: fewer than two checkpoints, no questions, lengths that differ, a value that isn't finite, or one
            outside the scale, with its row.
    """
    compared = _comparisons(scores)
    if compared:
        checks.check_choice(metric, "metric", tuple(METRICS))
        column = list(METRICS).index(metric)
        scores = {name: read_columns(each, name).scores[:, column] for name, each in compared.items()}
    names, values = read_table(scores)
    if len(names) < 2:
        raise ValueError(f"scores must have a row a question and a column a checkpoint, 2 or more; got {values.shape}")
    if scale is None:
        scale = REAL if compared and metric == "mean_log_odds" else _scale_of(values)
    outside = (values < scale.low - ROUNDING) | (values > scale.high + ROUNDING)
    refuse("scores", values, outside, f"= {{}} is outside [{scale.low:g}, {scale.high:g}]")
    design = read_design(len(values), clusters, weights)
    return Checkpoints(names, values[design.kept], scale, design, metric if compared else None)


def read_coefficients(coefficients: Any, names: Sequence[str]) -> Floats:
    """``[K]`` finite, not all 0; from a mapping, 0 for checkpoints that it doesn't name."""
    if isinstance(coefficients, Mapping):
        unknown = [name for name in coefficients if name not in names]
        if unknown:
            raise KeyError(f"coefficients name {unknown[0]!r}, which is none of the checkpoints {', '.join(names)}")
        coefficients = [coefficients.get(name, 0.0) for name in names]
    c = read_values(coefficients, "coefficients")
    check_length("coefficients", c, len(names), "checkpoint")
    refuse("coefficients", c, np.isinf(c), "= {} must be finite")
    if not c.any():
        raise ValueError("coefficients are all 0: there is nothing to contrast")
    return c


def _comparisons(scores: Any) -> dict[str, Comparison]:
    """The comparisons by name, or by number for a sequence of them; empty where scores are numbers."""
    if isinstance(scores, Sequence):
        scores = {str(k): each for k, each in enumerate(scores)}
    if not isinstance(scores, Mapping):
        return {}
    return {str(name): each for name, each in scores.items() if isinstance(each, Comparison)}


def _scale_of(values: Floats) -> Scale:
    if np.isin(values, (0.0, 0.5, 1.0)).all():
        return RATE
    return SHARE if ((values >= -ROUNDING) & (values <= 1 + ROUNDING)).all() else REAL
