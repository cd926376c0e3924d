"""extract_option: what a free-text answer says, and what it doesn't."""

from __future__ import annotations

import json
from math import isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import estimate_rate
from pyscore.metrics.options import extract_option, extract_options, option_accuracy

LETTERS = tuple("ABCDEFGHI")
YES_NO = (" Yes", " No")

letters = st.sampled_from(LETTERS)


@pytest.mark.parametrize(
    "shape",
    [
        "{}",
        " {} ",
        "{}.",
        "{})",
        "{}:",
        "({})",
        "[{}]",
        "**{}**",
        "**({})**",
        "__{}__",
        "\u200b({})\r\n",
        "\\boxed{{{}}}",
        "The answer is ({})",
        "The answer is {}.",
        "The answer is: {}",
        "the correct answer is {} because of the rest",
        "Answer: {}",
        "Answer:\n\n{}",
        "ANSWER = '{}'",
        "answer is \u201c{}\u201d",
        "**Answer:** {}",
        "**Answer**: ({}) Paris",
        "Final answer: $\\boxed{{\\text{{{}}}}}$",
        "Answer: {} \u2014 Paris",
        "The correct option is {}",
        "My choice would be option {}.",
        "I would go with option {}, as it is shorter.",
        "I think it is ({}), as it is shorter.",
        "{}. Paris is the capital",
        "{}) Paris",
        "**{}.** Paris",
        "Paris.\n\n{}\n\nThat is all.",
        "(Z) and (Y) are no options, and ({}) is.",
        "It is not (A), (B) or (C)\nAnswer: {}\nsince (D) makes no sense.",
        "First I thought: the answer is D. But no, the answer is {}.",
    ],
)
@pytest.mark.parametrize("letter", ["A", "B", "I"])
def test_a_letter_is_read(shape: str, letter: str) -> None:
    assert extract_option(shape.format(letter), LETTERS) == letter


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "A cat",
        "I think so",
        "I think that A cat sat",
        "The answer is a cat.",
        "The answer is A cat.",
        "Answer: I think so",
        "the choice I made",
        "the answer is b by far",
        "i.e. a thing",
        "A-frame",
        "The answer is B-side",
        "B or C",
        "(A) or (B)",
        "(A) is wrong; (B) is right",
        "A. Paris\nB. Rome",
        "(A)\n(B)",
        "The answer is A or B.",
        "Answer: A, B",
        "Answer: (A) and (C)",
        "Answer: B or C because of the rest",
        "Answer: A/B",
        "Answer: (Z)",
        "The answer is not (A).",
        "Not **(A)**",
        "It isn\u2019t (A)",
        "\u0131",  # a dotless i, which is an I only where case is ignored
    ],
)
def test_what_says_nothing_or_too_much_is_unreadable(text: str) -> None:
    assert extract_option(text, LETTERS) is None


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (" (B)", (" (A)", " (B)"), " (B)"),  # given back as it was written
        ("b.", (" (A)", " (B)"), " (B)"),
        ("(b)", ("A", "B"), "B"),
        ("a", ("A", "B"), "A"),  # all that the text says
        ("not (A) but (B)", ("A", "B"), "B"),
        ("Answer: A, I think", ("A", "B"), "A"),
        ("Answer: 3", ("1", "2", "3"), "3"),
        ("Answer: 3.5", ("1", "2", "3"), None),
        ("Yes", YES_NO, " Yes"),
        (" yes, I would", YES_NO, " Yes"),
        ("**No**", YES_NO, " No"),
        ("The answer is no.", YES_NO, " No"),
        ("Nope", YES_NO, None),
        ("a no-one", YES_NO, None),
        ("yes or no", YES_NO, None),
        ("Not yes", YES_NO, None),
        ("TRUE", ("True", "False"), "True"),
        ("That's false!", ("True", "False"), "False"),
        ("untrue", ("True", "False"), None),
        ("I strongly agree", ("Agree", "Strongly agree"), "Strongly agree"),
        ("I agree", ("Agree", "Strongly agree"), "Agree"),
        ("I disagree", ("Agree", "Disagree"), "Disagree"),
    ],
)
def test_options_may_be_anything(text: str, options: tuple[str, ...], expected: str | None) -> None:
    assert extract_option(text, options) == expected


@given(st.text(), st.lists(letters, min_size=2, max_size=5, unique=True))
def test_what_is_read_is_an_option_that_the_text_contains(text: str, options: list[str]) -> None:
    chosen = extract_option(text, options)
    assert chosen is None or (chosen in options and chosen.casefold() in text.casefold())


@given(st.lists(st.sampled_from(["(A)", "(B)", "B.", "**C**", "answer is A.", "answer:", "not", "or", "\n", "I"])))
def test_the_order_of_options_does_not_matter(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert extract_option(text, LETTERS) == extract_option(text, LETTERS[::-1])


@given(st.lists(st.sampled_from(["(A)", "the answer is (B).", "A cat", ""]), max_size=6))
def test_a_batch_is_a_loop(texts: list[str]) -> None:
    assert extract_options(texts, ["A", "B"]) == [extract_option(text, ["A", "B"]) for text in texts]


def test_every_text_may_have_options_of_its_own() -> None:
    assert extract_options(["(C)", "(C)", "yes"], [("A", "B"), ("A", "B", "C"), YES_NO]) == [None, "C", " Yes"]


@pytest.mark.parametrize("piece", ["Answer: A, ", "**", "option ", "answer is ", " ", "(", "choice B or ", "\n* "])
def test_long_texts_of_one_thing_are_read(piece: str) -> None:
    """In a tenth of a second; patterns that backtrack over a run would take minutes."""
    assert extract_option("choice " + piece * (200_000 // len(piece)) + "\nAnswer: B", LETTERS) == "B"


TEXTS = ["(A)", "The answer is B.", "who knows", "(B)"]


def test_the_accuracy_says_what_was_done_with_unreadable_texts() -> None:
    correct = ["A", "B", "A", "A"]
    mismatch, drop = (option_accuracy(TEXTS, correct, ("A", "B"), unreadable=u) for u in ("mismatch", "drop"))
    assert (mismatch["accuracy"].value, drop["accuracy"].value) == (0.5, pytest.approx(2 / 3))
    assert mismatch["accuracy"] == estimate_rate([1, 1, 0, 0])
    assert mismatch["unreadable"].value == drop["unreadable"].value == 0.25
    assert mismatch.numbers == {"n_texts": 4, "n_unreadable": 1, "n_dropped": 0}
    assert drop.numbers == {"n_texts": 4, "n_unreadable": 1, "n_dropped": 1}
    assert "|unreadable:drop|" in drop.signature
    json.dumps(drop.to_dict(), allow_nan=False)


def test_dropped_texts_leave_their_clusters() -> None:
    report = option_accuracy(TEXTS, ["A", "B", "A", "A"], ("A", "B"), unreadable="drop", clusters=iter("xyzx"))
    assert report["accuracy"] == estimate_rate([1, 1, 0], clusters=list("xyx"))


def test_the_interval_is_the_one_asked_for() -> None:
    interval = Interval(confidence=0.8, method="t")
    report = option_accuracy(TEXTS, ["A", "B", "A", "A"], ("A", "B"), interval=interval)
    assert report.confidence == 0.8
    assert report["accuracy"] == estimate_rate([1, 1, 0, 0], interval=interval)


def test_no_readable_text_is_no_crash() -> None:
    report = option_accuracy(["?", "!"], ["A", "B"], ("A", "B"), unreadable="drop")
    assert isnan(report["accuracy"].value) and report["accuracy"].reason == "no text is readable"
    assert report["unreadable"].value == 1


def test_an_unreadable_text_can_be_refused_with_its_row() -> None:
    for call in (
        lambda: extract_options(TEXTS, ("A", "B"), unreadable="raise"),
        lambda: option_accuracy(TEXTS, ["A"] * 4, ("A", "B"), unreadable="raise"),
    ):
        with pytest.raises(ValueError, match=r"texts\[2\] = 'who knows' names no single option \(1 such rows\)"):
            call()
    assert extract_options(TEXTS[:2], ("A", "B"), unreadable="raise") == ["A", "B"]


@pytest.mark.parametrize(
    ("texts", "options", "unreadable", "error", "message"),
    [
        (["A", 3], ("A", "B"), "none", TypeError, r"texts\[1\] must be a string, not int"),
        ("A", ("A", "B"), "none", TypeError, "texts must be a sequence"),
        (["A"], ("A", "B"), "wrong", ValueError, "'none', 'raise'"),
        (["A"], "AB", "none", TypeError, "options must be a sequence"),
        (["A"], ("A",), "none", ValueError, "two or more different options"),
        (["A"], ("A", "(a)"), "none", ValueError, "two or more different options"),
        (["A"], ("A", " "), "none", ValueError, "none of them empty"),
        (["A", "B"], [("A", "B"), ("A", "A")], "none", ValueError, r"options\[1\]"),
        (["A", "B"], [("A", "B")], "none", ValueError, "2 texts, 1"),
    ],
)
def test_a_users_mistake_is_named(
    texts: Any, options: Any, unreadable: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        extract_options(texts, options, unreadable=unreadable)


@pytest.mark.parametrize(
    ("correct", "message"),
    [(["A"] * 3, "texts has 4, correct has 3"), (["A", "B", "C", "A"], r"correct\[2\] = 'C' is none of the options")],
)
def test_a_wrong_key_is_named(correct: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        option_accuracy(TEXTS, correct, ("A", "B"))
