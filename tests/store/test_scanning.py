"""Scanning a run gives the columns of the rows that reading it gives, batch by batch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pyscore.store import RunStore, read_run
from pyscore.store.files import locate
from pyscore.store.parts import write_part
from pyscore.store.scanning import scan_run
from tests.store.tables import as_version_1, pair, table

COLUMNS = ["question_id", "logprob", "same_as"]


def write(path: Path, ids: str = "abcdef", per_part: int = 2, **entries: Any) -> None:
    """A finished run of questions of these ids, in data sets "d0" and "d1" by turns."""
    with RunStore.open(path, {"settings": {}}) as store:
        for start in range(0, len(ids), per_part):
            own = ids[start : start + per_part]
            rows = [
                each
                for name in own
                for each in pair(-1.0 - ord(name), -2.0, question_id=name, dataset=f"d{ord(name) % 2}")
            ]
            store.write(table(rows), list(own))
        store.update(**entries)
        store.finish()


@pytest.mark.parametrize("batch_rows", [1, 5, 1000])
def test_columns_are_those_of_the_whole_run(tmp_path: Path, batch_rows: int) -> None:
    write(tmp_path / "run")
    found = list(scan_run(tmp_path / "run", COLUMNS, batch_rows=batch_rows))
    assert len(found) == {1: 3, 5: 2, 1000: 1}[batch_rows]
    assert pa.concat_tables(found).equals(read_run(tmp_path / "run").select(COLUMNS))


def test_questions_that_are_set_aside_and_other_data_sets_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "run", set_aside=["b", "e"])
    found = pa.concat_tables(scan_run(tmp_path / "run", COLUMNS))
    assert found["question_id"].to_pylist() == [*"aaccddff"]
    (only,) = scan_run(tmp_path / "run", ["question_id", "dataset"], datasets=["d1"])
    assert only["question_id"].to_pylist() == [*"aacc"]
    assert list(scan_run(tmp_path / "run", ["dataset"], datasets=["other"])) == []


def test_a_question_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "run")
    shutil.copy(tmp_path / "run" / "part-00000.parquet", tmp_path / "run" / "part-00007.parquet")
    with pytest.raises(ValueError, match="has a question twice"):
        list(scan_run(tmp_path / "run", COLUMNS))


def test_a_finished_run_that_was_changed_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "run")
    (tmp_path / "run" / "part-00001.parquet").unlink()
    with pytest.raises(ValueError, match="doesn't hold what it held"):
        list(scan_run(tmp_path / "run", COLUMNS))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest | {"complete": False}))
    assert sum(each.num_rows for each in scan_run(tmp_path / "run", COLUMNS)) == 8


def test_rows_of_version_1_have_nulls_for_what_they_lack(tmp_path: Path) -> None:
    with RunStore.open(tmp_path / "run", {"settings": {}}) as store:
        store.write(table(pair(-1.0, -2.0)), ["k"])
    part = tmp_path / "run" / "part-00000.parquet"
    write_part(locate(part), as_version_1(table(pair(-1.0, -2.0))), ["k"], [0])
    (found,) = scan_run(tmp_path / "run", COLUMNS)
    assert found["same_as"].to_pylist() == [None, None]
    assert found.schema.field("same_as").type == pa.int32()


def test_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run in"):
        list(scan_run(tmp_path, COLUMNS))


def test_every_part_is_of_a_version_that_is_known(tmp_path: Path) -> None:
    write(tmp_path / "run", "ab", 1)
    rows = table(pair(-1.0, -2.0, question_id="b"))
    later = rows.replace_schema_metadata({**rows.schema.metadata, b"schema_version": b"99"})
    write_part(locate(tmp_path / "run" / "part-00001.parquet"), later, ["b"], [1])
    with pytest.raises(ValueError, match=r"part-00001.*version 99"):
        list(scan_run(tmp_path / "run", COLUMNS))
