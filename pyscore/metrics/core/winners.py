"""The normal mean of what was selected because its estimate was the largest: deviations that allow for it.

All is in standard errors of the selected estimate: a deviation u stands for the parameter value - u · stderr.
"""

from __future__ import annotations

import numpy as np

from pyscore.metrics.core.arrays import Floats

__all__ = ["deviation", "draw_t", "first_best", "max_quantile", "normal_root", "room", "tail"]

_CLOSE = 1e-12  # relative
_FARTHEST = 1e6  # standard errors; beyond it nothing is told apart, and a conditional interval ends nowhere
_GRID = np.linspace(0, 1, 65)
_DRAWN_AT_ONCE = 2**20


def first_best(values: Floats) -> int:
    """Where the largest value stands, the first of those that differ from it by rounding only."""
    return int(np.argmax(values >= values.max() - 1e-12 * np.abs(values).max()))


def room(values: Floats, covariance: Floats, best: int, steps: Floats | float = 0.0) -> tuple[float, float]:
    """How far the best value could have fallen, and risen, with the same one best: (a, b), in its standard errors.

    Given what is independent of the best value X_b, that is X_j - c_j X_b with c_j = Σ_jb / Σ_bb for every rival j, the
    best one stays best while X_b lies within [X_b - a s_b, X_b + b s_b]: a = min (X_b - X_j) / ((1 - c_j) s_b) over
    c_j < 1, and b likewise over c_j > 1. ``steps`` is added to each lead X_b - X_j: half a step where values are
    multiples of one and a tie was decided by order. Andrews, Kitagawa & McCloskey 2024.
    """
    variance = covariance[best, best]
    slack = 1 - covariance[:, best] / variance
    leads = np.maximum(values[best] - values + steps, 0) / np.sqrt(variance)
    # Where a rival moves with the best one, as a copy of it does, the lead says nothing about the best one's value.
    moves = np.abs(slack) > 1e-9
    moves[best] = False
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(moves, leads / np.abs(slack), np.inf)
    down, up = ends[slack > 0], ends[slack < 0]
    return float(down.min(initial=np.inf)), float(up.min(initial=np.inf))


def tail(u: Floats, a: Floats, b: Floats, c: Floats) -> Floats:
    """P(Z <= u) for a standard normal Z that is known to lie within [max(u - a, -c), min(u + b, c)].

    It rises with u from 0 to 1. Computed on the logarithmic scale, on the side where both tails are small.
    """
    low, high = np.maximum(u - a, -c), np.minimum(u + b, c)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.exp(_log_mass(low, u) - _log_mass(low, high))
    # Where no room is left, neither side of u holds anything, and 0 / 0 is taken for one half.
    held: Floats = np.where(np.isnan(share), 0.5, np.minimum(share, 1.0))
    return held


def deviation(probability: Floats | float, a: Floats | float, b: Floats | float, c: Floats | float) -> Floats:
    """The u within [-c, c] at which `tail` is ``probability``, to 1e-12; elementwise.

    Without a bound, c = inf, it may be infinite: with a = 0 no deviation makes the value that was seen likely.
    """
    arrays = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (probability, a, b, c)))
    probability, a, b, c = (each[..., None] for each in arrays)
    high: Floats = np.minimum(c, _FARTHEST)
    low = -high
    while np.any(high - low > _CLOSE * np.maximum(np.abs(low), 1.0)):
        # The span is cut in 64 at once, since a call costs more than the numbers in it.
        points = low + (high - low) * _GRID
        n_below = (tail(points, a, b, c) < probability).sum(axis=-1, keepdims=True).clip(1, len(_GRID) - 1)
        low, high = (np.take_along_axis(points, n_below - shift, axis=-1) for shift in (1, 0))
    found = (low + high) / 2
    is_nowhere = np.isinf(c) & (np.abs(found) > 0.99 * _FARTHEST)
    return np.where(is_nowhere, np.copysign(np.inf, found), found)[..., 0]


def max_quantile(probability: float, covariance: Floats, n_draws: int, seed: int) -> float:
    """The quantile of max_j |ξ_j| / s_j for ξ ~ N(0, Σ), simulated. Variances of 0 are left out."""
    moves = np.diag(covariance) > 0
    covariance = covariance[np.ix_(moves, moves)] if moves.any() else np.eye(1)
    stderr = np.sqrt(np.diag(covariance))
    at_once = max(1, _DRAWN_AT_ONCE // len(stderr))
    rng, root = np.random.default_rng(seed), normal_root(covariance / np.outer(stderr, stderr))
    sizes = [min(at_once, n_draws - start) for start in range(0, n_draws, at_once)]
    largest = [np.abs(rng.standard_normal((size, len(root))) @ root.T).max(axis=1) for size in sizes]
    return float(np.quantile(np.concatenate(largest), probability))


def normal_root(covariance: Floats) -> Floats:
    """A matrix R with R Rᵀ = Σ, also where Σ is singular, as it is with more means than units."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = vectors * np.sqrt(np.maximum(values, 0))
    return root


def draw_t(covariance: Floats, dof: float, n: int, seed: int) -> Floats:
    """``[n, k]``: draws of multivariate Student's t around 0 with that scale matrix; normal where dof is infinite."""
    rng = np.random.default_rng(seed)
    draws: Floats = rng.standard_normal((n, len(covariance))) @ normal_root(covariance).T
    if np.isfinite(dof):
        draws /= np.sqrt(rng.chisquare(dof, (n, 1)) / dof)
    return draws


def _log_mass(low: Floats, high: Floats) -> Floats:
    """log P(low < Z < high), by the tail in which both lie."""
    from scipy.special import log_ndtr

    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    at_high = log_ndtr(high)
    mass: Floats = at_high + np.log(-np.expm1(log_ndtr(low) - at_high))
    return mass
