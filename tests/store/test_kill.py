"""A writer that is killed loses no stored row, doubles none, and leaves nothing that the next one can't clear."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pyscore.store import RunStore, metadata_of, read_rows, read_run
from pyscore.store.growing import finished_file
from tests.processes import forkserver
from tests.store import stores
from tests.store.stores import begin, keys_of, rows_of, write

QUESTIONS = 200
PLACES = ("fsync", "replace")
"""The calls around which a file is or isn't whole: of the os module, watched in the writer."""

rows_of(0)  # pyarrow imports much at the first table: before the writers are forked, not in each of them

if os.name != "posix":
    pytest.skip("processes are killed as on POSIX systems", allow_module_level=True)


def writer(run: Path, seed: int | None, told: Connection, kill_at: tuple[str, int, bool] | None) -> None:
    """Store what isn't done, telling each part once it is stored.

    Args:
        seed: of random sleeps, where a kill may hurt; None for no sleeps.
        kill_at: the name of a call, how many to let pass, and whether to be killed after it or before.
    """
    rng = random.Random(seed)
    counts = dict.fromkeys(PLACES, 0)

    def watched(name: str, call: Any) -> Any:
        def wrapper(*args: Any) -> Any:
            at = (name, counts[name])
            counts[name] += 1
            time.sleep(0 if seed is None else rng.random() * 0.003)
            if kill_at == (*at, False):
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args)
            time.sleep(0 if seed is None else rng.random() * 0.003)
            if kill_at == (*at, True):
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    for name in PLACES:
        setattr(os, name, watched(name, getattr(os, name)))
    told.send("ready")
    with begin(run, resume=True) as store:
        left = [number for number in range(QUESTIONS) if keys_of(number)[0] not in store.done()]
        while left:
            some, left = left[:3], left[3:]
            write(store, *some)
            told.send(some)
            if kill_at and len(left) < QUESTIONS - 10:
                break
        store.finish()


def run_writer(
    run: Path,
    seed: int | None = None,
    *,
    kill_after: tuple[int, float] | None = None,
    kill_at: tuple[str, int, Any] | None = None,
) -> tuple[list[int], int]:
    """The numbers that the writer said were stored, and its exit code; killed so many parts and seconds after ready."""
    context = forkserver()
    mine, told = context.Pipe(duplex=False)
    process = context.Process(target=writer, args=(run, seed, told, kill_at))
    process.start()
    told.close()
    assert mine.recv() == "ready"
    stored = []
    if kill_after is not None:
        for _ in range(kill_after[0]):
            stored += mine.recv()
        time.sleep(kill_after[1])
        process.kill()
    process.join()
    while mine.poll():
        try:
            stored += mine.recv()
        except EOFError:
            break
    assert process.exitcode is not None
    return stored, process.exitcode


def in_whole_parts(run: Path) -> list[int]:
    """The questions in the files named as parts, read without the store; each must be a whole file."""
    ids = []
    for path in sorted(run.glob("part-*.parquet")):
        assert re.fullmatch(r"part-\d{5}\.parquet", path.name)
        ids += pq.read_table(path)["question_id"].to_pylist()[::2]
    return [int(name[1:]) for name in ids]


def check_resumed(run: Path, stored: list[int]) -> None:
    """What a resumed run has: all that was stored, at most one part more, nothing twice, no temporary file."""
    found = in_whole_parts(run)
    assert len(found) == len(set(found))
    assert set(stored) <= set(found) and len(found) <= len(stored) + 3
    with begin(run, resume=True) as store:
        assert store.done() == set(keys_of(*found))
        parts = [path.name for path in run.glob("part-*")]
        assert sorted(os.listdir(run)) == sorted([".lock", "manifest.json", *parts])
    rows = read_run(run)
    assert rows.equals(rows_of(*found))
    assert metadata_of(rows)["complete"] == "false"


def test_runs_killed_at_random_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    run, stored, rng = tmp_path / "run", [], random.Random(0)
    for kill in range(10):
        told, code = run_writer(run, kill, kill_after=(rng.randint(0, 4), rng.uniform(0, 0.01)))
        assert code == -signal.SIGKILL
        stored += told
        check_resumed(run, stored)
        stored = in_whole_parts(run)
    told, code = run_writer(run)
    assert code == 0
    assert sorted(stored + told) == list(range(QUESTIONS))
    assert read_run(run).equals(rows_of(*range(QUESTIONS)))
    assert metadata_of(read_run(run))["complete"] == "true"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", PLACES)
def test_a_run_killed_around_any_call_that_makes_a_file_whole_goes_on(tmp_path: Path, place: str, after: Any) -> None:
    for count in range(100):
        run = tmp_path / str(count)
        stored, code = run_writer(run, kill_at=(place, count, after))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        check_resumed(run, stored)
    # The manifest, four parts, the manifest again; each file and then its folder is synced, and first the run's parent.
    assert count == {"fsync": 13, "replace": 6}[place]


def grow(target: Path, kill_at: tuple[str, int] | None) -> None:
    """Go on with a finished file of questions 0 to 5 until it holds 0 to 8, killed before a call of the os module."""
    counts: dict[str, int] = {}

    def watched(name: str, call: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            at = (name, counts.get(name, 0))
            counts[name] = at[1] + 1
            if kill_at == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapper

    earlier = finished_file(target, stores.SETTINGS)
    for name in ("replace", "unlink", "rmdir"):
        setattr(os, name, watched(name, getattr(os, name)))
    opening = {"settings": stores.SETTINGS}
    with RunStore.open(f"{target}.run", opening, resume=True, earlier=earlier) as store:
        numbers = list(range(len(earlier.rows) // 2))
        store.take_up(keys_of(*numbers), numbers)
        left = [number for number in range(9) if keys_of(number)[0] not in store.done()]
        for number in left:
            write(store, number)
        store.finish(target)


@pytest.mark.parametrize("place", ["replace", "unlink", "rmdir"])
def test_a_file_that_grows_is_whole_whenever_its_writer_is_killed(tmp_path: Path, place: str) -> None:
    context = forkserver()
    with begin(tmp_path / "small.parquet.run") as store:
        write(store, *range(6))
        store.finish(tmp_path / "small.parquet")
    for count in range(100):
        (tmp_path / str(count)).mkdir()
        target = tmp_path / str(count) / "rows.parquet"
        shutil.copy(tmp_path / "small.parquet", target)
        codes = []
        for kill_at in ((place, count), None):
            process = context.Process(target=grow, args=(target, kill_at))
            process.start()
            process.join()
            codes.append(process.exitcode)
            rows = read_rows(target)
            assert rows.equals(rows_of(*range(6))) or rows.equals(rows_of(*range(9)))
        assert rows.equals(rows_of(*range(9))) and codes[1] == 0
        assert [name for name in os.listdir(target.parent) if not name.endswith(".tmp")] == ["rows.parquet"]
        if codes[0] == 0:
            break
        assert codes[0] == -signal.SIGKILL
    # Replaced: the manifest, the old rows, three parts, the manifest, the file. Removed: parts, the list of skipped
    # questions, order, manifest, lock.
    assert count == {"replace": 7, "unlink": 8, "rmdir": 1}[place]
