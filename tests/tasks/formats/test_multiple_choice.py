"""Rows of common names: every spelling of one question is the same question; what can't be read is one error."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

NAME = "multiple-choice"
ROW: dict[str, Any] = {"question": "Which of these flies?", "choices": ["an egg", "a kite", "a wall"], "answer": 1}
QUESTIONS = ("question", "query", "input", "stem", "prompt")
CHOICES = ("choices", "options")
RIGHT = ("answer_index", "answer_idx", "answer", "target", "label", "gold", "correct", "correct_answer", "answerKey")


@pytest.mark.parametrize("answers", ["text", "letter"])
def test_one_question_in_all_spellings_is_the_same(answers: str) -> None:
    expected = read_one(NAME, ROW, answers)
    texts = ROW["choices"]
    lists = (texts, repr(texts), dict(zip("ABC", texts, strict=True)), {"text": texts, "label": list("ABC")})
    for question, choices, right in product(QUESTIONS, CHOICES, RIGHT):
        for listed, value in product(lists, (1, "B")):
            row = {question: ROW["question"], choices: listed, right: value}
            found = format_of(row)
            if found is FORMATS[NAME]:  # else a set with just these names, whose own test it is
                assert read_one(NAME, row, answers) == expected
    by_text = {"question": ROW["question"], "answers": texts, "label": "a kite"}
    assert format_of(by_text) is FORMATS[NAME] and read_one(NAME, by_text, answers) == expected


def test_it_asks_as_the_harness_asks_mmlu_without_its_description() -> None:
    row = {"question": " Which? ", "subject": "", "choices": ["a", "b", "c", "d"], "answer": 3}
    expected = asked_by_harness("mmlu/default/mmlu_anatomy.yaml", [row], description="")
    assert [asked_by_pyscore(read_one(NAME, row))] == expected


def test_samples_of_inspect_are_read_with_several_targets_and_a_message() -> None:
    chat = {
        "input": [{"role": "user", "content": "Which of these fly?", "source": "input"}],
        "choices": ["a kite", "an egg", "a wasp"],
        "target": ["A", "C"],
        "id": 7,
        "metadata": {"category": "air"},
    }
    question = read_one(NAME, chat)
    assert question.prompt == "Which of these fly?\nA. a kite\nB. an egg\nC. a wasp\nAnswer:"
    assert question.is_matching == (True, False, True) and question.group == "air"
    assert question.meta == {"id": 7, "metadata": {"category": "air"}, "choices": chat["choices"]}


def test_inspect_itself_writes_samples_that_are_read() -> None:
    dataset = pytest.importorskip("inspect_ai.dataset")
    sample = dataset.Sample(
        input="Which of these flies?", choices=ROW["choices"], target="B", metadata={"subject": "air"}
    )
    question = read_one(NAME, sample.model_dump(exclude_none=True))
    assert asked_by_pyscore(question) == asked_by_pyscore(read_one(NAME, ROW)) and question.group == "air"


def test_a_text_that_a_question_is_about_stands_before_it_and_makes_the_cluster() -> None:
    first, second = (
        read_one(NAME, {**ROW, "context": "A fair.", "question": each}) for each in ("Which flies?", "Who?")
    )
    assert first.prompt.startswith("A fair.\n\nWhich flies?\nA. an egg\n")
    assert first.cluster == second.cluster != read_one(NAME, ROW).cluster


def test_endings_go_on_from_the_question() -> None:
    question = read_one(NAME, {"query": "The kite", "endings": ["flies.", "sings."], "gold": 0})
    assert (question.prompt, question.answers) == ("The kite", (" flies.", " sings."))


def test_an_index_is_no_text_where_the_key_says_so() -> None:
    numbers = {"question": "How many?", "choices": ["2", "1", "0"]}
    assert read_one(NAME, {**numbers, "answer_index": 2}, "text").is_matching == (False, False, True)
    assert read_one(NAME, {**numbers, "answer_idx": "2"}, "text").is_matching == (False, False, True)
    with pytest.raises(ValueError, match="choice 0 by its text and choice 2 by its index"):
        read_one(NAME, {**numbers, "answer": "2"})


def test_a_choice_that_only_other_rows_have_is_none() -> None:
    options = {"A": "an egg", "B": "a kite", "C": "a wall", "D": None}
    assert read_one(NAME, {**ROW, "choices": options, "answer": "B"}) == read_one(NAME, ROW)


@pytest.mark.parametrize("names", [("option_a", "option_b", "option_c"), ("answer0", "answer1", "answer2"), "ABC"])
def test_choices_may_have_columns_of_their_own(names: Any) -> None:
    columns = {
        f"option{name}" if len(name) == 1 else name: text for name, text in zip(names, ROW["choices"], strict=True)
    }
    rest: dict[str, Any]
    for rest in ({"answer": "B"}, {"label": 1}, {"gold": "a kite"}):
        row = {"question": ROW["question"], **columns, **rest}
        assert format_of(row) is FORMATS[NAME] and read_one(NAME, row) == read_one(NAME, ROW)
    longer = {**columns, "question": ROW["question"], "optionD": None, "answer": "B"}
    if names == "ABC":
        assert read_one(NAME, longer) == read_one(NAME, ROW)


def test_columns_numbered_from_one_are_left_alone() -> None:
    assert format_of({"question": "Which?", "choice1": "a", "choice2": "b", "label": 1}) is None
    assert format_of({"question": "Which?", "answerA": "a", "answerB": "b", "label": "1"}) is None  # counted from 1


def test_a_question_about_an_image_is_refused_and_an_empty_image_is_none() -> None:
    exam = {**ROW, "subject": "physics", "hint": "", "image": None}
    assert format_of(exam) is FORMATS[NAME] and read_one(NAME, exam).answers == (" A", " B", " C")
    for image in ({"image": {"bytes": b"", "path": "a.png"}}, {"image_1": "a.png"}):
        with pytest.raises(ValueError, match="holds an image, which the question is about and which can't be read"):
            read_one(NAME, {**exam, **image})


@pytest.mark.parametrize("value", [None, "", -1, []])
def test_a_row_without_an_answer_is_told(value: Any) -> None:
    with pytest.raises(ValueError, match="so that no choice is right: load a split that has answers"):
        read_one(NAME, {**ROW, "answer": value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": 3}, r"'answer' must be the right choice's index \(0 to 2\)"),
        ({"answer": [0, 5]}, r"'answer' must be the right choice's index \(0 to 2\)"),
        (
            {"answer": "A", "answer_index": 1},
            "'answer' is 'A', but 'answer_index' is 1: they must name the same choice",
        ),
        ({"answer": {"a": 1}}, "'answer' must be the right choice's index, letter or text"),
        ({"choices": ["a", 2]}, "'choices' must hold the choices' texts, in a list or by their labels"),
        ({"choices": {"A": 1, "B": 2}}, "'choices' must hold the choices' texts"),
        ({"choices": {"text": ["a", "b"], "label": ["A"]}}, "'choices' has 2 texts and 1 labels"),
        ({"choices": "a or b"}, "'choices' must be a list or an object, or a string that holds one, found 'a or b'"),
        ({"choices": []}, "a question needs two choices at least, found 0"),
        ({"choices": None}, "'choices' must be list or dict or str, found NoneType"),
        ({"question": 5}, "'question' must be str or list, found int"),
        ({"question": "  "}, "the question is empty: it must hold some text"),
        (
            {"question": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]},
            r"list of messages \(system, user\): one message of a user.*belongs in the template, ChatTemplate",
        ),
        ({"question": [{"role": "user", "content": [{"type": "image"}]}]}, "one message of a user, with text"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(NAME, {**ROW, **change})


def test_a_row_that_lacks_a_part_is_told_the_names_of_parts() -> None:
    with pytest.raises(ValueError, match=r"a question \(question or query .* are needed \(keys found: 'question'\)"):
        read_one(NAME, {"question": "Which?"})


def test_a_question_alone_is_told_to_be_open_ended() -> None:
    for row in ({"question": "Why?"}, {"id": 4, "prompt": "Why?"}):
        with pytest.raises(ValueError, match="and no answers: it is open-ended, for generation"):
            format_of(row)


@pytest.mark.parametrize(
    ("right", "message"),
    [
        ({"answer": "a kite", "answer_index": 2}, "'answer' is 'a kite', but 'answer_index' is 2"),
        ({"label": 2, "correct_answer": "a kite"}, "'correct_answer' is 'a kite', but 'label' is 2"),
        ({"answer": 2, "gold": "B"}, "'gold' is 'B', but 'answer' is 2"),
        ({"answer_idx": "C", "answer": "a kite"}, "'answer' is 'a kite', but 'answer_idx' is 'C'"),
    ],
)
def test_an_index_that_is_counted_from_one_is_told_by_another_key(right: dict[str, Any], message: str) -> None:
    asked = {key: value for key, value in ROW.items() if key != "answer"}
    with pytest.raises(ValueError, match=f"{message}: they must name the same choice"):
        read_one(NAME, {**asked, **right})


@pytest.mark.parametrize(
    "right", [{"answer_index": 1, "answer": "a kite"}, {"label": "B", "answer": 1, "gold": "easy"}]
)
def test_keys_that_agree_are_one_right_choice(right: dict[str, Any]) -> None:
    asked = {key: value for key, value in ROW.items() if key != "answer"}
    assert read_one(NAME, {**asked, **right}).is_matching == (False, True, False)


def test_spellings_of_one_right_answer_are_not_taken_for_choices() -> None:
    row = {"question": "What is the capital of France?", "answers": ["Paris", "paname"], "answer": "Paris"}
    with pytest.raises(ValueError, match="they may be choices, or spellings of one right answer"):
        read_one(NAME, row)
    assert read_one(NAME, {**row, "answer": 0}).is_matching == (True, False)


@pytest.mark.parametrize(
    "choices", [{"1": "a", "2": "b", "3": "c"}, {"text": ["a", "b", "c"], "label": ["1", "2", "3"]}]
)
def test_numbers_that_choices_have_of_their_own_are_what_a_number_names(choices: dict[str, Any]) -> None:
    row = {"question": "Which?", "choices": choices}
    for right in (2, "2"):
        assert read_one(NAME, {**row, "answer": right}).is_matching == (False, True, False)
        with pytest.raises(ValueError, match="the choices have numbers of their own, 1, 2, 3"):
            read_one(NAME, {**row, "answer_index": right})
    from_zero = {"0": "a", "1": "b", "2": "c"}
    assert read_one(NAME, {**row, "choices": from_zero, "answer_index": 2}).is_matching == (False, False, True)


@pytest.mark.parametrize("mark", ["{}. ", "({}) ", "{}) "])
def test_a_letter_that_each_choice_begins_with_is_listed_once(mark: str) -> None:
    marked = [mark.format(letter) + text for letter, text in zip("ABC", "xyz", strict=True)]
    for answer in ("B", 1, marked[1]):
        found = read_one("multiple-choice", {"question": "Q", "choices": marked, "answer": answer})
        assert found.prompt == "Q\nA. x\nB. y\nC. z\nAnswer:" and found.is_matching == (False, True, False)
    by_text = read_one("multiple-choice", {"question": "Q", "choices": marked, "answer": 1}, "text")
    assert by_text.answers[1] == f" {marked[1]}" and by_text.cluster == found.cluster
    other = [marked[0], marked[1], "z"]
    assert f"A. {marked[0]}\n" in read_one("multiple-choice", {"question": "Q", "choices": other, "answer": 0}).prompt
