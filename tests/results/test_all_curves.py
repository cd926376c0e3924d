"""All curves of a study are those that `curve` draws one by one, and trends are said with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from statsmodels.stats.multitest import multipletests

from pyscore import metrics
from pyscore.metrics import Interval
from pyscore.results import compare_runs, curve
from pyscore.results.all_curves import StudyCurves, curves_of_study
from pyscore.results.curve_trends import shape_of
from pyscore.results.study_values import StudyValues, read_values
from pyscore.store import write_rows
from pyscore.sweep.study import Study
from pyscore.sweep.sweeps import FailedUnits, run
from tests.results.runs import rows
from tests.results.runs import run as rows_of_run
from tests.sweep.fake_models import small_study

NUMBERS = ("value", "stderr", "low", "high", "band_low", "band_high")
HEADLINES = ("mean_probability", "preference_rate")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Four checkpoints, three data sets with clusters that they share, two templates; not to be changed."""
    found = small_study(tmp_path_factory.mktemp("all"), models=4, datasets=(21, 8, 3))
    run(found)
    return found


def sized(folder: Path, sizes: list[float], **options: Any) -> Study:
    """A study of one checkpoint of each size."""
    found = small_study(folder, models=len(sizes), **options)
    models = zip(found.models, sizes, strict=True)
    found = replace(found, models=tuple(replace(m, size=size, step=None, name=f"s{size:g}") for m, size in models))
    run(found)
    return found


def assert_are_those_of_curve(found: StudyCurves, path: str, **options: Any) -> None:
    """Every number and reason is that of `curve`, to the last bit."""
    assert found.curves
    for each in found.curves:
        own: dict[str, Any] = {"dataset": each.dataset} if each.scope == "dataset" else {"scope": each.scope}
        lines = curve(path, each.metric, template=each.template, x=each.x, **own, **options).to_pylist()
        assert [(p.x, p.n, p.reason or None) for p in each.points] == [
            (line[each.x], line["n"], line["reason"]) for line in lines
        ]
        assert {line["n_clusters"] for line in lines} - {None} == {each.n_clusters} - {None}
        for point, line in zip(each.points, lines, strict=True):
            assert [None if math.isnan(getattr(point, n)) else getattr(point, n) for n in NUMBERS] == [
                line[n] for n in NUMBERS
            ]


@pytest.mark.parametrize("clustered", [True, False])
def test_points_are_those_of_curve_to_the_last_bit(study: Study, clustered: bool) -> None:
    names = (*HEADLINES, "mean_log_odds")
    found = curves_of_study(read_values(study.output, clustered=clustered), names)
    scopes = [("dataset", "d0"), ("dataset", "d1"), ("dataset", "d2"), ("pooled", None), ("macro", None)]
    expected = [(t, *scope, metric) for t in ("plain", "hint") for scope in scopes for metric in names]
    assert [(c.template, c.scope, c.dataset, c.metric) for c in found.curves] == expected
    assert_are_those_of_curve(found, study.output, clustered=clustered)
    labels = {(c.x, c.family, c.series, c.series_value) for c in found.curves}
    assert labels == {("step", "f", "1M parameters", 1e6)}
    assert [p.checkpoint for p in found.curves[0].points] == [f"m, step {n}" for n in (0, 100, 200, 300)]
    assert found.notes == []


def test_curves_over_sizes_have_a_shape(tmp_path: Path) -> None:
    study = sized(tmp_path, [4e6, 1e6, 1.6e7, 2e6], datasets=(30, 12))
    found = curves_of_study(read_values(study.output), x="size")
    assert_are_those_of_curve(found, study.output)
    for each in found.curves:
        assert [p.x for p in each.points] == [1e6, 2e6, 4e6, 1.6e7]
        report = metrics.scaling_trend(
            [p.x for p in each.points], [p.value for p in each.points], stderr=[p.stderr for p in each.points]
        )
        shape = each.trend.shape
        assert shape is not None
        assert (shape.verdict, shape.level) == (report.rows[0]["verdict"], report.rows[0]["level"])
        turned = shape.verdict in ("U-shaped", "inverted-U")
        assert shape.p == report.numbers["shape_p" if turned else "slope_p"]
        assert f"{shape.verdict} over sizes (p " in each.trend.text
    assert curves_of_study(read_values(study.output), x="step") == ([], [])


def test_three_sizes_have_no_shape(tmp_path: Path) -> None:
    study = sized(tmp_path, [1e6, 2e6, 4e6])
    assert {c.trend.shape for c in curves_of_study(read_values(study.output), x="size").curves} == {None}


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ([0.8, 0.5, 0.5, 0.8], "U-shaped"),
        ([0.2, 0.5, 0.5, 0.2], "inverted-U"),
        ([0.2, 0.4, 0.6, 0.8], "positive"),
        ([0.8, 0.6, 0.4, 0.2], "inverse"),
        ([0.5, 0.5, 0.5, 0.5], "flat or unclear"),
    ],
)
def test_a_shape_is_said_with_its_p_value(means: list[float], verdict: str) -> None:
    rows = {10.0**k: {"mean": mean, "stderr": 0.01} for k, mean in enumerate(means, 6)}
    shape = shape_of(rows, 0.95)
    assert shape is not None
    assert shape.verdict == verdict
    assert (shape.p < shape.level) == (verdict != "flat or unclear")
    p = "p 1.000" if verdict == "flat or unclear" else "p < 0.001"
    assert str(shape) == f"{verdict} over sizes ({p}, of this curve alone)"


def test_without_a_standard_error_there_is_no_shape() -> None:
    shape = shape_of({10.0**k: {"mean": 1.0, "stderr": 0.0 if k else 0.1} for k in range(4)}, 0.95)
    assert shape is not None
    assert (shape.verdict, str(shape)) == (None, "no shape: a checkpoint has no standard error")


def test_a_trend_is_the_difference_that_compare_runs_finds(study: Study) -> None:
    found = compare_runs(study.output)
    seen = 0
    for each in curves_of_study(read_values(study.output)).curves:
        last = each.points[-1].checkpoint
        (expected,) = [
            getattr(difference, each.metric)
            for difference in found.differences
            if (difference.run, difference.template) == (last, each.template)
            and (difference.scope, difference.dataset) == (each.scope, each.dataset)
        ]
        assert repr(each.trend.change) == repr(expected.difference)
        assert each.trend.p == pytest.approx(expected.p, rel=0, abs=0, nan_ok=True)
        seen += 1
    assert seen > 10


def test_trends_of_one_metric_and_kind_of_scope_are_corrected_together(study: Study) -> None:
    found = curves_of_study(read_values(study.output)).curves
    for metric in HEADLINES:
        for scope, n in (("dataset", 6), ("pooled", 2), ("macro", 2)):
            own = [c.trend for c in found if (c.metric, c.scope) == (metric, scope)]
            assert len(own) == n
            tested = [t for t in own if not math.isnan(t.p)]
            assert {t.n_curves for t in own} == {len(tested)}
            expected = multipletests([t.p for t in tested], method="holm")[1]
            assert [t.adjusted_p for t in tested] == pytest.approx(list(expected))


def planted(folder: Path, shifts: list[float], n: int = 60, **options: Any) -> StudyValues:
    """Rows of one checkpoint a step, whose matching answers become more probable by these shifts of the log odds."""
    paths = []
    for step, shift in enumerate(shifts):
        paths.append(folder / f"{step}.parquet")
        write_rows(rows(rows_of_run(n, seed=step, shift=shift, step=100 * step, **options)), paths[-1])
    return in_one(folder, paths)


def in_one(folder: Path, paths: list[Path]) -> StudyValues:
    """Values of one source: a curve is of one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_rows(pa.concat_tables([pq.read_table(path) for path in paths]), folder / "all.parquet")
    return read_values(folder / "all.parquet")


@pytest.mark.parametrize(("shift", "verdict"), [(2.0, "rises"), (-2.0, "falls"), (0.0, "not shown")])
def test_a_verdict_is_said_with_its_interval_and_p_value(tmp_path: Path, shift: float, verdict: str) -> None:
    (each,) = curves_of_study(planted(tmp_path, [0, shift / 2, shift]), ["mean_probability"]).curves
    of, trend = each.trend.change, each.trend
    assert trend.verdict == verdict
    assert of.low <= of.value <= of.high
    low, value, high = (f"{v:.3f}" for v in sorted([abs(of.low), abs(of.value), abs(of.high)]))
    if verdict == "not shown":
        interval = f"{of.value:+.3f} [{of.low:+.3f}, {of.high:+.3f}]".replace("-", "\u2212")
        signed = f"{interval} from step 0 to step 200 (p {trend.p:.3f})"
        assert trend.text == f"no rise or fall is shown: {signed}"
    else:
        assert trend.text == f"{verdict} by {value} [{low}, {high}] from step 0 to step 200 (p < 0.001)"


def test_a_text_says_for_how_many_curves_p_is_corrected(study: Study) -> None:
    for each in curves_of_study(read_values(study.output)).curves:
        tested = f"corrected for {each.trend.n_curves} curves)"
        assert (tested in each.trend.text) == (each.trend.verdict != "no verdict")


def test_questions_that_never_change_show_no_trend(tmp_path: Path) -> None:
    paths = []
    for step in (0, 1):
        paths.append(tmp_path / f"{step}.parquet")
        write_rows(rows(rows_of_run(8, seed=0, step=step)), paths[-1])
    (each,) = curves_of_study(in_one(tmp_path, paths), ["mean_probability"]).curves
    assert each.trend.verdict == "not shown"
    assert each.trend.text.startswith("no rise or fall is shown: +0.000 [\u2212")


def test_questions_of_one_cluster_count_as_independent(tmp_path: Path) -> None:
    one = curves_of_study(planted(tmp_path, [0, 1], n=12, per_cluster=12)).curves
    (tmp_path / "alone").mkdir()
    alone = curves_of_study(planted(tmp_path / "alone", [0, 1], n=12)).curves
    assert [c.n_clusters for c in one] == [1, 1]
    assert [repr(c.points) for c in one] == [repr(c.points) for c in alone]
    assert [repr(c.trend) for c in one] == [repr(c.trend) for c in alone]


def test_a_checkpoint_that_is_not_scored_is_a_point_without_numbers(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=4)
    (tmp_path / "m3").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(study)
    found = curves_of_study(read_values(study.output))
    assert_are_those_of_curve(found, study.output)
    assert {c.points[-1].reason for c in found.curves if c.dataset == "d0"} == {"d0: not scored"}
    assert all("from step 0 to step 200" in c.trend.text for c in found.curves)


def test_a_data_set_of_some_checkpoints_is_drawn_by_itself(tmp_path: Path) -> None:
    new = small_study(tmp_path, models=3, datasets=(6, 5, 4))
    run(replace(new, datasets=new.datasets[:2]))
    (tmp_path / "m2").write_text("!gone")
    with pytest.raises(FailedUnits):
        run(new)
    found = curves_of_study(read_values(new.output))
    of = {c.dataset: c for c in found.curves if (c.metric, c.template, c.scope) == (HEADLINES[0], "plain", "dataset")}
    assert [p.reason for p in of["d2"].points] == ["", "", "d2: not scored"]
    assert [p.reason for p in of["d1"].points] == ["", "", ""]
    assert_are_those_of_curve(found, new.output)


def test_checkpoints_that_were_asked_other_questions_make_a_note(tmp_path: Path) -> None:
    def of(step: int, first: int) -> list[dict[str, Any]]:
        ids = [f"q{i + first}" for i in range(4)]
        other = [f"other {i}" for i in range(6)]
        return rows_of_run(6, dataset="same", ids=other, step=step, seed=step) + rows_of_run(4, ids=ids, step=step)

    write_rows(rows(of(0, 0), of(1, 1)), tmp_path / "rows.parquet")
    found = curves_of_study(read_values(tmp_path / "rows.parquet"))
    assert {(c.scope, c.dataset) for c in found.curves} == {("dataset", "same")}
    (note,) = found.notes
    assert note.startswith("there is no curve over steps, of data set d, pooled average, macro average: ")
    assert "m, step 0 and m, step 1 were asked different questions" in note


def test_two_checkpoints_at_one_place_make_a_note(study: Study, tmp_path: Path) -> None:
    write_rows(
        rows(*(rows_of_run(5, model=name, step=3, seed=i) for i, name in enumerate("ab"))), tmp_path / "a.parquet"
    )
    found = curves_of_study(read_values([tmp_path / "a.parquet", study.output]))
    assert len(found.curves) == 20
    (note,) = found.notes
    assert "two checkpoints of one curve have the step 3, a, step 3 and b, step 3" in note


def test_a_checkpoint_alone_and_values_that_lack_make_notes(tmp_path: Path) -> None:
    write_rows(rows(rows_of_run(5, step=3)), tmp_path / "one.parquet")
    found = curves_of_study(read_values(tmp_path / "one.parquet"))
    assert found.curves == []
    (note,) = found.notes
    assert "is the only checkpoint of its curve" in note
    study = small_study(tmp_path / "s", models=2, datasets=(4,))
    (tmp_path / "s" / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(study)
    found = curves_of_study(read_values(study.output))
    assert found.curves == []
    assert [note.split(": ", 1)[1] for note in found.notes] == [
        f"fewer than two checkpoints have values: m, step 100, template {t}: d0: not scored" for t in ("plain", "hint")
    ]


def test_questions_in_another_order_give_the_same_curve(tmp_path: Path) -> None:
    plain = [rows_of_run(12, seed=step, step=step, per_cluster=3) for step in (0, 1, 2)]
    turned = [plain[0], [row for i in range(11, -1, -1) for row in plain[1][2 * i : 2 * i + 2]], plain[2]]
    write_rows(rows(*plain), tmp_path / "plain.parquet")
    write_rows(rows(*turned), tmp_path / "turned.parquet")
    found, other = (curves_of_study(read_values(tmp_path / f"{name}.parquet")) for name in ("plain", "turned"))
    assert [repr(each) for each in found.curves] == [repr(each) for each in other.curves]


def test_confidence_and_rule_are_those_of_the_values(study: Study) -> None:
    found = curves_of_study(read_values(study.output, confidence=0.8), ["mean_log_odds"])
    assert_are_those_of_curve(found, study.output, interval=Interval(0.8))


def test_unknown_metrics_and_axes_are_named(study: Study) -> None:
    values = read_values(study.output)
    with pytest.raises(ValueError, match="metrics"):
        curves_of_study(values, ["brier"])
    with pytest.raises(ValueError, match="x"):
        curves_of_study(values, x="loss")
