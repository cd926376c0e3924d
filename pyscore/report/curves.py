"""The curves of a study as a page holds them: their values are those of cells, so that bands and trends are left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyscore.results.all_curves import StudyCurve
from pyscore.results.study_values import StudyValues

__all__ = ["curve_entries"]


def curve_entries(values: StudyValues, curves: Iterable[StudyCurve]) -> list[dict[str, Any]]:
    """The entries "curves" of a page."""
    checkpoints = {name: i for i, name in enumerate(values.checkpoints)}
    templates = {name: i for i, name in enumerate(values.templates)}
    datasets = {name: i for i, name in enumerate(values.datasets)}
    return [
        {
            "x": curve.x,
            "family": curve.family,
            "series": curve.series,
            "series_value": curve.series_value,
            "template": templates[curve.template],
            "scope": curve.scope,
            "dataset": datasets[curve.dataset] if curve.scope == "dataset" else None,
            "metric": curve.metric,
            "checkpoints": [checkpoints[point.checkpoint] for point in curve.points],
            "band_low": [point.band_low for point in curve.points],
            "band_high": [point.band_high for point in curve.points],
            "trend": {
                "verdict": curve.trend.verdict,
                "text": curve.trend.text,
                "shape": None if curve.trend.shape is None else str(curve.trend.shape),
            },
        }
        for curve in curves
    ]
