"""Every pair of a study's checkpoints differs as their two runs do, and what can't be compared says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from statsmodels.stats.multitest import multipletests

from pyscore.results import compare_runs
from pyscore.results.all_pairs import PairDifferences, pair_differences
from pyscore.results.run_differences import RunDifference
from pyscore.results.study_values import StudyValues, read_values
from pyscore.store import row_schema, write_rows
from pyscore.sweep.study import Study
from pyscore.sweep.sweeps import run
from tests.results.runs import rows
from tests.results.runs import run as rows_of_run
from tests.sweep.fake_models import small_study

METRICS = ("mean_probability", "preference_rate", "mean_log_odds")
NAMES = ("m, step 0", "m, step 100", "m, step 200")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three checkpoints, three data sets with clusters that they share, two templates; not to be changed."""
    found = small_study(tmp_path_factory.mktemp("pairs"), datasets=(13, 8, 3))
    run(found)
    return found


@pytest.fixture(scope="module")
def values(study: Study) -> StudyValues:
    return read_values(study.output)


def rows_of(values: StudyValues, step: int, template: str, datasets: Sequence[str] | None = None) -> pa.Table:
    """A checkpoint's rows, in the order in which they are stored."""
    (group,) = (g.group for g in values.groups if (g.group.labels["step"], g.template) == (step, template))
    found = pa.concat_tables(group.scan(row_schema().names)).cast(row_schema(metadata={}))
    return found if datasets is None else found.filter(pc.is_in(found["dataset"], pa.array(datasets)))


def unnamed(differences: Sequence[RunDifference]) -> str:
    """All that differences say but the names of runs, every number to its last bit: NaN is none that equals itself."""
    return repr([replace(each, run="", against="", template=None) for each in differences])


def by_pair(found: Any) -> dict[tuple[str, str, Any], PairDifferences]:
    listed = list(found)
    made = {(each.first, each.other, each.template): each for each in listed}
    assert len(made) == len(listed)
    return made


def values_of(folder: Path, runs: Sequence[list[dict[str, Any]]], **options: Any) -> StudyValues:
    """The values of runs of rows, each a checkpoint: its rows name its step."""
    paths = []
    for i, each in enumerate(runs):
        paths.append(folder / f"{i}.parquet")
        write_rows(rows(each), paths[-1])
    return read_values(paths, **options)


@pytest.mark.parametrize("clustered", [True, False])
def test_a_pair_says_to_the_last_bit_what_its_two_runs_do(study: Study, clustered: bool) -> None:
    values = read_values(study.output, clustered=clustered)
    found = by_pair(pair_differences(values))
    steps = {name: int(name.rsplit(" ", 1)[1]) for name in NAMES}
    assert list(found) == [(*pair, template) for pair in combinations(NAMES, 2) for template in ("plain", "hint")]
    for (first, other, template), each in found.items():
        runs = (rows_of(values, steps[name], template) for name in (first, other))
        expected = compare_runs(*runs, clustered=clustered)
        assert unnamed(each.differences) == unnamed(expected.differences)
        assert {(d.run, d.against, d.template) for d in each.differences} == {(other, first, template)}
        assert (each.reason, each.left_out) == ("", {})


def test_p_values_are_corrected_over_the_data_sets_of_one_pair_and_template(values: StudyValues) -> None:
    for each in pair_differences(values):
        for scope, n in (("dataset", 3), ("pooled", 1), ("macro", 1)):
            for metric in METRICS:
                own = [getattr(d, metric) for d in each.differences if d.scope == scope]
                tested = [m for m in own if m.p == m.p]
                assert len(own) == n
                if tested:
                    expected = multipletests([m.p for m in tested], method="holm")[1]
                    assert [m.adjusted_p for m in tested] == pytest.approx(list(expected))


def test_pairs_may_be_given_in_any_order(values: StudyValues) -> None:
    every = by_pair(pair_differences(values))
    given = list(combinations(NAMES, 2))[::-1]
    assert {key: repr(each) for key, each in by_pair(pair_differences(values, given)).items()} == {
        key: repr(each) for key, each in every.items()
    }


def test_a_pair_turned_round_has_the_opposite_differences(values: StudyValues) -> None:
    there = by_pair(pair_differences(values))
    back = by_pair(pair_differences(values, [(b, a) for a, b in combinations(NAMES, 2)]))
    turned = {"higher": "lower", "lower": "higher"}
    for (first, other, template), each in there.items():
        for one, two in zip(each.differences, back[other, first, template].differences, strict=True):
            assert (one.n_raised, one.n_lowered) == (two.n_lowered, two.n_raised)
            for metric in METRICS:
                a, b = getattr(one, metric), getattr(two, metric)
                assert [a.first, a.other, a.difference.value] == [b.other, b.first, -b.difference.value]
                assert [a.difference.low, a.difference.high, a.p, a.adjusted_p] == pytest.approx(
                    [-b.difference.high, -b.difference.low, b.p, b.adjusted_p], rel=1e-6, nan_ok=True
                )
                assert turned.get(a.verdict, a.verdict) == b.verdict


def test_data_sets_that_one_checkpoint_lacks_are_left_out(values: StudyValues, tmp_path: Path) -> None:
    runs = [
        rows_of(values, 0, "plain"),
        rows_of(values, 100, "plain", ["d0", "d2"]),
        rows_of(values, 200, "plain", ["d1"]),
    ]
    for i, each in enumerate(runs):
        write_rows(each, tmp_path / f"{i}.parquet")
    found = by_pair(pair_differences(read_values([tmp_path / f"{i}.parquet" for i in range(3)])))
    first, second, third = found.values()
    for each, datasets, step in ((first, ["d0", "d2"], 100), (second, ["d1"], 200)):
        expected = compare_runs(rows_of(values, 0, "plain", datasets), rows_of(values, step, "plain", datasets))
        assert unnamed(each.differences) == unnamed(expected.differences)
    assert first.left_out == {"d1": "m, step 100: not scored"}
    assert second.left_out == {"d0": "m, step 200: not scored", "d2": "m, step 200: not scored"}
    assert (third.differences, third.reason) == ((), "no data set is scored at both checkpoints")


def test_data_sets_that_hold_other_questions_are_left_out(tmp_path: Path) -> None:
    def of(step: int, n: int) -> list[dict[str, Any]]:
        options = {"seed": step, "step": step, "per_cluster": 3}
        return rows_of_run(12, dataset="same", **options) + rows_of_run(n, dataset="other", **options)

    runs = [of(0, 9), of(1, 8)]
    (found,) = pair_differences(values_of(tmp_path, runs))
    same = [rows([row for row in run if row["dataset"] == "same"]) for run in runs]
    assert unnamed(found.differences) == unnamed(compare_runs(*same).differences)
    assert found.left_out == {"other": "they were asked different questions"}


@pytest.mark.parametrize("ids", [["p1", "p2", "q0"], ["p1", "p2", "p3"]])
def test_checkpoints_that_were_asked_other_questions_have_a_reason(tmp_path: Path, ids: list[str]) -> None:
    runs = [rows_of_run(3, seed=step, step=step, ids=own) for step, own in enumerate((["q0", "q1", "q2"], ids))]
    (found,) = pair_differences(values_of(tmp_path, runs))
    assert found.differences == ()
    assert found.reason == "they were asked different questions"
    assert found.left_out == {"d": "they were asked different questions"}


@pytest.mark.parametrize("change", ["text", "matching"])
def test_rows_of_one_id_with_other_answers_are_other_questions_as_in_compare_runs(
    values: StudyValues, tmp_path: Path, change: str
) -> None:
    first = rows_of(values, 0, "plain").to_pylist()
    other = [dict(line) for line in rows_of(values, 100, "plain").to_pylist()]
    same = values_of(tmp_path, [first, other])
    assert [each.reason for each in pair_differences(same)] == [""]
    for line in other:
        if line["question_id"] == "q3":
            if change == "text":
                line["answer"] += "."
            else:
                line["is_matching"] = not line["is_matching"]
    (found,) = pair_differences(values_of(tmp_path, [first, other]))
    assert found.differences == () and "ids must name the same questions with the same answers" in found.reason
    assert {*found.left_out.values()} == {found.reason}


def test_clusters_that_differ_are_a_reason(tmp_path: Path) -> None:
    runs = [rows_of_run(12, seed=step, step=step, per_cluster=2 + step) for step in (0, 1)]
    (found,) = pair_differences(values_of(tmp_path, runs))
    assert "is in the cluster 'c1' in the first checkpoint and in 'c0' in the other" in found.reason
    (found,) = pair_differences(values_of(tmp_path, runs, clustered=False))
    assert found.reason == ""


def test_questions_are_matched_whatever_their_order(tmp_path: Path) -> None:
    plain = [rows_of_run(12, seed=step, step=step, per_cluster=3) for step in (0, 1, 2)]
    turned = [plain[0], [row for i in range(11, -1, -1) for row in plain[1][2 * i : 2 * i + 2]], plain[2]]
    (tmp_path / "turned").mkdir()
    expected = by_pair(pair_differences(values_of(tmp_path, plain)))
    found = by_pair(pair_differences(values_of(tmp_path / "turned", turned)))
    assert expected.keys() == found.keys()
    for key, each in expected.items():
        (one,), (other,) = each.differences, found[key].differences
        for metric in METRICS:
            assert getattr(one, metric).p == pytest.approx(getattr(other, metric).p, rel=1e-9)


def test_questions_of_one_cluster_count_as_independent(tmp_path: Path) -> None:
    runs = [rows_of_run(12, seed=step, step=step, per_cluster=12) for step in (0, 1)]
    (found,) = pair_differences(values_of(tmp_path, runs))
    (each,) = found.differences
    assert (each.one_cluster, each.n_clusters) == (True, None)
    assert unnamed(found.differences) == unnamed(compare_runs(*(rows(own) for own in runs)).differences)


def test_pairs_are_of_two_known_checkpoints(values: StudyValues) -> None:
    with pytest.raises(ValueError, match=r"pairs has 'm, step 7', which is no checkpoint: they are 'm, step 0', "):
        pair_differences(values, [("m, step 0", "m, step 7")])
    with pytest.raises(ValueError, match="'m, step 0' twice"):
        pair_differences(values, [("m, step 0", "m, step 0")])
