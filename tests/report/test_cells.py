"""A page's numbers are those of tidy, each in its cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pyscore.metrics.question_values import Rule
from pyscore.report.cells import cells_of
from pyscore.report.definitions import DEFINITIONS, define
from pyscore.results import tidy
from pyscore.results.line_metrics import SUMMARY_METRICS
from pyscore.results.study_values import read_values
from pyscore.sweep import run
from pyscore.sweep.study import Study
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    found = small_study(tmp_path_factory.mktemp("study"), metrics=("brier", "lm_eval"))
    run(found)
    return found


def test_every_number_of_tidy_stands_in_its_cell(study: Study) -> None:
    values = read_values(study.output)
    cells = cells_of(values)
    lines = tidy(study.output, metrics=[m for m in cells.metrics if "/" not in m] + ["lm_eval"]).to_pylist()
    steps = {f"m, step {step}": step for step in (0, 100, 200)}
    by_key = {(line["step"], line["template"], line["scope"], line["dataset"], line["metric"]): line for line in lines}
    seen = 0
    for cell in cells.cells:
        dataset = None if cell.dataset is None else values.datasets[cell.dataset]
        place = (steps[values.checkpoints[cell.checkpoint]], values.templates[cell.template], cell.scope, dataset)
        for metric, line in cell.lines.items():
            expected = by_key[(*place, metric)]
            assert {name: line[name] for name in expected} == expected
            seen += 1
    assert seen == len(lines)


def test_columns_have_one_length_and_name_their_reasons(study: Study) -> None:
    cells = cells_of(read_values(study.output))
    columns, reasons = cells.columns()
    n = len(cells.cells)
    assert n == 3 * 2 * (2 + 2)
    flat = [
        *(v for k, v in columns.items() if k != "metrics"),
        *(v for m in columns["metrics"].values() for v in m.values()),
    ]
    assert {len(column) for column in flat} == {n}
    for metric, own in columns["metrics"].items():
        for cell, reason in zip(cells.cells, own["reason"], strict=True):
            told = cell.lines.get(metric, {}).get("reason")
            assert told == (None if reason is None else reasons[reason])


def test_averages_say_of_how_many_data_sets_they_are(tmp_path: Path) -> None:
    three = small_study(tmp_path, models=1, datasets=(4, 3, 5))
    kept, *others = three.datasets
    own = [replace(each, templates=(name,)) for each, name in zip(others, ("plain", "hint"), strict=True)]
    found = replace(three, datasets=(kept, *own))
    run(found)
    columns, _ = cells_of(read_values(found.output)).columns()
    told = list(zip(columns["scope"], columns["n_datasets"], columns["n"], strict=True))
    assert told[:4] == [("dataset", 1, 4), ("dataset", 1, 3), ("pooled", 2, 7), ("macro", 2, 7)]
    assert told[4:] == [("dataset", 1, 4), ("dataset", 1, 5), ("pooled", 2, 9), ("macro", 2, 9)]


def test_metrics_are_names_and_not_the_letters_of_one(study: Study) -> None:
    with pytest.raises(TypeError, match="metrics must be a sequence of names, got the string 'brier'"):
        cells_of(read_values(study.output), "brier")


def test_every_number_has_a_definition() -> None:
    assert set(DEFINITIONS) == set(SUMMARY_METRICS)
    for metric in (*SUMMARY_METRICS, "lm_eval/acc"):
        assert "{" not in define(metric, Rule()).sentence
    assert "per token" not in define("mean_probability", Rule()).sentence
    assert "normalised by token" in define("mean_probability", Rule("token")).sentence


def test_a_run_alone_is_a_source_as_well(study: Study, tmp_path: Path) -> None:
    (run_folder,) = [*Path(study.output, "runs").glob("*/*")][:1]
    cells = cells_of(read_values(run_folder))
    assert [cell.scope for cell in cells.cells] == ["dataset", "dataset", "pooled", "macro"]
