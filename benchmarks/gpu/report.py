"""What is printed while sections run, and the file that holds everything."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.clock import spread
from benchmarks.gpu.contest import OURS
from benchmarks.gpu.lab import Ceilings
from benchmarks.gpu.targets import TARGETS, Row, number, standing

__all__ = ["describe", "reasons", "row_of", "section_of", "write"]


def _times(row: Row) -> list[str]:
    ours = row.outcomes.get(OURS)
    if ours is None or ours.median is None:
        return []
    seconds, width = spread(ours.seconds)
    parts = [f"{seconds * 1e3:.4g} ms ±{width:.0%}"]
    if ours.graph:
        parts.append(f"graph {ours.best * 1e3:.4g} ms")  # type: ignore[operator]
    if "flops" in row.facts:
        parts.append(f"{row.facts['flops'] / ours.best / 1e12:.4g} TFLOP/s")  # type: ignore[operator]
    for name, outcome in row.outcomes.items():
        if name != OURS and outcome.best:
            kind = "" if bool(outcome.graph) == bool(ours.graph) else " (not in a graph)"
            parts.append(f"{name} {outcome.best / ours.best:.3g}x{kind}")  # type: ignore[operator]
    return parts


def describe(row: Row) -> str:
    """One line on a case: its times, peers as multiples of pyscore's time, and where it stands with its targets."""
    parts = _times(row)
    for key, value in row.measures.items():
        target = TARGETS[key]
        met = "not measured" if value is None else f"{number(value)} {'met' if target.met(value) else 'NOT MET'}"
        parts.append(f"[{target.number}] {target.what}: {met}")
    return f"  {row.case}: {'; '.join(parts)}"


def reasons(rows: list[Row]) -> list[str]:
    """Why peers were not timed, each reason once, with the number of cases."""
    counted: dict[str, int] = {}
    for row in rows:
        for name, outcome in row.outcomes.items():
            for reason in (outcome.reason, outcome.graph_reason and f"no graph: {outcome.graph_reason}"):
                if reason:
                    counted[f"{name}: {reason}"] = counted.get(f"{name}: {reason}", 0) + 1
    return [f"  not measured in {count} cases: {text}" for text, count in counted.items()]


def section_of(rows: list[Row], ceilings: Ceilings, failures: list[str], seconds: float) -> dict[str, Any]:
    """A section as JSON, with every round."""
    return {
        "ceilings": ceilings._asdict(),
        "seconds": seconds,
        "failures": failures,
        "rows": [_rounded(asdict(row)) for row in rows],
    }


def _rounded(value: Any) -> Any:
    """Floats to six digits, all the way down."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def row_of(found: dict[str, Any]) -> Row:
    """A row's case and measures back from JSON."""
    return Row(found["case"], found["facts"], measures=found["measures"])


def write(path: Path, machine: dict[str, Any], sections: dict[str, Any]) -> list[dict[str, Any]]:
    """Write the result with the standing of its targets, which is returned.

    Sections of an earlier run on the same machine, day and kernels stay where this run has none.
    """
    if path.exists():
        before = json.loads(path.read_text())
        if all(before.get(name) == machine[name] for name in machine):
            sections = {**before["sections"], **sections}
    rows = [row_of(row) for section in sections.values() for row in section["rows"]]
    found = standing(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    text = json.dumps({**machine, "targets": found, "sections": sections}, indent=1)
    # rounds on one line each
    text = re.sub(r"\[[^\[\]{}]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text)
    scratch.write_text(text + "\n")
    scratch.replace(path)  # a run that is killed while it writes leaves the last whole file
    return found
