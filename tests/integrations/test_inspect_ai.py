"""inspect_ai: metrics and the scorer over stored rows, in evaluations that inspect itself runs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("inspect_ai")
from inspect_ai import Task, eval
from inspect_ai import score as rescore
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.scorer import SampleScore, Score, mean, stderr
from inspect_ai.util import registry_info

import pyscore
from pyscore.integrations.inspect_ai import coverage, mean_probability, preference_rate, pyscore_rows, tie_rate
from pyscore.store import clusters_from_rows, write_rows
from tests.paths import ROOT
from tests.store.tables import pair, table

PARTS = ("value", "stderr", "low", "high")
FACTORIES = (mean_probability, preference_rate, coverage, tie_rate)
REPORTED = {  # a metric -> the estimate of pyscore.Summary that it is
    "mean_probability": "mean_probability",
    "preference_rate": "preference_rate",
    "coverage": "mean_coverage",
    "tie_rate": "tie_rate",
}


def some_rows(n: int = 20, **columns: Any) -> list[Any]:
    """Two answers a question; five clusters of four, one tie."""
    logprob = np.random.default_rng(3).uniform(-3, -0.7, (n, 2))
    logprob[7] = -1.0
    return [
        row
        for i in range(n)
        for row in pair(*logprob[i].tolist(), question_id=f"q{i}", cluster=f"claim {i % 5}", **columns)
    ]


@pytest.fixture
def rows(tmp_path: Path) -> pa.Table:
    found = table(some_rows())
    write_rows(found, tmp_path / "rows.parquet")
    return found


def samples(n: int = 20, **metadata: Any) -> list[Sample]:
    return [Sample(id=f"q{i}", input="?", metadata={"claim": i % 5} | metadata) for i in range(n)]


def run(tmp_path: Path, dataset: Any, scorer: Any, **options: Any) -> Any:
    epochs = options.pop("epochs", None)
    task = Task(dataset=dataset, solver=[], scorer=scorer, **options)  # nothing to generate
    return eval(task, model="mockllm/model", display="none", log_dir=str(tmp_path / "logs"), epochs=epochs)[0]


def reported(log: Any) -> dict[str, float]:
    assert log.status == "success", log.error
    return {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}


def assert_is_summary(found: Any, summary: Any, names: Iterable[str] = tuple(REPORTED)) -> None:
    for name in names:
        estimate = getattr(summary, REPORTED[name])
        for part in PARTS:
            key = name if part == "value" else f"{name}_{part}"
            assert found[key] == pytest.approx(getattr(estimate, part), abs=1e-12, nan_ok=True), key


def sample_score(value: Any, id: Any = "s", metadata: Any = None, sample_metadata: Any = None) -> Any:
    return SampleScore(score=Score(value=value, metadata=metadata), sample_id=id, sample_metadata=sample_metadata)


def test_an_evaluation_reports_the_clustered_summary_of_the_rows(tmp_path: Path, rows: pa.Table) -> None:
    summary = pyscore.summarize(pyscore.comparison_from_rows(rows), clusters=clusters_from_rows(rows))
    found = reported(run(tmp_path, samples(), pyscore_rows(str(tmp_path / "rows.parquet"))))
    assert_is_summary(found, summary)
    assert len(found) == 16


def test_metrics_without_clusters_report_the_plain_summary(tmp_path: Path, rows: pa.Table) -> None:
    summary = pyscore.summarize(pyscore.comparison_from_rows(rows), confidence=0.8, method="t")
    metrics = [factory(confidence=0.8, method="t") for factory in FACTORIES]
    found = reported(run(tmp_path, samples(), pyscore_rows(str(tmp_path / "rows.parquet")), metrics=metrics))
    assert_is_summary(found, summary)


def test_standard_errors_are_those_of_inspect(tmp_path: Path, rows: pa.Table) -> None:
    """The sample's own metadata names the clusters here, as in inspect's stderr."""
    metrics = {
        "probability": [mean(), stderr(), mean_probability()],
        "prefers": [mean(), stderr(cluster="claim"), preference_rate(cluster="claim")],
    }
    log = run(tmp_path, samples(), pyscore_rows(str(tmp_path / "rows.parquet")), metrics=metrics)
    assert log.status == "success", log.error
    for score, name in zip(log.results.scores, ("mean_probability", "preference_rate"), strict=True):
        values = {key: metric.value for key, metric in score.metrics.items()}
        assert values["mean"] == pytest.approx(values[f"pyscore/{name}_{name}"], abs=1e-12)
        assert values["stderr"] == pytest.approx(values[f"pyscore/{name}_{name}_stderr"], abs=1e-12)


def test_more_epochs_change_nothing(tmp_path: Path, rows: pa.Table) -> None:
    scorer = pyscore_rows(str(tmp_path / "rows.parquet"))
    once = reported(run(tmp_path, samples(), scorer))
    assert reported(run(tmp_path, samples(), scorer, epochs=3)) == pytest.approx(once, abs=1e-12)


def test_a_log_can_be_scored_again_from_rows(tmp_path: Path, rows: pa.Table) -> None:
    log = run(tmp_path, samples(), None)
    again = rescore(log, pyscore_rows(str(tmp_path / "rows.parquet")), action="overwrite", display="none")
    summary = pyscore.summarize(pyscore.comparison_from_rows(rows), clusters=clusters_from_rows(rows))
    assert_is_summary(reported(again), summary)


def test_a_score_holds_its_question_and_is_read_back_from_the_log(tmp_path: Path) -> None:
    answers = pair(-0.5, -math.inf, question_id="q0", cluster="claim", group="politics")  # log odds without end
    write_rows(table(answers), tmp_path / "rows.parquet")
    log = run(tmp_path, samples(1), pyscore_rows(str(tmp_path / "rows.parquet")))
    score: Any = read_eval_log(log.location).samples[0].scores["pyscore_rows"]
    p = math.exp(-0.5)
    assert score.value.pop("log_odds") in (math.inf, None)  # None: older releases of inspect can't write infinity
    assert score.value == pytest.approx({"probability": 1, "probability_raw": p, "coverage": p, "prefers": 1, "tie": 0})
    assert score.answer == " Yes"
    assert score.explanation.splitlines() == ["' Yes': -0.5000 nats (matching)", "' No': -inf nats"]
    assert score.metadata["cluster"] == "claim"
    assert score.metadata["group"] == "politics"
    assert score.metadata["dataset"] == "d"


def test_one_sample_has_no_spread_and_the_log_says_nan(tmp_path: Path) -> None:
    write_rows(table(pair(-0.5, -2.0, question_id="q0")), tmp_path / "rows.parquet")
    log = run(tmp_path, samples(1), pyscore_rows(str(tmp_path / "rows.parquet")))
    found = reported(read_eval_log(log.location))
    assert found["mean_probability"] == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert all(math.isnan(found[f"mean_probability_{part}"]) for part in PARTS[1:])


def test_a_rule_for_comparing_reaches_the_numbers(tmp_path: Path, rows: pa.Table) -> None:
    longer = [row | {"n_tokens": 1 + row["answer_index"]} for row in rows.to_pylist()]
    write_rows(table(longer), tmp_path / "rows.parquet")
    comparison = pyscore.comparison_from_rows(table(longer), normalize="token", ties="strict")
    scorer = pyscore_rows(str(tmp_path / "rows.parquet"), normalize="token", ties="strict")
    summary = pyscore.summarize(comparison, clusters=clusters_from_rows(rows))
    assert_is_summary(reported(run(tmp_path, samples(), scorer)), summary)
    assert summary.preference_rate != pyscore.summarize(pyscore.comparison_from_rows(rows)).preference_rate


def test_a_sample_without_rows_is_named(tmp_path: Path, rows: pa.Table) -> None:
    log = run(tmp_path, [*samples(), Sample(id="other", input="?")], pyscore_rows(str(tmp_path / "rows.parquet")))
    assert log.status == "error"
    assert "rows.parquet has no rows for the sample 'other'" in log.error.message


def test_ids_of_inspect_that_are_numbers_are_found(tmp_path: Path) -> None:
    write_rows(table([*pair(-1, -2, question_id="1"), *pair(-2, -1, question_id="2")]), tmp_path / "rows.parquet")
    dataset = [Sample(id=1, input="?"), Sample(id=2, input="?")]
    assert reported(run(tmp_path, dataset, pyscore_rows(str(tmp_path / "rows.parquet"))))["preference_rate"] == 0.5


def test_runs_are_told_apart_only_by_what_is_chosen(tmp_path: Path) -> None:
    runs = [*some_rows(), *[row | {"logprob": row["logprob"] - 1} for row in some_rows(run_id="r2", step=5)]]
    write_rows(table(runs), tmp_path / "rows.parquet")
    path = str(tmp_path / "rows.parquet")
    log = run(tmp_path, samples(1), pyscore_rows(path))
    assert "the sample 'q0' 2 times: choose one by dataset, model, revision, step or run_id" in log.error.message
    first = reported(run(tmp_path, samples(), pyscore_rows(path, run_id="r")))
    second = reported(run(tmp_path, samples(), pyscore_rows(path, step=5)))
    assert second["coverage"] == pytest.approx(first["coverage"] / math.e, abs=1e-12)
    with pytest.raises(ValueError, match=r"no rows with run_id='r3': it has 'r', 'r2'"):
        pyscore_rows(path, run_id="r3")


def test_a_sample_that_names_its_data_set_is_looked_up_there(tmp_path: Path) -> None:
    one, two = pair(-1, -2, question_id="q0", dataset="one"), pair(-2, -1, question_id="q0", dataset="two")
    write_rows(table([*one, *two]), tmp_path / "rows.parquet")
    path = str(tmp_path / "rows.parquet")
    for named, wins in (("one", 1.0), ("two", 0.0)):
        assert reported(run(tmp_path, samples(1, dataset=named), pyscore_rows(path)))["preference_rate"] == wins
        assert reported(run(tmp_path, samples(1), pyscore_rows(path, dataset=named)))["preference_rate"] == wins
    log = run(tmp_path, samples(1, dataset="three"), pyscore_rows(path))
    assert "no rows for the sample 'q0' of the data set 'three'" in log.error.message


def test_a_path_that_inspect_cannot_record_is_refused(tmp_path: Path, rows: pa.Table) -> None:
    with pytest.raises(TypeError, match="path must be a string"):
        pyscore_rows(tmp_path / "rows.parquet")  # type: ignore[arg-type]


def test_a_score_without_the_number_is_named() -> None:
    for value in ("C", {"prefers": 1.0}, {"probability": math.nan}, {"probability": None}):
        with pytest.raises(ValueError, match=r"the sample 's' has .*mean_probability needs a number"):
            mean_probability()([sample_score(value)])


def test_metrics_of_no_samples_are_nan_under_the_same_names() -> None:
    one: Any = preference_rate()([sample_score(0.5)])
    none: Any = preference_rate(cluster="claim")([])
    assert list(none) == list(one)
    assert all(math.isnan(value) for value in none.values())


def test_a_sample_without_its_cluster_is_named_and_none_stands_alone() -> None:
    scores = [sample_score(p, id=i, metadata={"cluster": "aab"[i]}) for i, p in enumerate((0.1, 0.5, 0.6))]
    apart = [*scores[:2], sample_score(0.6, id=2, metadata={"cluster": None})]
    assert mean_probability(cluster="cluster")(apart) == mean_probability(cluster="cluster")(scores)
    with pytest.raises(ValueError, match=r"the sample 9 has no 'cluster'"):
        mean_probability(cluster="cluster")([*scores, sample_score(0.5, id=9)])


def test_a_wrong_method_is_refused_when_the_metric_is_made() -> None:
    with pytest.raises(ValueError, match="method='normal' is not one of 'auto', 't'"):
        preference_rate(method="normal")


def test_names_have_the_prefix_wherever_pyscore_lies() -> None:
    for factory in (*FACTORIES, pyscore_rows):
        assert registry_info(factory).name == f"pyscore/{factory.__name__}"
        assert "as `mean_probability` otherwise" in factory.__doc__ or "Args:" in factory.__doc__


SCRIPT = """
import json, sys
from inspect_ai.util import registry_create
assert "pyscore.integrations.inspect_ai" not in sys.modules
scorer = registry_create("scorer", "pyscore/pyscore_rows", path=sys.argv[1])
metric = registry_create("metric", "pyscore/mean_probability", confidence=0.9)
from inspect_ai.scorer import SampleScore, Score
print(json.dumps(metric([SampleScore(score=Score(value=v)) for v in (0.25, 0.75)])))
"""


@pytest.mark.parametrize("folder", ["site-packages", "checkout"])
def test_inspect_finds_the_names_by_the_entry_point(tmp_path: Path, rows: pa.Table, folder: str) -> None:
    """A package in site-packages gets inspect's own prefix, one elsewhere gets ours."""
    where = tmp_path / folder
    info = where / "pyscore_engine-0.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pyscore-engine-tested\nVersion: 0.0.0\n")
    (info / "entry_points.txt").write_text("[inspect_ai]\npyscore = pyscore.integrations.inspect_ai\n")
    (where / "pyscore").symlink_to(ROOT / "pyscore")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "rows.parquet")],
        env=os.environ | {"PYTHONPATH": str(where)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mean_probability"] == 0.5
