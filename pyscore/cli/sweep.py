"""`pyscore sweep`: a study's file in, its runs out; `pyscore sweep status`: how far a study is."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pyscore.cli.options import Json
from pyscore.cli.output import print_json
from pyscore.cli.sweep_output import print_dry_run, print_status
from pyscore.cli.text import say, typed_arguments, write_out

if TYPE_CHECKING:
    from pyscore.sweep.failures import Failure
    from pyscore.sweep.grid import Grid
    from pyscore.sweep.study import Study
    from pyscore.sweep.tally import Standing

__all__ = ["status", "sweep"]

FAILED = 1
"""Exit status where some checkpoints or data sets could not be scored, and everything else was."""
_SHOWN = 20  # failures, of which the study's folder has all


def sweep(
    study: Annotated[str, typer.Argument(help="The study's file. A file that is called status: ./status.")],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what is stored, what is missing and why, and score nothing."),
    ] = False,
    runner: Annotated[
        Literal["local", "ray"], typer.Option(help="In this process, or on a Ray cluster, or Ray on this machine.")
    ] = "local",
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Take every N-th checkpoint: 3/16 in the third task of an array.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Take only checkpoints that failed when they were last tried.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with what is there, or refuse an output that is there.")
    ] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first questions of each file.")] = None,
    progress: Annotated[
        bool, typer.Option("--progress/--quiet", help="Show progress on standard error; --quiet: failures only.")
    ] = True,
    json: Json = False,
) -> None:
    """Score what is missing of a study: checkpoints x templates x data sets."""
    from pyscore.sweep.sweeps import Shard  # here, for it imports NumPy

    part = None if shard is None else Shard.parse(shard)
    read = _load_study(study)
    if limit is not None:
        fewer = [replace(each, limit=min(limit, each.limit or limit)) for each in read.datasets]
        read = replace(read, datasets=tuple(fewer))
    options: dict[str, Any] = {"shard": part, "retry_failed": retry_failed}
    if dry_run:
        from pyscore.sweep.dry_run import dry_run as found_by

        found = found_by(read, **options)
        if json:
            print_json(found.to_dict())
        else:
            print_dry_run(found)
        if found.unreadable:
            raise typer.Exit(FAILED)
        return
    _run(read, progress, json, runner=runner, resume=resume, **options)


def status(
    output: Annotated[str, typer.Argument(help="The study's folder, a path or a URL.")],
    json: Json = False,
) -> None:
    """Show how far a study is, and who works on it, from any machine that sees its folder."""
    from pyscore.sweep.status import status_of

    found = status_of(output)
    if json:
        print_json(found.to_dict())
    else:
        print_status(found)


def _load_study(path: str) -> Study:
    from pyscore.sweep.spec import load

    return load(path)


def _run(study: Study, progress: bool, as_json: bool, **options: Any) -> None:
    from pyscore.store.studies import StudyFolder
    from pyscore.sweep.events import EventLog
    from pyscore.sweep.progress import Shown
    from pyscore.sweep.sweeps import FailedUnits, run
    from pyscore.sweep.tally import Tally
    from pyscore.sweep.watch import Watch, Watches

    class Seen(Watch):
        """Keeps the grid that the sweep begins with."""

        grid: Grid | None = None

        def began(self, grid: Grid, units: Any) -> None:
            self.grid = grid

    folder, tally, seen = StudyFolder(study.output), Tally(), Seen()
    shown = [Shown(tally)] if progress else []
    failures: tuple[Failure, ...] = ()
    try:
        run(study, watch=Watches([tally, seen, EventLog(folder, tally), *shown]), argv=typed_arguments(), **options)
    except FailedUnits as error:
        failures = error.failures
    except KeyboardInterrupt:
        say(f"what was scored is stored in {folder.place}: the same command goes on with it")
        raise
    standing = tally.standing()
    stored = 0 if seen.grid is None else seen.grid.n_cells - seen.grid.n_missing
    if as_json:
        print_json(_document(study, standing, stored, failures))
    else:
        write_out(f"{_told(standing, stored)}; rows are in {folder.place}\n")
    if failures:
        _say_failures(failures, str(folder.place))
        raise typer.Exit(FAILED)


def _told(standing: Standing, stored: int) -> str:
    parts = [
        f"{standing.cells:,} cells scored",
        f"{stored:,} were stored before",
        *([f"{standing.cells_failed:,} failed"] if standing.cells_failed else []),
        *([f"{standing.cells_left:,} left to another sweep"] if standing.cells_left else []),
    ]
    return ", ".join(parts)


def _document(study: Study, standing: Standing, stored: int, failures: tuple[Failure, ...]) -> dict[str, Any]:
    return {
        "study": study.name,
        "output": study.output,
        "cells_scored": standing.cells,
        "cells_stored_before": stored,
        "cells_failed": standing.cells_failed,
        "cells_left": standing.cells_left,
        "questions_run": standing.questions_run,
        "seconds": standing.seconds,
        "failures": [asdict(failure) for failure in failures],
    }


def _say_failures(failures: tuple[Failure, ...], folder: str) -> None:
    for failure in failures[:_SHOWN]:
        say(f"failed: {failure}")
    if len(failures) > _SHOWN:
        say(f"{len(failures) - _SHOWN} more failed: `pyscore sweep status {folder} --json` has all of them")
    more = "--retry-failed takes the checkpoints that failed" if any(each.model for each in failures) else ""
    say(f"everything else is stored; {more or 'the same command tries these again'}")
