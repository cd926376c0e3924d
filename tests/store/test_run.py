"""A run is written part by part and goes on where it stopped; nothing is lost and nothing doubled."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.store import RunStore, metadata_of, question_key, read_rows, read_run, remove_run, row_schema
from pyscore.store import run as run_module
from pyscore.store.files import locate
from pyscore.store.parts import write_part
from pyscore.store.reading import merge, remove_files
from tests.store.stores import begin, keys_of, manifest_of, remove, rows_of, write
from tests.store.tables import pair, table


def assert_writes_nothing(store: RunStore, error: type[Exception], message: str) -> None:
    attempts: list[Callable[[], None]] = [lambda: write(store, 2), lambda: store.update(head="fused"), store.finish]
    for attempt in attempts:
        with pytest.raises(error, match=message):
            attempt()


def test_a_resumed_run_knows_what_is_done_and_goes_on(run: Path | str) -> None:
    with begin(run) as store:
        assert store.done() == set()
        write(store, 1, 2)
        write(store, 3)
        assert store.done() == set(keys_of(1, 2, 3))
    with begin(run, resume=True) as store:
        assert store.done() == set(keys_of(1, 2, 3))
        write(store, 4)
        store.finish()
    assert read_run(run).equals(rows_of(1, 2, 3, 4))


def test_resuming_nothing_begins_a_run(run: Path | str) -> None:
    with begin(run, resume=True) as store:
        write(store, 1)
    assert len(manifest_of(run)["sessions"]) == 1


def test_a_run_is_never_overwritten_unasked(run: Path | str) -> None:
    with begin(run) as store:
        write(store, 1)
    before = manifest_of(run)
    with pytest.raises(FileExistsError, match="has a run already: pass resume"):
        begin(run)
    assert manifest_of(run) == before
    assert read_run(run).equals(rows_of(1))


def test_folders_that_are_no_runs_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "empty").mkdir()
    for path, error, message in [
        (tmp_path, FileExistsError, r"has files and is no run \(empty\): name a new or an empty folder"),
        (tmp_path / "notes", FileExistsError, "is a file: name a folder"),
        (tmp_path / "none" / "run", FileNotFoundError, "none doesn't exist"),
    ]:
        for resume in (False, True):
            with pytest.raises(error, match=message):
                begin(path, resume=resume)
    assert sorted(os.listdir(tmp_path)) == ["empty", "notes"]
    with pytest.raises(FileNotFoundError, match=r"no run in .*: it has no manifest"):
        read_run(tmp_path)
    begin(tmp_path / "empty").close()


def test_what_a_killed_writer_left_is_removed_and_other_files_are_not(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with begin(run) as store:
        write(store, 1)
    left = [".part-00001.parquet.ab3_x9.tmp", ".manifest.json.q8w7e6.tmp"]
    kept = ["notes.txt", ".notes.txt.swp.tmp"]
    for name in left + kept:
        (run / name).write_bytes(b"half")
    with begin(run, resume=True) as store:
        assert store.done() == set(keys_of(1))
        assert sorted(os.listdir(run)) == sorted([".lock", "manifest.json", "part-00000.parquet", *kept])


def test_a_run_that_was_killed_before_its_manifest_was_written_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".manifest.json.q8w7e6.tmp").write_bytes(b"{")
    with begin(tmp_path) as store:
        write(store, 1)
    assert sorted(os.listdir(tmp_path)) == [".lock", "manifest.json", "part-00000.parquet"]


def test_only_one_store_of_a_folder_is_open_at_a_time(tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = begin(run)
    before = manifest_of(run)
    with pytest.raises(BlockingIOError, match=r"another process writes the run in .*run: wait for its end"):
        begin(run, resume=True)
    assert manifest_of(run) == before
    write(first, 1)
    for release in (first.close, lambda: begin(run, resume=True).finish()):
        release()
        begin(run, resume=True).close()


def test_a_run_that_another_process_began_and_finished_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, flock = tmp_path / "run", fcntl.flock

    def overtaken(file: Any, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        with begin(run) as other:
            write(other, 1)
            other.finish()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    with pytest.raises(FileExistsError, match="has a run already"):
        begin(run)
    assert manifest_of(run)["complete"] is True
    begin(run, resume=True).close()


@pytest.mark.parametrize("run", ["memory://", "object://"], indirect=True)
def test_without_locks_the_store_that_was_opened_last_writes(run: Path | str) -> None:
    first = begin(run)
    write(first, 1)
    second = begin(run, resume=True)
    assert_writes_nothing(first, BlockingIOError, r"another process opened the run in .* since")
    write(second, 2)
    second.finish()
    assert read_run(run).equals(rows_of(1, 2))


def test_only_a_run_that_the_folder_shows_to_be_empty_is_discarded(run: Path | str) -> None:
    begin(run).discard_if_empty()
    assert locate(run).names() == []
    store = begin(run)
    write(store, 1)
    store.discard_if_empty()
    assert read_run(run).equals(rows_of(1))


@pytest.mark.parametrize("run", ["memory://", "object://"], indirect=True)
def test_a_store_that_was_overtaken_discards_nothing_of_the_other(run: Path | str) -> None:
    first = begin(run)
    second = begin(run, resume=True)
    first.discard_if_empty()
    write(second, 1)
    first.discard_if_empty()
    second.finish()
    assert read_run(run).equals(rows_of(1))


def test_a_store_whose_lock_another_took_since_discards_nothing(tmp_path: Path) -> None:
    first = begin(tmp_path / "run")
    first.close()
    with begin(tmp_path / "run", resume=True) as second:
        first.discard_if_empty()
        write(second, 1)
    first.discard_if_empty()
    assert read_run(tmp_path / "run").equals(rows_of(1))


@pytest.mark.parametrize("run", ["memory://", "object://"], indirect=True)
def test_without_locks_a_part_that_arrived_late_is_not_written_over(run: Path | str) -> None:
    late, first, second = locate(run) / "part-00000.parquet", begin(run), begin(run, resume=True)
    with begin(f"{run}-elsewhere") as elsewhere:
        write(elsewhere, 1)
    with (locate(f"{run}-elsewhere") / "part-00000.parquet").open() as source, late.replacing() as file:
        file.write(source.read())  # as if first had been writing when second opened the run
    with pytest.raises(BlockingIOError, match=r"another process wrote .*part-00000\.parquet since: resume"):
        write(second, 2)
    first.close()
    with begin(run, resume=True) as third:
        assert third.done() == set(keys_of(1))
        write(third, 2)
    assert read_run(run).equals(rows_of(1, 2))


@pytest.mark.parametrize("run", ["memory://", "object://"], indirect=True)
def test_without_locks_a_part_that_arrives_after_another_took_over_is_not_called_stored(
    run: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begin(run)

    def overtaken(*arguments: Any) -> None:
        write_part(*arguments)
        begin(run, resume=True)

    monkeypatch.setattr(run_module, "write_part", overtaken)
    with pytest.raises(BlockingIOError, match="another process opened the run"):
        write(first, 1)


def test_a_run_becomes_a_file_before_anybody_else_can_go_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, target = tmp_path / "run", tmp_path / "rows.parquet"
    store = begin(run)
    write(store, 1)

    def watched(folder: Any) -> None:
        assert read_rows(target).equals(rows_of(1))
        with pytest.raises(BlockingIOError, match="another process writes the run"):
            begin(run, resume=True)
        with pytest.raises(BlockingIOError):
            remove_run(run)
        remove_files(folder)

    monkeypatch.setattr(run_module, "remove_files", watched)
    store.finish(target)
    assert os.listdir(tmp_path) == ["rows.parquet"]


@pytest.mark.parametrize("run", ["memory://", "object://"], indirect=True)
def test_without_locks_a_run_that_another_opened_while_it_became_a_file_is_not_removed(
    run: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begin(run)
    write(store, 1)

    def overtaken(*arguments: Any) -> None:
        merge(*arguments)
        begin(run, resume=True)

    monkeypatch.setattr(run_module, "merge", overtaken)
    with pytest.raises(BlockingIOError, match="another process opened the run"):
        store.finish(f"{run}.parquet")
    assert read_run(run).equals(rows_of(1))
    assert metadata_of(read_rows(f"{run}.parquet"))["complete"] == "true"


def test_a_closed_store_writes_nothing(run: Path | str) -> None:
    store = begin(run)
    store.finish()
    assert_writes_nothing(store, ValueError, "is closed: open it again, with resume")
    assert read_run(run).num_rows == 0


def test_a_store_whose_manifest_is_gone_writes_nothing(run: Path | str) -> None:
    store = begin(run)
    remove(run, "manifest.json")
    with pytest.raises(FileNotFoundError, match=r"manifest\.json is gone"):
        write(store, 1)


def test_parts_that_do_not_fit_are_refused_and_nothing_is_written(run: Path | str) -> None:
    with_tokens = rows_of(7).append_column(
        row_schema(token_logprobs=True).field("token_logprobs"), pa.array([[-1.0], [-1.0]])
    )
    with begin(run) as store:
        write(store, 1, 2)
        for rows, keys, message in [
            (rows_of(2), keys_of(2), r"keys\[0\] is stored already"),
            (rows_of(3, 2), keys_of(3, 2), r"keys\[1\] is stored already"),
            (rows_of(3, 4), keys_of(3), "keys has 1 entries, the table has 2 questions"),
            (rows_of(3, 4), keys_of(3, 3), "keys has an entry twice"),
            (rows_of(), [], "the table has no rows"),
            (with_tokens, keys_of(7), "either the table or .* lacks token_logprobs"),
            (pa.table({"x": [1]}), keys_of(3), "the table lacks the columns run_id"),
        ]:
            with pytest.raises(ValueError, match=message):
                store.write(rows, keys)
        write(store, 5)
    with begin(run, resume=True) as store, pytest.raises(ValueError, match="lacks token_logprobs"):
        store.write(with_tokens, keys_of(7))
    assert read_run(run).equals(rows_of(1, 2, 5))


def test_a_failed_write_loses_its_own_part_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    store = begin(run)
    write(store, 1)
    replace = os.replace

    def fail(source: Any, target: Any) -> None:
        if "part" in os.path.basename(target):
            raise OSError("no space left on device")
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space left"):
        patch.setattr(os, "replace", fail)
        write(store, 2)
    assert sorted(os.listdir(run)) == [".lock", "manifest.json", "part-00000.parquet"]
    with begin(run, resume=True) as store:
        assert store.done() == set(keys_of(1))
        write(store, 2)
    assert read_run(run).equals(rows_of(1, 2))


def test_a_part_that_was_stored_before_an_interrupt_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    store = begin(run)
    replace = os.replace

    def interrupt(source: Any, target: Any) -> None:
        replace(source, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", interrupt)
        write(store, 1)
    with pytest.raises(ValueError, match="is closed"):
        write(store, 1)
    with begin(run, resume=True) as store:
        assert store.done() == set(keys_of(1))


def test_a_run_whose_parts_were_changed_is_not_marked_complete(run: Path | str) -> None:
    store = begin(run)
    write(store, 1)
    write(store, 2)
    remove(run, "part-00000.parquet")
    with pytest.raises(ValueError, match="doesn't hold what was written to it"):
        store.finish()
    assert manifest_of(run)["complete"] is False


def test_a_question_with_all_its_rows_is_what_a_key_stands_for(run: Path | str) -> None:
    rows = [*pair(-1.0, -2.0, question_id="a"), *pair(-1.0, -2.0, question_id="b")]
    shuffled = table([rows[0], rows[2], rows[1], rows[3]])
    with begin(run) as store:
        store.write(shuffled, ["a", "b"])
        assert store.done() == {"a", "b"}
    assert read_run(run).equals(table(rows))


TEXT = st.text(alphabet='ab",[]\\ ', max_size=3)
QUESTIONS = st.tuples(
    st.none() | TEXT,
    TEXT,
    TEXT,
    st.lists(TEXT, max_size=3),
    st.lists(st.booleans(), max_size=3),
    st.none() | TEXT,
    st.none() | TEXT,
)


@given(QUESTIONS, QUESTIONS)
def test_two_questions_have_one_key_only_if_they_are_equal(a: Any, b: Any) -> None:
    assert (question_key(*a) == question_key(*b)) == (a == b)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dataset", None),
        ("question_id", "q2"),
        ("prompt", "Is it? "),
        ("answers", ["Yes", " No"]),
        ("is_matching", [False, True]),
        ("cluster", None),
        ("group", ""),
    ],
)
def test_whatever_changes_in_a_question_changes_its_key(name: str, value: Any) -> None:
    question: dict[str, Any] = {"dataset": "d", "question_id": "q", "prompt": "Is it?", "answers": [" Yes", " No"]}
    question |= {"is_matching": [True, False], "cluster": "c", "group": "g"}
    assert question_key(**question) != question_key(**{**question, name: value})


def test_a_key_stays_the_same_from_release_to_release() -> None:
    text = r'["d", "q", "\u00c9?\n", [" Yes", " No"], [true, false], null, null]'
    flags: Any = np.array([True, False])
    key = question_key("d", "q", "É?\n", (" Yes", " No"), flags)
    assert key == hashlib.sha256(text.encode()).hexdigest()
    with pytest.raises(TypeError, match="answers must be a sequence of strings, got str"):
        question_key("d", "q", "?", "AB", [True, False])
