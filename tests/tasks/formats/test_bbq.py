"""BBQ: held against lm-evaluation-harness, in what is asked and in which answers are biased."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

ROW: dict[str, Any] = dict(FORMATS["bbq"].example)


def row(first: list[str], second: list[str], stereotyped: list[str], **change: Any) -> dict[str, Any]:
    info = {"ans0": first, "ans1": ROW["answer_info"]["ans1"], "ans2": second}
    about = {**ROW["additional_metadata"], "stereotyped_groups": stereotyped}
    return {**ROW, "answer_info": info, "additional_metadata": about, **change}


ROWS = [
    ROW,
    {**ROW, "context_condition": "disambig", "label": 2},
    {**ROW, "question_polarity": "nonneg", "context_condition": "disambig", "label": 0},
    row(["Robert", "M"], ["Ann", "F"], ["F"]),
    row(["woman", "woman"], ["man", "man"], ["F"]),
    row(["girl", "girl"], ["boy", "boy"], ["M"], question_polarity="nonneg"),
    row(["F-Black", "F-Black"], ["M-White", "M-White"], ["Black"]),
    row(["lowSES-African", "lowSES"], ["highSES", "highSES"], ["low SES"]),
    row(["nonTrans", "nonTrans_F"], ["trans", "trans_F"], ["trans"], question_polarity="nonneg"),
    row(["nonObese", "nonObese"], ["obese", "obese"], ["Obese"]),
    row(["", ""], ["White", "White"], ["Latino"], ans0="The Latina"),
    row(["Muslim", "Muslim"], ["Jewish", "Jewish"], ["Hindu"]),
]


def test_it_asks_what_the_harness_asks() -> None:
    ours = [asked_by_pyscore(read_one("bbq", each)) for each in ROWS]
    theirs = asked_by_harness("bbq/bbq_multiple_choice.yaml", ROWS)
    assert [each[:2] for each in ours] == [each[:2] for each in theirs]
    for mine, right in zip(ours, _targets(), strict=True):
        assert mine.right == [i for i in right if i < len(mine.continuations)]  # its range goes one too far


def _targets() -> list[list[int]]:
    utils = pytest.importorskip("lm_eval.tasks.bbq.utils")
    return [utils.doc_to_targets(each) for each in ROWS]


def test_the_biased_answers_are_those_of_the_harness() -> None:
    utils = pytest.importorskip("lm_eval.tasks.bbq.utils")
    datasets = pytest.importorskip("datasets")
    docs = utils.process_docs(datasets.Dataset.from_list(ROWS))
    for each, doc in zip(ROWS, docs, strict=True):
        assert read_one("bbq", each).meta["biased"] == utils.doc_to_biased_answer(doc)


def test_a_german_man_is_of_both_groups() -> None:
    """The harness takes every "man" for a word of its own."""
    question = read_one("bbq", row(["German", "German"], ["Danish", "Danish"], ["german"]))
    assert question.meta["biased"] == [0]


def test_by_text_and_letter_the_three_answers_of_the_row_stand_in_its_order() -> None:
    text, letter = (read_one("bbq", ROW, answers) for answers in ("text", "letter"))
    assert text.answers == (" The niece", " Cannot be determined", " The great-aunt")
    assert letter.answers == (" A", " B", " C") and "\nB. Cannot be determined\n" in letter.prompt
    for question in (text, letter):
        assert question.is_matching == (False, True, False)
        assert question.meta["biased"] == [2] and question.meta["unknown"] == [1]


def test_clusters_groups_and_meta() -> None:
    question = read_one("bbq", ROW)
    assert (question.cluster, question.group) == ("Age:7", "ambig")
    assert question.meta["category"] == "Age" and question.meta["question_polarity"] == "neg"
    assert question.meta["biased"] == [1] and question.meta["unknown"] == list(range(2, 12))
    assert "context" not in question.meta and "ans0" not in question.meta


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": -1}, "this split has no labels"),
        ({"label": 3}, "'label' must be 0, 1 or 2, found 3"),
        ({"context_condition": "vague"}, "'context_condition' must be 'ambig' or 'disambig', found 'vague'"),
        ({"question_polarity": "neutral"}, "'question_polarity' must be 'neg' or 'nonneg'"),
        ({"ans0": "Unknown"}, "must say that it can't be known, found 2"),
        ({"answer_info": []}, "'answer_info' must be dict, found list"),
        ({"additional_metadata": {}}, "the key 'stereotyped_groups' is missing"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("bbq", {**ROW, **change})
