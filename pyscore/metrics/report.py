"""Report: what a metric returns. It prints as a small table, becomes a dictionary, and says how it was made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyscore._version import __version__
from pyscore.metrics.estimate import Estimate, columns, json_number, table

__all__ = ["Report", "ties_of", "write_signature"]


@dataclass(frozen=True)
class Report:
    """The result of a metric: numbers with intervals, numbers without, and perhaps a table of rows.

    Attributes:
        title: what was measured and on how much, the first line of the printed table.
        estimates: name -> `Estimate`, in the order in which they are printed; ``report["name"]`` is a short way there.
        signature: how the numbers were made, for a paper or a log: metric, preset, ties, interval, version.
        confidence: of every interval.
        numbers: name -> a number that has no interval: a count, a p-value, a score.
        rows: a table with the same keys in every row: the bins of a reliability table, the points of a curve.
    """

    title: str
    estimates: Mapping[str, Estimate]
    signature: str
    confidence: float = 0.95
    numbers: Mapping[str, float] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()

    def __getitem__(self, name: str) -> Estimate:
        try:
            return self.estimates[name]
        except KeyError:
            raise KeyError(f"{name!r} is not one of {', '.join(self.estimates)}") from None

    def __str__(self) -> str:
        lines = [self.title]
        if self.estimates:
            lines.append(table(self.estimates, self.confidence))
        if self.rows:
            lines.append(columns([list(self.rows[0]), *([_text(v) for v in row.values()] for row in self.rows)]))
        if self.numbers:
            lines.append(", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in self.numbers.items()))
        return "\n".join([*lines, self.signature])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: estimates as nested objects, NaN and infinities as None."""
        return {
            "title": self.title,
            "estimates": {name: estimate.to_dict() for name, estimate in self.estimates.items()},
            "signature": self.signature,
            "confidence": self.confidence,
            "numbers": {name: _plain(value) for name, value in self.numbers.items()},
            "rows": [{name: _plain(value) for name, value in row.items()} for row in self.rows],
        }


def write_signature(metric: str, **settings: object) -> str:
    """``metric:...|name:value|...|version:...``, after sacrebleu; a setting that is None is left out."""
    given = {"metric": metric} | {name: value for name, value in settings.items() if value is not None}
    return "|".join(f"{name}:{value}" for name, value in (given | {"version": __version__}).items())


def ties_of(n_ties: int, halves: int, wins: float) -> str:
    """The ties policy that a comparison shows: how many ties, how many of them count half, and what they add up to.

    "none" where nothing tied: then no policy played a part.
    """
    if not n_ties:
        return "none"
    return "half" if halves == n_ties else "strict" if wins == 0 else "first"


def _plain(value: Any) -> Any:
    """The value as JSON has it: Python's own kind of number, NaN and infinities as None."""
    value = value.item() if hasattr(value, "item") else value
    return json_number(value) if isinstance(value, float) else value


def _text(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    plain = value == 0 or 1e-3 <= abs(value) < 1e5 or not math.isfinite(value)
    return f"{value:.4f}" if plain else f"{value:.3e}"
