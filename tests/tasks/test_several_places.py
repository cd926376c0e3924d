"""Several files at once, tables in memory and without a header, and malformed rows that are left out."""

from __future__ import annotations

import dataclasses
import inspect
import json
import warnings
from collections.abc import Collection
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from pyscore.tasks import Format, Question, formats, iter_questions, load_questions
from pyscore.tasks.datasets import read_datasets
from pyscore.tasks.names import places_named
from pyscore.tasks.options import ReadOptions

ROW = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
BAD = {**ROW, "question": 3}
OWN = {"id": "a", "prompt": "Which?", "answers": [" x", " y"], "is_matching": [False, True]}


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def ids(questions: list[Question]) -> list[str]:
    return [question.id for question in questions]


def test_files_of_one_stem_have_ids_of_their_own_and_the_first_keeps_the_stem(tmp_path: Path) -> None:
    files = [write(tmp_path / name, ROW, ROW) for name in ("a/x.jsonl", "b/x.jsonl", "y.jsonl")]
    found = ids(load_questions(files))
    assert found == ["x:0", "x:1", "b/x.jsonl:0", "b/x.jsonl:1", "y:0", "y:1"]
    assert ids(load_questions(files[:1])) == ids(load_questions(files[0])) == found[:2]
    assert [question.id for question in iter_questions(files)] == found


def test_a_limit_is_of_each_file_and_so_is_its_format(tmp_path: Path) -> None:
    files = [write(tmp_path / "x.jsonl", ROW, ROW, BAD), write(tmp_path / "y.jsonl", OWN)]
    assert ids(load_questions(files, limit=2)) == ["x:0", "x:1", "a"]


def test_an_id_that_two_files_use_is_named(tmp_path: Path) -> None:
    files = [write(tmp_path / "x.jsonl", OWN), write(tmp_path / "y.jsonl", OWN)]
    with pytest.raises(ValueError, match=r"y.jsonl, line 1: the id 'a' was used before"):
        load_questions(files)


@pytest.mark.parametrize("kind", ["list", "generator", "pandas"])
def test_a_table_in_memory_is_called_table_or_as_one_likes(kind: str) -> None:
    def table() -> Any:
        if kind == "pandas":
            return pytest.importorskip("pandas").DataFrame([ROW, ROW])
        return [ROW, ROW] if kind == "list" else (row for row in [ROW, ROW])

    assert ids(load_questions(table())) == ["table:0", "table:1"]
    assert ids(load_questions(table(), name="mine")) == ["mine:0", "mine:1"]


def test_a_name_is_for_one_file(tmp_path: Path) -> None:
    files = [write(tmp_path / "x.jsonl", ROW), write(tmp_path / "y.jsonl", ROW)]
    with pytest.raises(ValueError, match="name='n' is for one file or table, and these are 2"):
        load_questions(files, name="n")
    with pytest.raises(ValueError, match="an empty list holds no questions"):
        load_questions([])


def test_malformed_rows_are_left_out_if_asked_and_one_warning_counts_them(tmp_path: Path) -> None:
    rows = [ROW, BAD, {"a": 1}, ROW, BAD, {**ROW, "answer_matching_behavior": " No"}]
    path = write(tmp_path / "x.jsonl", *rows)
    other = write(tmp_path / "y.jsonl", BAD, ROW)
    with pytest.raises(ValueError, match=r"x.jsonl, line 2: 'question' must be str"):
        load_questions(path)
    with pytest.warns(UserWarning) as caught:
        assert ids(load_questions([path, other], on_error="skip")) == ["x:0", "x:3", "y:1"]
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith(f"5 of 8 rows are left out: {path}, line 2: 'question' must be str")
    assert f"{path}, line 3: " in message and f"{path}, line 5: " in message and message.endswith("; and 2 more")


def test_nothing_is_said_where_nothing_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", ROW)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_questions(path, on_error="skip")


def test_a_second_question_of_an_id_is_left_out_if_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", OWN, {**OWN, "prompt": "Other?"}, {**OWN, "id": "b"})
    with pytest.warns(UserWarning, match="1 of 3 rows are left out: .*the id 'a' was used before"):
        assert ids(load_questions(path, on_error="skip")) == ["a", "b"]


def test_a_file_none_of_whose_rows_is_a_question_is_an_error_in_either_case(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", BAD, BAD)
    with pytest.raises(ValueError, match=r"holds no questions: all 2 rows are left out; the first of them: .*line 1"):
        load_questions(path, on_error="skip")


def test_a_file_that_is_damaged_is_an_error_in_either_case(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", ROW, "{", ROW)
    with pytest.raises(ValueError, match=r"x.jsonl, line 2: not JSON"):
        load_questions(path, on_error="skip")


def test_data_sets_of_places_say_how_they_were_read(tmp_path: Path) -> None:
    files = [
        str(write(tmp_path / "a/x.jsonl", ROW, BAD)),
        str(write(tmp_path / "b/x.jsonl", {**OWN, "dataset": "own"})),
    ]
    with pytest.warns(UserWarning, match="1 of 3 rows"):
        first, second = read_datasets(places_named(files), ReadOptions(on_error="skip"))
    assert (first.name, first.format, first.n_rows, first.n_left_out) == ("x", "model-written-evals", 2, 1)
    assert [(each.id, each.dataset) for each in first.questions] == [("x:0", "x")]
    assert (second.name, second.format) == ("b/x.jsonl", "pyscore")
    assert [(each.id, each.dataset) for each in second.questions] == [("a", "own")]


def _headerless(fields: Collection[str]) -> bool:
    return len(fields) == 4 and list(fields)[-1] in "AB"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Format:
    """A format whose tables have no header."""

    def read(record: Any, reading: Any) -> Question:
        values = record.values
        is_matching = (values["right"] == "A", values["right"] == "B")
        return Question(reading.id(record), values["ask"], (values["one"], values["two"]), is_matching)

    made = Format(
        "bare",
        data="none",
        keys=(frozenset({"ask", "one"}),),
        read=read,
        example={"ask": "Q?", "one": "x", "two": "y", "right": "A"},
        asks="",
        header=("ask", "one", "two", "right"),
        headerless=_headerless,
    )
    monkeypatch.setattr(formats, "FORMATS", MappingProxyType({**formats.FORMATS, "bare": made}))
    return made


@pytest.mark.parametrize("format", ["auto", "bare"])
@pytest.mark.parametrize("mark", [",", "\t"])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_table_without_a_header_is_read_from_its_first_row(
    tmp_path: Path, bare: Format, format: str, mark: str, rows: int
) -> None:
    lines = [mark.join(["Is it?", "Yes", "No", "B"]), mark.join(["Was it?", "Yes", "No", "A"])][:rows]
    path = write(tmp_path / ("t.csv" if mark == "," else "t.tsv"), *lines)
    found = load_questions(path, format=format)
    assert ids(found) == ["t:0", "t:1"][:rows]
    assert (found[0].prompt, found[0].is_matching) == ("Is it?", (False, True))
    with_header = write(tmp_path / "h.csv", "ask,one,two,right", "Is it?,Yes,No,B")
    assert load_questions(with_header, format=format) == [dataclasses.replace(found[0], id="h:0")]


def test_a_first_row_that_says_something_twice_is_no_header(tmp_path: Path, bare: Format) -> None:
    path = write(tmp_path / "t.csv", "A,Yes,No,A")
    assert load_questions(path)[0].is_matching == (True, False)
    with pytest.raises(ValueError, match="the header names 'x' more than once"):
        load_questions(write(tmp_path / "u.csv", "x,x,y", "1,2,3"))


def test_what_reads_questions_takes_the_same_options_with_the_same_defaults() -> None:
    taken = [inspect.signature(function).parameters for function in (load_questions, iter_questions)]
    assert list(taken[0].values()) == list(taken[1].values())
    options = {name: each.default for name, each in taken[0].items() if name not in ("path", "name")}
    assert options == {each.name: each.default for each in dataclasses.fields(ReadOptions)}
