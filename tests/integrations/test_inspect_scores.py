"""Logs of inspect are compared by sample: with everything that pyscore's scorer wrote, or by right and wrong alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("inspect_ai")
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from statsmodels.stats.contingency_tables import mcnemar

from pyscore.integrations.inspect_ai import pyscore_rows
from pyscore.integrations.inspect_scores import question_scores
from pyscore.results import compare_runs
from pyscore.store import write_rows
from tests.results.runs import rows, run

N = 24


@scorer(metrics=[accuracy()])
def graded(seed: int = 0, kind: str = "letter") -> Any:
    """Right or wrong for each sample, drawn by its number."""

    async def score(state: TaskState, target: Target) -> Score:
        is_right = bool(right(seed)[int(str(state.sample_id)[1:])])
        values: dict[str, Any] = {"letter": "C" if is_right else "I", "number": float(is_right), "text": "good"}
        return Score(value=values[kind], metadata={"topic": int(str(state.sample_id)[1:]) // 4})

    return score


def right(seed: int) -> Any:
    return np.random.default_rng(seed).random(N) < 0.6


def write_log(folder: Path, scorers: Any, format: Any = "eval", n: int = N, **options: Any) -> str:
    samples = [Sample(id=f"q{i}", input=f"Well, {i}?") for i in range(n)]
    task = Task(dataset=samples, solver=[], scorer=scorers)
    found = eval(
        task, model="mockllm/model", display="none", log_dir=str(folder / "logs"), log_format=format, **options
    )[0]
    assert found.status == "success", found.error
    return str(found.location)


@pytest.fixture
def tables(tmp_path: Path) -> list[Any]:
    found = [rows(run(N, seed, per_cluster=3, model=f"m{seed}")) for seed in (1, 2)]
    for seed, table in enumerate(found, 1):
        write_rows(table, tmp_path / f"{seed}.parquet")
    return found


def assert_same(found: Any, expected: Any) -> None:
    """The same differences to rounding: a log has its samples in another order."""
    (one,), (other,) = found.differences, expected.differences
    assert (one.n_clusters, one.n_raised, one.n_lowered) == (other.n_clusters, other.n_raised, other.n_lowered)
    for metric in ("mean_probability", "preference_rate", "mean_log_odds"):
        a, b = getattr(one, metric), getattr(other, metric)
        assert a.p == pytest.approx(b.p)
        for part in ("value", "stderr", "low", "high"):
            assert getattr(a.difference, part) == pytest.approx(getattr(b.difference, part)), (metric, part)


@pytest.mark.parametrize("format", ["eval", "json"])
def test_scores_of_pyscores_scorer_give_the_differences_of_the_rows(
    tables: list[Any], tmp_path: Path, format: str
) -> None:
    logs = [write_log(tmp_path, pyscore_rows(str(tmp_path / f"{seed}.parquet")), format) for seed in (1, 2)]
    found, expected = compare_runs(*map(question_scores, logs)), compare_runs(*tables)
    assert [run.name for run in found.runs] == ["m1", "m2"]
    assert {run.kind for run in found.runs} == {"inspect"}
    assert_same(found, expected)
    assert_same(compare_runs(tables[0], question_scores(logs[1])), expected)


@pytest.mark.parametrize("kind", ["letter", "number"])
def test_accuracies_are_compared_as_by_mcnemars_test(tmp_path: Path, kind: str) -> None:
    logs = [write_log(tmp_path, graded(seed, kind)) for seed in (1, 2)]
    (found,) = compare_runs(*(question_scores(log, cluster=None) for log in logs)).differences
    x, y = right(1), right(2)
    counts = [[np.sum((x == i) & (y == j)) for j in (True, False)] for i in (True, False)]
    assert found.preference_rate.p == pytest.approx(mcnemar(counts, exact=False, correction=False).pvalue)
    assert found.preference_rate.difference.value == pytest.approx(y.mean() - x.mean())
    assert found.mean_probability.verdict == "no verdict"
    (clustered,) = compare_runs(*(question_scores(log, cluster="topic") for log in logs)).differences
    assert clustered.n_clusters == N // 4


def test_a_scorer_is_chosen_where_a_log_has_several(tables: list[Any], tmp_path: Path) -> None:
    log = write_log(tmp_path, [pyscore_rows(str(tmp_path / "1.parquet")), graded(1)])
    with pytest.raises(ValueError, match=r"has scores of .*graded.*: choose one with scorer= \(--log-arg scorer=NAME"):
        question_scores(log)
    assert set(question_scores(log, scorer="graded").values) == {"prefers"}
    assert "probability" in question_scores(log, scorer="pyscore_rows").values


def test_epochs_are_averaged_and_that_is_said(tmp_path: Path) -> None:
    once, twice = write_log(tmp_path, graded(1)), write_log(tmp_path, graded(1), epochs=2)
    found = question_scores(twice)
    assert len(found) == N and found.notes == ["scores are means over up to 2 epochs"]
    assert found.value("prefers").tolist() == question_scores(once).value("prefers").tolist()


def test_scores_that_were_made_by_another_rule_are_refused(tables: list[Any], tmp_path: Path) -> None:
    log = write_log(tmp_path, pyscore_rows(str(tmp_path / "1.parquet"), ties="first", normalize="char"))
    with pytest.raises(ValueError, match="were made with normalize='char', ties='first': compare with the same"):
        question_scores(log)
    assert len(question_scores(log, ties="first", normalize="char")) == N


def test_what_cant_be_compared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has the score 'good'; comparable are scores of pyscore_rows, numbers"):
        question_scores(write_log(tmp_path, graded(1, "text")))
    with pytest.raises(ValueError, match="has no 'chapter' in the metadata"):
        question_scores(write_log(tmp_path, graded(1)), cluster="chapter")
    with pytest.raises(FileNotFoundError, match="no such file"):
        question_scores(tmp_path / "none.eval")
    for name, text in {"a.eval": "no zip file", "a.json": "[1]"}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match="is no log that inspect_ai can read"):
            question_scores(tmp_path / name)
