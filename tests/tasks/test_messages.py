"""What is said of files that can't be read as questions: what they hold, what is nearest, and what to type next."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import FORMATS, Question, formats, load_questions
from pyscore.tasks.columns import parse_columns

Rows = list[dict[str, Any]]

MWE = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
OWN = {"id": "a", "prompt": "Which?", "answers": [" x", " y"], "is_matching": [False, True]}
BLUE = {"zzz": "Which is blue?"}


def write(folder: Path, name: str, rows: Rows) -> Path:
    path = folder / name
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def message_of(folder: Path, name: str, rows: Rows) -> str:
    with pytest.raises(ValueError) as caught:
        load_questions(write(folder, name, rows))
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{folder}/", "")


COMPARES = "pyscore compares answers that are given with a question"

NOT_COMPARED: list[tuple[str, str, Rows, list[str]]] = [
    (
        "free answers",
        "gsm.jsonl",
        [{"question": "How many is 2 and 3?", "answer": "It is 5. #### 5"}] * 3,
        [
            "gsm.jsonl, line 1: no known format has the keys 'question' (text), 'answer' (text) "
            "(JSON lines, 3 rows looked at): these seem to be questions with one answer in free text.",
            COMPARES,
            "Add a column of wrong answers",
            "score_completions",
            "--columns 'prompt=question,answers=answer|wrong,matching=answer'",
        ],
    ),
    (
        "instructions",
        "alpaca.json",
        [{"instruction": "Name a colour.", "input": "", "output": "Blue."}],
        ["instructions with one reply each", COMPARES, "--columns 'prompt=instruction,answers=output|wrong,"],
    ),
    (
        "chat logs",
        "chat.jsonl",
        [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}],
        ["'messages' (list of 2: mapping of 'role', 'content')", "chat logs", COMPARES, "into one column"],
    ),
    (
        "chat logs of another layout",
        "sharegpt.json",
        [{"id": "x", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}],
        ["(JSON, 1 row looked at)", "chat logs"],
    ),
    (
        "plain text",
        "pile.jsonl",
        [{"text": "Long ago there was a king who had three daughters and little wish to lose them."}],
        ["plain text", COMPARES, "score_documents (docs/documents.md)"],
    ),
    (
        "texts with labels",
        "reviews.csv",
        [{"text": "A fine film", "label": "1"}],
        ["'text' (text), 'label' (text) (CSV, 1 row looked at)"],
    ),
    (
        "texts with numbers as labels",
        "reviews.jsonl",
        [{"text": "A fine film, I would see it again with all my friends", "label": 1}],
        ["texts with a label", '"classes": [" negative", " positive"]', "answers=classes,matching=label'"],
    ),
]


@pytest.mark.parametrize(
    ("name", "rows", "parts"), [each[1:] for each in NOT_COMPARED], ids=[each[0] for each in NOT_COMPARED]
)
def test_data_without_choices_is_called_by_its_kind_with_a_way_on(
    tmp_path: Path, name: str, rows: Rows, parts: list[str]
) -> None:
    message = message_of(tmp_path, name, rows)
    assert [part for part in parts if part not in message] == [], message


GUESSED: list[tuple[str, str, Rows, str, int]] = [
    ("a list", "a.jsonl", [{**BLUE, "opts": ["coal", "sky"], "key": "B"}], "prompt=zzz,answers=opts,matching=key", 1),
    (
        "by text",
        "a.jsonl",
        [{**BLUE, "opts": ["coal", "sky"], "gold": "sky"}],
        "prompt=zzz,answers=opts,matching=gold",
        1,
    ),
    ("letters", "a.csv", [{**BLUE, "A": "coal", "B": "sky", "right": "b"}], "prompt=zzz,answers=A|B,matching=right", 1),
    (
        "numbers of columns",
        "a.csv",
        [{**BLUE, "opt1": "coal", "opt2": "sky", "target": "2"}],
        "prompt=zzz,answers=opt,matching=target",
        1,
    ),
    (
        "an index of columns",
        "a.jsonl",
        [{**BLUE, "opt1": "sky", "opt2": "coal", "target": 0}],
        "prompt=zzz,answers=opt1|opt2,matching=target",
        0,
    ),
    (
        "a right column",
        "a.jsonl",
        [{**BLUE, "right_one": "sky", "wrong_1": "coal", "wrong_2": "grass"}],
        "prompt=zzz,answers=right_one|wrong_1|wrong_2,matching=right_one",
        0,
    ),
    (
        "values inside of others",
        "a.jsonl",
        [{"doc": BLUE, "alternatives": [{"text": "coal", "mark": "A"}, {"text": "sky", "mark": "B"}], "gold": "B"}],
        "prompt=doc.zzz,answers=alternatives.text,matching=gold",
        1,
    ),
    (
        "a mapping from letters",
        "a.jsonl",
        [{**BLUE, "alternatives": {"a": "coal", "b": "sky"}, "key": "b"}],
        "prompt=zzz,answers=alternatives,matching=key",
        1,
    ),
]


@pytest.mark.parametrize(
    ("name", "rows", "typed", "right"), [each[1:] for each in GUESSED], ids=[each[0] for each in GUESSED]
)
def test_the_columns_that_a_message_proposes_read_the_file(
    tmp_path: Path, name: str, rows: Rows, typed: str, right: int
) -> None:
    message = message_of(tmp_path, name, rows)
    command = re.search(r"--columns '[^']+' --answers \w+", message)
    assert command is not None, message
    words = shlex.split(command[0])
    assert words[1] == typed
    python = re.search(r'in Python columns=(\{.*?\}), answers="text" \(', message)
    assert python is not None and json.loads(python[1]) == parse_columns(typed)
    (question,) = load_questions(tmp_path / name, columns=parse_columns(words[1]), answers=words[3])
    assert question.prompt == "Question: Which is blue?\nAnswer:"
    assert question.is_matching.index(True) == right and sum(question.is_matching) == 1


def test_the_nearest_format_is_named_with_what_is_missing(tmp_path: Path) -> None:
    row = {"question": "Would you?", "answer_matching": " Yes", "answer_not_matching": " No"}
    message = message_of(tmp_path, "near.jsonl", [row])
    assert (
        "The nearest format is model-written-evals, but 'answer_matching_behavior' (there is 'answer_matching') and "
        "'answer_not_matching_behavior' (there is 'answer_not_matching') are missing." in message
    )
    assert "put the right names in place of what is guessed" in message


def test_a_row_of_a_known_format_that_fails_names_file_row_key_and_both_types(tmp_path: Path) -> None:
    message = message_of(tmp_path, "bad.jsonl", [MWE, {**MWE, "question": 3}])
    assert message == "bad.jsonl, line 2: 'question' must be str, found int (read as model-written-evals)"


def test_a_row_of_another_format_than_the_first_is_named_with_its_keys(tmp_path: Path) -> None:
    message = message_of(tmp_path, "mixed.jsonl", [MWE, MWE, OWN])
    assert message.startswith("mixed.jsonl, line 3: the key 'question' is missing")
    assert (
        "first row is one of model-written-evals; this one has 'id', 'prompt', 'answers' and 'is_matching'" in message
    )
    assert "as rows of pyscore do: a file holds rows of one format" in message


def test_a_row_that_lacks_keys_of_the_first_is_named_with_them(tmp_path: Path) -> None:
    short = {key: value for key, value in OWN.items() if key not in ("answers", "is_matching")}
    message = message_of(tmp_path, "short.jsonl", [OWN, {**short, "id": "b"}])
    assert "the key 'answers' is missing" in message and "this one lacks 'answers' and 'is_matching'" in message


def test_a_row_whose_keys_a_format_refuses_is_told_so_with_file_and_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(values: Any) -> Any:
        raise ValueError("it has pictures")

    path = write(tmp_path, "pictures.jsonl", [{"picture": "x"}])
    monkeypatch.setattr(formats, "format_of", refuse)
    with pytest.raises(ValueError, match=r"pictures\.jsonl, line 1: it has pictures$"):
        load_questions(path)


def test_letters_are_refused_where_a_format_lists_no_choices(tmp_path: Path) -> None:
    path = write(tmp_path, "own.jsonl", [OWN])
    for on_error in ("raise", "skip"):
        with pytest.raises(
            ValueError, match="answers='letter' is for rows that list choices, and those of pyscore don't"
        ):
            load_questions(path, answers="letter", on_error=on_error)


@pytest.mark.parametrize("name", FORMATS)
def test_every_example_without_one_of_its_telling_keys_has_a_message_of_one_line(tmp_path: Path, name: str) -> None:
    format = FORMATS[name]
    for key in format.example:
        row = {other: value for other, value in format.example.items() if other != key}
        path = write(tmp_path, "row.jsonl", [row])
        try:
            found = load_questions(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}, line 1: ") and "\n" not in str(error)
        else:
            assert all(isinstance(each, Question) for each in found)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_rows_that_pyscore_wrote_are_told_from_questions(on_error: str, tmp_path: Path) -> None:
    row = {"run_id": "r", "question_id": "q", "answer": " Yes", "answer_index": 0, "is_matching": True, "logprob": -1.0}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**row, "prompt": "P"}))
    with pytest.raises(ValueError, match=r"line 1: these are rows of answers that pyscore wrote, .* pyscore summarize"):
        load_questions(path, on_error=on_error)
