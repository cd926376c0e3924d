"""Runs sections one after the other: prints each row as it comes, writes the result after each section."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.gpu.contest import why
from benchmarks.gpu.lab import Lab
from benchmarks.gpu.sections import SECTIONS
from benchmarks.gpu.targets import Row, standing, target_table
from benchmarks.machine import gpu_facts, slug
from benchmarks.report import describe, plot, reasons, section_of, write

__all__ = ["run"]


def run(names: Sequence[str], *, rehearse: bool, seconds: float | None, output: Path) -> int:
    """Exit status 1 if a result of pyscore was wrong or a section broke off, else 0."""
    lab, machine = Lab(rehearsal=rehearse), gpu_facts()
    lab.say = say = _Printer(rehearse)
    say(f"{machine['device']}\n{machine['versions']} {machine['date']}")
    path = output / f"gpu-{slug(machine['device']['name'])}-{machine['date']}.json"
    sections, rows = {}, []
    for name in names:
        start, failed = time.monotonic(), len(lab.failures)
        found = _section(lab, name, seconds, say)
        rows += found
        sections[name] = section_of(found, lab.ceilings, lab.failures[failed:], time.monotonic() - start)
        if not rehearse:
            write(path, machine, sections)
    say("")
    if rehearse:
        say(target_table(standing(rows)))
    else:
        result = json.loads(path.read_text())
        try:
            plot(result, path.with_suffix(".png"))
        except ImportError as error:
            say(f"no plot: {error}")
        say(f"{path}\n\n{target_table(result['targets'])}")
    for failure in lab.failures:
        say(f"FAILED {failure}")
    return 1 if lab.failures else 0


class _Printer:
    """print, each line marked where it is a rehearsal's."""

    def __init__(self, rehearsal: bool) -> None:
        self._mark = "rehearsal | " if rehearsal else ""

    def __call__(self, text: str) -> None:
        for line in text.split("\n"):
            print(self._mark + line, flush=True)


def _section(lab: Lab, name: str, seconds: float | None, say: _Printer) -> list[Row]:
    """The rows that a section came to; an exception ends the section, not the run."""
    section, usual = SECTIONS[name]
    rows: list[Row] = []
    try:
        with torch.no_grad():
            lab.rest()
            lab.measure_ceilings()
            lab.deadline = time.monotonic() + (usual if seconds is None else seconds)
            copy, mm = (value / 1e12 for value in lab.ceilings)
            say(f"{name}: copy {copy:.4g} TB/s, torch.mm {mm:.4g} TFLOP/s")
            for row in section(lab):
                rows.append(row)
                say(describe(row))
    except Exception as error:
        lab.fail(f"{name}: broke off: {why(error)}")
        say(traceback.format_exc().rstrip())
    for line in reasons(rows):
        say(line)
    return rows
