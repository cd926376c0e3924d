"""A run reads as one table, whole and in order, or the damaged part is named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyscore.store import merge_run, metadata_of, read_rows, read_run, row_schema, summarize_rows, write_rows
from pyscore.store.files import locate
from pyscore.store.parts import write_part
from tests.store.stores import begin, keys_of, manifest_of, remove, rows_of, write
from tests.store.tables import as_version_1, as_version_2


def test_parts_come_back_as_one_table_in_the_order_of_writing(run: Path | str) -> None:
    with begin(run) as store:
        write(store, 3, 1, template="plain")
        write(store, 2, template="plain")
        store.finish()
    expected = rows_of(3, 1, 2, template="plain", complete="true")
    assert read_run(run).equals(expected, check_metadata=True)
    assert read_rows(run).equals(expected, check_metadata=True)
    assert summarize_rows(read_rows(run))[0].summary == summarize_rows(expected)[0].summary


def test_an_unfinished_run_can_be_read_and_says_so(run: Path | str) -> None:
    with begin(run) as store:
        write(store, 1)
        assert metadata_of(read_run(run))["complete"] == "false"
    assert metadata_of(read_rows(run)) == {"schema_version": "3", "complete": "false"}
    assert read_run(run).equals(rows_of(1))
    begin(run, resume=True).finish()
    assert metadata_of(read_run(run))["complete"] == "true"
    begin(run, resume=True).close()
    assert metadata_of(read_run(run))["complete"] == "false"
    assert "finished" not in manifest_of(run)


def test_parts_of_version_1_are_read_beside_others(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with begin(run) as store:
        write(store, 1, template="plain")
        write(store, 2, template="plain")
        store.finish()
    expected = read_run(run)
    write_part(locate(run) / "part-00000.parquet", as_version_1(rows_of(1, template="plain")), keys_of(1), [0])
    found = read_run(run)
    assert found.schema.equals(expected.schema, check_metadata=True)
    assert found.drop_columns(["same_as"]).equals(expected.drop_columns(["same_as"]))
    assert found["same_as"].to_pylist() == [None, None, *expected["same_as"].to_pylist()[2:]]


def test_a_run_of_version_2_goes_on_and_reads_as_one_table(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with begin(run) as store:
        write(store, 1)
    write_part(locate(run) / "part-00000.parquet", as_version_2(rows_of(1)), keys_of(1), [0])
    with begin(run, resume=True) as store:
        write(store, 2)
        store.finish()
    found = read_run(run)
    assert found.schema.equals(row_schema()) and found["logprob_low"].null_count == found.num_rows == 4
    merge_run(run, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet").equals(found)


def test_a_run_without_rows_reads_as_no_rows(run: Path | str) -> None:
    begin(run).finish()
    assert read_run(run).equals(rows_of())


def test_what_is_done_is_read_from_footers_alone_and_damaged_rows_are_named(tmp_path: Path) -> None:
    run, part = tmp_path / "run", tmp_path / "run" / "part-00000.parquet"
    rows, index = rows_of(*range(200)), row_schema().names.index("logprob")
    # Compression leaves random bytes as they are, and can't see that one of them changed.
    noise = np.frombuffer(np.random.default_rng(0).bytes(8 * rows.num_rows))
    with begin(run) as store:
        store.write(rows.set_column(index, rows.schema.field("logprob"), pa.array(noise)), keys_of(*range(200)))
    content = bytearray(part.read_bytes())
    content[content.index(noise[100].tobytes())] ^= 1
    part.write_bytes(content)
    with begin(run, resume=True) as store:
        assert store.done() == set(keys_of(*range(200)))
    with pytest.raises(ValueError, match=r"part-00000\.parquet is not a Parquet file of rows, or damaged"):
        read_run(run)


@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_a_damaged_part_is_named_and_its_questions_can_be_scored_again(run: Path | str, damage: str) -> None:
    with begin(run) as store:
        write(store, 1)
        write(store, 2, 3)
    place = locate(run) / "part-00001.parquet"
    with place.open() as file:
        content = file.read()
    with place.replacing() as file:
        if damage == "other":
            pq.write_table(rows_of(2, 3), file)
        else:
            file.write(content[: len(content) // 2 if damage == "cut" else 0])
    for attempt in (lambda: begin(run, resume=True), lambda: read_run(run)):
        with pytest.raises(ValueError, match=r"part-00001\.parquet can't be read .* remove it and resume"):
            attempt()
    place.remove()
    with begin(run, resume=True) as store:
        assert store.done() == set(keys_of(1))


def test_a_question_in_two_parts_is_an_error_that_names_both(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with begin(run) as store:
        write(store, 1)
    shutil.copy(run / "part-00000.parquet", run / "part-00003.parquet")
    for attempt in (lambda: begin(run, resume=True), lambda: read_run(run)):
        with pytest.raises(ValueError, match=r"a question twice, in part-00000\.parquet and part-00003\.parquet"):
            attempt()


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_finished_run_whose_parts_were_changed_since_is_not_read_as_complete(
    run: Path | str, tmp_path: Path, change: Any
) -> None:
    with begin(run) as store:
        write(store, 1)
        write(store, 2)
        store.finish()
    with begin(tmp_path / "other") as other:
        write(other, 3)
    remove(run, "part-00000.parquet")
    if change == "replaced":
        with (locate(run) / "part-00000.parquet").replacing() as file:
            file.write((tmp_path / "other" / "part-00000.parquet").read_bytes())
    with pytest.raises(ValueError, match="doesn't hold what it held when it was finished: resume it"):
        read_run(run)
    with begin(run, resume=True) as store:
        write(store, 1)
        store.finish()
    assert read_run(run).num_rows == {"removed": 4, "replaced": 6}[change]


def test_parts_are_ordered_by_number_not_by_name(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with begin(run) as store:
        write(store, 1)
    os.rename(run / "part-00000.parquet", run / "part-99999.parquet")
    with begin(run, resume=True) as store:
        write(store, 2)
    assert (run / "part-100000.parquet").exists()
    assert read_run(run).equals(rows_of(1, 2))


@pytest.mark.parametrize("root", ["{}", "memory://", "object://bucket"])
def test_a_merged_run_is_one_file_with_a_row_group_for_every_part(run: Path | str, tmp_path: Path, root: Any) -> None:
    target = f"{root.format(tmp_path)}/rows.parquet"
    with begin(run) as store:
        write(store, 3, 1, template="plain")
        write(store, 2, template="plain")
        merge_run(run, target)
        assert metadata_of(read_rows(target))["complete"] == "false"
        store.finish()
    merge_run(run, target)
    merged = read_rows(target)
    assert merged.equals(read_run(run))
    manifest = json.loads(metadata_of(merged)["manifest"])
    assert (manifest["complete"], manifest["stored"]["questions"]) == (True, 3)
    assert metadata_of(merged) == metadata_of(read_run(run)) | {"manifest": metadata_of(merged)["manifest"]}
    with locate(target).open() as file:
        metadata = pq.ParquetFile(file).metadata
        assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [4, 2]
        assert b"pyscore_question_keys" not in metadata.metadata


def test_a_run_without_rows_merges_to_a_file_without_rows(run: Path | str, tmp_path: Path) -> None:
    begin(run).finish()
    merge_run(run, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet").equals(rows_of())


def test_a_run_that_cannot_be_merged_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    run, target = tmp_path / "run", tmp_path / "out" / "rows.parquet"
    target.parent.mkdir()
    write_rows(rows_of(9), target)
    before = target.read_bytes()
    with begin(run) as store:
        write(store, 1)
        write(store, 2)
    content = (run / "part-00001.parquet").read_bytes()
    (run / "part-00001.parquet").write_bytes(content[:100] + b"\xff" * 50 + content[150:])  # the footer is whole
    with pytest.raises(ValueError, match=r"part-00001\.parquet is not a Parquet file of rows, or damaged"):
        merge_run(run, target)
    with pytest.raises(FileNotFoundError, match="no run in"):
        merge_run(tmp_path / "none", target)
    with pytest.raises(IsADirectoryError, match="is a folder: name a file"):
        merge_run(run, target.parent)
    assert target.read_bytes() == before
    assert os.listdir(target.parent) == ["rows.parquet"]


def test_merging_takes_no_more_memory_for_more_parts(tmp_path: Path) -> None:
    peaks = []
    for parts in (4, 40):
        run = tmp_path / f"run{parts}"
        with begin(run) as store:
            for part in range(parts):
                write(store, *range(100 * part, 100 * part + 100))
        pool = pa.proxy_memory_pool(pa.default_memory_pool())
        before = pa.default_memory_pool()
        pa.set_memory_pool(pool)
        try:
            merge_run(run, tmp_path / "rows.parquet")
        finally:
            pa.set_memory_pool(before)
        peaks.append(pool.max_memory())
        assert pq.read_metadata(tmp_path / "rows.parquet").num_rows == 200 * parts
    assert 0 < peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"{}", b"[1]", b"3", b"[" * 100_000])
def test_a_damaged_order_is_named_and_can_be_removed(tmp_path: Path, content: Any) -> None:
    run = tmp_path / "run"
    with begin(run) as store:
        write(store, 1, 2)
        store.reorder(keys_of(2, 1))
    (run / "order.json").write_bytes(content)
    for attempt in (lambda: begin(run, resume=True), lambda: read_run(run)):
        with pytest.raises(ValueError, match=r"order\.json is damaged: .*Remove it"):
            attempt()
    (run / "order.json").unlink()
    assert read_run(run).equals(rows_of(1, 2))


@pytest.mark.parametrize(
    ("keys", "positions"),
    [
        ("{", "[0]"),
        ("3", "[0]"),
        ("[3]", "[0]"),
        ('["a"]', "[0.5]"),
        ('["a"]', "[true]"),
        ('["a"]', "[]"),
        ("[]", "[]"),
    ],
)
def test_a_part_whose_footer_was_spoilt_is_named(tmp_path: Path, keys: Any, positions: Any) -> None:
    run = tmp_path / "run"
    with begin(run) as store:
        write(store, 1)
    with pq.ParquetWriter(run / "part-00000.parquet", rows_of(1).schema) as writer:
        writer.write_table(rows_of(1))
        writer.add_key_value_metadata({"pyscore_question_keys": keys, "pyscore_question_positions": positions})
    for attempt in (lambda: begin(run, resume=True), lambda: read_run(run)):
        with pytest.raises(ValueError, match=r"part-00000\.parquet can't be read as a part of a run"):
            attempt()
