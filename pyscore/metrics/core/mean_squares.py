"""Mean squares of balanced crossed designs, and the variance components that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

from pyscore.metrics.core.arrays import Floats

__all__ = ["ANSWER", "Effect", "MeanSquares", "mean_squares"]

ANSWER = "answer"
Effect = frozenset[str]
"""The factors whose levels an effect depends on. That of single answers depends on all factors."""


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of values crossed by factors, with answers nested in their cells.

    Attributes:
        levels: factor -> how many levels it has, and ``ANSWER`` -> answers a cell.
        effects: in the order of the others. The last one is the answers', with the highest interaction in it where
            there is one answer a cell.
        values: ``[E]``.
        dofs: ``[E]``, 2 MS² / Var(MS), so that MS is taken for a multiple of chi-square.
    """

    levels: dict[str, int]
    effects: tuple[Effect, ...]
    values: Floats
    dofs: Floats

    @property
    def components(self) -> Floats:
        """``[E, E]``: components = this @ values, from E[MS_F] = Σ_{G ⊇ F} (N / levels of G) σ²_G."""
        n = self._levels_of(self.levels)
        expected = [[n / self._levels_of(g) if f <= g else 0.0 for g in self.effects] for f in self.effects]
        solved: Floats = np.linalg.inv(np.array(expected))
        return solved

    def weights(self, random: Effect) -> Floats:
        """``[E]``: by what each component enters the variance of the mean over new levels of the ``random`` factors."""
        return np.array([1 / self._levels_of(effect) if effect & random else 0.0 for effect in self.effects])

    def draws(self, n: int, seed: int) -> Floats:
        """``[E, n]``: MS · dof / chi-square(dof), generalized pivotal quantities of the expected mean squares."""
        rng = np.random.default_rng(seed)
        dofs = self.dofs[:, None]
        drawn: Floats = self.values[:, None] * dofs / rng.chisquare(dofs, (len(self.dofs), n))
        return drawn

    def _levels_of(self, factors: Iterable[str]) -> int:
        return prod(self.levels[factor] for factor in factors)


def mean_squares(values: Floats, factors: tuple[str, ...]) -> MeanSquares:
    """Of ``values [one axis a factor, answers]``, finite; at least two levels a factor."""
    *sizes, answers = values.shape
    values = values - values.mean()
    cells = values.mean(axis=-1)
    axes = range(len(factors))
    effects: list[Effect] = []
    found: list[tuple[float, float]] = []
    for among in (each for size in axes for each in combinations(axes, size + 1)):
        rest = tuple(axis for axis in axes if axis not in among)
        effect = cells.mean(axis=rest, keepdims=True)
        for axis in among:
            effect = effect - effect.mean(axis=axis, keepdims=True)
        squares = values.size / prod(sizes[axis] for axis in among) * effect**2
        effects.append(frozenset(factors[axis] for axis in among))
        # How templates or seeds vary among themselves can't be seen from a few of them: there the normal's dof stay.
        seen = among if len(among) > 1 or among == (0,) else ()
        found.append(_mean_square(squares, prod(sizes[axis] - 1 for axis in among), seen))
    if answers > 1:
        squares = ((values - cells[..., None]) ** 2).sum(axis=-1)
        effects.append(frozenset(factors))
        found.append(_mean_square(squares, cells.size * (answers - 1), tuple(axes)))
    effects[-1] = effects[-1] | {ANSWER}
    # Rounding of equal values must not count as spread.
    mean, dofs = np.array(found).T
    mean = np.where(mean > values.size * (1e-14 * np.abs(values).max(initial=0)) ** 2, mean, 0.0)
    return MeanSquares(dict(zip((*factors, ANSWER), values.shape, strict=True)), tuple(effects), mean, dofs)


def _mean_square(squares: Floats, dof: int, axes: tuple[int, ...]) -> tuple[float, float]:
    """The mean square Σ squares / dof, and its effective degrees of freedom.

    Of normal values Var(MS)/MS² is 2/dof. To it comes, for each axis, by how much the shares of the axis's levels vary
    more than they would then: values that are skewed, or 0/1 with a rate of their own in each level, have fewer.
    """
    mean = float(squares.sum() / dof)
    relative = normal = 2 / dof
    for axis in axes if mean > 0 else ():
        shares = squares.sum(axis=tuple(other for other in range(squares.ndim) if other != axis)) / squares.sum()
        relative += max(len(shares) * float(shares.var(ddof=1)) - normal, 0.0)
    return mean, 2 / relative
