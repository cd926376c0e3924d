"""Rows become the comparison that the ops define, one entry a question, whatever the order of the rows."""

from __future__ import annotations

import math
import random
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore import comparison_from_rows
from pyscore.engine.rows import related_answers
from pyscore.engine.tokenization import CLEAN, AnswerTokens
from pyscore.metrics.question_values import Rule, compare
from pyscore.ops.compare import TIES
from pyscore.results import answers_from_rows, clusters_from_rows
from tests.store.tables import pair, row, table


def test_a_pair_gives_the_probability_of_its_matching_answer() -> None:
    found = comparison_from_rows(table(pair(math.log(0.3), math.log(0.1))))
    assert isinstance(found.probability, np.ndarray) and found.probability.dtype == np.float64
    assert found.probability == pytest.approx([0.75])
    assert found.probability_raw == pytest.approx([0.3])
    assert found.coverage == pytest.approx([0.4])
    assert found.prefers.tolist() == [1.0]
    assert found.predicted.tolist() == [0]


def test_questions_may_have_any_number_of_answers_on_either_side() -> None:
    probabilities, matching = (0.1, 0.2, 0.3, 0.05), (True, False, False, True)
    rows = [
        row(answer_index=i, answer=str(i), is_matching=m, logprob=math.log(p))
        for i, (p, m) in enumerate(zip(probabilities, matching, strict=True))
    ]
    found = comparison_from_rows(table([*rows, *pair(-1.0, -2.0, question_id="q2")]))
    assert found.probability[0] == pytest.approx(0.15 / 0.65)
    assert found.margin[0] == pytest.approx(math.log(0.1 / 0.3))
    assert found.predicted.tolist() == [2, 0]
    in_sum = comparison_from_rows(table(rows), sets="sum")
    assert in_sum.log_odds == pytest.approx([math.log(0.15 / 0.5)])


def test_rows_of_a_question_need_not_stand_together() -> None:
    questions = [pair(-0.1 * i - 0.1, -1.0, question_id=f"q{i}") for i in range(20)]
    together = comparison_from_rows(table([r for q in questions for r in q]))
    scattered = [r for i in (0, 1) for q in questions for r in q[i : i + 1]]
    assert comparison_from_rows(table(scattered)).probability.tolist() == together.probability.tolist()
    shuffled = random.Random(0).sample(scattered, len(scattered))
    found = comparison_from_rows(table(shuffled)).probability
    assert sorted(found) == sorted(together.probability)


def test_equal_ids_of_other_data_sets_models_or_runs_are_other_questions() -> None:
    rows = [
        *pair(-1.0, -2.0),
        *pair(-1.0, -3.0, dataset="d2"),
        *pair(-1.0, -4.0, dataset=None),
        *pair(-1.0, -5.0, model="m2"),
        *pair(-1.0, -6.0, step=1),
        *pair(-1.0, -7.0, revision="v"),
        *pair(-1.0, -8.0, run_id="r2"),
    ]
    assert comparison_from_rows(table(rows)).margin == pytest.approx([1, 2, 3, 4, 5, 6, 7])


@pytest.mark.parametrize(("normalize", "lengths"), [("token", (2, 4)), ("char", (5, 3)), ("byte", (6, 8))])
def test_normalising_divides_by_length_and_leaves_the_mass_alone(normalize: str, lengths: Any) -> None:
    yes, no = pair(-4.0, -6.0)
    column = {"token": "n_tokens", "char": "n_chars", "byte": "n_bytes"}[normalize]
    yes[column], no[column] = lengths
    found = comparison_from_rows(table([yes, no]), normalize=normalize)
    assert found.margin == pytest.approx([-4 / lengths[0] + 6 / lengths[1]])
    assert found.coverage == pytest.approx([math.exp(-4) + math.exp(-6)])


def rows_of_tokens(answers: Any, matching: Any, mass: Any) -> list[dict[str, Any]]:
    """One question's rows: token tuples, which of them match, and how much probability each has."""
    related = related_answers([AnswerTokens([0], list(tokens), CLEAN, False) for tokens in answers])
    return [
        row(answer_index=i, answer=str(i), is_matching=is_matching, logprob=math.log(mass[tokens])) | relation
        for i, (tokens, is_matching, relation) in enumerate(zip(answers, matching, related, strict=True))
    ]


@given(st.data())
def test_coverage_and_raw_mass_are_those_of_the_union_of_all_continuations(data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(1, 9), min_size=27, max_size=27))
    leaves = dict(zip(product(range(3), repeat=3), np.array(weights) / sum(weights), strict=True))

    def union(chosen: Any) -> float:
        return sum(p for leaf, p in leaves.items() if any(leaf[: len(tokens)] == tokens for tokens in chosen))

    tokens = st.integers(1, 3).flatmap(lambda n: st.tuples(*[st.integers(0, 2)] * n))
    answers = data.draw(st.lists(tokens, min_size=2, max_size=6))
    matching = [True, False, *data.draw(st.lists(st.booleans(), min_size=len(answers) - 2, max_size=len(answers) - 2))]
    rows = rows_of_tokens(answers, matching, {each: union([each]) for each in answers})
    order = data.draw(st.permutations(range(len(rows))))
    written = table([*pair(-1.0, -2.0, question_id="p"), *(rows[i] for i in order)])
    for ties in ("half", "last"):
        found = compare(answers_from_rows(written), Rule(ties=ties))
        assert found.coverage[1] == pytest.approx(union(answers))
        chosen = [each for each, is_matching in zip(answers, matching, strict=True) if is_matching]
        assert found.probability_raw[1] == pytest.approx(union(chosen))
        assert found.coverage[0] == pytest.approx(math.exp(-1) + math.exp(-2))


def test_an_answer_that_extends_one_which_was_taken_out_counts_for_itself() -> None:
    mass = {(1,): 0.5, (1, 2): 0.3, (3,): 0.1}
    rows = rows_of_tokens(list(mass), [False, True, False], mass)
    assert comparison_from_rows(table(rows)).coverage == pytest.approx([0.6])
    assert comparison_from_rows(table(rows[1:])).coverage == pytest.approx([0.4])


def test_ties_go_where_they_are_told() -> None:
    rows = table(pair(-1.0, -1.0))
    assert [comparison_from_rows(rows, ties=ties).prefers.tolist() for ties in TIES] == [[0.5], [0.0], [1.0], [0.5]]
    assert comparison_from_rows(rows, ties="share").ties == "share"
    assert comparison_from_rows(rows).chance.tolist() == [0.5]


def test_no_rows_give_no_questions() -> None:
    assert len(comparison_from_rows(table([]))) == 0


@pytest.mark.parametrize("bad", [math.nan, 0.5])
def test_a_number_that_is_no_log_probability_names_its_question(bad: float) -> None:
    with pytest.raises(ValueError, match="question 'q8' has the log-probability"):
        comparison_from_rows(table([*pair(-1.0, -2.0), *pair(-1.0, bad, question_id="q8")]))


def test_impossible_answers_are_compared() -> None:
    assert comparison_from_rows(table(pair(-1.0, -math.inf))).probability.tolist() == [1.0]


def test_a_question_that_cannot_be_compared_is_named() -> None:
    yes, no = pair(-1.0, -2.0, question_id="q9")
    with pytest.raises(ValueError, match="question 'q9' has no other answer"):
        comparison_from_rows(table([*pair(-1.0, -2.0), yes]))
    with pytest.raises(ValueError, match="question 'q9' has no matching answer"):
        comparison_from_rows(table([no]))
    with pytest.raises(ValueError, match="question 'q9' has the answer with answer_index 0 more than once"):
        comparison_from_rows(table([yes, no, yes, no]))


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"normalize='pmi'.*unconditional"):
        comparison_from_rows(table(pair(-1.0, -2.0)), normalize="pmi")
    with pytest.raises(ValueError, match="normalize='words' is not one of sum, token, char, byte"):
        comparison_from_rows(table(pair(-1.0, -2.0)), normalize="words")


def rows_in_clusters(*clusters: str | None) -> pa.Table:
    return table([r for i, c in enumerate(clusters) for r in pair(-1.0, -2.0, question_id=f"q{i}", cluster=c)])


def test_clusters_are_given_only_where_one_repeats() -> None:
    assert clusters_from_rows(rows_in_clusters(None, None)) is None
    assert clusters_from_rows(rows_in_clusters("a", "b", None)) is None
    assert clusters_from_rows(rows_in_clusters("a", "b", "a")) == ["a", "b", "a"]


def test_questions_without_a_cluster_stand_alone() -> None:
    found = clusters_from_rows(rows_in_clusters("a", None, "a", None, "question 1"))
    assert found[0] == found[2] == "a"
    assert len(set(found)) == 4


def test_rows_are_compared_on_the_cpu_whatever_backend_the_environment_forces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSCORE_BACKEND", "triton")
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    assert comparison_from_rows(table(pair(-1.0, -2.0))).prefers.tolist() == [1]
