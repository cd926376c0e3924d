"""Figures hold the numbers of the functions that they are made of, and name what a study doesn't have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pyscore import comparison_from_rows, metrics, report
from pyscore.report.choices import select
from pyscore.report.compared import bin_edges
from pyscore.report.tables import headline_table
from pyscore.results import clusters_from_rows, compare_runs, curve, tidy
from pyscore.store import read_run
from pyscore.store.studies import StudyFolder
from pyscore.sweep.study import Study
from pyscore.sweep.sweeps import run
from tests.report.charts.rows import svg
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three checkpoints, two data sets, two templates; not to be changed."""
    found = small_study(tmp_path_factory.mktemp("figures"), models=3, datasets=(21, 8))
    run(found)
    return found


def rows_of(chart: Any) -> list[dict[str, Any]]:
    """The rows that a figure draws, beside which charts hold but ends of lines."""
    found: list[dict[str, Any]] = max(chart.to_dict()["datasets"].values(), key=lambda rows: len(rows[0]))
    return found


def stored(study: Study, step: int, template: str = "plain", dataset: str | None = None) -> pa.Table:
    folder = StudyFolder(study.output)
    names = {
        cell.run.name for cell in folder.cells() if (cell.template["name"], cell.model["step"]) == (template, step)
    }
    table = pa.concat_tables([read_run(folder.run_path(name)) for name in sorted(names)])
    return table if dataset is None else table.filter(pc.equal(table["dataset"], dataset))


@pytest.mark.parametrize("given", ["path", "table"])
def test_two_numbers_are_those_of_the_tidy_table(study: Study, given: str) -> None:
    table = tidy(study.output)
    data = study.output if given == "path" else table
    rows = rows_of(report.figure("two_numbers", data, checkpoint="m, step 100", template="hint"))
    lines = [
        line
        for line in table.to_pylist()
        if (line["step"], line["template"], line["scope"]) == (100, "hint", "dataset")
    ]
    assert [row["dataset"] for row in rows] == ["d0", "d1"]
    for line in lines:
        (row,) = [row for row in rows if row["dataset"] == line["dataset"]]
        name = line["metric"]
        assert (row[name], row["n"]) == (line["value"], line["n"])
        assert (row[f"{name}_low"], row[f"{name}_high"]) == (line["low"], line["high"])
        assert (row["checkpoint"], row["template"]) == ("m, step 100", "hint")


def test_checkpoints_of_one_name_are_called_as_in_reports_and_tables(study: Study) -> None:
    paths = [study.output, study.output]
    named = [f"m, step {n}{again}" for again in ("", " (2)") for n in (0, 100, 200)]
    assert list(dict.fromkeys(line["checkpoint"] for line in headline_table(paths).lines)) == named
    for kind, told in (("two_numbers", "checkpoint"), ("reliability", "series"), ("log_odds", "series")):
        rows = rows_of(report.figure(kind, paths, checkpoint="m, step 100 (2)", template="plain"))
        assert {row[told] for row in rows} == {"m, step 100 (2)"}
    twice = pa.concat_tables([tidy(study.output)] * 2)
    with pytest.raises(ValueError, match="data has two lines of the mean_probability of m, step 0, d0"):
        report.figure("two_numbers", twice, checkpoint="m, step 0", template="plain")


@pytest.mark.parametrize("given", ["path", "table"])
def test_behaviour_is_the_curve_with_its_bands(study: Study, given: str) -> None:
    table = curve(study.output, "preference_rate", dataset="d0")
    data = study.output if given == "path" else table
    options: dict[str, Any] = {"metric": "preference_rate", "dataset": "d0", "template": "plain"}
    rows = rows_of(report.figure("behaviour", data, **options))
    lines = [line for line in table.to_pylist() if line["template"] == "plain"]
    assert [(row["x"], row["value"]) for row in rows] == [(line["step"], line["value"]) for line in lines]
    assert [row["high"] for row in rows] == [line["band_high"] for line in lines]
    assert [row["checkpoint"] for row in rows] == ["m, step 0", "m, step 100", "m, step 200"]
    assert {(row["series"], row["panel"]) for row in rows} == {("", "d0")}


def test_several_data_sets_are_panels_and_all_of_them_are_one(study: Study) -> None:
    several = report.figure("behaviour", study.output, dataset=["d0", "d1"], template="plain")
    assert isinstance(several, alt.FacetChart)
    assert [row["panel"] for row in rows_of(several)] == ["d0"] * 3 + ["d1"] * 3
    whole = report.figure("behaviour", study.output, template="plain", metric="mean_log_odds")
    assert isinstance(whole, alt.LayerChart)
    assert rows_of(whole)[0]["n"] == 29
    assert "mean log odds (nats)" in svg(whole)


def test_curves_are_called_by_what_differs_between_them(tmp_path: Any) -> None:
    made = small_study(tmp_path, models=4)
    places = [(0, 1e6), (50, 1e6), (0, 1e9), (50, 1e9)]
    models = [
        replace(model, size=size, step=step, name=f"m{size:g}")
        for model, (step, size) in zip(made.models, places, strict=True)
    ]
    run(replace(made, models=tuple(models)))
    by_step = rows_of(report.figure("behaviour", made.output, template="plain"))
    assert [(row["series"], row["series_value"]) for row in by_step] == [("size 1e+06", 1e6)] * 2 + [
        ("size 1e+09", 1e9)
    ] * 2
    by_size = rows_of(report.figure("behaviour", made.output, template="plain", x="size"))
    assert [(row["series"], row["x"]) for row in by_size] == [
        ("step 0", 1e6),
        ("step 0", 1e9),
        ("step 50", 1e6),
        ("step 50", 1e9),
    ]


@pytest.mark.parametrize("given", ["path", "result"])
def test_a_forest_is_the_comparison_of_two_checkpoints(study: Study, given: str) -> None:
    found = compare_runs(study.output, against="m, step 100")
    options: dict[str, Any] = {"checkpoint": "m, step 200", "template": "plain", "metric": "preference_rate"}
    data = study.output if given == "path" else found
    drawn = report.figure("forest", data, against="m, step 100", **options)
    rows = rows_of(drawn)
    expected = found.find("dataset", run="m, step 200", template="plain")
    assert [row["label"] for row in rows] == ["d0", "d1", "all questions (pooled)", "all data sets (macro)"]
    for row, each in zip(rows, expected, strict=False):
        difference = each.preference_rate.difference
        assert (row["difference"], row["n"]) == (difference.value, each.n_questions)
        assert row["verdict"] == each.preference_rate.verdict
        assert row["low"] == (None if np.isnan(difference.low) else difference.low)
    assert drawn.to_dict()["title"]["text"] == "m, step 200 - m, step 100"
    only = report.figure("forest", study.output, dataset="d1", **options)
    assert [row["label"] for row in rows_of(only)] == ["d1"]


def test_a_forest_of_two_tables_of_rows(study: Study) -> None:
    tables = [stored(study, step) for step in (0, 200)]
    rows = rows_of(report.figure("forest", tables))
    (pooled,) = compare_runs(*tables).find("pooled")
    assert rows[2]["difference"] == pooled.mean_probability.difference.value


@pytest.mark.parametrize("dataset", ["d0", None])
@pytest.mark.parametrize("given", ["path", "table"])
def test_reliability_is_that_of_the_compared_answers(study: Study, dataset: str | None, given: str) -> None:
    table = stored(study, 100, "plain", dataset)
    report_of_rows = metrics.comparison_calibration(comparison_from_rows(table), clusters=clusters_from_rows(table))
    where: dict[str, Any] = {"template": "plain"} if given == "path" else {}
    data = study.output if given == "path" else stored(study, 100)
    rows = rows_of(report.figure("reliability", data, checkpoint="m, step 100", dataset=dataset, **where))
    assert [row["n"] for row in rows] == [line["n"] for line in report_of_rows.rows]
    assert [row["rate"] for row in rows] == pytest.approx([line["observed"] for line in report_of_rows.rows])
    lows = [np.nan if row["rate_low"] is None else row["rate_low"] for row in rows]
    assert lows == pytest.approx([line["observed_low"] for line in report_of_rows.rows], nan_ok=True)
    assert {row["series"] for row in rows} == {"m, step 100"}


def test_log_odds_are_counted_once_each_in_bins_that_checkpoints_share(study: Study) -> None:
    names = ["m, step 0", "m, step 200"]
    rows = rows_of(report.figure("log_odds", study.output, checkpoint=names, template="hint"))
    for name, step in zip(names, (0, 200), strict=True):
        values = np.asarray(comparison_from_rows(stored(study, step, "hint")).log_odds)
        own = [row for row in rows if row["series"] == name]
        assert sum(row["count"] for row in own) == len(values) == 29
        below = sum(row["count"] for row in own if row["high"] <= 0)
        assert below == (values < 0).sum()
    assert len({(row["low"], row["high"]) for row in rows}) * 2 == len(rows)


def test_infinite_log_odds_are_told_of(study: Study) -> None:
    table = stored(study, 0)
    logprob = table["logprob"].to_numpy().copy()
    logprob[0] = -np.inf
    changed = table.set_column(table.column_names.index("logprob"), table.schema.field("logprob"), [logprob])
    drawn = report.figure("log_odds", changed)
    assert sum(row["count"] for row in rows_of(drawn)) == 28
    assert "not drawn: 1 of infinite log odds" in svg(drawn)


@pytest.mark.parametrize("low, high", [(0, 0), (-0.1, 0.2), (-3, 7.5), (-700, 500), (2, 2), (-1, 0)])
def test_bins_are_around_all_values_and_0_is_an_edge(low: float, high: float) -> None:
    values = np.linspace(low, high, 50)
    edges = bin_edges(values)
    assert np.histogram(values, edges)[0].sum() == 50
    assert 2 <= len(edges) <= 43
    assert np.allclose(np.diff(edges), edges[1] - edges[0])
    assert np.abs(edges / (edges[1] - edges[0]) - np.round(edges / (edges[1] - edges[0]))).max() < 1e-9


def test_options_of_drawing_are_passed_on(study: Study) -> None:
    drawn = report.figure("log_odds", stored(study, 0), width=500, title="A title", theme="print").to_dict()
    assert (drawn["width"], drawn["title"]["text"]) == (500, "A title")
    assert drawn["config"]["axis"]["labelColor"] == "#26282c"


@pytest.mark.parametrize(
    "kind, options, message",
    [
        ("pie", {}, "kind='pie' is not one of 'two_numbers', 'behaviour'"),
        ("two_numbers", {}, "checkpoint= must be given, as there are several: 'm, step 0'; 'm, step 100'; 'm, step 2"),
        ("two_numbers", {"checkpoint": "m, step 0"}, "template= must be given, as there are several: 'plain'; 'hint'"),
        ("two_numbers", {"checkpoint": "n"}, "checkpoint='n' is not there; there are 'm, step 0'"),
        (
            "two_numbers",
            {"metric": "brier"},
            "metric='brier' is not for kind='two_numbers', which takes checkpoint, tem",
        ),
        ("behaviour", {"checkpoint": "m, step 0"}, "checkpoint='m, step 0' is not for kind='behaviour'"),
        ("behaviour", {}, "template= must be given"),
        ("behaviour", {"template": "plain", "x": "time"}, "x='time' is not one of 'step', 'size'"),
        ("behaviour", {"template": "plain", "dataset": "d7"}, "dataset='d7' is not there; there are 'd0'; 'd1'"),
        ("behaviour", {"template": "plain", "metric": "ece"}, "metric='ece' is not one of"),
        ("forest", {"against": "m, step 7"}, "against='m, step 7' is no checkpoint of the study"),
        ("forest", {"template": "plain"}, "checkpoint= must be given, as there are several: 'm, step 100'"),
        ("forest", {"metric": "ece"}, "metric='ece' is not one of 'mean_probability'"),
        ("reliability", {"checkpoint": "m, step 0", "template": "x"}, "template='x' is not there; there are 'plain'"),
        ("reliability", {"checkpoint": ["m, step 0", "z"]}, "checkpoint='z' is not there"),
        ("log_odds", {"checkpoint": "m, step 0", "template": "hint", "dataset": []}, r"dataset=\[\] leaves nothing"),
    ],
)
def test_mistakes_name_the_argument_and_what_there_is(
    study: Study, kind: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        report.figure(kind, study.output, **options)


def test_another_table_is_refused(study: Study) -> None:
    table = stored(study, 0)
    with pytest.raises(ValueError, match=r"data has no column 'template': give a path, or the table that .*tidy"):
        report.figure("two_numbers", table)
    with pytest.raises(ValueError, match=r"data has no column 'band_low': give a path, or the table that .*curve"):
        report.figure("behaviour", tidy(study.output))
    with pytest.raises(ValueError, match="data has no column 'question_id'"):
        report.figure("reliability", tidy(study.output))
    with pytest.raises(TypeError, match="data must be a path, several, or a table of"):
        report.figure("two_numbers", 3)
    with pytest.raises(FileNotFoundError):
        report.figure("log_odds", "/no/such/folder")


def test_the_package_is_imported_without_altair() -> None:
    import subprocess
    import sys

    program = "import sys, pyscore.report; assert callable(pyscore.report.figure); print('altair' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "False"


def test_a_study_that_is_not_finished_is_compared_on_what_both_have(tmp_path: Any) -> None:
    whole = small_study(tmp_path / "study", models=2)
    run(replace(whole, datasets=whole.datasets[:1]))
    run(replace(whole, models=whole.models[:1]))
    StudyFolder(whole.output).write(whole.to_dict([each.name for each in whole.datasets]))
    chart = report.figure("forest", whole.output, template="plain")
    assert [row["label"] for row in rows_of(chart)] == ["d0"]
    assert "on the data sets that both have" in str(chart.to_dict())


def test_questions_that_name_no_data_set_are_drawn_beside_others() -> None:
    assert select("dataset", None, [None, "d0"]) == [None, "d0"]
    with pytest.raises(ValueError, match="'d1' is not there"):
        select("dataset", "d1", [None, "d0"])
