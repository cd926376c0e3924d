"""Runs are compared question by question: the numbers are those of paired tests, corrected for how many there are."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, ttest_rel
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from pyscore import comparison_from_rows, paired_difference
from pyscore.metrics import equivalence
from pyscore.results import clusters_from_rows, compare_runs, summarize_rows
from tests.results.runs import rows, run
from tests.store.tables import pair, table

METRICS = ("mean_probability", "preference_rate", "mean_log_odds")


def by_scope(found: Any, run: str | None = None) -> dict[Any, Any]:
    chosen = [each for each in found.differences if run in (None, each.run)]
    return {each.dataset or each.scope: each for each in chosen}


def three_data_sets(seed: int, shift: float = 0.0, **options: Any) -> Any:
    sizes = {"small": 12, "middle": 40, "large": 90}
    return [row for name, n in sizes.items() for row in run(n, seed, dataset=name, shift=shift, **options)]


@pytest.mark.parametrize("per_cluster", [None, 4])
def test_differences_are_those_of_paired_difference_of_the_other_run_and_the_first(per_cluster: int | None) -> None:
    a = rows(three_data_sets(1, per_cluster=per_cluster))
    b = rows(three_data_sets(2, 0.4, per_cluster=per_cluster))
    found = by_scope(compare_runs(a, b))
    for name, each in found.items():
        if name == "macro":
            continue
        chosen = [t if name == "pooled" else t.filter([d == name for d in t["dataset"].to_pylist()]) for t in (a, b)]
        first, other = map(comparison_from_rows, chosen)
        expected = paired_difference(other, first, clusters=clusters_from_rows(chosen[0]))
        for metric in METRICS:
            got = getattr(each, metric)
            assert got.difference == getattr(expected, metric)
            assert got.p == expected.p_values[metric]
        assert each.n_clusters == expected.n_clusters


def test_mean_log_odds_are_compared_as_by_students_paired_t_test() -> None:
    a, b = rows(run(50, 1)), rows(run(50, 2, shift=0.2))
    x, y = (comparison_from_rows(each) for each in (a, b))
    found = compare_runs(a, b, confidence=0.9).differences[0]
    for metric, field in (("mean_log_odds", "log_odds"), ("mean_probability", "probability")):
        oracle = ttest_rel(getattr(y, field), getattr(x, field))
        got = getattr(found, metric)
        assert got.difference.value == pytest.approx(np.mean(getattr(y, field) - getattr(x, field)), rel=1e-12)
        assert got.difference.stderr == pytest.approx(abs(got.difference.value / oracle.statistic), rel=1e-9)
        if metric == "mean_log_odds":
            low, high = oracle.confidence_interval(0.9)
            assert (got.difference.low, got.difference.high) == pytest.approx((low, high), rel=1e-9)
            assert got.p == pytest.approx(oracle.pvalue, rel=1e-9)
        else:  # the wider of t and bounds for skewed values: never more sure than t
            assert got.p >= oracle.pvalue * (1 - 1e-9)


def test_preference_rates_are_compared_as_by_mcnemars_test() -> None:
    a, b = rows(run(80, 1)), rows(run(80, 2, shift=0.5))
    x, y = (comparison_from_rows(each).prefers for each in (a, b))
    counts = [[np.sum((x == i) & (y == j)) for j in (1, 0)] for i in (1, 0)]
    found = compare_runs(a, b).differences[0]
    assert found.preference_rate.p == pytest.approx(mcnemar(counts, exact=False, correction=False).pvalue, rel=1e-9)
    assert (found.n_lowered, found.n_raised) == (counts[0][1], counts[1][0])


def test_the_unpaired_test_of_other_comparators_has_the_same_difference_and_a_larger_p_value() -> None:
    a, b = rows(run(200, 1)), rows(run(200, 2, shift=0.25))
    x, y = (comparison_from_rows(each).prefers for each in (a, b))
    # lm-evaluation-harness, scripts/model_comparator.py: z of two accuracies as of independent samples
    errors = [each.std(ddof=1) / math.sqrt(len(each)) for each in (x, y)]
    difference = y.mean() - x.mean()
    unpaired = 2 * norm.sf(abs(difference) / math.hypot(*errors))
    found = compare_runs(a, b).differences[0].preference_rate
    assert found.difference.value == pytest.approx(difference, abs=1e-12)
    assert found.difference.stderr < 0.75 * math.hypot(*errors)
    assert found.p < unpaired / 2


def test_the_macro_average_counts_data_sets_alike_and_equals_the_pooled_one_where_they_are_as_large() -> None:
    a, b = rows(three_data_sets(1)), rows(three_data_sets(2, 0.4))
    found = by_scope(compare_runs(a, b))
    for metric in METRICS:
        own = [getattr(found[name], metric) for name in ("small", "middle", "large")]
        macro = getattr(found["macro"], metric)
        assert macro.difference.value == pytest.approx(np.mean([each.difference.value for each in own]))
        assert macro.first == pytest.approx(np.mean([each.first for each in own]))
    summaries = {s.scope: s.summary for s in summarize_rows(b)}
    for scope in ("pooled", "macro"):
        assert found[scope].mean_probability.other == pytest.approx(summaries[scope].mean_probability.value)
        assert found[scope].coverage_other == pytest.approx(summaries[scope].mean_coverage.value)
    alike = [rows(run(30, s, dataset="x"), run(30, s + 7, dataset="y")) for s in (1, 2)]
    found = by_scope(compare_runs(*alike))
    for metric in METRICS:
        pooled, macro = (getattr(found[scope], metric) for scope in ("pooled", "macro"))
        for part in ("value", "stderr", "low", "high"):
            assert getattr(macro.difference, part) == pytest.approx(getattr(pooled.difference, part), rel=1e-6), part


def test_the_macro_interval_of_log_odds_is_students_t_of_weighted_differences() -> None:
    a, b = rows(three_data_sets(1)), rows(three_data_sets(2, 0.4))
    d = comparison_from_rows(b).log_odds - comparison_from_rows(a).log_odds
    w = np.repeat([1 / 12, 1 / 40, 1 / 90], [12, 40, 90]) / 3
    mean = w @ d
    left_out = np.array([np.delete(w, i) @ np.delete(d, i) / np.delete(w, i).sum() for i in range(len(d))])
    variance = (len(d) - 1) / len(d) * np.sum((left_out - mean) ** 2)
    macro = by_scope(compare_runs(a, b))["macro"].mean_log_odds.difference
    assert macro.value == pytest.approx(mean)
    assert macro.stderr == pytest.approx(math.sqrt(variance))


@pytest.mark.parametrize(("correction", "oracle"), [("holm", "holm"), ("benjamini-hochberg", "fdr_bh")])
def test_p_values_of_a_metric_are_corrected_over_data_sets_and_runs_and_averages_over_runs(
    correction: str, oracle: str
) -> None:
    runs = [rows(three_data_sets(seed, shift, step=seed)) for seed, shift in ((1, 0.0), (2, 0.4), (3, 0.1))]
    found = compare_runs(*runs, correction=correction)
    assert len(found.differences) == 10
    for metric in METRICS:
        for scope, n in (("dataset", 6), ("pooled", 2), ("macro", 2)):
            own = [getattr(each, metric) for each in found.differences if each.scope == scope]
            assert len(own) == n
            expected = multipletests([each.p for each in own], method=oracle)[1]
            assert [each.adjusted_p for each in own] == pytest.approx(list(expected))
            for each in own:
                assert (each.verdict == "not shown") == (each.adjusted_p > 0.05)


def test_equivalence_is_that_of_two_one_sided_tests_and_is_corrected_too() -> None:
    a, b = rows(run(200, 1), run(200, 5, dataset="e")), rows(run(200, 2), run(200, 6, dataset="e"))
    found = by_scope(compare_runs(a, b, margin=0.06))
    tests = []
    for name in ("d", "e"):
        x, y = (comparison_from_rows(t.filter([d == name for d in t["dataset"].to_pylist()])) for t in (a, b))
        got = found[name].mean_probability.equivalence
        expected = equivalence(y, x, margin=0.06)
        assert got.p == pytest.approx(expected.numbers["p"])
        assert (got.low, got.high) == pytest.approx((expected["difference"].low, expected["difference"].high))
        assert got.p >= ttost_paired(y.probability, x.probability, -0.06, 0.06)[0] * (1 - 1e-9)
        tests.append(got.p)
    assert [found[name].mean_probability.equivalence.adjusted_p for name in ("d", "e")] == pytest.approx(
        list(multipletests(tests, method="holm")[1])
    )
    assert found["pooled"].mean_log_odds.equivalence is None
    assert found["pooled"].mean_probability.verdict == "equivalent"


def test_a_difference_may_be_there_and_not_matter() -> None:
    close = [rows(run(300, seed, shift=shift)) for seed, shift in ((1, 0.0), (2, 0.4))]
    assert compare_runs(*close, margin=0.3).differences[0].mean_probability.verdict == "higher, equivalent"
    assert compare_runs(*close[::-1], margin=0.01).differences[0].mean_probability.verdict == "lower"


def test_a_run_differs_from_itself_by_nothing() -> None:
    a = rows(three_data_sets(1))
    found = compare_runs(a, a, margin=0.02)
    assert found.changes == []
    for each in found.differences:
        assert each.mean_probability.difference.value == 0
        assert each.preference_rate.p == 1
        assert each.mean_log_odds.verdict == "not shown"


def test_the_questions_that_changed_most_come_first() -> None:
    a, b = rows(run(30, 1)), rows(run(30, 2))
    x, y = comparison_from_rows(a), comparison_from_rows(b)
    change = y.probability - x.probability
    order = np.argsort(-np.abs(change))
    found = compare_runs(a, b, changes=5).changes
    assert [each.question_id for each in found] == [f"q{i}" for i in order[:5]]
    assert [each.change for each in found] == pytest.approx(change[order[:5]].tolist())
    assert [each.flipped for each in found] == [bool(x.prefers[i] != y.prefers[i]) for i in order[:5]]
    assert compare_runs(a, b, changes=0).changes == []
    assert len(compare_runs(a, b, changes=100).changes) == 30


def test_questions_pair_by_id_whatever_their_order() -> None:
    a, b = run(30, 1, per_cluster=3), run(30, 2, per_cluster=3)
    turned = [row for i in reversed(range(30)) for row in b[2 * i : 2 * i + 2]]
    assert compare_runs(rows(a), rows(turned)).differences == compare_runs(rows(a), rows(b)).differences


def test_options_reach_the_comparison() -> None:
    tie = rows([row for i in range(4) for row in pair(-1.0, -1.0, question_id=f"q{i}")])
    found = compare_runs(tie, rows(run(4, 2)), ties="first")
    assert found.differences[0].preference_rate.first == 1.0
    assert found.differences[0].tie_rate_first == 1.0
    by_char = compare_runs(rows(run(9, 1)), rows(run(9, 2)), normalize="char", sets="sum", confidence=0.5)
    assert by_char.differences[0].mean_probability.first == pytest.approx(
        comparison_from_rows(rows(run(9, 1)), normalize="char", sets="sum").probability.mean()
    )
    assert "normalize:char|sets:sum" in by_char.signature and by_char.confidence == 0.5


def test_one_cluster_counts_as_independent_and_the_result_says_so() -> None:
    a, b = (rows(run(20, seed, per_cluster=20)) for seed in (1, 2))
    (found,) = compare_runs(a, b).differences
    (independent,) = compare_runs(a, b, clustered=False).differences
    assert found.one_cluster and not independent.one_cluster
    assert found.n_clusters is None
    assert found.mean_probability == independent.mean_probability


def test_infinite_log_odds_have_no_interval_and_the_other_differences_stand() -> None:
    b = run(10, 2)
    b[1]["logprob"] = -math.inf
    (found,) = compare_runs(rows(run(10, 1)), rows(b)).differences
    assert found.mean_log_odds.difference.reason == "1 infinite pairs"
    assert found.mean_log_odds.verdict == "no verdict"
    assert found.mean_probability.p > 0


def test_a_result_is_json_ready_and_prints() -> None:
    b = run(10, 2)
    b[1]["logprob"] = -math.inf
    found = compare_runs(rows(run(10, 1)), rows(b, template="x"), margin=0.1)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["differences"][0]["mean_log_odds"]["p"] is None
    assert document["differences"][0]["mean_probability"]["equivalence"]["margin"] == 0.1
    assert document["runs"][1]["n_matched"] == 10
    assert "mean probability: B - A" in str(found) and found.signature in str(found)


def test_one_data_set_is_its_own_average() -> None:
    found = compare_runs(rows(run(10, 1)), rows(run(10, 2)))
    assert found.find("pooled") == found.find("macro") == found.find("dataset") == list(found.differences)
    several = compare_runs(rows(three_data_sets(1)), rows(three_data_sets(2)))
    assert [each.scope for each in several.find("pooled")] == ["pooled"]
    assert [each.dataset for each in several.find("dataset", dataset="large")] == ["large"]


def test_what_a_reader_must_know_of_unlike_runs_is_said() -> None:
    a = rows(run(10, 1), template="plain", template_hash="1", dtype="float32", choices="given")
    b = rows(run(10, 2), template="chat", template_hash="2", dtype="bfloat16", choices="listed", complete="false")
    found = compare_runs(a, b)
    assert found.notes == [
        "B: it is not finished: these are its rows so far",
        "templates differ: 'plain' in A, 'chat' in B, so this compares prompts as well",
        "compared answers differ: given in A, listed in B",
        "dtype differ: float32 in A, bfloat16 in B",
    ]
    same_name = rows(run(10, 2), template="plain", template_hash="2", dtype="float32", choices="given")
    assert compare_runs(a, same_name).notes == [
        "template 'plain' makes other prompts in A than in B, so this compares prompts as well"
    ]


def test_questions_that_were_not_scored_and_other_tokenizers_are_told() -> None:
    skipped = json.dumps([{"dataset": "d", "question_id": "q9", "reason": "too long"}])
    a, b = rows(run(9, 1), tokenizer_hash="1"), rows(run(9, 2), tokenizer_hash="2", skipped=skipped)
    note = "B: 1 questions are not among its rows, for they couldn't be scored"
    assert compare_runs(a, b).notes == [note]
    assert compare_runs(a, b, normalize="token").notes == [
        note,
        "A and B have other tokenizers: log-probabilities per token are of other tokens",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"match": "all"}, "match"),
        ({"correction": "bonferroni"}, "correction"),
        ({"confidence": 2.0}, "confidence must lie between 0 and 1"),
        ({"margin": 0.0}, "margin must lie between 0 and 1"),
        ({"margin": 2}, "2 points are 0.02"),
        ({"margin": 0.1, "confidence": 0.4}, "no level to show equivalence at"),
        ({"changes": -1}, "changes must be at least 0"),
        ({"names": ["a"]}, "names must be 2 different ones"),
        ({"ties": "never"}, "ties"),
        ({"normalize": "pmi"}, "normalize"),
    ],
    ids=str,
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_runs(rows(run(4, 1)), rows(run(4, 2)), **options)


def test_what_is_no_run_or_only_one_is_refused() -> None:
    with pytest.raises(ValueError, match="there is one run, m: give another to compare it with"):
        compare_runs(rows(run(4, 1)))
    with pytest.raises(TypeError, match="a run must be a table of rows, a path of one, or QuestionScores; got dict"):
        compare_runs({}, rows(run(4, 1)))
    with pytest.raises(ValueError, match="there are no rows to compare"):
        compare_runs(table([]), rows(run(4, 1)))
    with pytest.raises(FileNotFoundError):
        compare_runs("none.parquet", rows(run(4, 1)))
