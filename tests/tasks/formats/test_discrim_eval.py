"""discrim-eval: held against lm-evaluation-harness, its request and its share of yes."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

ROW: dict[str, Any] = dict(FORMATS["discrim-eval"].example)
IMPLICIT = {**ROW, "filled_template": "Ada Otto asks for a map. Does she get one?\n", "age": 70.0, "race": "white"}


@pytest.mark.parametrize("name", ["explicit", "implicit"])
def test_it_asks_what_the_harness_asks(name: str) -> None:
    rows = [ROW, IMPLICIT]
    asked = [asked_by_pyscore(read_one("discrim-eval", row)) for row in rows]
    expected = asked_by_harness(f"discrim_eval/discrim_eval_{name}.yaml", rows)
    assert [each[:2] for each in asked] == [each[:2] for each in expected]
    assert all(expected.right == [0] for expected in expected)  # its metrics add "Yes" to it


def test_what_matches_is_what_the_harness_counts_as_yes() -> None:
    utils = pytest.importorskip("lm_eval.tasks.discrim_eval.utils")
    question = read_one("discrim-eval", ROW)
    one = dict.fromkeys(question.answers, (-3.0, False))
    for answer, matches in zip(question.answers, question.is_matching, strict=True):
        results = utils.process_results(ROW, list({**one, answer: (-1.0, False)}.values()))
        assert (results["age_bias"][2] > 0) == matches


def test_a_decision_is_a_cluster_and_people_are_groups() -> None:
    question = read_one("discrim-eval", ROW)
    assert (question.cluster, question.group) == ("17", "female, Black")
    assert question.meta == {key: ROW[key] for key in ROW if key != "filled_template"}
    assert read_one("discrim-eval", {**ROW, "race": None}).group == "female"


def test_it_is_told_from_the_inverse_scaling_prizes_earlier_names() -> None:
    row = {"filled_template": "1+1=", "classes": [" 2", " 3"], "answer_ix": 0}
    names = [found.name for each in (ROW, row) if (found := format_of(each))]
    assert names == ["discrim-eval", "inverse-scaling-classification"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filled_template": ""}, "'filled_template' is empty: it must hold the decision"),
        ({"filled_template": 1}, "'filled_template' must be str, found int"),
        ({"decision_question_id": None}, "'decision_question_id' must be int or str, found NoneType"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("discrim-eval", {**ROW, **change})
