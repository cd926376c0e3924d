"""The questions of a study's data sets are kept beside its rows, and what is read is what was asked."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pyscore import Question
from pyscore.store.questions import content_digest, question_table, questions_of
from pyscore.store.studies import StudyFolder

PLAIN = [
    Question(
        "q0", "Is 0 odd?", (" Yes", " No"), (False, True), cluster="c", group="g", meta={"b": 1, "a": [None, 0.5]}
    ),
    Question("q1", "<script>alert(1)</script>\n\x00é\u2028", (" A", " B", "C"), (True, False, True), choices="listed"),
]


def kept(path: Path, name: str, questions: list[Question]) -> tuple[StudyFolder, dict[str, Any]]:
    """A folder that keeps these questions, and their entry in study.json."""
    folder, digest = StudyFolder(path), content_digest(questions)
    path.mkdir(exist_ok=True)
    folder.keep_questions([(name, digest, questions)])
    return folder, {"name": name, "content_sha256": digest}


def only_file(path: Path) -> Path:
    (found,) = (path / "questions").iterdir()
    return found


def test_the_digest_is_that_of_the_fields_as_json() -> None:
    fields = [[q.id, q.prompt, q.answers, q.is_matching, q.cluster, q.group, q.choices, dict(q.meta)] for q in PLAIN]
    assert content_digest(PLAIN) == hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize(
    "meta", [{}, {10: "a", 9: "b"}, {"when": Path("x"), "some": {"b", "a"}}, {"x": float("nan"), "é": "\ud83d\ude00"}]
)
def test_questions_come_back_whatever_their_meta_holds(tmp_path: Path, meta: dict[Any, Any]) -> None:
    questions = [Question("q", "p", (" a", " b"), (True, False), meta=meta), *PLAIN]
    folder, entry = kept(tmp_path / "out", "d", questions)
    table = folder.questions(entry)
    assert table is not None
    assert table.equals(question_table(questions))
    assert [(q.id, q.prompt, q.answers, q.cluster) for q in questions_of(table)] == [
        (q.id, q.prompt, q.answers, q.cluster) for q in questions
    ]
    assert questions_of(table, "d")[1:] == [Question(**{**vars(q), "dataset": "d"}) for q in PLAIN]


@pytest.mark.parametrize("name", ["a/b", "../../x", "d\"'<>", "数据", "d" * 250, "", ".", "con\n"])
def test_any_name_of_a_data_set_is_that_of_one_file_in_the_folder(tmp_path: Path, name: str) -> None:
    folder, entry = kept(tmp_path / "out", name, PLAIN)
    assert len(only_file(tmp_path / "out").name.encode()) < 128
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out"]
    assert folder.questions(entry) is not None


def test_names_that_differ_in_case_alone_have_a_file_each_unless_they_ask_the_same(tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept(out, "data", PLAIN)
    kept(out, "DATA", PLAIN[:1])
    assert len({each.name.lower() for each in (out / "questions").iterdir()}) == 2


def test_a_file_that_is_there_is_not_written_again_and_edited_questions_have_another(tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept(out, "d", PLAIN)
    before = only_file(out).stat()
    folder, old = kept(out, "d", PLAIN)
    assert only_file(out).stat().st_mtime_ns == before.st_mtime_ns
    assert only_file(out).stat().st_ino == before.st_ino
    _, new = kept(out, "d", PLAIN[:1])
    assert [len(folder.questions(entry) or ()) for entry in (old, new)] == [2, 1]


def test_a_study_that_kept_none_has_none(tmp_path: Path) -> None:
    assert StudyFolder(tmp_path).questions({"name": "d", "content_sha256": "0" * 64}) is None
    assert not list(tmp_path.iterdir())


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 255
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def edited(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "prompt", [["another"] * table.num_rows]), path)


def without_a_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["meta"]), path)


def with_nulls(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(7, "meta", [[None] * table.num_rows]), path)


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, edited, without_a_column, with_nulls])
def test_a_damaged_file_is_told_by_name_with_what_to_do(tmp_path: Path, damage: Any) -> None:
    folder, entry = kept(tmp_path / "out", "d", PLAIN)
    path = only_file(tmp_path / "out")
    damage(path)
    with pytest.raises(ValueError, match=r"d-[0-9a-f]{16}\.parquet is damaged.*Remove it and run the sweep again"):
        folder.questions(entry)
    path.unlink()
    folder.keep_questions([("d", entry["content_sha256"], PLAIN)])
    assert folder.questions(entry) is not None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes into read-only folders")
def test_questions_that_are_there_are_no_reason_to_write_into_a_read_only_folder(tmp_path: Path) -> None:
    folder, entry = kept(tmp_path / "out", "d", PLAIN)
    (tmp_path / "out" / "questions").chmod(0o500)
    folder.keep_questions([("d", entry["content_sha256"], PLAIN)])
    assert folder.questions(entry) is not None
    with pytest.raises(PermissionError):
        folder.keep_questions([("e", "0" * 64, PLAIN)])
