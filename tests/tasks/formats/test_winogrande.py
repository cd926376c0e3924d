"""WinoGrande: the same two sentences as lm-evaluation-harness, parted at the blank; twins share a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks import with_whole_sentences
from pyscore.tasks.formats import FORMATS
from tests.tasks.formats.harness import pairs_of_harness, read_one

ROW: dict[str, Any] = dict(FORMATS["winogrande"].example)


def test_the_sentences_are_those_of_the_harness() -> None:
    rows = [ROW, {**ROW, "answer": "1"}, {**ROW, "sentence": "Nadia met Petra (_ was late)."}]
    for row, pairs in zip(rows[:2], pairs_of_harness("winogrande/default.yaml", rows[:2]), strict=True):
        question = read_one("winogrande", row)
        assert [question.prompt + answer for answer in question.answers] == ["".join(pair) for pair in pairs]
        assert question.is_matching.index(True) == int(row["answer"]) - 1
    bare = read_one("winogrande", rows[2])
    assert bare.prompt == "Nadia met Petra (" and bare.answers[0] == "Nadia was late)."


def test_the_space_before_the_blank_begins_the_answers() -> None:
    question = read_one("winogrande", ROW)
    assert question.prompt == "Nadia lent Petra a rake because"
    assert question.answers == (" Nadia had lost hers.", " Petra had lost hers.")
    assert question.meta["after_blank"] == " had lost hers." and question.meta["options"] == ["Nadia", "Petra"]


def test_twins_share_a_cluster_by_their_id_or_their_options() -> None:
    twin = {**ROW, "qID": "3WXYZ5UL2HHV1ROI-1", "sentence": "Nadia lent Petra a rake because _ had two.", "answer": "1"}
    assert read_one("winogrande", ROW).cluster == read_one("winogrande", twin).cluster == "3WXYZ5UL2HHV1ROI"
    hub = [{key: value for key, value in row.items() if key != "qID"} for row in (ROW, twin)]
    assert read_one("winogrande", hub[0]).cluster == read_one("winogrande", hub[1]).cluster
    assert read_one("winogrande", hub[0]).cluster != read_one("winogrande", {**hub[0], "option1": "Mia"}).cluster


def test_a_whole_sentence_is_not_made_whole_again() -> None:
    with pytest.raises(ValueError, match="is the sentence whole"):
        with_whole_sentences(read_one("winogrande", ROW))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": ""}, "this split has no labels"),
        ({"answer": "3"}, "'answer' must be '1' or '2', found '3'"),
        ({"sentence": "No blank."}, "'sentence' must hold exactly one blank"),
        ({"sentence": "A _ and _ b"}, "'sentence' must hold exactly one blank"),
        ({"option2": None}, "'option2' must be str, found NoneType"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("winogrande", {**ROW, **change})
