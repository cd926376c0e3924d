"""Runs to compare: tables of rows made on the spot, of which the true differences are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from tests.store.tables import pair, table


def run(
    n: int = 40,
    seed: int = 0,
    *,
    dataset: str | None = "d",
    shift: float = 0.0,
    per_cluster: int | None = None,
    ids: Any = None,
    **columns: Any,
) -> list[dict[str, Any]]:
    """Two rows a question. Questions have their own level, whatever the seed: runs agree as paired data do."""
    level = np.random.default_rng(1_000).normal(0.3, 1.5, 10_000)[:n]
    log_odds = level + shift + np.random.default_rng(seed).normal(0, 0.7, n)
    rows = []
    for i, x in enumerate(log_odds.tolist()):
        own = {"cluster": f"c{i // per_cluster}"} if per_cluster else {}
        yes, no = -np.logaddexp(0, -x) - 0.1, -np.logaddexp(0, x) - 0.1
        id = f"q{i}" if ids is None else ids[i]
        rows += pair(float(yes), float(no), question_id=id, dataset=dataset, **own, **columns)
    return rows


def rows(*runs: list[dict[str, Any]], **metadata: str) -> pa.Table:
    return table([row for each in runs for row in each], **metadata)
