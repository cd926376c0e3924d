"""Any table becomes questions by naming its columns, and a row that can't be one is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import Question, load_questions
from pyscore.tasks.columns import parse_columns

COLUMNS: dict[str, Any] = {"prompt": "q", "answers": ["a", "b"], "matching": "m"}
ROW: dict[str, Any] = {"q": "Is it?", "a": " Yes", "b": " No", "m": "A"}


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_csv(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "t.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("write", [jsonl, as_csv])
def test_columns_are_fields_and_the_rest_is_meta(tmp_path: Path, write: Any) -> None:
    row = {**ROW, "key": "k7", "topic": "t", "kind": "g", "note": "n"}
    columns = {**COLUMNS, "id": "key", "cluster": "topic", "group": "kind"}
    (found,) = load_questions(write(tmp_path, row), columns=columns)
    assert found == Question("k7", "Is it?", (" Yes", " No"), (True, False), "t", "g", {"note": "n"})
    (found,) = load_questions(write(tmp_path, row), columns={**COLUMNS, "meta": ["key", "q"]})
    assert (found.id, found.meta) == ("t:0", {"key": "k7", "q": "Is it?"})


def test_equal_prompts_share_a_cluster_unless_a_column_names_it(tmp_path: Path) -> None:
    path = jsonl(tmp_path, ROW, {**ROW, "m": 1}, {**ROW, "q": "Was it?"})
    first, second, third = load_questions(path, columns=COLUMNS)
    assert first.cluster == second.cluster != third.cluster


@pytest.mark.parametrize(
    ("value", "index"), [("A", 0), ("(b)", 1), ("B.", 1), (0, 0), (1, 1), ("1", 1), ("Yes", 0), (" No", 1)]
)
def test_a_matching_answer_is_named_by_text_index_or_letter(tmp_path: Path, value: Any, index: int) -> None:
    (found,) = load_questions(jsonl(tmp_path, {**ROW, "m": value}), columns=COLUMNS)
    assert found.is_matching == (index == 0, index == 1)


@pytest.mark.parametrize("answers", [[" x", " y", " z"], '[" x", " y", " z"]', "[' x', ' y', ' z']"])
@pytest.mark.parametrize("flags", [[True, False, True], "[true, false, true]", "[True, False, True]", [1, 0, 1]])
def test_lists_may_be_lists_or_texts_of_them(tmp_path: Path, answers: Any, flags: Any) -> None:
    path = jsonl(tmp_path, {"q": "Which?", "list": answers, "right": flags})
    (found,) = load_questions(path, columns={"prompt": "q", "answers": "list", "is_matching": "right"})
    assert (found.answers, found.is_matching) == ((" x", " y", " z"), (True, False, True))


def test_a_column_of_flags_for_each_answer(tmp_path: Path) -> None:
    path = as_csv(tmp_path, {"q": "Which?", "a": "x", "b": "y", "fa": "False", "fb": "1"})
    (found,) = load_questions(path, columns={"prompt": "q", "answers": ["a", "b"], "is_matching": ["fa", "fb"]})
    assert found.is_matching == (False, True)


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        ({}, {"prompt": "question"}, r"there is no column 'question' \(columns: 'q', 'a', 'b', 'm'\)"),
        (
            {"m": "C"},
            {},
            r"'m' must be the right choice's index \(0 to 1\), letter or text, found 'C'",
        ),
        ({"m": True}, {}, "letter or text, found True"),
        ({"m": -1}, {}, "letter or text, found -1"),
        ({"a": "1", "b": "0", "m": "1"}, {}, "'1' names choice 0 by its text and choice 1 by its index"),
        (
            {"a": "B", "b": "A", "m": "A"},
            {},
            "names choice 1 by its text and choice 0 by its letter: give columns= with is_matching",
        ),
        ({"q": 5}, {}, "column 'q' must hold text, found int"),
        ({"q": " "}, {}, "the question is empty"),
        ({"q": ""}, {}, "the question is empty"),
        ({"a": " No"}, {}, "' No'|twice|distinct"),
        ({}, {"answers": "a"}, "column 'a' must hold a list of texts, or a mapping .* found ' Yes'"),
        ({"id": [1]}, {"id": "id"}, "column 'id' must hold text or a whole number, found list"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], columns: dict[str, Any], message: str) -> None:
    path = jsonl(tmp_path, ROW, {**ROW, "m": "B"}, {**ROW, **change})
    limit = 3
    if columns:
        path, limit = jsonl(tmp_path, {**ROW, **change}), 1
    with pytest.raises(ValueError, match=message) as caught:
        load_questions(path, columns={**COLUMNS, **columns})
    assert str(caught.value).startswith(f"{path}, line {limit}: ")


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"prompt": "q", "matching": "m"}, ValueError, "columns needs 'answers'"),
        ({"prompt": "q", "answers": "a"}, ValueError, "either 'matching' or 'is_matching'"),
        ({**COLUMNS, "is_matching": "x"}, ValueError, "either 'matching' or 'is_matching'"),
        ({**COLUMNS, "label": "x"}, ValueError, "'label' is no field: give some of prompt, answers"),
        ({**COLUMNS, "prompt": ["q"]}, TypeError, r"columns\['prompt'\] must be the column of the prompt"),
        ({**COLUMNS, "answers": []}, ValueError, r"columns\['answers'\] is empty"),
        (["q"], TypeError, "columns must be a mapping"),
    ],
)
def test_columns_that_can_not_be_are_told_before_the_file_is_read(
    columns: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_questions("none.jsonl", columns=columns)


def test_a_format_and_columns_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="give one of them"):
        load_questions("none.jsonl", format="pyscore", columns=COLUMNS)


def one(folder: Path, row: dict[str, Any], **options: Any) -> Question:
    (found,) = load_questions(jsonl(folder, row), **options)
    return found


def test_answers_under_letters_match_by_their_letters(tmp_path: Path) -> None:
    row = {"q": "Is it?", "o": {"A": "B", "B": "no", "C": None}, "m": "B"}
    with pytest.raises(ValueError, match="choice 0 by its text and choice 1 by its label"):
        one(tmp_path, row, columns={"prompt": "q", "answers": "o", "matching": "m"})
    found = one(tmp_path, {**row, "m": "A"}, columns={"prompt": "q", "answers": "o", "matching": "m"})
    assert (found.answers, found.is_matching) == (("B", "no"), (True, False))


@pytest.mark.parametrize("keys", [["o1", "o2", "o3"], ["o_0", "o_1", "o_2"], ["o a", "o b", "o c"], ["oA", "oB", "oC"]])
def test_numbered_columns_are_answers_by_what_they_have_in_common_and_count_by_themselves(
    tmp_path: Path, keys: list[str]
) -> None:
    columns = {"prompt": "q", "answers": "o", "matching": "m"}
    texts = dict(zip(reversed(keys), ("z", "y", "x"), strict=True))
    for i, key in enumerate(keys):
        found = one(tmp_path, {"q": "Is it?", **texts, "m": key[-1]}, columns=columns)
        assert found.answers == ("x", "y", "z")
        assert found.is_matching == tuple(j == i for j in range(3))
        assert found.meta == {}


def test_a_number_of_no_numbered_column_is_refused_and_empty_ones_at_the_end_are_no_answers(tmp_path: Path) -> None:
    columns = {"prompt": "q", "answers": "o", "matching": "m"}
    row = {"q": "Is it?", "o1": "x", "o2": "y", "o3": "", "m": 0}
    with pytest.raises(ValueError, match=r"'m' must be the right choice's label \(1, 2\) or text, found 0"):
        one(tmp_path, row, columns=columns)
    assert one(tmp_path, {**row, "m": 2}, columns=columns).is_matching == (False, True)
    # Named one by one, columns are a list, and an index counts from 0.
    assert one(tmp_path, row, columns={**columns, "answers": ["o1", "o2"]}).is_matching == (True, False)


def test_the_column_of_an_answer_may_be_the_one_that_matches(tmp_path: Path) -> None:
    row = {"q": "How many?", "right": "1", "wrong": "0"}
    found = one(tmp_path, row, columns={"prompt": "q", "answers": ["wrong", "right"], "matching": "right"})
    assert (found.answers, found.is_matching) == (("0", "1"), (False, True))


def test_several_matching_answers_may_be_listed(tmp_path: Path) -> None:
    row = {"q": "Which?", "o": ["x", "y", "z"], "m": ["A", "C"]}
    found = one(tmp_path, row, columns={"prompt": "q", "answers": "o", "matching": "m"})
    assert found.is_matching == (True, False, True)


def test_values_inside_of_others_are_reached_by_dots_and_a_key_of_this_name_comes_first(tmp_path: Path) -> None:
    columns = {"prompt": "doc.q", "answers": "o.text", "matching": "key"}
    options = [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}]
    row: dict[str, Any] = {"doc": {"q": "Inside?"}, "o": options, "key": "B"}
    assert one(tmp_path, row, columns=columns).prompt == "Inside?"
    assert one(tmp_path, row, columns=columns).answers == ("x", "y")
    assert one(tmp_path, {**row, "doc.q": "Exact?"}, columns=columns).prompt == "Exact?"
    assert one(tmp_path, {**row, "o": {"text": ["x", "y"]}}, columns=columns).answers == ("x", "y")
    assert one(tmp_path, {"a.b": {"q": "Deep?"}, **row}, columns={**columns, "prompt": "a.b.q"}).prompt == "Deep?"
    with pytest.raises(ValueError, match=r"no column 'doc.z' \(columns: 'doc.q', 'o.text', 'o.label', 'key'\)"):
        one(tmp_path, row, columns={**columns, "prompt": "doc.z"})
    with pytest.raises(ValueError, match=r"'o' must hold a list of texts.* name what is inside, such as 'o.text'"):
        one(tmp_path, row, columns={**columns, "answers": "o"})


def test_a_prompt_is_made_of_several_columns(tmp_path: Path) -> None:
    template = "{{ passage }}\nQ: {{ row['my q'] }}{% if hint is defined %} ({{ hint }}){% endif %}\nA:"
    row = {"passage": "Snow is white.", "my q": "Is it?", "a": " Yes", "b": " No", "m": "A"}
    columns = {"answers": ["a", "b"], "matching": "m"}
    found = one(tmp_path, row, columns=columns, prompt_template=template)
    assert found.prompt == "Snow is white.\nQ: Is it?\nA:"
    assert found.meta == {"passage": "Snow is white.", "my q": "Is it?"}
    found = one(tmp_path, row, columns=columns, prompt_template="{{ passage }}", answers="text")
    assert (found.prompt, found.answers) == ("Snow is white.", (" Yes", " No"))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{{ pasage }}",
            r"t.jsonl, line 1: prompt_template failed: 'pasage' is undefined \(fields: 'q', 'a', 'b', 'm'\)",
        ),
        ("{{ q + 1 }}", "t.jsonl, line 1: prompt_template failed: "),
        ("{{ q.__class__ }}", "t.jsonl, line 1: prompt_template failed: .*unsafe"),
        ("{% for i in range(99999999) %}{{ q }}{% endfor %}", "counts more than"),
        ("{{ q", "unexpected end of template"),
        ("What?", "prints no field: write Jinja"),
        ("{{ 1 }}", "prints no field: every question would have one prompt"),
    ],
)
def test_a_prompt_template_that_fails_is_told_with_the_fields_that_there_are(
    tmp_path: Path, template: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        one(tmp_path, ROW, columns={"answers": ["a", "b"], "matching": "m"}, prompt_template=template)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt_template": "{{ q }}"}, "prompt_template makes the prompt alone: name the answers"),
        ({"prompt_template": "{{ q }}", "columns": COLUMNS}, "both say what the prompt is"),
        (
            {"prompt_template": "{{ q }}", "columns": {"answers": "a", "matching": "m"}, "answers": "letter"},
            "puts a list of the answers behind the prompt",
        ),
        ({"columns": {"answers": "a", "matching": "m"}}, "columns needs 'prompt': .* or prompt_template"),
    ],
)
def test_a_prompt_template_stands_in_the_place_of_the_prompts_column(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_questions("none.jsonl", **options)


@pytest.mark.parametrize(
    ("typed", "columns"),
    [
        ("prompt=stem,answers=a|b,matching=key", {"prompt": "stem", "answers": ["a", "b"], "matching": "key"}),
        ("prompt=stem,answers=a,b,c,matching=key", {"prompt": "stem", "answers": ["a", "b", "c"], "matching": "key"}),
        ("answers=my answer,prompt=my = q", {"answers": "my answer", "prompt": "my = q"}),
        ("prompt=doc.q,answers=options", {"prompt": "doc.q", "answers": "options"}),
        ('{"prompt": "a, b", "answers": ["x|y", "z"]}', {"prompt": "a, b", "answers": ["x|y", "z"]}),
    ],
)
def test_columns_are_typed_as_pairs_or_as_json(typed: str, columns: dict[str, Any], tmp_path: Path) -> None:
    assert parse_columns(typed) == columns
    (tmp_path / "columns.json").write_text(json.dumps(columns))
    assert parse_columns(f"@{tmp_path / 'columns.json'}") == columns


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("stem", "write FIELD=COLUMN,FIELD=COLUMN such as prompt=question,answers=a|b,matching=key; found 'stem'"),
        ("question=stem", "'question' is no field of a question: give some of prompt, answers"),
        ("prompt=a=b,answers=c,d=e", "'d' is no field of a question: .* is named in JSON"),
        ("prompt=a,prompt=b", "names 'prompt' twice: write its columns together"),
        ("prompt=", "leaves a column's name empty"),
        ("answers=a||b", "leaves a column's name empty"),
        ('{"prompt": ', "--columns: not JSON"),
        ("{}x", "--columns: not JSON"),
    ],
)
def test_columns_that_are_typed_wrongly_are_told_how(typed: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("|", r"\|")):
        parse_columns(typed)


def test_a_file_of_columns_that_is_missing_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: none\.json"):
        parse_columns("@none.json")
