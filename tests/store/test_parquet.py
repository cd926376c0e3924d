"""Files of rows are whole or absent, and a file that can't be read is refused by name."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyscore.store import check_target, metadata_of, read_rows, summarize_rows, write_rows
from tests.store.tables import as_version_1, as_version_2, pair, table

ROWS = pair(-1.0, -2.0)
NOT_UTF8 = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff", b"a"]).buffers())


def test_rows_and_metadata_survive_a_file(tmp_path: Path) -> None:
    written = table(ROWS, template="plain")
    write_rows(written, tmp_path / "rows.parquet")
    read = read_rows(tmp_path / "rows.parquet")
    assert read.equals(written)
    assert metadata_of(read) == {"schema_version": "3", "template": "plain"}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.parquet"
    write_rows(table(ROWS), path)
    before = path.read_bytes()

    def fail(written: Any, file: Any, **options: Any) -> None:
        file.write(b"PAR1 and then the disk is full")
        raise OSError("no space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="no space left"):
        write_rows(table(pair(-3.0, -4.0)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["rows.parquet"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_rows(table(ROWS), tmp_path / "rows.parquet")
    assert os.listdir(tmp_path) == []


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_rows(table(ROWS), tmp_path / "rows.parquet")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("other", "rows.parquet")]
    assert modes[0] == modes[1]


def test_targets_that_cannot_be_written_are_refused_before_the_run(tmp_path: Path) -> None:
    assert check_target(tmp_path / "rows.parquet") == tmp_path / "rows.parquet"
    with pytest.raises(IsADirectoryError, match="is a folder: name a file"):
        check_target(tmp_path)
    with pytest.raises(FileNotFoundError, match="none doesn't exist"):
        check_target(tmp_path / "none" / "rows.parquet")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc here")
def test_a_folder_that_only_looks_writable_is_refused_before_the_run() -> None:
    with pytest.raises(PermissionError, match=r"can't write /proc/rows\.parquet: no file can be made in .*/proc"):
        check_target("/proc/rows.parquet")


def test_asking_whether_a_file_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    check_target(tmp_path / "rows.parquet")
    assert os.listdir(tmp_path) == []


def test_only_rows_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the table lacks the columns run_id"):
        write_rows(pa.table({"x": [1]}), tmp_path / "rows.parquet")
    assert os.listdir(tmp_path) == []


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*none\.parquet"):
        read_rows(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match="is a folder"):
        read_rows(tmp_path)
    (tmp_path / "text.parquet").write_text("not parquet at all")
    with pytest.raises(ValueError, match=r"text\.parquet is not a Parquet file of rows"):
        read_rows(tmp_path / "text.parquet")
    (tmp_path / "empty.parquet").touch()
    with pytest.raises(ValueError, match=r"empty\.parquet is not a Parquet file of rows"):
        read_rows(tmp_path / "empty.parquet")


def test_other_schemas_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    for rows, message in [
        (table(ROWS).drop_columns(["logprob"]), "lacks the columns logprob"),
        (
            table(ROWS).replace_schema_metadata({"schema_version": "99"}),
            "version 99, .* reads versions 1 to 3",
        ),
        (table(ROWS).replace_schema_metadata(None), "no schema_version"),
        (pa.table({"x": [1]}), "lacks the columns run_id"),
        (table(ROWS).append_column("logprob", table(ROWS)["logprob"]), "has the column logprob more than once"),
        (table(ROWS).set_column(0, "run_id", NOT_UTF8), r"rows\.parquet is not a Parquet file of rows, or damaged"),
        (table(ROWS).set_column(11, "logprob", pa.array(["a", "b"])), "string in the column logprob, expected double"),
    ]:
        pq.write_table(rows, path)
        with pytest.raises(ValueError, match=message):
            read_rows(path)


def test_rows_rewritten_by_other_software_are_read_and_nulls_are_refused(tmp_path: Path) -> None:
    path, rows = tmp_path / "rows.parquet", table(ROWS)
    large = rows.set_column(0, "run_id", rows["run_id"].cast(pa.large_string()))
    pq.write_table(large.append_column("extra", pa.array([0] * rows.num_rows)), path)
    assert read_rows(path).equals(rows)
    holes = rows.set_column(rows.schema.get_field_index("logprob"), "logprob", pa.array([-1.0, None]))
    pq.write_table(holes, path)
    with pytest.raises(ValueError, match=r"rows\.parquet has no value in some rows of the column logprob"):
        read_rows(path)


def test_rows_of_version_1_are_read_with_nulls_for_what_they_lack(tmp_path: Path) -> None:
    rows = table(ROWS, template="plain")
    pq.write_table(as_version_1(rows), tmp_path / "rows.parquet")
    read = read_rows(tmp_path / "rows.parquet")
    assert read.schema.equals(rows.schema, check_metadata=True)
    assert read.drop_columns(["same_as", "extends"]).equals(rows.drop_columns(["same_as", "extends"]))
    assert read["same_as"].null_count == read["extends"].null_count == len(ROWS)
    for old in (read, as_version_1(rows)):
        (summary,) = summarize_rows(old)
        assert summary.summary == summarize_rows(rows)[0].summary
        assert (summary.n_indistinguishable, summary.n_nested, summary.n_merged) == (None, None, 0)


def test_rows_of_version_2_are_read_as_exact(tmp_path: Path) -> None:
    rows = table(ROWS, template="plain")
    pq.write_table(as_version_2(rows), tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet").equals(rows, check_metadata=True)
    assert summarize_rows(as_version_2(rows))[0] == summarize_rows(rows)[0]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_rows(table(ROWS * 50), path)
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"rows\.parquet is not a Parquet file of rows, or damaged"):
        read_rows(path)
