"""Several means over the same questions: their joint covariance, and what is known of the order of any two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys, Mask, as_float64
from pyscore.metrics.core.design import Design, leave_one_out, read_design
from pyscore.metrics.core.intervals import t_quantile
from pyscore.metrics.core.mean_intervals import without_rounding
from pyscore.metrics.core.readers import check_same_length, read_values, refuse
from pyscore.metrics.core.winners import draw_t

__all__ = ["Joint", "pair_statistics", "read_joint", "read_table", "stepdown_pairs", "value_step"]

_EQUAL = 1e-12
"""Differences and variances that are smaller than this, of the values they come from, are rounding."""


@dataclass(frozen=True)
class Joint:
    """The means of k columns over the same questions.

    Attributes:
        names: ``[k]``.
        values: ``[n, k]``, of the questions that count.
        design: their clusters and weights.
        means: ``[k]``.
        covariance: ``[k, k]`` of the means, from leaving out one cluster at a time (CR3).
        step: all values are multiples of it: 1 for 0/1 values, 0.5 where ties count half, 0 for other values.
    """

    names: list[str]
    values: Floats
    design: Design
    means: Floats
    covariance: Floats
    step: float

    @property
    def mean_step(self) -> float:
        """The means are multiples of it; 0 where they are not, or weights make them others."""
        weights = self.design.weights
        return self.step / len(weights) if (weights == weights[0]).all() else 0.0


def read_table(scores: Any, name: str = "scores") -> tuple[list[str], Floats]:
    """Names and finite values ``[n, k]``, from a mapping of name -> ``[n]`` or an array, whose columns are numbered.

    Raises:
        ValueError: no columns, columns of unlike length, a NaN or an infinite value, with its row.
    """
    if isinstance(scores, Mapping):
        columns = {str(key): read_values(values, str(key)) for key, values in scores.items()}
        if not columns:
            raise ValueError(f"{name} is empty: give at least one column, name -> one value a question")
        if len(columns) < len(scores):
            raise ValueError(f"{name} has names that are equal as text: {[str(key) for key in scores]}")
        check_same_length("questions", **columns)
        names, table = list(columns), np.column_stack(list(columns.values()))
    else:
        if isinstance(scores, list | tuple) and any(hasattr(each, "shape") or hasattr(each, "tie") for each in scores):
            raise TypeError(f"{name} is a list of columns: name them in a mapping, or give np.column_stack of them")
        table = as_float64(scores, name, 2)
        names = [str(column) for column in range(table.shape[1])]
        if not table.size:
            raise ValueError(f"{name} must have a row a question and a column a candidate; got shape {table.shape}")
    refuse(name, table, ~np.isfinite(table), "= {} must be finite: leave that question out or score it again")
    return names, table


def read_joint(scores: Any, clusters: Keys = None, weights: Any = None, name: str = "scores") -> Joint:
    """The means of the columns of `read_table` and their joint covariance."""
    names, table = read_table(scores, name)
    design = read_design(len(table), clusters, weights)
    values, units = table[design.kept], design.sample.units
    w = design.weights
    if units < 2:
        covariance = np.zeros((len(names), len(names)))
    else:
        left_out = leave_one_out(values, design)
        covariance = (units - 1) / units * left_out.T @ left_out
    squares = w @ values**2 / w.sum()
    constant = [not without_rounding(*each) for each in zip(np.diag(covariance), squares, strict=True)]
    covariance[constant] = covariance[:, constant] = 0.0
    return Joint(names, values, design, design.means(values), covariance, value_step(values))


def pair_statistics(joint: Joint) -> tuple[Floats, Floats]:
    """For every two columns i and j: t = (mean_i - mean_j) / s, and the standard error of the difference: ``[k, k]``.

    s is that standard error where values are continuous. For values of 0 and 1 it is s² = (C - 1)/C stderr² + D²/K, of
    C units, K of them effective: the variance if there is no difference, so that t without clusters is the statistic of
    McNemar 1947, "Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages". So is it
    where the difference is the same for every question. A difference by rounding is 0, and t is 0 for it.
    """
    means, variances = joint.means, np.diag(joint.covariance)
    differences = means[:, None] - means
    largest = np.abs(joint.values).max(axis=0)
    differences[np.abs(differences) <= _EQUAL * np.maximum(largest[:, None], largest)] = 0.0
    sums = variances[:, None] + variances
    squares = sums - 2 * joint.covariance
    squares[squares <= _EQUAL * sums] = 0.0
    sample = joint.design.sample
    pooled = (sample.units - 1) / sample.units * squares + differences**2 / sample.effective
    under_null = pooled if joint.step else np.where(squares > 0, squares, pooled)
    told = (differences != 0) & (under_null > 0)  # Squares of differences below 1e-162 underflow.
    t = np.divide(differences, np.sqrt(under_null), out=np.zeros_like(differences), where=told)
    return t, np.sqrt(squares)


def stepdown_pairs(
    statistics: Floats, stderr: Floats, covariance: Floats, dof: float, confidence: float, n_draws: int, seed: int
) -> Mask:
    """``[k, k]``, for which ordered pairs it is certain that the first mean is larger, all of them at once.

    The chance that any of these claims is false is at most 1 - confidence: t is compared with the quantile of its
    maximum over all ordered pairs, then over those that are left, until none is added (Romano & Wolf 2005, "Stepwise
    Multiple Testing as Formalized Data Snooping"; Mogstad et al. 2024). The maximum is that of a multivariate Student's
    t, simulated. Pairs whose difference never varies have no part in it, and are compared with Bonferroni's quantile.
    """
    draws = draw_t(covariance, dof, n_draws, seed)
    left = stderr > 0
    certain = np.zeros_like(left)
    alone = t_quantile(1 - 2 * (1 - confidence) / max(left.size - len(left), 1), dof)
    scale = np.divide(1.0, stderr, out=np.zeros_like(stderr), where=left)
    while True:
        largest = np.zeros(n_draws)
        for i in np.flatnonzero(left.any(axis=1)):
            np.maximum(largest, ((draws[:, i, None] - draws) * (scale[i] * left[i])).max(axis=1), out=largest)
        found = (statistics > np.where(stderr > 0, np.quantile(largest, confidence), alone)) & ~certain
        if not found.any():
            return certain
        certain |= found
        left &= ~found


def value_step(values: Floats) -> float:
    """1 if all values are 0 or 1, 0.5 if some are halves, as ties are; 0 for other values."""
    for step in (1.0, 0.5):
        if np.isin(values / step, [0.0, 1.0, 2.0] if step < 1 else [0.0, 1.0]).all():
            return step
    return 0.0
