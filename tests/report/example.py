"""Blocks of a page with made-up numbers, of any size: for what a browser does with a page, no model is needed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

__all__ = ["HOSTILE", "example_blocks"]

HOSTILE = '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">'
"""What a data set, a question or an answer may contain, and a page has to show as text."""

_METRICS = {
    "mean_probability": ("mean probability", "share", "the mean over questions of the probability of matching answers"),
    "preference_rate": ("preference rate", "share", "the share of questions of which a matching answer is preferred"),
    "mean_coverage": ("coverage", "share", "the mean probability of all compared answers together"),
    "tie_rate": ("ties", "share", "the share of questions of which no answer is preferred"),
    "mean_log_odds": ("mean log odds", "nats", "the mean over questions of the log odds of matching answers"),
}


def example_blocks(datasets: int = 6, steps: int = 4, sizes: int = 1, templates: int = 2) -> dict[str, Any]:
    """Blocks as `pyscore.report.page.render_page` takes them: checkpoints are every size at every step."""
    rng = np.random.default_rng(datasets + 1000 * steps)
    checkpoints = [
        {
            "name": f"m{size}, step {100 * step}",
            "model": f"m{size}",
            "revision": None,
            "family": "m",
            "size": 10.0 ** (7 + size),
            "step": 100 * step,
            "tags": {},
        }
        for size in range(sizes)
        for step in range(steps)
    ]
    names = [f"awareness of topic {i}" for i in range(datasets)]
    names[-1] = HOSTILE
    cells = _cells(rng, len(checkpoints), templates, datasets)
    pairs = list(_pairs(rng, len(checkpoints), templates, datasets))
    numbers = {
        "title": f"example {HOSTILE}",
        "pyscore_version": "0.1.0",
        "created": "2026-11-30",
        "confidence": 0.95,
        "comparison": {"normalize": "sum", "sets": "max", "ties": "half"},
        "clustered": True,
        "metrics": {
            name: {
                "label": label,
                "unit": unit,
                "definition": f"{definition}.",
                "signature": f"metric:{name}|normalize:sum|sets:max|ties:half|interval:auto@0.95|version:0.1.0",
            }
            for name, (label, unit, definition) in _METRICS.items()
        },
        "headlines": ["mean_probability", "preference_rate"],
        "checkpoints": checkpoints,
        "templates": [f"template {i}" for i in range(templates)],
        "datasets": [{"name": name, "questions": 100} for name in names],
        "reasons": ["not scored", "all values are equal"],
        "cells": cells,
        "warnings": [
            {
                "cell": i,
                "kind": "coverage",
                "metric": "mean_probability",
                "text": f"The compared answers of line {i} hold little of the probability.",
                "advice": "Check the template: the model may want to begin its answer in another way.",
            }
            for i in range(0, len(cells["n"]), 7)
        ],
        "curves": list(_curves(rng, sizes, steps, datasets)),
        "curve_notes": ["m0, template 1: two checkpoints are at one step"],
        "differences": {"family": "p-values are corrected over the data sets of a pair (Holm)", "notes": []},
        "chart_specs": _specs(),
        "provenance": {
            "commands": [{"what": "this page", "command": "pyscore report out -o report.html"}],
            "checkpoints": [
                {"checkpoint": i, "template": t, "facts": {"dtype": "float32", "weights": f"{i:064x}"}}
                for i in range(len(checkpoints))
                for t in range(templates)
            ],
            "templates": [{"name": f"template {i}", "text": "{{ question }}"} for i in range(templates)],
            "versions": {"pyscore": "0.1.0", "torch": "2.13.0"},
            "notes": [],
        },
        "drill": {str(i): f"dataset-{i}" for i in range(datasets)},
    }
    calibration = {
        "cells": [_calibration(rng, c, t) for c in range(len(checkpoints)) for t in range(templates)],
    }
    return {
        "numbers": numbers,
        "differences": {"pairs": pairs, "verdicts": ["higher", "lower", "not shown", "no verdict"]},
        "calibration": calibration,
        **{f"dataset-{i}": _drill(rng, len(checkpoints), templates) for i in range(datasets)},
    }


def _cells(rng: np.random.Generator, checkpoints: int, templates: int, datasets: int) -> dict[str, Any]:
    scopes = [("dataset", i) for i in range(datasets)] + ([("pooled", None), ("macro", None)] if datasets > 1 else [])
    keys = [(c, t, scope, d) for c in range(checkpoints) for t in range(templates) for scope, d in scopes]
    n = len(keys)
    metrics = {}
    for name in _METRICS:
        value = rng.normal(size=n) if name == "mean_log_odds" else rng.uniform(size=n)
        half = rng.uniform(0.01, 0.05, size=n)
        low, high = (
            (value - half, value + half) if name == "mean_log_odds" else np.clip([value - half, value + half], 0, 1)
        )
        columns: dict[str, list[Any]] = {"value": value.tolist(), "low": low.tolist(), "high": high.tolist()}
        columns |= {
            "template_min": (value - 0.1).tolist(),
            "template_max": (value + 0.1).tolist(),
            "reason": [None] * n,
        }
        if n > 3:
            columns["value"][3] = columns["low"][3] = columns["high"][3] = None
            columns["reason"][3] = 0
            columns["low"][1] = columns["high"][1] = None
            columns["reason"][1] = 1
        metrics[name] = columns
    return {
        "checkpoint": [key[0] for key in keys],
        "template": [key[1] for key in keys],
        "scope": [key[2] for key in keys],
        "dataset": [key[3] for key in keys],
        "n_datasets": [1 if key[3] is not None else datasets for key in keys],
        "n": [100 if key[3] is not None else 100 * datasets for key in keys],
        "n_clusters": [None if i % 2 else 30 for i in range(n)],
        "n_skipped": [0] * n,
        "metrics": metrics,
    }


def _pairs(rng: np.random.Generator, checkpoints: int, templates: int, datasets: int) -> Iterator[dict[str, Any]]:
    for (first, other), template in ((p, t) for p in combinations(range(checkpoints), 2) for t in range(templates)):
        n = datasets + 2
        cells: dict[str, Any] = {
            "scope": ["dataset"] * datasets + ["pooled", "macro"],
            "dataset": [*range(datasets), None, None],
            "n": [100] * datasets + [100 * datasets] * 2,
            "n_clusters": [None] * n,
        }
        for name in ("mean_probability", "preference_rate"):
            difference, half = rng.normal(0, 8_000, n), rng.uniform(1_000, 5_000, n)
            p = rng.uniform(size=n)
            verdict = np.where(abs(difference) <= half, 2, np.where(difference > 0, 0, 1))
            cells[name] = {
                "difference": difference.astype(int).tolist(),
                "below": half.astype(int).tolist(),
                "above": (half + 700).astype(int).tolist(),
                "adjusted_p": [float(f"{min(1, 2 * x):.3g}") for x in p],
                "verdict": verdict.tolist(),
                "reason": {},
            }
        yield {"first": first, "other": other, "template": template, "reason": None, "notes": [], "cells": cells}


def _curves(rng: np.random.Generator, sizes: int, steps: int, datasets: int) -> Iterator[dict[str, Any]]:
    scopes = [("dataset", i) for i in range(datasets)] + [("pooled", None), ("macro", None)]
    for metric in ("mean_probability", "preference_rate"):
        for scope, dataset in scopes:
            for x, own in [("step", [range(i * steps, (i + 1) * steps) for i in range(sizes)])] + (
                [("size", [range(j, sizes * steps, steps) for j in range(steps)])] if sizes > 1 else []
            ):
                for i, checkpoints in enumerate(own):
                    value = np.clip(0.5 + np.cumsum(rng.normal(0.02, 0.05, len(checkpoints))), 0, 1)
                    yield {
                        "x": x,
                        "family": "m",
                        "series": f"size {10.0 ** (7 + i):g}" if x == "step" else f"step {100 * i}",
                        "series_value": 10.0 ** (7 + i) if x == "step" else 100 * i,
                        "template": 0,
                        "scope": scope,
                        "dataset": dataset,
                        "metric": metric,
                        "checkpoints": list(checkpoints),
                        "band_low": (value - 0.05).tolist(),
                        "band_high": (value + 0.05).tolist(),
                        "trend": {
                            "verdict": "rises" if value[-1] > value[0] + 0.05 else "not shown",
                            "text": f"changes by {value[-1] - value[0]:.2f} from first to last",
                            "shape": None,
                        },
                    }


def _calibration(rng: np.random.Generator, checkpoint: int, template: int) -> dict[str, Any]:
    edges = np.linspace(0.5, 1, 8)
    bins = [
        {"low": low, "high": high, "confidence": (low + high) / 2, "rate": rate, "rate_low": rate - 0.05}
        | {"rate_high": rate + 0.05, "n": int(rng.integers(1, 100))}
        for low, high, rate in zip(
            edges[:-1].tolist(), edges[1:].tolist(), rng.uniform(0.4, 1, 7).tolist(), strict=True
        )
    ]
    log_odds = {"edges": list(range(-8, 9)), "counts": rng.integers(0, 50, 16).tolist()}
    numbers = {"ece": 0.05, "calibration_error": 0.04, "brier": 0.2}
    return {"checkpoint": checkpoint, "template": template, "bins": bins, **numbers, "log_odds": log_odds}


def _drill(rng: np.random.Generator, checkpoints: int, templates: int) -> dict[str, Any]:
    questions = [
        {
            "id": f"q{i}",
            "cluster": f"c{i // 2}",
            "template": i % templates,
            "why": [("extreme", "changed", "undecided")[i % 3]],
            "prompt": f"Question {i} {HOSTILE}\n" + "word " * 40,
            "cut": i == 0,
            "answers": [{"text": f" Yes {HOSTILE}", "is_matching": True}, {"text": " No", "is_matching": False}],
            "probability": rng.uniform(size=checkpoints).tolist(),
            "prefers": rng.integers(0, 2, checkpoints).tolist(),
        }
        for i in range(9)
    ]
    calibration = [_calibration(rng, c, t) for c in range(checkpoints) for t in range(templates)]
    return {"calibration": calibration, "questions": questions, "note": None}


def _specs() -> dict[str, Any]:
    """Charts as simple as can be."""
    schema, data = "https://vega.github.io/schema/vega-lite/v6.json", {"name": "rows"}

    def points(x: str, y: str) -> dict[str, Any]:
        encoding = {"x": {"field": x, "type": "quantitative"}, "y": {"field": y, "type": "quantitative"}}
        return {"$schema": schema, "data": data, "mark": "point", "encoding": encoding}

    return {
        "two_numbers": points("mean_probability", "preference_rate"),
        "behaviour": points("x", "value"),
        "forest": points("difference", "adjusted_p"),
        "reliability": points("confidence", "rate"),
        "log_odds": points("low", "count"),
    }
