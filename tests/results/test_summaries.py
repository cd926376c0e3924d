"""Every data set has its summary; several have their pooled and their macro average."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pyscore import comparison_from_rows, summarize
from pyscore.results import summarize_rows
from tests.store.tables import pair, table


def dataset(name: str, n: int, probability: float, **columns: Any) -> list[dict[str, Any]]:
    """n questions with alternating probabilities around the given one."""
    rows = []
    for i in range(n):
        p = probability + (0.05 if i % 2 else -0.05)
        rows += pair(math.log(p), math.log(1 - p), question_id=f"q{i}", dataset=name, **columns)
    return rows


def names(summaries: Any) -> list[tuple[str, str | None]]:
    return [(s.scope, s.dataset) for s in summaries]


def test_one_data_set_has_one_summary() -> None:
    rows = table(dataset("a", 4, 0.8))
    (found,) = summarize_rows(rows)
    assert (found.model, found.scope, found.dataset, found.n_datasets) == ("m", "dataset", "a", 1)
    assert found.summary == summarize(comparison_from_rows(rows))


def test_pooled_counts_questions_alike_and_macro_counts_data_sets_alike() -> None:
    found = summarize_rows(table([*dataset("a", 2, 0.2), *dataset("b", 6, 0.8)]))
    assert names(found) == [("dataset", "a"), ("dataset", "b"), ("pooled", None), ("macro", None)]
    assert found[2].summary.mean_probability.value == pytest.approx((2 * 0.2 + 6 * 0.8) / 8)
    assert found[3].summary.mean_probability.value == pytest.approx((0.2 + 0.8) / 2)
    assert [s.summary.n_questions for s in found] == [2, 6, 8, 8]
    assert found[3].summary.mean_probability.low < 0.5 < found[3].summary.mean_probability.high


def test_models_and_steps_are_never_averaged_together() -> None:
    rows = [*dataset("a", 2, 0.2), *dataset("b", 2, 0.8, step=1), *dataset("c", 2, 0.8, model="other")]
    found = summarize_rows(table(rows))
    assert names(found) == [("dataset", "a"), ("dataset", "b"), ("dataset", "c")]


def test_runs_over_other_data_sets_are_averaged_and_repeated_runs_are_not() -> None:
    a, b = dataset("a", 2, 0.2), dataset("b", 2, 0.8, run_id="second")
    assert names(summarize_rows(table([*a, *b])))[2:] == [("pooled", None), ("macro", None)]
    again = dataset("a", 2, 0.4, run_id="second")
    found = summarize_rows(table([*a, *b, *again]))
    assert names(found) == [("dataset", "a"), ("dataset", "b"), ("dataset", "a"), ("pooled", None), ("macro", None)]
    assert found[3].summary.mean_probability.value == pytest.approx(0.6)


def test_clusters_widen_the_interval_unless_they_are_set_aside() -> None:
    rows = [r for i in range(10) for r in pair(-1.0 - (i // 5), -1.5, question_id=f"q{i}", cluster=str(i // 5))]
    (clustered,), (independent,) = summarize_rows(table(rows)), summarize_rows(table(rows), clustered=False)
    assert clustered.summary.n_clusters == 2
    assert independent.summary.n_clusters is None
    assert clustered.summary.mean_probability.stderr > 2 * independent.summary.mean_probability.stderr


def test_questions_of_one_cluster_count_as_independent_and_the_summary_says_so() -> None:
    rows = [r for i in range(10) for r in pair(-1.0 - 0.1 * i, -1.5, question_id=f"q{i}", cluster="a claim")]
    (found,) = summarize_rows(table(rows))
    (independent,) = summarize_rows(table(rows), clustered=False)
    assert found.one_cluster and not independent.one_cluster
    assert found.summary == independent.summary and found.summary.mean_probability.low > 0


def test_options_reach_the_comparison_and_the_intervals() -> None:
    rows = table([*pair(-1.0, -1.0), *pair(-2.0, -1.0, question_id="q2")])
    (found,) = summarize_rows(rows, ties="first", confidence=0.5)
    assert found.summary.preference_rate.value == 0.5
    assert found.summary.confidence == 0.5


def test_a_summary_is_json_ready() -> None:
    (found,) = summarize_rows(table(dataset("a", 3, 0.5)))
    document = found.to_dict()
    assert document["scope"] == "dataset" and document["dataset"] == "a"
    assert document["mean_probability"]["value"] == pytest.approx(found.summary.mean_probability.value)


def test_questions_that_are_to_be_read_with_care_are_counted() -> None:
    rows = [
        *pair(-1.0, -2.0),
        *(r | {"same_as": 0} for r in pair(-1.0, -1.0, question_id="q1")),
        *(r | {"extends": 0 if r["answer_index"] else None} for r in pair(-1.0, -2.0, question_id="q2")),
        *pair(-1.0, -2.0, question_id="q3", boundary="merged"),
        *(r | {"boundary": ("split", "clean")[r["answer_index"]]} for r in pair(-1.0, -2.0, question_id="q4")),
    ]
    (found,) = summarize_rows(table(rows))
    counts = {"n_indistinguishable": 1, "n_nested": 1, "n_merged": 2}
    assert counts.items() <= found.to_dict().items()


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        summarize_rows(table([]))
