"""The differences of any two checkpoints as a page holds them: whole numbers of a hundred-thousandth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import Any

from pyscore.report.definitions import HEADLINES
from pyscore.results.all_pairs import PairDifferences
from pyscore.results.run_differences import MetricDifference, RunDifference
from pyscore.results.study_values import StudyValues

__all__ = ["FAMILY", "chosen_pairs", "differences_block"]

FAMILY = (
    "P-values of one metric are corrected (Holm) for all data sets of the two checkpoints and the template that are "
    "shown. They aren't corrected for picking the most striking of many pairs."
)
_UNIT = 1e5
_CELLS = 40_000
"""A page with 150 data sets holds all pairs of 20 checkpoints under one template; these take some 0.5 MB."""


def chosen_pairs(values: StudyValues) -> tuple[list[tuple[str, str]], str]:
    """Which checkpoints are compared, and what to say where not all pairs are: those that a curve is read by."""
    names = values.checkpoints
    every = list(combinations(names, 2))
    cells = len(every) * len(values.templates) * (len(values.datasets) + 2)
    if cells <= _CELLS:
        return every, ""
    families: dict[Any, list[str]] = {}
    for each in values.groups:
        of = each.group.labels
        families.setdefault((of["family"], of["size"], of["tags"]), []).append(each.checkpoint)
    chosen: dict[tuple[str, str], None] = {}
    for own in map(list, map(dict.fromkeys, families.values())):
        chosen |= dict.fromkeys([*((own[0], name) for name in own[1:]), *pairwise(own)])
    order = {name: i for i, name in enumerate(names)}
    kept = sorted(chosen, key=lambda pair: (order[pair[0]], order[pair[1]]))
    note = (
        f"Of {len(every):,} pairs the page holds {len(kept):,}: each checkpoint against the first of its family, and "
        "against the one before. `pyscore compare OUT --against NAME` compares all with any one."
    )
    return kept, note


def differences_block(values: StudyValues, found: Iterable[PairDifferences]) -> dict[str, Any]:
    """The block "differences" of a page.

    Args:
        values: of the study.
        found: the pairs.
    """
    checkpoints, templates = values.checkpoints, values.templates
    datasets = {name: i for i, name in enumerate(values.datasets)}
    verdicts: dict[str, int] = {}
    pairs = []
    for pair in found:
        cells: dict[str, Any] = {
            "scope": [each.scope for each in pair.differences],
            "dataset": [datasets[each.dataset] if each.scope == "dataset" else None for each in pair.differences],
            "n": [each.n_questions for each in pair.differences],
            "n_clusters": [each.n_clusters for each in pair.differences],
        }
        for metric in HEADLINES:
            cells[metric] = _metric(pair.differences, metric, verdicts)
        pairs.append(
            {
                "first": checkpoints.index(pair.first),
                "other": checkpoints.index(pair.other),
                "template": templates.index(pair.template),
                "reason": pair.reason or None,
                "notes": [
                    *(f"{name or '(no name)'} is left out: {why}" for name, why in pair.left_out.items()),
                    *pair.notes,
                ],
                "cells": cells,
            }
        )
    return {"pairs": pairs, "verdicts": list(verdicts)}


def _metric(differences: Sequence[RunDifference], metric: str, verdicts: dict[str, int]) -> dict[str, Any]:
    own: list[MetricDifference] = [getattr(each, metric) for each in differences]
    values = [each.difference.value for each in own]
    return {
        "difference": [_whole(value) for value in values],
        "below": [_whole(value - each.difference.low) for value, each in zip(values, own, strict=True)],
        "above": [_whole(each.difference.high - value) for value, each in zip(values, own, strict=True)],
        "adjusted_p": [None if math.isnan(each.adjusted_p) else float(f"{each.adjusted_p:.3g}") for each in own],
        "verdict": [verdicts.setdefault(each.verdict, len(verdicts)) for each in own],
        "reason": {str(i): each.difference.reason for i, each in enumerate(own) if each.difference.reason},
    }


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else round(value * _UNIT)
