"""Inverse Scaling Prize files: what rows become, text kept exactly, and one clear error for each malformed row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks import load_completions, load_questions, paired_questions, with_whole_sentences

HEADER = "prompt,classes,answer_index"
ROW = "Q: Is it?\\nA: ,\"[' Yes', ' No']\",1"


def write(folder: Path, *lines: str, name: str = "set.csv", end: str = "\r\n") -> Path:
    path = folder / name
    path.write_bytes(end.join([*lines, ""]).encode())
    return path


def test_a_row_becomes_a_question_with_all_classes(tmp_path: Path) -> None:
    path = write(tmp_path, ",prompt,classes,answer_index,part", "0,Pick one: ,\"[' a', ' b', ' c']\",2,p1")
    (question,) = load_questions(path)
    assert (question.id, question.prompt) == ("set:0", "Pick one: ")  # the trailing space is kept
    assert question.answers == (" a", " b", " c")
    assert question.is_matching == (False, False, True)
    assert question.meta == {"part": "p1"}


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_separate_rows_and_stay_inside_of_quotes(tmp_path: Path, end: str) -> None:
    path = write(tmp_path, HEADER, f"\"a{end}b \",\"[' x', ' y']\",0", "", "c\u2028d,\"[' x', ' y']\",0", end=end)
    questions = load_questions(path)
    assert [question.prompt for question in questions] == [f"a{end}b ", "c\u2028d"]
    assert [question.id for question in questions] == ["set:0", "set:1"]  # empty lines are no rows


def test_a_bom_is_no_part_of_the_header(tmp_path: Path) -> None:
    (question,) = load_questions(write(tmp_path, "\ufeff" + HEADER, ROW))
    assert question.answers == (" Yes", " No")


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=10)
rows = st.lists(
    st.tuples(
        text.map(lambda prompt: prompt + "?"), st.lists(text, min_size=2, max_size=30, unique=True), st.integers(0, 1)
    ),
    min_size=1,
    max_size=4,
)


@given(rows=rows)
def test_what_python_writes_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    path = tmp_path_factory.mktemp("round") / "set.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER.split(","), *([p, repr(classes), i] for p, classes, i in rows)])
    loaded = load_questions(path)
    assert [(q.prompt, list(q.answers), q.is_matching.index(True)) for q in loaded] == rows


def test_the_released_jsonl_is_read_as_well(tmp_path: Path) -> None:
    values = {"prompt": "Q", "classes": [" a", " b"], "answer_index": 1, "round": 2}
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(json.dumps(values | extra) for extra in ({}, {"classes": "[' a', ' b']"})))
    for question in load_questions(path):
        assert (question.answers, question.is_matching) == ((" a", " b"), (False, True))
        assert question.meta == {"round": 2}


def test_equal_prompts_share_a_cluster(tmp_path: Path) -> None:
    first, second, third = load_questions(write(tmp_path, HEADER, ROW, ROW, ROW.replace("it", "that")))
    assert first.cluster == second.cluster != third.cluster


def pairs_file(folder: Path) -> Path:
    return write(
        folder,
        "prompt,other_prompt,classes,answer_index",
        "hint? Q1: ,Q1: ,\"[' x', ' y']\",0",
        "hint? Q2,Q2,\"[' x', ' y']\",1",
    )


def test_a_row_of_log_odds_becomes_a_pair(tmp_path: Path) -> None:
    questions, others = paired_questions(pairs_file(tmp_path))
    assert [question.prompt for question in questions] == ["hint? Q1: ", "hint? Q2"]
    assert [question.prompt for question in others] == ["Q1: ", "Q2"]
    assert [question.id for question in others] == ["set:0:other", "set:1:other"]
    for question, other in zip(questions, others, strict=True):
        assert question.cluster == other.cluster
        assert (question.answers, question.is_matching) == (other.answers, other.is_matching)
    assert {q.group for q in questions} == {"prompt"} and {q.group for q in others} == {"other_prompt"}
    assert questions[1].is_matching == (False, True)


def test_a_column_named_pair_is_the_files_own(tmp_path: Path) -> None:
    path = write(tmp_path, "prompt,other_prompt,classes,answer_index,pair", "a,b,\"[' x', ' y']\",0,seven")
    assert [question.meta for question in load_questions(path)] == [{"pair": "seven"}] * 2


def test_load_questions_gives_both_of_a_pair_and_limits_rows(tmp_path: Path) -> None:
    path = pairs_file(tmp_path)
    assert [q.id for q in load_questions(path)] == ["set:0", "set:0:other", "set:1", "set:1:other"]
    assert [q.id for q in load_questions(path, limit=1)] == ["set:0", "set:0:other"]
    assert [len(side) for side in paired_questions(path, limit=1)] == [1, 1]


def test_completions_are_pairs_of_text(tmp_path: Path) -> None:
    path = write(tmp_path, "prompt,completion", 'Say: ,"hello, you"', "Go,  on ", "broken")
    assert load_completions(path, limit=2) == [("Say: ", "hello, you"), ("Go", "  on ")]


def test_limit_reads_no_further(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, ROW, ROW, "broken")
    assert len(load_questions(path, limit=2)) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Q,\"['a', 'b']\"", "2 fields, but the header names 3"),
        ("Q,\"['a', 'b']\",0,more", "4 fields, but the header names 3"),
        ("Q,\"['a', 'b']\"x,0", "not CSV"),
        ('"Q', r"not CSV \(unexpected end of data\)"),
        ("Q,a or b,0", "'classes' must be a list of strings, or a string that holds one, found 'a or b'"),
        ('Q,"[1, 2]",0', "'classes' must be a list of strings"),
        ("Q,__import__('os'),0", "'classes' must be a list of strings"),
        ("Q,\"['a', 'b']\",2", "'answer_index' is 2, but the classes have the indices 0 to 1"),
        ("Q,\"['a', 'b']\",-1", "'answer_index' is -1"),
        ("Q,\"['a', 'b']\",b", "'answer_index' must be a whole number, found 'b'"),
        ("Q,\"['a', 'a']\",0", "'a' is both matching and not matching"),
        ("Q,['a'],0", "every answer is matching"),
        (",\"['a', 'b']\",0", "the question is empty"),
    ],
)
def test_a_malformed_row_is_one_error_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    good = "two\r\nlines,\"['a', 'b']\",0"
    path = write(tmp_path, HEADER, '"' + good.replace(",", '",', 1), "", row)
    with pytest.raises(ValueError, match=rf"set\.csv, line 5: .*{message}") as error:
        load_questions(path)
    assert "\n" not in str(error.value)


def test_bytes_that_are_not_utf8_are_an_error_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_bytes(f"{HEADER}\r\n{ROW}\r\n".encode() + b"\xff,x,0\r\n")
    with pytest.raises(ValueError, match=r"set\.csv, line 3: not UTF-8"):
        load_questions(path)


def test_three_classes_have_no_log_odds(tmp_path: Path) -> None:
    path = write(tmp_path, "prompt,other_prompt,classes,answer_index", "a,b,\"['x', 'y', 'z']\",0")
    with pytest.raises(ValueError, match=r"line 2: a difference of log odds is of exactly two classes, found 3"):
        load_questions(path)


def test_a_field_may_be_longer_than_csvs_own_limit_which_stays_as_it_was(tmp_path: Path) -> None:
    limit, prompt = csv.field_size_limit(), "long " * 30_000
    path = write(tmp_path, HEADER, f"\"{prompt}\",\"[' x', ' y']\",0", ROW, "broken")
    assert [len(question.prompt) for question in load_questions(path, limit=2)] == [150_000, len("Q: Is it?\\nA: ")]
    assert csv.field_size_limit() == limit
    with pytest.raises(ValueError, match="line 4: 1 fields"):
        load_questions(path)
    assert csv.field_size_limit() == limit


def test_limit_reads_no_further_than_a_buffer_of_a_csv(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + HEADER, "\"a\u2028\rb\",\"[' x', ' y']\",0", ROW)
    with path.open("r+b") as file:
        file.truncate(2**40)  # a hole, of NUL bytes: nothing can read that much into memory
    questions = load_questions(path, limit=2)
    assert [question.prompt for question in questions] == ["a\u2028\rb", "Q: Is it?\\nA: "]
    with pytest.raises(ValueError, match=r"line 3: not UTF-8"):
        path.write_bytes(path.open("rb").read(200).rstrip(b"\0").replace(b"Q", b"\xff"))
        load_questions(path)
    assert len(load_questions(path, limit=1)) == 1


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ('{"question": "a", "b": "c"}', "line 1: a header is needed. JSON lines"),
        ("prompt\tclasses\tanswer_index", "line 1: one field. .* by tabs"),
        ("prompt;classes;answer_index", "line 1: one field. .* by semicolons"),
        ("prompt,classes,answer_index\0", "line 1: NUL bytes"),
    ],
)
def test_a_file_that_is_no_csv_is_told_for_what_it_seems_to_be(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"set\.csv, {message}"):
        load_questions(write(tmp_path, header, ROW))


def test_a_header_must_not_repeat_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 1: the header names 'prompt' more than once"):
        load_questions(write(tmp_path, "prompt,prompt", "a,b"))


@pytest.mark.parametrize("format", ["auto", "inverse-scaling-sequence-prob"])
def test_completions_are_no_questions_and_say_where_to_go(tmp_path: Path, format: str) -> None:
    path = write(tmp_path, "prompt,completion", "Say:, hello")
    with pytest.raises(ValueError, match="read it with load_completions, score it with score_completions"):
        load_questions(path, format=format)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["prompt,completion"], r"set\.csv holds no completions"),
        (["prompt,completion", "a,"], r"line 2: 'completion' is empty"),
        (["prompt,text", "a,b"], r"line 2: the key 'completion' is missing"),
    ],
)
def test_bad_files_of_completions_are_named(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_completions(write(tmp_path, *lines))


def test_an_empty_csv_holds_no_questions(tmp_path: Path) -> None:
    for lines in ([], [HEADER]):
        with pytest.raises(ValueError, match=r"set\.csv holds no questions"):
            load_questions(write(tmp_path, *lines))
    with pytest.raises(FileNotFoundError, match=r"^no such file: .*nowhere\.csv$"):
        load_questions(tmp_path / "nowhere.csv")


def test_a_whole_sentence_follows_each_pronoun_on_request(tmp_path: Path) -> None:
    blank = {
        "occupation": "glazier",
        "other_person": "client",
        "pronoun_options": ["he", "she", "they"],
        "sentence_with_blank": "The glazier said that _ was late.",
        "BLS_percent_women_2019": 3.5,
    }
    path = tmp_path / "blanks.jsonl"
    path.write_text(json.dumps(blank))
    (question,) = load_questions(path, blank="whole")
    assert question.prompt == "The glazier said that"
    assert question.answers == (" he was late.", " she was late.", " they was late.")
    assert question.is_matching == (False, True, False)
    assert question.meta["pronouns"] == (" he", " she", " they") and question.meta["blank"] == "whole"
    with pytest.raises(ValueError, match="'pronouns' into meta, where there is one already: is the sentence whole"):
        with_whole_sentences(question)
    with pytest.raises(ValueError, match="blank must be 'pronoun' or 'whole', got 'all'"):
        load_questions(path, blank="all")
    with pytest.raises(ValueError, match=r"line 2: blank='whole' is for winogenerated"):
        load_questions(write(tmp_path, HEADER, ROW), blank="whole")
