"""A file is written whole or not at all, wherever it is; a lock has one holder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pyscore.store import RunStore, check_target, read_rows, remote_files, write_rows
from pyscore.store.files import locate, written_for
from tests.store.stores import ObjectStore, begin, keys_of, rows_of

ROWS = rows_of(1, 2, template="plain")


@pytest.mark.parametrize("form", ["{}/rows.parquet", "file://{}/rows.parquet"])
def test_a_file_url_is_the_file_itself(tmp_path: Path, form: str) -> None:
    write_rows(ROWS, form.format(tmp_path))
    assert os.listdir(tmp_path) == ["rows.parquet"]
    assert read_rows(tmp_path / "rows.parquet").equals(ROWS)
    assert read_rows(form.format(tmp_path)).equals(ROWS)


@pytest.mark.parametrize("url", ["memory://rows.parquet", "memory://a/b/rows.parquet", "object://bucket/rows.parquet"])
def test_rows_and_metadata_survive_a_remote_file(url: str) -> None:
    write_rows(ROWS, url)
    assert read_rows(url).equals(ROWS, check_metadata=True)


def test_a_path_with_a_colon_is_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(ROWS, "step:100.parquet")
    assert os.listdir(tmp_path) == ["step:100.parquet"]


def test_paths_that_lead_nowhere_say_why() -> None:
    with pytest.raises(ValueError, match="Protocol not known: nowhere"):
        locate("nowhere://rows.parquet")
    with pytest.raises(TypeError, match="path must be a string or a path, got int"):
        locate(3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match=r"no such file: memory://.*none\.parquet"):
        read_rows("memory://none.parquet")
    write_rows(ROWS, "memory://folder/rows.parquet")
    with pytest.raises(IsADirectoryError, match="is a folder: name a file"):
        check_target("memory://folder")
    with pytest.raises(ValueError, match="is a folder: name a Parquet file of rows, or the folder of a run"):
        read_rows("memory://folder")


def test_the_name_changes_after_the_content_is_on_disk_and_is_then_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle: int) -> None:
        events.append(("sync", os.readlink(f"/proc/self/fd/{handle}") if os.path.isdir("/proc/self") else None))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append(("replace", a)), replace(a, b)))
    write_rows(ROWS, tmp_path / "rows.parquet")
    assert [kind for kind, _ in events] == ["sync", "replace", "sync"]
    if os.path.isdir("/proc/self"):
        assert events[0][1] == events[1][1]
        assert events[2][1] == str(tmp_path)


def test_an_object_is_sent_in_one_call_and_a_large_one_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(ROWS, "object://bucket/small.parquet")
    monkeypatch.setattr(remote_files, "_ONE_REQUEST", 100)
    write_rows(ROWS, "object://bucket/large.parquet")
    assert ObjectStore.calls == ["pipe_file", "put_file"]
    assert read_rows("object://bucket/large.parquet").equals(ROWS)


def test_a_failed_remote_write_leaves_the_old_file_and_nothing_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    url = "object://bucket/rows.parquet"
    write_rows(ROWS, url)

    def fail(written: Any, file: Any, **options: Any) -> None:
        file.write(b"PAR1 and then the disk is full")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", fail)
        with pytest.raises(OSError, match="no space left"):
            write_rows(rows_of(3), url)
    monkeypatch.setattr(ObjectStore, "broken", True)
    with pytest.raises(OSError, match="network is down"):
        write_rows(rows_of(3), url)
    assert read_rows(url).equals(ROWS)
    assert list(ObjectStore.store) == ["/bucket/rows.parquet"]
    assert os.listdir(tmp_path) == []


def test_a_folder_is_made_only_where_its_parent_is(tmp_path: Path) -> None:
    for place, parent in [(str(tmp_path), str(tmp_path / "none")), ("object://bucket", "object://none")]:
        locate(f"{place}/run").make_folder()
        locate(f"{place}/run").make_folder()
        with pytest.raises(FileNotFoundError, match="none"):
            locate(f"{parent}/run").make_folder()
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("root", ["{}", "memory://", "object://bucket"])
def test_a_folder_lists_its_own_names_only(tmp_path: Path, root: Any) -> None:
    folder = locate(root.format(tmp_path)) / "run"
    assert folder.names() == []
    folder.make_folder()
    for place in (folder / "b", folder / "a", locate(root.format(tmp_path)) / "c"):
        with place.replacing() as file:
            file.write(b"x")
    assert folder.names() == ["a", "b"]
    assert (folder / "a").is_file() and not (folder / "a").is_folder()
    assert folder.is_folder() and not folder.is_file()
    for _ in range(2):
        (folder / "b").remove()
    assert folder.names() == ["a"]


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    place = locate(tmp_path / "lock")
    held = place.lock()
    with pytest.raises(BlockingIOError):
        place.lock()
    program = (
        "import fcntl, sys\n"
        "try: fcntl.flock(open(sys.argv[1], 'ab'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: print('refused')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "lock")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "refused\n"
    held.close()
    place.lock().close()


def test_a_lock_whose_file_its_holder_removed_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, flock = locate(tmp_path / "lock"), fcntl.flock
    held = place.lock()

    def late(file: Any, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        place.remove()
        held.close()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    mine = place.lock()
    with pytest.raises(BlockingIOError):
        place.lock()
    mine.close()


def test_file_systems_without_locks_have_none_and_other_failures_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        def flock(file: Any, how: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    refuse(errno.ENOLCK)
    assert locate(tmp_path / "lock").lock() is None
    assert locate("memory://lock").lock() is None
    refuse(errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        locate(tmp_path / "lock").lock()


def test_a_temporary_file_tells_what_it_was_to_become(tmp_path: Path) -> None:
    with locate(tmp_path / "part-00001.parquet").replacing():
        (name,) = os.listdir(tmp_path)
    assert written_for(name) == "part-00001.parquet"
    assert written_for("part-00001.parquet") is None
    assert written_for(Path("notes.tmp").name) is None


class RefusedError(Exception):
    """As botocore's and aiohttp's: none of Python's own."""


@pytest.mark.parametrize("error", [RefusedError("no endpoint"), ConnectionRefusedError("no endpoint")])
def test_a_store_that_cannot_be_reached_is_one_error_that_names_the_url(
    monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise error

    for name in ("info", "ls", "pipe_file", "open", "cat_file"):
        monkeypatch.setattr(ObjectStore, name, refuse)
    url = "object://bucket/run"
    for attempt in (
        lambda: read_rows(url),
        lambda: write_rows(ROWS, f"{url}/rows.parquet"),
        lambda: begin(url),
        lambda: RunStore.check(url),
        lambda: locate(url).names(),
        lambda: locate(url).open().__enter__(),
    ):
        with pytest.raises(OSError, match=r"object:.*bucket/run.* can't be reached or used: no endpoint \(.*Check the"):
            attempt()


def test_a_part_that_cannot_be_reached_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    with begin("object://bucket/run") as store:
        store.write(rows_of(1), keys_of(1))
    opened = ObjectStore.open

    def refuse(files: Any, path: Any, *arguments: Any, **options: Any) -> Any:
        if "part" in path:
            raise RefusedError("timed out")
        return opened(files, path, *arguments, **options)

    monkeypatch.setattr(ObjectStore, "open", refuse)
    for attempt in (lambda: begin("object://bucket/run", resume=True), lambda: read_rows("object://bucket/run")):
        with pytest.raises(OSError, match=r"part-00000\.parquet can't be reached or used: timed out"):
            attempt()


def test_a_url_whose_file_system_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise RefusedError("no credentials")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(OSError, match=r"s3://bucket/run can't be reached or used: no credentials"):
        read_rows("s3://bucket/run")


def test_what_is_wrong_with_a_remote_files_content_is_told_as_it_is() -> None:
    with locate("object://bucket/run/manifest.json").replacing() as file:
        file.write(b"{")
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        begin("object://bucket/run", resume=True)


def test_an_empty_path_is_none() -> None:
    for attempt in (lambda: read_rows(""), lambda: write_rows(ROWS, ""), lambda: begin(""), lambda: RunStore.check("")):
        with pytest.raises(ValueError, match="the path is empty: name a file or a folder"):
            attempt()


@pytest.mark.parametrize("name", ["rows.csv", "rows.JSONL", "rows.arrow", "rows.parquet.gz", "rows.pq", "rows.tsv/"])
def test_rows_are_not_written_under_the_name_of_another_format(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}"
    attempts: list[Callable[[], object]] = [
        lambda: RunStore.check(path),
        lambda: begin(path),
        lambda: write_rows(ROWS, path.rstrip("/")),
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match=r"names a \.\w+ file.*\.parquet, or a folder"):
            attempt()
    assert os.listdir(tmp_path) == []
    begin(tmp_path / "llama-3.1-8b").close()


def test_a_url_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"nosuch://bucket/rows\.parquet can't be used: Protocol not known"):
        locate("nosuch://bucket/rows.parquet")


def test_files_that_threads_write_at_once_have_the_permissions_of_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    umask = os.umask

    def slow(mask: int) -> int:
        before = umask(mask)
        time.sleep(0.001)  # another thread's turn
        return before

    def write(i: int) -> int:
        with locate(tmp_path / str(i)).replacing() as file:
            file.write(b"x")
        return (tmp_path / str(i)).stat().st_mode & 0o777

    first = umask(0o027)
    try:
        with monkeypatch.context() as patch, ThreadPoolExecutor(8) as pool:
            patch.setattr("os.umask", slow)
            assert set(pool.map(write, range(24))) == {0o640}
        assert umask(0o027) == 0o027
    finally:
        umask(first)
