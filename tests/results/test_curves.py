"""Curves of a study are those of the matrix of its questions and checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pyscore import comparison_from_rows, metrics, summarize
from pyscore.results import clusters_from_rows, curve
from pyscore.store import read_run, write_rows
from pyscore.store.studies import StudyFolder
from pyscore.sweep.study import Scoring, Study
from pyscore.sweep.sweeps import FailedUnits, run
from tests.store.tables import pair, table
from tests.sweep.fake_models import small_study

NUMBERS = {"value": "mean", **{n: n for n in ("stderr", "low", "high", "band_low", "band_high")}}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Four checkpoints, two data sets, two templates; not to be changed."""
    found = small_study(tmp_path_factory.mktemp("curves"), models=4, datasets=(21, 8))
    run(found)
    return found


def rows_of(study: Study, template: str, dataset: str | None = None) -> list[pa.Table]:
    """The rows of each checkpoint, in one order of the questions."""
    folder = StudyFolder(study.output)
    names = list(dict.fromkeys(cell.run.name for cell in folder.cells() if cell.template["name"] == template))
    tables = [read_run(folder.run_path(name)) for name in names]
    if dataset is not None:
        tables = [each.filter(pc.equal(each["dataset"], dataset)) for each in tables]
    assert len({str(each["question_id"].to_pylist()) for each in tables}) == 1
    return tables


def lines_of(found: pa.Table, template: str) -> list[dict[str, Any]]:
    return [line for line in found.to_pylist() if line["template"] == template]


def assert_agree(lines: list[dict[str, Any]], report: metrics.Report, names: dict[str, str] = NUMBERS) -> None:
    assert len(lines) == len(report.rows)
    for line, row in zip(lines, report.rows, strict=True):
        for name, other in names.items():
            value = np.nan if line[name] is None else line[name]
            # Draws are turned by the rounding of the correlations: what is made of them agrees to their number.
            allowed = {"abs": 0.02} if name in ("band_low", "band_high", "adjusted_p") else {"rel": 1e-9}
            assert value == pytest.approx(row[other], nan_ok=True, **allowed), (name, line["step"])


@pytest.mark.parametrize("metric", ["mean_probability", "preference_rate", "mean_log_odds"])
@pytest.mark.parametrize("dataset", ["d0", None])
def test_a_curve_is_that_of_the_comparisons(study: Study, metric: str, dataset: str | None) -> None:
    found = curve(study.output, metric, dataset=dataset, against=100)
    for template in ("plain", "hint"):
        tables = rows_of(study, template, dataset)
        report = metrics.curve(
            [comparison_from_rows(each) for each in tables],
            [0, 100, 200, 300],
            against=1,
            metric=metric,
            clusters=clusters_from_rows(tables[0]),
        )
        names = NUMBERS | {name: name for name in ("difference", "p", "adjusted_p")}
        assert_agree(lines_of(found, template), report, names)


def test_each_point_alone_is_its_summary_and_lies_in_its_band(study: Study) -> None:
    lines = lines_of(curve(study.output, dataset="d0"), "plain")
    for line, rows in zip(lines, rows_of(study, "plain", "d0"), strict=True):
        alone = summarize(comparison_from_rows(rows), clusters=clusters_from_rows(rows)).mean_probability
        assert [line["value"], line["low"], line["high"]] == pytest.approx([alone.value, alone.low, alone.high])
        assert line["band_low"] <= line["low"] <= line["high"] <= line["band_high"]
        assert (line["n"], line["n_clusters"], line["reason"]) == (21, 7, None)


def test_a_macro_curve_counts_data_sets_alike(study: Study) -> None:
    tables = rows_of(study, "plain")
    of_first = np.array([comparison_from_rows(each).probability for each in tables]).T
    keys = [row["dataset"] for row in tables[0].to_pylist()[::2]]
    weights = [1 / keys.count(key) for key in keys]
    report = metrics.curve(of_first, weights=weights, clusters=clusters_from_rows(tables[0]))
    assert_agree(lines_of(curve(study.output, scope="macro"), "plain"), report)


def test_questions_are_matched_whatever_their_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    p, paths = rng.random((40, 3)), []
    for k in range(3):
        rows = [pair(np.log(p[i, k]), np.log(1 - p[i, k]), question_id=f"q{i}", step=k) for i in rng.permutation(40)]
        paths.append(tmp_path / f"{k}.parquet")
        write_rows(table([each for own in rows for each in own]), paths[-1])
    whole = pa.concat_tables([pq.read_table(path) for path in paths])
    write_rows(whole, tmp_path / "all.parquet")
    assert_agree(curve(tmp_path / "all.parquet").to_pylist(), metrics.curve(p))


def test_checkpoints_with_other_questions_are_named(tmp_path: Path) -> None:
    rows = [r for k in (0, 1) for i in range(4) for r in pair(-1.0 - i / 9, -1.5, question_id=f"q{i + k}", step=k)]
    write_rows(table(rows), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match=r"m, step 0 and m, step 1 were asked different questions"):
        curve(tmp_path / "rows.parquet")


def test_a_checkpoint_that_is_not_scored_has_a_line_without_numbers(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=4)
    (tmp_path / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(study)
    lines = curve(study.output, dataset="d0", template="plain").to_pylist()
    assert [(line["step"], line["reason"]) for line in lines if line["value"] is None] == [(100, "d0: not scored")]
    assert all(line["band_low"] is not None for line in lines if line["step"] != 100)


def test_skipped_questions_are_the_same_for_all(tmp_path: Path) -> None:
    study = small_study(tmp_path, scoring=Scoring(on_error="skip"))
    path = Path(study.datasets[0].files[0])
    path.write_text(path.read_text().replace("Is 3 odd?", "x" * 1000))
    run(study)
    assert {line["n"] for line in curve(study.output).to_pylist()} == {11}


def test_a_curve_over_sizes_and_one_of_each_family(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=4)
    sizes = [(1e6, "a"), (4e6, "a"), (1e6, "b"), (4e6, "b")]
    models = [
        replace(model, size=size, family=family, step=None, name=f"{family}{size:g}")
        for model, (size, family) in zip(study.models, sizes, strict=True)
    ]
    run(replace(study, models=tuple(reversed(models))))
    found = curve(study.output, x="size", template="plain", against=1e6).to_pylist()
    assert [(line["family"], line["size"]) for line in found] == [("b", 1e6), ("b", 4e6), ("a", 1e6), ("a", 4e6)]
    assert [line["difference"] == 0 for line in found] == [True, False, True, False]
    only = curve(study.output, x="size", template="plain", family="a").to_pylist()
    assert {line["family"] for line in only} == {"a"}
    with pytest.raises(ValueError, match="no checkpoint with a step"):
        curve(study.output)


def test_mistakes_are_named(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"against=150 is no checkpoint"):
        curve(study.output, against=150)
    with pytest.raises(ValueError, match="of dataset 'd9'"):
        curve(study.output, dataset="d9")
    with pytest.raises(ValueError, match="metric"):
        curve(study.output, "brier")
    rows = [r for name in "ab" for r in pair(-1.0, -1.5, model=name, step=3)]
    write_rows(table(rows), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="two checkpoints of one curve have the step 3, a, step 3 and b, step 3"):
        curve(tmp_path / "rows.parquet")
