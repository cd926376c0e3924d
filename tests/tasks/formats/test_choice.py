"""What readers of formats with choices share: layouts, orders, and the right one named in any way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyscore.tasks import Question, load_questions
from pyscore.tasks.formats import Reading
from pyscore.tasks.formats.choice import choice_question, lettered, right_choice, shuffled_order
from pyscore.tasks.formats.fields import choices_by_letter, listed_in, structure_in, texts_in
from pyscore.tasks.reading import Record

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
several = st.lists(texts, min_size=2, max_size=8, unique=True)


def ask(answers: str = "auto", **options: Any) -> Question:
    asked: dict[str, Any] = {"stem": "Which?", "choices": ["x", "y"], "right": [0], "custom": "text", **options}
    return choice_question(Record(3, {"note": 1}, "line 4"), Reading("set", answers), **asked)


@given(choices=several, data=st.data())
def test_letters_and_texts_agree_on_the_right_choice(choices: list[str], data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(choices) - 1))
    text = ask("text", choices=choices, right=[right])
    letter = ask("letter", choices=choices, right=[right], shuffled=data.draw(st.booleans()))
    place = letter.is_matching.index(True)
    assert text.answers[text.is_matching.index(True)] == f" {choices[right]}" == f" {letter.meta['choices'][place]}"
    assert letter.answers[place] == f" {ascii_uppercase[place]}"
    assert f"\n{ascii_uppercase[place]}. {choices[right]}\n" in letter.prompt
    assert text.cluster == letter.cluster and text.id == letter.id == "set:3"


@given(choices=several, data=st.data())
def test_index_letter_and_text_name_the_same_choice(choices: list[str], data: st.DataObject) -> None:
    assume(
        not any(
            len(choice.strip().strip("().")) <= 1 or choice.strip().isdigit() or choice.strip().endswith(".0")
            for choice in choices
        )
    )
    assume(len({choice.strip() for choice in choices}) == len(choices))
    right = data.draw(st.integers(0, len(choices) - 1))
    letter = ascii_uppercase[right]
    for value in (
        right,
        float(right),
        str(right),
        f"{right}.0",
        letter,
        letter.lower(),
        f"({letter})",
        f" {letter}. ",
        choices[right],
    ):
        assert right_choice(value, choices, "answer") == right
    assert right_choice(right + 1, choices, "answer", first=1) == right


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2, r"'answer' must be the right choice's index \(0 to 1\), letter or text, found 2"),
        ("C", "letter or text, found 'C'"),
        ("", "letter or text, found ''"),
        (True, "index, letter or text, found True"),
        (0.5, "index, letter or text, found 0.5"),
        (2.0, r"index \(0 to 1\), letter or text, found 2"),
        ("0.5", "letter or text, found '0.5'"),
        (None, r"'answer' is empty in this row \(null or NaN\), so that no choice is right"),
        (float("nan"), r"'answer' is empty in this row \(null or NaN\), so that no choice is right"),
    ],
)
def test_a_value_that_names_no_choice_is_an_error(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        right_choice(value, ["x", "y"], "answer")


def test_a_value_that_names_two_choices_is_an_error() -> None:
    for value, choices in (("1", ["1", "0"]), ("A", ["B", "A"])):
        with pytest.raises(ValueError, match="give columns= with is_matching instead"):
            right_choice(value, choices, "answer")
    with pytest.raises(ValueError, match="choice 1 by its text and choice 0 by its label"):
        right_choice("a", ["b", "a"], "answer", labels=["a", "b"])


def test_labels_are_taken_in_place_of_letters() -> None:
    assert right_choice("C", ["x", "y"], "answer", labels=["C", "A"]) == 0
    with pytest.raises(ValueError, match=r"'answer' must be the right choice's label \(C, A\) or text, found 'B'"):
        right_choice("B", ["x", "y"], "answer", labels=["C", "A"])


@given(stem=texts, choices=several, data=st.data())
def test_a_shuffled_order_does_not_depend_on_the_order_given(
    stem: str, choices: list[str], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(choices))
    assert [choices[i] for i in shuffled_order(stem, choices)] == [other[i] for i in shuffled_order(stem, other)]


def test_a_shuffled_order_makes_each_letter_right_as_often() -> None:
    places = Counter(shuffled_order(f"question {i}", ["a", "b", "c", "d"]).index(3) for i in range(4000))
    assert all(abs(places[place] - 1000) < 5 * (4000 * 0.25 * 0.75) ** 0.5 for place in range(4))


def test_equal_wrong_choices_are_one_answer_and_equal_right_ones_too() -> None:
    assert ask(choices=["x", "y", "y"]).answers == (" x", " y")
    assert ask(choices=["x", "x", "y"], right=[0, 1]).is_matching == (True, False)
    assert ask("letter", choices=["x", "y", "y"]).answers == (" A", " B", " C")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"choices": ["x"]}, "a question needs two choices at least, found 1"),
        ({"right": [2]}, "the right choice is 2, but the choices have the indices 0 to 1"),
        ({"right": [-1]}, "the right choice is -1"),
        ({"right": []}, "no answer is matching"),
        ({"right": [0, 1]}, "every answer is matching"),
        ({"choices": ["x", "x"]}, "' x' is both matching and not matching"),
        ({"choices": ["x", "\t"]}, "choice 1, counted from 0, is blank"),
        ({"choices": list(map(str, range(27))), "custom": "letter"}, "27 choices can't have letters.*answers='text'"),
    ],
)
def test_choices_that_make_no_question_are_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask(**options)


def test_parts_are_put_in_at_once() -> None:
    question = ask("letter", stem="{options}", choices=["{stem}", "{letter}"])
    assert question.prompt == "{options}\nA. {stem}\nB. {letter}\nAnswer:"
    assert lettered(["{letter}"], "({letter}) {choice}") == "(A) {letter}"


def test_lists_written_as_text_are_read() -> None:
    for written in ('["a", "b"]', "['a', 'b']", ["a", "b"]):
        assert texts_in({"k": written}, "k") == structure_in({"k": written}, "k") == ["a", "b"]
    assert listed_in("[1]") == [] and structure_in({"k": '{"a": null}'}, "k") == {"a": None}
    bad: Any
    for bad in ("a", "[1]", [], [None]):
        with pytest.raises(ValueError, match="'k' must be a list of strings, or a string that holds one"):
            texts_in({"k": bad}, "k")
    with pytest.raises(ValueError, match="'k' must be a list or an object, or a string that holds one, found '1'"):
        structure_in({"k": "1"}, "k")
    assert choices_by_letter({"k": {"B": "y", "A": "x"}}, "k") == ["x", "y"]
    for gap in ({"A": "x", "C": "y"}, {"A": "x", "B": None}):
        with pytest.raises(ValueError, match="'k' must give each letter from A on, without a gap, a text"):
            choices_by_letter({"k": gap}, "k")


def test_a_float_as_text_that_is_a_choice_is_that_choice() -> None:
    assert right_choice("1.0", ["1.0", "2.0", "0.0"], "answer") == 0


@pytest.mark.parametrize("write", ["to_parquet", "to_csv"])
def test_one_empty_cell_makes_a_column_of_floats_and_changes_no_label(write: str, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [{"question": f"Which? {i}", "option_a": "x", "option_b": "y", "answer": i % 2} for i in range(4)]
    rows[2]["answer"] = None
    path = tmp_path / ("set.parquet" if write == "to_parquet" else "set.csv")
    getattr(pandas.DataFrame(rows), write)(path, index=False)
    named = {"prompt": "question", "answers": ["option_a", "option_b"], "matching": "answer"}
    for columns in (None, named):
        with pytest.warns(UserWarning, match="1 of 4 rows are left out: .*'answer'"):
            found = load_questions(path, on_error="skip", columns=columns)
        assert [one.is_matching.index(True) for one in found] == [0, 1, 1]
