"""The nine targets as data, and the table of what was measured against them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.gpu.contest import Outcome

__all__ = ["TARGETS", "Row", "Target", "number", "standing", "target_table"]


class Target(NamedTuple):
    """A limit on a measured ratio or error."""

    number: int
    what: str
    limit: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        """Whether a measured value keeps the limit; NaN never does."""
        return value >= self.limit if self.at_least else value <= self.limit


TARGETS = {
    "mm": Target(1, "rate over torch.mm's, N 4096 and 8192", 0.90),
    "verl": Target(1, "times as fast as verl's kernel", 1.5),
    "narrow": Target(2, "times as fast as cuBLAS + pass, D 896", 1.25),
    "bandwidth": Target(3, "share of copy bandwidth on W, N 1 to 64", 0.85),
    "cublas": Target(3, "times as fast as cuBLAS + pass, N 1 to 64", 1.05),
    "roofline": Target(4, "share of the roofline, N 256 to 1024", 0.75),
    "every output": Target(5, "all outputs over log-prob alone", 1.05, at_least=False),
    "candidates": Target(5, "8 candidates over 1", 1.03, at_least=False),
    "ready bandwidth": Target(6, "share of copy bandwidth, ready logits, all outputs", 0.85),
    "ready compile": Target(6, "times as fast as torch.compile, ready logits, all outputs", 3.0),
    "split": Target(7, "times as fast as one program a row, N 1 to 16", 5.0),
    "bits": Target(8, "differing bits, N 1 to 8192", 0.0, at_least=False),
    "tuned": Target(8, "time over the fastest candidate's at that N", 1.03, at_least=False),
    "error": Target(9, "max |Δ log-prob| against float64, |logit| <= 32", 1e-4, at_least=False),
}


@dataclass
class Row:
    """One case of a section."""

    case: str
    facts: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    measures: dict[str, float | None] = field(default_factory=dict)
    """By the keys of TARGETS; None where what it compares with could not be measured."""

    def measure(self, key: str, above: float | None, below: float | None) -> None:
        """above / below, or None where one is missing."""
        self.measures[key] = above / below if above is not None and below else None


def standing(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For each target its worst case and how many cases meet it; a target that nothing measured stays in the list."""
    rows, found = list(rows), []
    for key, target in TARGETS.items():
        values = [(row.measures[key], row.case) for row in rows if row.measures.get(key) is not None]
        worst = (min if target.at_least else max)(values, default=(None, ""), key=lambda pair: pair[0])
        found.append(
            {
                "target": target.number,
                "what": target.what,
                "limit": target.limit,
                "at_least": target.at_least,
                "worst": worst[0],
                "case": worst[1],
                "met": sum(target.met(value) for value, _ in values),
                "measured": len(values),
                "cases": sum(key in row.measures for row in rows),
            }
        )
    return found


def number(value: float) -> str:
    """Three digits, as one reads them."""
    return f"{value:.3g}" if abs(value) < 1e-2 or abs(value) >= 1e4 else f"{value:.3f}"


def target_table(found: Iterable[dict[str, Any]]) -> str:
    """One line a target: the worst measured case, the limit, and whether every measured case meets it."""
    lines = [("target", "what", "worst", "limit", "met", "cases", "worst case")]
    for entry in found:
        limit = f"{'>=' if entry['at_least'] else '<='} {entry['limit']:g}"
        if not entry["measured"]:
            state = "not measured" if entry["cases"] else "not run"
            lines.append((str(entry["target"]), entry["what"], "-", limit, state, f"0/{entry['cases']}", ""))
            continue
        met = "met" if entry["met"] == entry["measured"] else "NOT MET"
        share = f"{entry['met']}/{entry['measured']}"
        lines.append((str(entry["target"]), entry["what"], number(entry["worst"]), limit, met, share, entry["case"]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
