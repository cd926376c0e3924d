"""Every kind of file, packed in every way, gives the same rows with their text exactly as it was."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.reading import places_of
from tests.tasks.reading.rows import (
    CONTAINERS,
    PACKINGS,
    ROWS,
    delimited,
    jsonl,
    parquet,
    pretty,
    records,
    values,
    write,
    zipped,
)

_WHERE = {
    **{"a.jsonl": "line 3", "b.ndjson": "line 3", "array.json": "element 3", "pretty.json": "element 3"},
    **{"objects.json": "object 3", "c.csv": "line 5", "d.tsv": "line 5"},
    **{"e.parquet": "row 3", "f.feather": "row 3", "g.arrow": "row 3"},
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_kind_of_file_gives_the_rows_as_they_were(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, CONTAINERS[name](ROWS))
    assert values(path) == ROWS
    assert [record.row for record in records(path)] == [0, 1, 2]
    (place,) = places_of(str(path))
    assert (place.name, place.stem) == (str(path), name.partition(".")[0])


@pytest.mark.parametrize(("name", "where"), _WHERE.items())
def test_a_row_says_where_it_stands(tmp_path: Path, name: str, where: str) -> None:
    assert records(write(tmp_path, name, CONTAINERS[name](ROWS)))[2].where == where


@pytest.mark.parametrize("ending", PACKINGS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_kind_is_read_packed_in_every_way(tmp_path: Path, name: str, ending: str) -> None:
    path = write(tmp_path, name + ending, PACKINGS[ending](CONTAINERS[name](ROWS)))
    assert values(path) == ROWS
    assert places_of(path)[0].stem == name.partition(".")[0]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_kind_is_read_as_a_member_of_a_zip_archive(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "set.zip", zipped(CONTAINERS[name](ROWS), f"data/{name}", **{"README.md": b"# about"}))
    assert values(path) == values(f"{path}::data/{name}") == ROWS
    (place,) = places_of(path)
    assert (place.name, place.stem) == (f"{path}::data/{name}", name.partition(".")[0])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("packed.jsonl", gzip.compress(jsonl(ROWS))),
        ("packed.jsonl", PACKINGS[".zst"](gzip.compress(jsonl(ROWS)))),
        ("archive.jsonl", zipped(jsonl(ROWS))),
        ("plain.jsonl.gz", jsonl(ROWS)),
        ("table.csv", parquet(ROWS)),
        ("table", parquet(ROWS)),
        ("array.jsonl", pretty(ROWS)),
        ("lines.json", jsonl(ROWS)),
        ("no_ending", jsonl(ROWS)),
        ("two_members.jsonl.gz", gzip.compress(jsonl(ROWS[:1])) + gzip.compress(jsonl(ROWS[1:]))),
    ],
)
def test_a_file_is_read_as_what_it_is_where_its_name_says_something_else(
    tmp_path: Path, name: str, content: bytes
) -> None:
    assert values(write(tmp_path, name, content)) == ROWS


def test_the_files_of_a_zip_archive_are_read_in_order_as_those_of_a_folder(tmp_path: Path) -> None:
    path = write(tmp_path, "all.zip", zipped(jsonl(ROWS[1:]), "b.jsonl", **{"a.csv": delimited(ROWS[:1])}))
    assert values(path) == ROWS
    assert [place.stem for place in places_of(path)] == ["a", "b"]


def test_an_object_over_lines_is_one_record(tmp_path: Path) -> None:
    task = {"name": "task", "examples": [{"input": "a", "target": "b"}], "nan": 1.5}
    (record,) = records(write(tmp_path, "task.json", json.dumps(task, indent=4).encode()))
    assert (record.row, record.values, record.where) == (0, task, "object 1")
    assert values(write(tmp_path, "task.json", json.dumps(task).encode())) == [task]


@pytest.mark.parametrize("beginning", [b"\xef\xbb\xbf", b"\xef\xbb\xbf \r\n\r\n", b"\n \n"])
@pytest.mark.parametrize("name", ["a.jsonl", "array.json", "pretty.json", "objects.json"])
def test_a_bom_and_blank_lines_before_json_are_passed_over(tmp_path: Path, name: str, beginning: bytes) -> None:
    assert values(write(tmp_path, name, beginning + CONTAINERS[name](ROWS))) == ROWS


def test_parquet_gives_python_values_and_keeps_lists_and_structs(tmp_path: Path) -> None:
    rows = [{"choices": {"text": ["a", "b"], "label": ["A", "B"]}, "label": 1, "x": 0.5, "none": None, "ok": True}]
    (found,) = values(write(tmp_path, "a.parquet", parquet(rows)))
    assert found == rows[0]
    assert [type(value) for value in found.values()] == [dict, int, float, type(None), bool]


def test_dictionaries_and_views_of_arrow_are_text(tmp_path: Path) -> None:
    table = pa.table(
        {"a": pa.array(["x", "y", "x"]).dictionary_encode(), "b": pa.array(["u", "v", None], "string_view")}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert values(tmp_path / "a.parquet") == [{"a": "x", "b": "u"}, {"a": "y", "b": "v"}, {"a": "x", "b": None}]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_table_without_a_header_takes_the_names_that_are_given(tmp_path: Path, delimiter: str) -> None:
    name = {",": "a.csv.gz", "\t": "a.tsv.gz"}[delimiter]
    path = write(tmp_path, name, gzip.compress(delimited(ROWS, delimiter).split(b"\n", 1)[1]))
    assert values(path, header=list(ROWS[0])) == ROWS
    assert records(path, header=list(ROWS[0]))[0].where == "line 1"
    with pytest.raises(ValueError, match=r"line 1: 3 fields, and the columns without a header are 2"):
        records(path, header=["a", "b"])


@pytest.mark.parametrize("name", ["PAR1", "BZh91", "Obj"])
def test_a_header_that_begins_as_another_kind_does_is_a_header(tmp_path: Path, name: str) -> None:
    assert values(write(tmp_path, "a.csv", f"{name},b\n1,2\n".encode())) == [{name: "1", "b": "2"}]


def test_the_first_row_is_had_where_it_makes_no_header(tmp_path: Path) -> None:
    place: Any = places_of(write(tmp_path, "a.csv", b"What?,1,1,2,A\n"))[0]
    assert place.first_row() == ["What?", "1", "1", "2", "A"]
    place = places_of(write(tmp_path, "a.jsonl", jsonl(ROWS)))[0]
    assert place.first_row() is None


@pytest.mark.parametrize("name", ["a.jsonl", "e.parquet", "g.arrow"])
def test_a_header_is_refused_where_rows_name_their_columns(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, CONTAINERS[name](ROWS))
    with pytest.raises(ValueError, match="a header is for CSV and TSV without one"):
        records(path, header=["a"])


def test_questions_come_of_a_packed_array_with_the_ids_of_its_stem(tmp_path: Path) -> None:
    row = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
    path = write(tmp_path, "survival.json.gz", gzip.compress(json.dumps([row, row]).encode()))
    assert [question.id for question in load_questions(path)] == ["survival:0", "survival:1"]
    bad = write(tmp_path, "survival.json", json.dumps([row, row | {"question": ""}]).encode())
    with pytest.raises(ValueError, match=r"survival\.json, element 2: the question is empty"):
        load_questions(bad)
