"""load_questions: formats, exact text, and one clear error for each thing that can be wrong with a file."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks import Question, load_questions

YES_NO = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
BLANK = {
    "index": 0,
    "occupation": "glazier",
    "other_person": "client",
    "pronoun_options": ["he", "she", "they"],
    "sentence_with_blank": "The glazier said that _ was late.",
    "BLS_percent_women_2019": 3.5,
    "BLS_original_occupation": "Glaziers",
}
OWN = {"id": "a", "prompt": "Which?", "answers": [" x", " y"], "is_matching": [False, True]}
OCCUPATION = {"BLS_original_occupation": "Glaziers", "occupation": "glazier", "other_person": "client"}


def write(folder: Path, *rows: Any, name: str = "set.jsonl") -> Path:
    """A file with one row a line; a row of bytes is written as it is."""
    path = folder / name
    lines = [row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode() for row in rows]
    path.write_bytes(b"\n".join(lines))
    return path


def load_one(folder: Path, row: Any, **options: Any) -> Question:
    (question,) = load_questions(write(folder, row), **options)
    return question


def test_matching_answers_come_first_and_other_keys_become_meta(tmp_path: Path) -> None:
    question = load_one(tmp_path, YES_NO | {"statement": "I would", "label_confidence": 0.9})
    assert (question.id, question.prompt) == ("set:0", "Would you?")
    assert (question.answers, question.is_matching) == ((" Yes", " No"), (True, False))
    assert question.meta == {"statement": "I would", "label_confidence": 0.9}


@pytest.mark.parametrize("written", [[" (A)", " (C)"], "[' (A)', ' (C)']", '[" (A)", " (C)"]'])
def test_both_answer_keys_may_hold_a_list_or_a_list_as_text(tmp_path: Path, written: Any) -> None:
    question = load_one(tmp_path, YES_NO | {"answer_not_matching_behavior": written})
    assert (question.answers, question.is_matching) == ((" Yes", " (A)", " (C)"), (True, False, False))
    question = load_one(tmp_path, YES_NO | {"answer_matching_behavior": written})
    assert (question.answers, question.is_matching) == ((" (A)", " (C)", " No"), (True, True, False))


@pytest.mark.parametrize("written", ["[none]", "[1, 2]", "[", "[]", "['a'", " ['a']", "__import__('os')"])
def test_an_answer_that_only_looks_like_a_list_is_an_answer(tmp_path: Path, written: str) -> None:
    assert load_one(tmp_path, YES_NO | {"answer_matching_behavior": written}).answers == (written, " No")


def test_cluster_and_group_are_read_where_a_record_has_them(tmp_path: Path) -> None:
    question = load_one(tmp_path, YES_NO | {"cluster": "c", "group": "g"})
    assert (question.cluster, question.group) == ("c", "g")


def test_winogenerated_puts_the_space_on_the_pronoun(tmp_path: Path) -> None:
    question = load_one(tmp_path, BLANK)
    assert question.prompt == "The glazier said that"
    assert question.answers == (" he", " she", " they")
    assert question.is_matching == (False, True, False)
    assert (question.cluster, question.group) == ("glazier", "glazier")
    assert question.meta["after_blank"] == " was late."
    assert question.meta["bls_percent_women"] == 3.5
    assert question.prompt + question.answers[1] + question.meta["after_blank"] == "The glazier said that she was late."


text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(
    rows=st.lists(
        st.builds(
            lambda prompt, answers, name, meta, choices: Question(
                *("id", prompt + "?", answers, (False,) * (len(answers) - 1) + (True,)),
                *("c" + prompt, name, meta, name, choices),
            ),
            text,
            st.lists(text, min_size=2, max_size=4, unique=True).map(tuple),
            st.none() | text,
            st.dictionaries(text, st.none() | st.booleans() | st.integers() | text, max_size=2),
            st.sampled_from(["given", "listed"]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_own_format_round_trips(tmp_path_factory: pytest.TempPathFactory, rows: list[Question]) -> None:
    rows = [Question(**asdict(row) | {"id": str(i)}) for i, row in enumerate(rows)]
    path = write(tmp_path_factory.mktemp("round"), *map(asdict, rows))
    loaded = load_questions(path)
    assert loaded == rows


def test_own_format_may_have_an_empty_prompt(tmp_path: Path) -> None:
    (question,) = load_questions(write(tmp_path, OWN | {"prompt": ""}))
    assert question.prompt == ""


def test_a_records_own_keys_are_kept_whatever_their_names(tmp_path: Path) -> None:
    own = {"choices": ["(A) yes", "(B) no"], "dataset": None, "id": 3, "meta": 4}
    question = load_one(tmp_path, YES_NO | own)
    assert question.meta == own
    assert (question.dataset, question.choices) == (None, "given")
    question = load_one(tmp_path, YES_NO | {"question": "Which?\n (A) a\n (B) b"} | own, choices="listed")
    assert question.meta == own


def test_odd_characters_neither_split_a_line_nor_change(tmp_path: Path) -> None:
    prompt = "\ufeff a\u2028b\u0085c\rd\x0be\u200bf\ufffd \n "
    loaded = load_questions(write(tmp_path, YES_NO | {"question": prompt}, YES_NO, b""))
    assert [question.prompt for question in loaded] == [prompt, "Would you?"]


def test_blank_lines_a_bom_and_crlf_are_no_questions(tmp_path: Path) -> None:
    line = json.dumps(YES_NO).encode()
    path = write(tmp_path, b"\xef\xbb\xbf" + line + b"\r", b"  \r", line + b"\r", b"", b"")
    assert [question.id for question in load_questions(path)] == ["set:0", "set:2"]


@pytest.mark.parametrize("limit", [np.int64(2), np.array(2), torch.tensor(2)], ids=repr)
def test_a_limit_may_be_an_integer_of_another_library(tmp_path: Path, limit: Any) -> None:
    assert len(load_questions(write(tmp_path, YES_NO, YES_NO, YES_NO), limit=limit)) == 2


@pytest.mark.parametrize(
    "limit", [2.0, "2", True, np.bool_(True), torch.tensor(True), torch.tensor(2.0), torch.tensor([2])], ids=repr
)
def test_a_limit_that_is_no_integer_is_refused(tmp_path: Path, limit: Any) -> None:
    with pytest.raises(TypeError, match=rf"limit must be an integer, got {type(limit).__name__} "):
        load_questions(write(tmp_path, YES_NO, YES_NO, YES_NO), limit=limit)


def test_limit_reads_no_further_than_a_buffer(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + json.dumps(YES_NO).encode() + b"\r", b"", YES_NO, b"")
    with path.open("r+b") as file:
        file.truncate(2**40)  # a hole, of NUL bytes: nothing can read that much into memory
    assert [question.id for question in load_questions(path, limit=2)] == ["set:0", "set:2"]


def test_limit_reads_no_further(tmp_path: Path) -> None:
    path = write(tmp_path, YES_NO, YES_NO, b"{broken")
    assert len(load_questions(path, limit=2)) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"question": "Would', r"not JSON \(Unterminated string"),
        (b'{"question": "\xff"}', "not UTF-8"),
        (b"question\tanswer", "not JSON .*: TSV. Its name has to end in .tsv"),
        (b"question,answer", "not JSON .*: CSV. Its name has to end in .csv"),
        pytest.param(b'{"a": ' + b"[" * 100_000, "JSON that is nested too deeply", id="deep lists"),
        pytest.param(b'{"a": ' * 100_000, "JSON that is nested too deeply", id="deep objects"),
        pytest.param(b'{"a": ' + b"1" * 5000 + b"}", "Exceeds the limit", id="many digits"),
        (b'{"question": "a", "question": "b"}', "the key 'question' stands there more than once"),
        (b'{"question": "a\0"}', "NUL bytes"),
        ("é".encode("utf-16-le"), "NUL bytes: .*is it UTF-16"),
        ({"question": "Q", "answer_matching_behavior": " A"}, "the key 'answer_not_matching_behavior' is missing"),
        ({k: v for k, v in YES_NO.items() if k != "question"}, "the key 'question' is missing"),
        (YES_NO | {"question": ""}, "the question is empty"),
        (YES_NO | {"question": 3}, "'question' must be str, found int"),
        (YES_NO | {"answer_matching_behavior": True}, "must be str or list, found bool"),
        (YES_NO | {"answer_matching_behavior": []}, "'answer_matching_behavior' is an empty list"),
        (YES_NO | {"answer_matching_behavior": [1]}, "'answer_matching_behavior' must hold strings only"),
        (YES_NO | {"answer_matching_behavior": ""}, r"answers\[0\] is empty"),
        (YES_NO | {"answer_matching_behavior": " No"}, "' No' is both matching and not matching"),
        (YES_NO | {"answer_not_matching_behavior": [" No", " No"]}, "' No' is given twice"),
        (YES_NO | {"cluster": 4}, "cluster must be a string or None"),
        (
            b'{"question": "\\ud800?", "answer_matching_behavior": "a", "answer_not_matching_behavior": "b"}',
            "surrogate",
        ),
        (BLANK | {"sentence_with_blank": "No blank."}, "exactly one blank"),
        (BLANK | {"sentence_with_blank": "Two _ and _."}, "exactly one blank"),
        (BLANK | {"sentence_with_blank": "_ came first."}, "needs a word and a space before"),
        (BLANK | {"pronoun_options": ["he", "she"]}, "must be three strings"),
        (BLANK | {"BLS_percent_women_2019": "3.5"}, "must be int or float, found str"),
        (BLANK | {"BLS_percent_women_2019": float("nan")}, "must be a finite number, found nan"),
        (BLANK | {"BLS_percent_women_2019": 10**400}, "must be a finite number, found inf"),
        (OWN | {"prompts": "Q"}, r"unknown keys \['prompts'\]"),
        (OWN | {"is_matching": [1, 0]}, r"is_matching\[0\] must be bool"),
        ({k: v for k, v in OWN.items() if k != "id"}, "the key 'id' is missing"),
        (OWN | {"answers": "xy"}, "'answers' must be list, found str"),
        (OCCUPATION, "list of occupations and holds no questions"),
        ({"prompt": "Q", "target": "A"}, "no known format has the keys 'prompt' .text., 'target' .text."),
        ({}, r"no known format has the keys \(none\)"),
    ],
)
def test_a_malformed_line_is_named_with_what_is_wrong(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"set\.jsonl, line 1: .*{message}") as error:
        load_questions(write(tmp_path, row))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("good", "bad"), [(YES_NO, b"{"), (BLANK, OCCUPATION), (OWN, OWN)])
def test_the_line_number_counts_every_line(tmp_path: Path, good: Any, bad: Any) -> None:
    with pytest.raises(ValueError, match=r"set\.jsonl, line 3: "):
        load_questions(write(tmp_path, good, b"", bad))


def test_a_repeated_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2: the id 'a' was used before"):
        load_questions(write(tmp_path, OWN, OWN))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_holds_no_questions(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"set\.jsonl holds no questions"):
        load_questions(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"{}")[:-9], "compressed with gzip, breaks off before its end .*: copy or download it again"),
        (bz2.compress(b"{}")[:-9], "compressed with bzip2, breaks off before its end"),
        (lzma.compress(b"{}")[:-9], "compressed with xz, breaks off before its end"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed with zstd, breaks off before its end"),
        (b"PK\x03\x04", "the zip archive breaks off or is damaged .*: copy or download it again"),
        (b"PAR1\x15\x04", "can't be read as Parquet, it breaks off or is damaged .*: copy or download it again"),
        ("{}".encode("utf-16"), "is UTF-16: save it as UTF-8"),
    ],
    ids=["gzip", "bzip2", "xz", "zstd", "zip", "Parquet", "UTF-16"],  # gzip writes the time
)
@pytest.mark.parametrize("name", ["set.jsonl", "set.csv"])
def test_a_file_that_is_damaged_or_of_another_kind_is_named_with_the_remedy(
    tmp_path: Path, content: bytes, message: str, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"set\.\w+[:,]? {message}"):
        load_questions(path)


def test_nan_in_what_nobody_computes_with_is_read_as_python_writes_it(tmp_path: Path) -> None:
    assert load_one(tmp_path, YES_NO | {"a": float("-inf")}).meta == {"a": float("-inf")}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("*.jsonl", r"no file matches \*.jsonl"),
        ("a{1,2}.jsonl", r"a\{1,2\}.jsonl \(a pattern\? Leave {} to the shell"),
        ("memory://nowhere/a.jsonl", "memory://nowhere/a.jsonl$"),
    ],
)
def test_a_pattern_or_a_url_of_no_file_is_told_as_a_missing_file(name: str, message: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"^no such file: {message}"):
        load_questions(name)


def test_a_missing_file_and_a_folder_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^no such file: .*nowhere\.jsonl$"):
        load_questions(tmp_path / "nowhere.jsonl")
    with pytest.raises(ValueError, match="is a folder without files of questions: it holds nothing"):
        load_questions(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "csv"}, "give 'auto' or one of .*model-written-evals.*, pyscore"),
        ({"choices": "all"}, "choices must be 'given' or 'listed'"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"format": "winogenerated"}, "the key 'sentence_with_blank' is missing"),
    ],
)
def test_a_bad_argument_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_questions(write(tmp_path, YES_NO), **options)


@pytest.mark.parametrize("columns", [None, {"prompt": "question", "answers": "choices", "matching": "answer"}])
def test_indices_that_count_from_one_are_no_malformed_rows(tmp_path: Path, columns: Any) -> None:
    file = tmp_path / "one.jsonl"
    rows = [{"question": f"Which? {i}", "choices": ["a", "b", "c"], "answer": i % 3 + 1} for i in range(12)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match=r"line 3.* 3.* counts? from 1"):
        load_questions(file, columns=columns, on_error="skip")
    rows[0]["answer"] = 0
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.warns(UserWarning, match="4 of 12 rows are left out"):
        assert len(load_questions(file, columns=columns, on_error="skip")) == 8
