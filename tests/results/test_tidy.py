"""The tidy table holds what summarising the rows of each cell says, and says what it lacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pyscore import comparison_from_rows, summarize
from pyscore.metrics.presets import apply_preset
from pyscore.results import answers_from_rows, clusters_from_rows, scan, summarize_rows, tidy, write_table
from pyscore.store import merge_run, read_run, write_rows
from pyscore.store.studies import StudyFolder
from pyscore.sweep.study import Dataset, Model, Scoring, Study
from pyscore.sweep.sweeps import FailedUnits, run
from tests.store.tables import pair, table
from tests.sweep.fake_models import questions_file, small_study

NUMBERS = ("value", "stderr", "low", "high", "n")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two data sets, clusters that both share, two templates and three checkpoints; not to be changed."""
    found = small_study(tmp_path_factory.mktemp("tidy"), datasets=(13, 8))
    run(found)
    return found


def rows_of_cells(study: Study) -> dict[tuple[Any, ...], pa.Table]:
    """The rows of each checkpoint and template, read another way."""
    folder = StudyFolder(study.output)
    found: dict[tuple[Any, ...], list[pa.Table]] = {}
    for cell in folder.cells():
        if cell.run is not None:
            rows = read_run(folder.run_path(cell.run.name))
            own = rows.filter(pc.equal(rows["dataset"], cell.dataset["name"]))
            found.setdefault((cell.model["step"], cell.template["name"]), []).append(own)
    return {key: pa.concat_tables(own) for key, own in found.items()}


def numbers(line: dict[str, Any]) -> list[Any]:
    return [np.nan if line[name] is None else line[name] for name in NUMBERS]


def of_estimate(estimate: Any) -> list[Any]:
    return [getattr(estimate, name) for name in NUMBERS]


def assert_is_of(found: pa.Table, cells: dict[tuple[Any, ...], pa.Table], metrics: Sequence[str]) -> None:
    """The table has exactly the numbers of `summarize_rows` on these rows."""
    lines = {(x["step"], x["template"], x["scope"], x["dataset"], x["metric"]): x for x in found.to_pylist()}
    expected = {
        (*cell, each.scope, each.dataset, metric): getattr(each.summary, metric)
        for cell, rows in cells.items()
        for each in summarize_rows(rows)
        for metric in metrics
    }
    assert lines.keys() == expected.keys()
    for key, estimate in expected.items():
        assert numbers(lines[key]) == pytest.approx(of_estimate(estimate), rel=1e-12, nan_ok=True), key
        assert lines[key]["reason"] == (estimate.reason or None)


def test_every_number_is_that_of_the_rows_of_its_cell(study: Study) -> None:
    metrics = ("mean_probability", "preference_rate", "mean_log_odds", "brier", "ece", "calibration_error")
    assert_is_of(tidy(study.output, metrics=metrics), rows_of_cells(study), metrics)


def test_a_line_says_what_it_is_of(study: Study) -> None:
    line = tidy(study.output).to_pylist()[0]
    told = {"model": "m", "family": "f", "size": 1e6, "step": 0, "tags": "{}", "template": "plain", "dataset": "d0"}
    assert told.items() <= line.items()
    assert (line["metric"], line["n"], line["n_clusters"], line["n_skipped"]) == ("mean_probability", 13, 5, 0)


def test_options_are_the_studys_unless_they_are_given(study: Study, tmp_path: Path) -> None:
    rows = rows_of_cells(study)[0, "plain"]
    entries = json.loads(Path(study.output, "study.json").read_text())
    entries |= {"comparison": {"normalize": "token", "sets": "sum", "ties": "first"}, "confidence": 0.8}
    (tmp_path / "study.json").write_text(json.dumps(entries))
    (tmp_path / "runs").symlink_to(Path(study.output, "runs"))
    whole = comparison_from_rows(rows, normalize="token", sets="sum", ties="first")
    line = tidy(tmp_path).filter(pc.equal(tidy(tmp_path)["scope"], "pooled")).to_pylist()[0]
    estimate = summarize(whole, clusters=clusters_from_rows(rows), confidence=0.8).mean_probability
    assert numbers(line) == pytest.approx(of_estimate(estimate))
    given = tidy(tmp_path, normalize="sum", sets="max", ties="half", confidence=0.95, metrics=["mean_probability"])
    assert given.equals(tidy(study.output, metrics=["mean_probability"]))


def test_presets_give_their_metrics(study: Study) -> None:
    found = tidy(study.output, metrics=["inverse_scaling_classification"], averages=False)
    rows = rows_of_cells(study)[200, "hint"]
    rows = rows.filter(pc.equal(rows["dataset"], "d1"))
    report = apply_preset(answers_from_rows(rows), "inverse_scaling_classification", clusters=clusters_from_rows(rows))
    lines = {
        x["metric"]: x for x in found.to_pylist() if (x["step"], x["template"], x["dataset"]) == (200, "hint", "d1")
    }
    names = [f"inverse_scaling_classification/{name}" for name in (*report.estimates, *report.numbers)]
    assert [*lines] == names
    for name, estimate in report.estimates.items():
        assert numbers(lines[f"inverse_scaling_classification/{name}"]) == pytest.approx(of_estimate(estimate))
    for name, number in report.numbers.items():
        assert lines[f"inverse_scaling_classification/{name}"]["value"] == pytest.approx(number)


def test_a_preset_that_rows_are_not_fit_for_says_so(study: Study) -> None:
    lines = tidy(study.output, metrics=["inverse_scaling_sequence_prob"]).to_pylist()
    assert {x["value"] for x in lines} == {None}
    assert "exactly 1" in lines[0]["reason"]


def test_the_spread_over_templates_stands_beside_each_number(study: Study) -> None:
    lines = tidy(study.output).to_pylist()
    for line in lines:
        same = [x for x in lines if all(x[k] == line[k] for k in ("step", "scope", "dataset", "metric"))]
        values = [x["value"] for x in same]
        assert (line["n_templates"], line["template_min"], line["template_max"]) == (2, min(values), max(values))


def test_one_template_has_no_spread(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(4,))
    run(replace(study, templates=study.templates[:1]))
    (line, *_) = tidy(study.output).to_pylist()
    assert (line["n_templates"], line["template_min"], line["template_max"]) == (1, None, None)


def test_an_average_over_other_data_sets_is_no_neighbour(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(4, 5, 6))
    first = replace(study.datasets[0], templates=("plain",))
    run(replace(study, datasets=(first, *study.datasets[1:])))
    pooled = [x for x in tidy(study.output).to_pylist() if x["scope"] == "pooled"]
    assert {(x["template"], x["n_datasets"], x["n_templates"]) for x in pooled} == {("plain", 3, 1), ("hint", 2, 1)}


def test_what_is_not_scored_has_a_line_and_no_average_is_made_without_it(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    (tmp_path / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(study)
    lines = tidy(study.output).to_pylist()
    missing = [x for x in lines if x["step"] == 100]
    assert len(missing) == len(lines) // 3
    assert {(x["value"], x["n"]) for x in missing} == {(None, 0)}
    assert {x["reason"] for x in missing if x["scope"] == "dataset"} == {"not scored"}
    assert {x["reason"] for x in missing if x["scope"] == "macro"} == {"d0: not scored; d1: not scored"}


def test_a_question_that_can_not_be_scored_takes_its_data_set_unless_it_may_be_skipped(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    path = Path(study.datasets[0].files[0])
    path.write_text(path.read_text().replace("Is 3 odd?", "x" * 1000))
    with pytest.raises(FailedUnits):
        run(study)
    first, *_ = tidy(study.output).to_pylist()
    assert (first["value"], first["reason"], first["n_skipped"]) == (None, "1 questions can't be scored", 1)
    skipping = replace(study, scoring=Scoring(on_error="skip"))
    run(skipping)
    found = tidy(study.output)
    assert_is_of(found, rows_of_cells(skipping), study.metrics)
    assert {(x["dataset"], x["n"], x["n_skipped"]) for x in found.to_pylist() if x["scope"] == "dataset"} == {
        ("d0", 6, 1),
        ("d1", 5, 0),
    }


def test_only_current_rows_count(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    before = tidy(study.output)
    path = Path(study.datasets[0].files[0])
    path.write_text(path.read_text().replace("Is 3 odd?", "Is 33 odd?"))
    (tmp_path / "m1").write_text("other weights")
    changed = replace(
        study, datasets=(Dataset("d0", (str(path),)), Dataset("d2", (questions_file(tmp_path, "d2", 4),)))
    )
    run(changed)
    found = tidy(study.output)
    assert {x["dataset"] for x in found.to_pylist()} == {"d0", "d2", None}
    assert_is_of(found, rows_of_cells(changed), study.metrics)
    assert found["value"][0] != before["value"][0]
    rows = scan(study.output).read_all()
    assert rows.num_rows == 3 * 2 * (7 + 4) * 2


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        each
        for i in range(300)
        for each in pair(-rng.random(), -rng.random(), question_id=f"q{i}", dataset=f"d{i % 3}", cluster=f"c{i % 11}")
    ]
    ordered = table(rows)
    write_rows(ordered, tmp_path / "a.parquet")
    write_rows(ordered.take(rng.permutation(600)), tmp_path / "b.parquet")
    a, b = (tidy(tmp_path / name).sort_by("dataset").to_pylist() for name in ("a.parquet", "b.parquet"))
    for one, other in zip(a, b, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), rel=1e-12)


@pytest.mark.parametrize("merged", [False, True])
def test_a_run_and_a_file_of_rows_give_the_same_lines(study: Study, tmp_path: Path, merged: bool) -> None:
    folder = StudyFolder(study.output)
    cell = next(folder.cells())
    path = folder.run_path(cell.run.name)
    if merged:
        merge_run(path, tmp_path / "rows.parquet")
    (line, *_) = tidy(tmp_path / "rows.parquet" if merged else path).to_pylist()
    (expected, *_) = tidy(study.output).to_pylist()
    assert numbers(line) == pytest.approx(numbers(expected), rel=1e-12)  # parts are read as they were written
    assert (line["model"], line["step"], line["template"], line["family"]) == ("m", 0, "plain", None)


def test_rows_of_several_models_and_runs_are_averaged_as_summaries_are(tmp_path: Path) -> None:
    def some(n: int, **columns: Any) -> list[dict[str, Any]]:
        return [r for i in range(n) for r in pair(-1.0 - i / 9, -1.5, question_id=f"q{i}", **columns)]

    rows = [
        *some(4, dataset="a"),
        *some(5, dataset="b", run_id="second"),
        *some(3, dataset=None, model="other", step=3),
        *some(6, dataset="a", model="third", revision="x"),
        *some(7, dataset="a", model="third", revision="x", run_id="again"),
    ]
    write_rows(table(rows), tmp_path / "rows.parquet")
    found = [
        (x["model"], x["revision"], x["step"], x["scope"], x["dataset"], *numbers(x))
        for x in tidy(tmp_path / "rows.parquet", metrics=["mean_probability"]).to_pylist()
    ]
    expected = [
        (s.model, s.revision, s.step, s.scope, s.dataset, *of_estimate(s.summary.mean_probability))
        for s in summarize_rows(table(rows))
    ]
    assert found == expected
    assert tidy(tmp_path / "rows.parquet")["n_templates"].unique().to_pylist() == [1]


def test_several_sources_stand_one_after_the_other(study: Study, tmp_path: Path) -> None:
    write_rows(table(pair(-1.0, -2.0)), tmp_path / "rows.parquet")
    both = tidy([study.output, tmp_path / "rows.parquet"])
    assert both.num_rows == tidy(study.output).num_rows + 2
    assert both["reason"][-1].as_py() == "one question: no spread to estimate from"


def test_one_cluster_counts_its_questions_as_independent(tmp_path: Path) -> None:
    rows = table([r for i in range(9) for r in pair(-1.0 - i / 9, -1.5, question_id=f"q{i}", cluster="one")])
    write_rows(rows, tmp_path / "rows.parquet")
    (line,) = tidy(tmp_path / "rows.parquet", metrics=["mean_probability"]).to_pylist()
    assert numbers(line) == of_estimate(summarize(comparison_from_rows(rows)).mean_probability)
    assert line["n_clusters"] == 1


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_table_comes_back_from_its_file(study: Study, tmp_path: Path, ending: str) -> None:
    import pyarrow.csv as csv

    found, path = tidy(study.output), tmp_path / f"tidy.{ending}"
    write_table(found, path)
    back = pq.read_table(path) if ending == "parquet" else csv.read_csv(path)
    assert back.column_names == found.column_names
    assert back["value"].to_pylist() == found["value"].to_pylist()
    assert back["tags"].to_pylist() == found["tags"].to_pylist()


def test_tags_are_an_object(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1)
    tagged: Model = replace(study.models[0], tags={"seed": "3", "data": 'a "b"'})
    run(replace(study, models=(tagged,)))
    assert json.loads(tidy(study.output)["tags"][0].as_py()) == {"seed": "3", "data": 'a "b"'}


def test_mistakes_are_named(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'accuracy', which is none of mean_probability"):
        tidy(study.output, metrics=["accuracy"])
    with pytest.raises(ValueError, match="two prompts"):
        tidy(study.output, metrics=["inverse_scaling_logodds"])
    with pytest.raises(TypeError, match="sequence of names"):
        tidy(study.output, metrics="brier")
    with pytest.raises(ValueError, match=r"\.parquet or \.csv"):
        write_table(tidy(study.output), tmp_path / "tidy.txt")
    with pytest.raises(FileNotFoundError, match="neither a study nor a run"):
        tidy(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        tidy(tmp_path / "none.parquet")


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1)
    run(study)
    part = next(Path(study.output).glob("runs/*/*/part-*"))
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"part-00000\.parquet can't be read"):
        tidy(study.output)
    part.unlink()
    with pytest.raises(ValueError, match="doesn't hold what it held when it was finished"):
        tidy(study.output)


def test_databases_read_the_rows_and_agree(study: Study) -> None:
    import duckdb
    import polars

    rows = scan(study.output, ["step", "template", "dataset", "question_id", "is_matching", "logprob"])
    query = """
        with questions as (
            select step, template, dataset, question_id,
                   sum(exp(logprob)) filter (is_matching) / sum(exp(logprob)) as p
            from rows group by all
        )
        select step, template, dataset, avg(p) as value from questions group by all
    """
    found = {row[:3]: row[3] for row in duckdb.sql(query).fetchall()}
    expected = {
        (x["step"], x["template"], x["dataset"]): x["value"]
        for x in tidy(study.output, metrics=["mean_probability"], averages=False).to_pylist()
    }
    assert found == pytest.approx(expected)
    again = polars.DataFrame(scan(study.output, ["step", "template", "logprob"]))
    assert again.filter(polars.col("step") == 0).height == 2 * (13 + 8) * 2
    assert rows.schema.names == ["step", "template", "dataset", "question_id", "is_matching", "logprob"]
