"""Rare large values: what a sample can miss altogether, and no interval of its size can know of.

"hot clusters": clusters of 50 questions, of which 2.5 % have values around 0.9 and the others around 0.02 (beta, 20
prior questions), as means and as 0/1 outcomes. "changes": differences of two models' probabilities that are near 0
(normal, 0.005), but for 1 or 2 % of questions, where they are 0.9. Beside the interval: Student's t with C - 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.scales import RATE, SHARE, SHARE_DIFFERENCE, Scale
from tools.simulation import SIDES, Floats, chunks, ends, measured, t_ends

__all__ = ["SHARES", "SHORT", "cells"]

SEED = 20_261_130
SHARES = (*SIDES, "t(C - 1)")
SHORT = """
Where a sample is likely to hold none of the rare clusters or changes, its interval speaks for the others: 20 clusters
hold no hot one in 60 % of samples, 100 questions no change of 1 % in 37 %. The bounds for means in [0, 1] leave room
for one missed value where values are few or skewed; with room for a missed cluster, ten homogeneous clusters had
intervals several times as wide as t's, and with room for a missed change at any n, differences had up to twice the
width.
"""


def _hot(rng: np.random.Generator, clusters: int, size: int, outcomes: bool) -> Floats:
    means = np.where(rng.random((clusters, size)) < 0.025, 0.9, 0.02)[np.repeat(np.arange(clusters), 50)]
    if outcomes:
        return (rng.random(means.shape) < means).astype(np.float64)
    return rng.beta(means * 20, (1 - means) * 20)


def _changes(rng: np.random.Generator, n: int, size: int, share: float) -> Floats:
    return rng.normal(0, 0.005, (n, size)) + np.where(rng.random((n, size)) < share, 0.9, 0.0)


def cells(replicates: int) -> list[dict[str, Any]]:
    """Hot clusters by their number, and rare changes by the number of questions."""
    rows = []
    truth = 0.025 * 0.9 + 0.975 * 0.02
    for i, clusters in enumerate((10, 20, 50, 100, 200)):
        for scale, outcomes in ((SHARE, False), (RATE, True)):
            rng = np.random.default_rng((SEED, i, outcomes))
            draws = [_hot(rng, clusters, size, outcomes) for size in chunks(replicates, clusters * 50)]
            what = "rate" if outcomes else "mean in [0, 1]"
            row = {"table": "hot clusters", "values": what, "units": clusters, "n": clusters * 50}
            rows.append(row | _measured(draws, scale, truth, np.repeat(np.arange(clusters), 50)))
    for i, n in enumerate((30, 100, 300, 1000, 3000)):
        for j, share in enumerate((0.01, 0.02)):
            rng = np.random.default_rng((SEED, 9, i, j))
            draws = [_changes(rng, n, size, share) for size in chunks(replicates, n)]
            row = {"table": "changes", "values": f"changes of {share:g}", "units": n, "n": n}
            rows.append(row | _measured(draws, SHARE_DIFFERENCE, share * 0.9, None))
    return rows


def _measured(draws: list[Floats], scale: Scale, truth: float, codes: Any) -> dict[str, Any]:
    design = read_design(len(draws[0]), codes)
    found = {"": [ends(values, scale, design) for values in draws], "t(C - 1)": [t_ends(v, design) for v in draws]}
    row: dict[str, Any] = {}
    for name, parts in found.items():
        row |= measured(np.concatenate(parts, axis=1), truth, name)
    return row
