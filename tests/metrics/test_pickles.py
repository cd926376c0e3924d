"""Pickles name the module of a class, and are read by later versions: a class that moves leaves an import behind."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from pyscore import metrics

HOMES = {
    "Answers": "core.answer_scores",
    "BoundedEstimate": "core.report",
    "Difference": "differences",
    "Estimate": "core.report",
    "Interval": "core.intervals",
    "Metric": "presets",  # within a Preset
    "Moments": "core.moments",  # within a SummaryState
    "Preset": "presets",
    "Report": "core.report",
    "RewardEnsemble": "preferences",
    "Scale": "core.scales",
    "ScalingPoint": "scaling",
    "SequentialTest": "sequential_test",
    "Summary": "summary",
    "SummaryState": "summary_state",
    "VarianceComponents": "components",
}
"""Where pickles look for each class, in pyscore.metrics. Add a line for a new class, and change none."""


@pytest.mark.parametrize("name", HOMES)
def test_a_class_is_found_where_pickles_look_for_it(name: str) -> None:
    found = getattr(import_module(f"pyscore.metrics.{HOMES[name]}"), name)
    assert inspect.isclass(found) and found is getattr(metrics, name, found)


def test_every_public_class_has_a_home() -> None:
    assert {name for name in metrics.__all__ if inspect.isclass(getattr(metrics, name))} <= set(HOMES)
