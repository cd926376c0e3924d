"""How often 95 % intervals hold the truth: `python -m tools.coverage [FILE.json] [--only NAME] [--replicates N]`.

Every module of `tools/coverage_cells/` simulates a family of intervals: `cells(replicates)` gives a row a cell, a flat
dictionary whose first keys describe the design. The tool writes all rows as JSON and, beside it, as Markdown, one
section a module. These names mean something in a row, and all others are columns like any:

- ``table``: rows of one module that differ in it are shown as tables of their own;
- ``covered``: the share of intervals that hold the truth; of an interval that isn't printed, nothing is counted here;
- ``false``, or ``wrong``: the share of false verdicts of a test at 5 %;
- ``samples``: how many samples these shares rest on, where it isn't ``replicates``; 0 where it is exact.

A module may say more: ``SHARES``, which other columns are shares and are shown in per cent; ``SHORT``, why what falls
short does so, shown below its tables; ``overview(rows)``, Markdown to show above them.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import numpy as np

import pyscore
from tools import coverage_cells

__all__ = ["Row", "contents", "main", "markdown", "modules", "section", "summary", "table", "verdict"]

Row = dict[str, Any]
RESULTS = Path("benchmarks/results/coverage.json")
REPLICATES = 2_000
LOWEST, HIGHEST, LEVEL = 0.93, 0.97, 0.05
MARKS = {"short": " *", "wide": " +", "": ""}
FALSE = ("false", "wrong")  # names of the share of false verdicts
_HIDDEN = ("table", "samples")


def modules() -> dict[str, ModuleType]:
    """The families by name, in alphabetical order."""
    names = sorted(module.name for module in iter_modules(coverage_cells.__path__))
    return {name: import_module(f"{coverage_cells.__name__}.{name}") for name in names}


def verdict(name: str, share: float | None, samples: int) -> str:
    """Whether a share of so many samples lies outside its bounds by more than its own uncertainty: "short", "wide", "".

    ``covered`` is short below 93 % and wide above 97 %, by two standard errors. A share of false verdicts is short
    above 5 %, by three, since a good test is at its bound, and two would accuse one of 44 such tests. With 0 samples
    the share is exact.
    """
    if share is None or math.isnan(share):
        return ""
    # The standard error of a share of at least one sample: that of none or all of them would be 0.
    near = min(max(share, 1 / samples), 1 - 1 / samples) if samples else 0.0
    slack = math.sqrt(near * (1 - near) / samples) if samples else 1e-9
    if name in FALSE:
        return "short" if share - 3 * slack > LEVEL else ""
    return "short" if share + 2 * slack < LOWEST else "wide" if share - 2 * slack > HIGHEST else ""


def _judged(name: str, rows: list[Row], replicates: int) -> list[tuple[float, str]]:
    """The share under this name and its verdict, of the rows that have one."""
    known = [row for row in rows if row.get(name) is not None and not math.isnan(row[name])]
    return [(100 * row[name], verdict(name, row[name], row.get("samples", replicates))) for row in known]


def summary(rows: list[Row], replicates: int) -> str:
    """One line: how many cells lie within, and the extremes."""
    lines = []
    covered = _judged("covered", rows, replicates)
    if covered:
        shares, found = zip(*covered, strict=True)
        lines.append(
            f"{found.count('')} of {len(covered)} cells within 93-97 %, {found.count('short')} short (*), "
            f"{found.count('wide')} above (+); lowest {min(shares):.1f}, highest {max(shares):.1f}."
        )
    false = [each for name in FALSE for each in _judged(name, rows, replicates)]
    if false:
        shares, found = zip(*false, strict=True)
        lines.append(f"{found.count('')} of {len(false)} tests wrong in at most 5 %; highest {max(shares):.1f}.")
    return " ".join(lines)


def table(rows: list[Row], replicates: int, shares: Iterable[str] = ()) -> str:
    """The rows as a Markdown table: shares in per cent, a star where a cell falls short, a plus where it is wide."""
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in _HIDDEN]
    shown = [names]
    for row in rows:
        samples = row.get("samples", replicates)
        shown.append([_text(name, row.get(name), samples, shares) for name in names])
    return markdown(shown)


def _text(name: str, value: Any, samples: int, shares: Iterable[str]) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if name in ("covered", *FALSE):
        return f"{100 * value:.1f}{MARKS[verdict(name, value, samples)]}"
    if name in shares:
        return f"{100 * value:.1f}"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def markdown(rows: list[list[str]]) -> str:
    """A Markdown table, its first row the header."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def section(name: str, module: ModuleType, rows: list[Row], replicates: int) -> str:
    """What a module measured, and why what falls short does so."""
    about = (module.__doc__ or "").strip()
    parts = [f"## {name}", about, f"**{summary(rows, replicates)}**" if summary(rows, replicates) else ""]
    overview: Callable[[list[Row]], str] | None = getattr(module, "overview", None)
    if overview is not None:
        parts.append(overview(rows))
    for title in dict.fromkeys(row.get("table", "") for row in rows):
        of_table = [row for row in rows if row.get("table", "") == title]
        if title:
            parts.append(f"### {title}\n\n{summary(of_table, replicates)}")
        parts.append(table(of_table, replicates, getattr(module, "SHARES", ())))
    parts.append(str(getattr(module, "SHORT", "")).strip())
    return "\n\n".join(part for part in parts if part)


def contents(families: dict[str, dict[str, Any]]) -> str:
    """A row a family: how many of its cells lie within, and the extremes; tests at 5 % beside."""
    shown = [["family", "cells", "within 93-97 %", "short", "above", "lowest", "highest", "tests", "above 5 %"]]
    for name, each in families.items():
        covered = _judged("covered", each["rows"], each["replicates"])
        false = [found for key in FALSE for _, found in _judged(key, each["rows"], each["replicates"])]
        shares, found = zip(*covered, strict=True) if covered else ((), ())
        counts = [str(len(found)), *(str(found.count(kind)) for kind in ("", "short", "wide"))]
        extremes = [f"{end:.1f}" for end in (min(shares), max(shares))] if shares else ["", ""]
        tests = [str(len(false)), str(false.count("short"))] if false else ["", ""]
        shown.append([name, *(counts if shares else [""] * 4), *extremes, *tests])
    return markdown(shown)


def main(path: Path, only: list[str] | None = None, replicates: int = REPLICATES) -> None:
    """Measure, and write the JSON and beside it the Markdown; with ``only``, other families keep what they had."""
    known = modules()
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        raise ValueError(f"only names {unknown[0]!r}, which is not one of {', '.join(known)}")
    old = json.loads(path.read_text())["families"] if only and path.exists() else {}
    families: dict[str, dict[str, Any]] = {name: found for name, found in old.items() if name in known}
    for name in only or known:
        start = time.perf_counter()
        rows = known[name].cells(replicates)
        seconds = time.perf_counter() - start
        families[name] = {"replicates": replicates, "seconds": round(seconds, 1), "rows": rows}
        print(f"{name}: {seconds:.0f} s. {summary(rows, replicates)}", flush=True)
        # Written after each family, so that a failure of one loses nothing of the others.
        _write(path, known, {each: families[each] for each in known if each in families})


def _write(path: Path, known: dict[str, ModuleType], families: dict[str, dict[str, Any]]) -> None:
    settings = {"pyscore": pyscore.__version__, "numpy": np.__version__}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"settings": settings, "families": families}, indent=1, default=_plain) + "\n")
    text = "\n\n".join(section(name, known[name], each["rows"], each["replicates"]) for name, each in families.items())
    path.with_suffix(".md").write_text(f"# {path.stem}\n\n{settings}\n\n{contents(families)}\n\n{text}\n")


def _plain(value: Any) -> Any:
    """NumPy's scalars as Python's."""
    return value.item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How often 95 % intervals hold the truth.")
    parser.add_argument("path", nargs="?", type=Path, default=RESULTS, help="the JSON; the Markdown is beside it")
    parser.add_argument("--only", action="append", metavar="NAME", help="one family; may be given again")
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="samples a cell")
    arguments = parser.parse_args()
    main(arguments.path, arguments.only, arguments.replicates)
