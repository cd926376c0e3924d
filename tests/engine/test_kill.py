"""A run that is killed 30 times at random moments loses no row, doubles none, and ends with the same rows."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from pyscore.engine.run import score_to
from pyscore.store import RunStore, metadata_of, read_run
from tests.engine.fake_source import fake_scorer
from tests.engine.tiny import some_questions
from tests.processes import forkserver

KILLS = 30
QUESTIONS = 1600

if os.name != "posix":
    pytest.skip("processes are killed as on POSIX systems", allow_module_level=True)


def score(run: Path, told: Connection) -> None:
    """Go on with the run, telling each part once it is stored."""
    write = RunStore.write

    def telling(self: RunStore, table: Any, keys: Sequence[str], positions: Sequence[int] | None = None) -> None:
        write(self, table, keys, positions)
        told.send("part")

    RunStore.write = telling
    told.send("ready")
    score_to(fake_scorer(), str(run), some_questions(QUESTIONS), resume=True, progress=False, chunk_questions=4)
    told.send("finished")


def run_once(run: Path, kill_after: tuple[int, float] | None = None) -> int:
    """The number of parts that the process said were stored; killed so many parts and seconds after it was ready."""
    context = forkserver()
    mine, told = context.Pipe(duplex=False)
    process = context.Process(target=score, args=(run, told))
    process.start()
    told.close()
    assert mine.recv() == "ready"
    parts = 0
    if kill_after is not None:
        while parts < kill_after[0] and mine.recv() == "part":
            parts += 1
        time.sleep(kill_after[1])
        process.kill()
    try:
        while mine.recv() == "part":
            parts += 1
    except EOFError:  # killed
        pass
    process.join()
    return parts


def test_a_run_killed_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert run_once(tmp_path / "whole") == QUESTIONS // 4
    whole, run = read_run(tmp_path / "whole"), tmp_path / "run"
    moments, told = random.Random(0), 0
    for _ in range(KILLS):
        told += run_once(run, (moments.randint(0, 3), moments.uniform(0.0, 0.02)))
        stored = read_run(run)["question_id"].to_pylist() if (run / "manifest.json").exists() else []
        assert len(set(stored)) >= 4 * told  # the last one may have been stored and not told
    assert 0 < 4 * told < QUESTIONS
    run_once(run)
    table = read_run(run)
    assert metadata_of(table)["complete"] == "true"
    assert table.drop_columns(["run_id"]).equals(whole.drop_columns(["run_id"]))
