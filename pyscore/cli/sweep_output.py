"""A study for people: what a sweep would do, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyscore.cli.output import as_text, new_table, print_tables
from pyscore.engine.progress import duration

if TYPE_CHECKING:
    from rich.table import Table

    from pyscore.sweep.dry_run import DryRun
    from pyscore.sweep.failures import Failure
    from pyscore.sweep.groups import Group
    from pyscore.sweep.status import Status, Sweep

__all__ = ["print_dry_run", "print_status"]

_SHOWN = 20  # data sets and failures, of which --json has all


def print_dry_run(found: DryRun) -> None:
    """What a sweep would do, as tables and lines."""
    lines = [
        *_to_run(found),
        *_failures(found.failures),
        *(f"can't be read: {name}: {reason}" for name, reason in found.unreadable.items()),
        f"rows go to {found.output}; nothing was scored",
    ]
    print_tables([_checkpoints(found.groups, found.name), _datasets(found)], lines)


def print_status(found: Status) -> None:
    """How far a study is, as a table and lines."""
    lines = [f"{found.n_stored:,} of {found.n_cells:,} cells are stored in {found.folder}"]
    lines += [_sweep(each, bool(found.working)) for each in found.sweeps]
    alive = {True: "", None: " (or was: that can't be told from here)"}
    for each in found.working:
        lines.append(f"working on {each.model}: {each.host}, process {each.pid}{alive.get(each.is_alive, '')}")
    if not found.sweeps and not found.working:
        lines.append("no sweep is under way")
    print_tables([_checkpoints(found.groups, found.name)], [*lines, *_failures(found.failures)])


def _checkpoints(groups: Sequence[Group], title: str) -> Table:
    one_each = all(group.label is not None for group in groups)
    shown = new_table("checkpoint" if one_each else "family", title)
    for header in ("size", *(() if one_each else ("checkpoints",)), "cells", "stored", "missing", "failed"):
        shown.add_column(header, justify="right")
    has_reasons = any(group.reasons for group in groups)
    if has_reasons:
        shown.add_column("why", overflow="fold")
    for group in groups:
        numbers = [group.cells, group.stored, group.missing, group.failed]
        name = group.label if one_each else group.family or "(no family)"
        cells: list[Any] = [as_text(name or ""), _size(group.size), *([] if one_each else [f"{group.checkpoints:,}"])]
        cells += [f"{number:,}" for number in numbers]
        shown.add_row(*cells, *([as_text(_why(group, one_each))] if has_reasons else []))
    return shown


def _datasets(found: DryRun) -> Table:
    shown = new_table("data set", f"data sets under {', '.join(found.templates)}")
    for header in ("questions", "cells to run"):
        shown.add_column(header, justify="right")
    for name, (questions, missing) in list(found.datasets.items())[:_SHOWN]:
        shown.add_row(as_text(name), f"{questions:,}", f"{missing:,}")
    rest = list(found.datasets.values())[_SHOWN:]
    if rest:
        n, missing = sum(n for n, _ in rest), sum(missing for _, missing in rest)
        shown.add_row(f"and {len(rest):,} more", f"{n:,}", f"{missing:,}")
    return shown


def _why(group: Group, one_each: bool) -> str:
    return ", ".join(reason if one_each else f"{n:,} {reason}" for reason, n in group.reasons.items())


def _to_run(found: DryRun) -> list[str]:
    if not found.n_cells:
        return ["to run: nothing"]
    of = f"{found.n_cells:,} cells of {_checkpoints_told(found.n_checkpoints)}"
    return [f"to run: {of}, at most {found.n_questions:,} questions", *_tokens(found), _time(found)]


def _tokens(found: DryRun) -> list[str]:
    tokens = found.tokens
    lines = []
    if tokens.n_checkpoints:
        about = "" if tokens.is_exact else "about "
        of = f" for {_checkpoints_told(tokens.n_checkpoints)}" if tokens.unknown else ""
        lines.append(f"tokens: {about}{tokens.distinct:,} distinct ones to run{of}, at most")
    return lines + [f"tokens: not known for {_checkpoints_told(n)}: {why}" for why, n in tokens.unknown.items()]


def _time(found: DryRun) -> str:
    time = found.time
    if time.seconds is None:
        return "time: no estimate, for nothing was measured yet"
    scaled = f"; the size of {_checkpoints_told(time.n_scaled)} to run wasn't measured" if time.n_scaled else ""
    were = "was" if time.n_measured == 1 else "were"
    based = f"told by {_checkpoints_told(time.n_measured)} that {were} scored here before{scaled}"
    return f"time: about {duration(time.seconds)} of one worker, loading included ({based})"


def _sweep(each: Sweep, is_working: bool) -> str:
    from pyscore.sweep.progress import line_of
    from pyscore.sweep.tally import Standing

    known = {name: value for name, value in each.standing.items() if name in Standing.__dataclass_fields__}
    way = "under way" if is_working else "under way, or killed, for no checkpoint is being worked on"
    return f"{way}: {line_of(Standing(**known))}; heard of {duration(each.heard)} ago ({each.log})"


def _failures(failures: Sequence[Failure]) -> list[str]:
    lines = [f"failed: {failure}" for failure in failures[:_SHOWN]]
    more = len(failures) - len(lines)
    return lines + ([f"{more:,} more failed: --json has all of them"] if more > 0 else [])


def _checkpoints_told(n: int) -> str:
    return f"{n:,} checkpoint{'' if n == 1 else 's'}"


def _size(size: float | None) -> str:
    """A number of parameters, as people write it: 135M, 6.9B."""
    if size is None:
        return "-"
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{size / unit:.3g}{letter}"
    return f"{size:.3g}"
