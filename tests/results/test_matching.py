"""Questions are paired by data set and id; what doesn't pair, or isn't the same question, is refused by name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pyscore.results import QuestionScores, compare_runs
from pyscore.results.question_scores import AnswerTexts, joint_codes, scores_from_rows
from tests.results.runs import rows, run

IDS = [f"q{i}" for i in range(30)]


def values(n: int, seed: int = 0) -> dict[str, Any]:
    return {"prefers": np.random.default_rng(seed).integers(0, 2, n)}


def test_runs_of_other_questions_are_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError) as error:
        compare_runs(rows(run(10, 1)), rows(run(12, 2)))
    assert str(error.value) == (
        "A and B don't hold the same questions: 0 only in A, 2 only in B (such as 'q10' of 'd', 'q11' of 'd'), 10 in "
        "both. Either score what is missing, or compare those that both hold with match='common' (--match common)"
    )


def test_common_questions_are_compared_when_asked_and_the_rest_is_counted() -> None:
    a, b = run(30, 1), run(30, 2)
    found = compare_runs(rows(a[:40]), rows(b[20:]), match="common")
    expected = compare_runs(rows(a[20:40]), rows(b[20:40]))
    assert found.differences == expected.differences
    assert [(each.n_questions, each.n_matched) for each in found.runs] == [(20, 20), (20, 10)]
    assert found.notes == ["10 questions that both hold are compared: 10 are only in A and 10 only in B"]


def test_runs_without_a_question_in_common_are_refused_in_any_case() -> None:
    for match in ("exact", "common", "id", "common-id"):
        with pytest.raises(
            ValueError, match=r"10 only in A .* 10 only in B .* 0 in both\. Either score what is missing"
        ):
            compare_runs(rows(run(10, 1)), rows(run(10, 2, ids=[f"other {i}" for i in range(10)])), match=match)


def test_a_renamed_data_set_pairs_by_id_alone_when_asked() -> None:
    a, b = rows(run(10, 1, dataset="old")), rows(run(10, 2, dataset="new"))
    with pytest.raises(ValueError, match="if only data sets were renamed, pair by question id alone with match='id'"):
        compare_runs(a, b)
    (found,) = compare_runs(a, b, match="id").differences
    assert found.dataset == "old"
    assert found.mean_probability == compare_runs(a, rows(run(10, 2, dataset="old"))).differences[0].mean_probability
    more = rows(run(12, 2, dataset="new"))
    with pytest.raises(ValueError, match="2 only in B"):
        compare_runs(a, more, match="id")
    assert compare_runs(a, more, match="common-id").differences[0].n_questions == 10


def test_ids_that_stand_in_two_data_sets_cant_be_paired_by_id_alone() -> None:
    a = rows(run(4, 1, dataset="x"), run(4, 1, dataset="y"))
    with pytest.raises(ValueError, match="A has a question 'q0' in the data sets 'x' and 'y'"):
        compare_runs(a, a, match="id")


@pytest.mark.parametrize("change", [{"answer": " Perhaps"}, {"is_matching": True}], ids=str)
def test_a_question_with_other_answers_is_refused_by_name_whatever_match_says(change: Any) -> None:
    b = run(10, 2)
    b[7] |= change
    if "is_matching" in change:
        b[6]["is_matching"] = False
    for match in ("exact", "common", "id", "common-id"):
        with pytest.raises(ValueError, match=r"question 'q3' of 'd' has the answers ' Yes' \(matching\), ' No' in A"):
            compare_runs(rows(run(10, 1)), rows(b), match=match)


def test_a_question_with_one_more_answer_is_refused_by_name() -> None:
    b = run(10, 2)
    more = b[7] | {"answer_index": 2, "answer": " Never"}
    with pytest.raises(ValueError, match=r"'q3' of 'd' has .* ' No', ' Never' in B \(1 such questions\)"):
        compare_runs(rows(run(10, 1)), rows([*b, more]))


def test_answers_may_stand_in_another_order() -> None:
    a, b = run(10, 1), run(10, 2)
    turned = [row | {"answer_index": 1 - row["answer_index"]} for i in range(10) for row in b[2 * i : 2 * i + 2][::-1]]
    found, expected = compare_runs(rows(a), rows(turned)), compare_runs(rows(a), rows(b))
    assert found.differences[0].mean_probability.difference.value == pytest.approx(
        expected.differences[0].mean_probability.difference.value
    )


def test_answers_of_others_logs_are_compared_without_the_space_before_them() -> None:
    a = rows(run(10, 1))
    (scores,) = scores_from_rows(rows(run(10, 2)))
    texts = AnswerTexts(scores.answers.offsets, pa.array(["Yes", "No"] * 10), scores.answers.is_matching)
    found = compare_runs(a, replace(scores, answers=texts, kind="lm-eval"))
    assert found.differences == compare_runs(a, rows(run(10, 2))).differences
    with pytest.raises(ValueError, match="has the answers ' Yes'"):
        compare_runs(a, replace(scores, answers=texts))


def test_other_clusters_are_refused_by_name_unless_clusters_are_set_aside() -> None:
    a, b = rows(run(12, 1, per_cluster=3)), rows(run(12, 2, per_cluster=4))
    with pytest.raises(ValueError, match="question 'q3' of 'd' is in the cluster 'c1' in A and in 'c0' in B"):
        compare_runs(a, b)
    assert compare_runs(a, b, clustered=False).differences[0].n_clusters is None


def test_clusters_that_one_run_alone_names_are_used_and_that_is_said() -> None:
    a, b = rows(run(12, 1)), rows(run(12, 2, per_cluster=3))
    for first, other, name in ((a, b, "B"), (b, a, "A")):
        found = compare_runs(first, other)
        assert found.differences[0].n_clusters == 4
        assert found.notes == [f"only {name} names clusters: they are used"]


def test_questions_without_a_cluster_stand_alone() -> None:
    tables = []
    for seed in (1, 2):
        found = run(10, seed, per_cluster=2)
        for row in found[8:]:
            row["cluster"] = None
        tables.append(rows(found))
    assert compare_runs(*tables).differences[0].n_clusters == 2 + 6


def test_scores_of_right_and_wrong_alone_compare_preference_rates_alone() -> None:
    a = QuestionScores(IDS, values(30, 1), model="x", kind="inspect")
    b = QuestionScores(IDS, values(30, 2), model="y", kind="inspect")
    found = compare_runs(a, b)
    (each,) = found.differences
    assert each.dataset is None and each.preference_rate.first == pytest.approx(values(30, 1)["prefers"].mean())
    assert each.mean_probability.difference.reason == "one run knows no probability"
    assert each.mean_probability.verdict == "no verdict"
    assert {change.change for change in found.changes} <= {-1.0, 1.0}
    assert "x says right or wrong alone: its accuracy is compared, as the preference rate" in found.notes


def test_an_unknown_rule_is_refused_without_rows_too() -> None:
    a = QuestionScores(IDS, values(30, 1), model="x")
    with pytest.raises(ValueError, match="normalize"):
        compare_runs(a, a, normalize="words")


def test_right_and_wrong_compare_with_rows_by_id() -> None:
    a = rows(run(30, 1))
    b = QuestionScores(IDS, values(30), model="y", kind="inspect")
    found = compare_runs(a, b, match="id", margin=0.5)
    assert found.differences[0].preference_rate.difference.n == 30
    assert found.differences[0].mean_probability.equivalence.p is not None
    assert found.changes[0].prefers_first in (0, 1)


def test_questions_whose_text_differs_are_refused_and_prompts_that_differ_are_told() -> None:
    same: dict[str, Any] = {"contents": IDS, "prompts": IDS, "kind": "lm-eval"}
    a = QuestionScores(IDS, values(30, 1), model="a", **same)
    with pytest.raises(ValueError, match=r"question 'q29' is another question in b than in a.*\(1 such questions\)"):
        compare_runs(a, QuestionScores(IDS, values(30), model="b", **{**same, "contents": [*IDS[:-1], "x"]}))
    found = compare_runs(a, QuestionScores(IDS, values(30), model="b", **{**same, "prompts": ["x", "y", *IDS[2:]]}))
    assert "the prompts of 2 questions differ between a and b, so this compares prompts as well" in found.notes
    # what another format calls contents says nothing about these
    compare_runs(a, QuestionScores(IDS, values(30), model="b", kind="inspect", contents=["x"] * 30))


def test_a_question_twice_is_refused() -> None:
    twice = QuestionScores(["q", "q"], values(2))
    with pytest.raises(ValueError, match="A has question 'q' more than once: give the rows of one run"):
        compare_runs(twice, twice)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": {}}, "values must have 'probability' or 'prefers'"),
        ({"values": {"prefers": [0, 1], "accuracy": [0, 1]}}, "and be of probability, prefers, log_odds"),
        ({"values": {"prefers": [0, 2]}}, re.escape("values['prefers'][1] = 2.0 is outside [0, 1]")),
        ({"values": {"prefers": [0, float("nan")]}}, "is NaN"),
        ({"values": {"prefers": [0]}}, "must have one entry a question"),
        ({"clusters": ["a"]}, "clusters must have one entry a question"),
    ],
    ids=str,
)
def test_bad_scores_are_refused(changes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QuestionScores(**{"question_ids": ["a", "b"], "values": {"prefers": [0, 1]}, **changes})


def test_joint_codes_are_equal_exactly_where_all_columns_are() -> None:
    a, b = pa.array(["x", "y", None, "x"]), pa.array(["y", None])
    c, d = pa.array([1, 1, 1, 2]), pa.array([1, 2])
    codes = joint_codes((a, b), (c, d))
    keys = [*zip(a.to_pylist(), c.to_pylist(), strict=True), *zip(b.to_pylist(), d.to_pylist(), strict=True)]
    joined = np.concatenate(codes)
    assert len(codes[0]) == 4
    for i, one in enumerate(keys):
        for j, two in enumerate(keys):
            assert (joined[i] == joined[j]) == (one == two)
