"""Which runs tables of rows hold, which of them is the first, and what they are called."""

from __future__ import annotations

from pathlib import Path

from pyscore.results import compare_runs
from pyscore.store import write_rows
from tests.results.runs import rows, run


def test_steps_of_one_run_are_compared_with_the_first_step_whatever_their_order_in_the_file() -> None:
    steps = {step: run(20, step, shift=step / 1_000, step=step) for step in (2_000, 0, 1_000)}
    found = compare_runs(rows(*steps.values()))
    assert [each.name for each in found.runs] == ["m, step 0", "m, step 1000", "m, step 2000"]
    assert [each.run for each in found.differences] == ["m, step 1000", "m, step 2000"]
    expected = compare_runs(rows(steps[0]), rows(steps[2_000])).differences[0]
    assert found.differences[1].mean_probability.difference == expected.mean_probability.difference


def test_models_of_one_table_and_runs_of_several_tables_are_all_compared_with_the_first() -> None:
    both = rows(run(20, 1, model="x"), run(20, 2, model="y", revision="main"))
    found = compare_runs(both, rows(run(20, 3, model="z")))
    assert [each.name for each in found.runs] == ["x", "y, main", "z"]
    assert [each.run for each in found.differences] == ["y, main", "z"]


def test_runs_of_one_model_over_other_data_sets_are_one_run_and_repeated_ones_are_several() -> None:
    first = rows(run(20, 1), run(20, 2, dataset="e", run_id="s"))
    other = rows(run(20, 3, model="z"), run(20, 4, model="z", dataset="e"))
    assert [each.n_questions for each in compare_runs(first, other).runs] == [40, 40]
    repeated = compare_runs(rows(run(20, 1), run(20, 2, run_id="s")))
    assert [each.name for each in repeated.runs] == ["A: m, run r", "A: m, run s"]


def test_runs_are_named_by_path_or_letter_where_model_and_step_are_the_same(tmp_path: Path) -> None:
    a, b = rows(run(20, 1)), rows(run(20, 2))
    assert [each.name for each in compare_runs(a, b).runs] == ["A", "B"]
    write_rows(a, tmp_path / "a.parquet")
    write_rows(b, tmp_path / "b.parquet")
    paths = [tmp_path / "a.parquet", str(tmp_path / "b.parquet")]
    assert [each.name for each in compare_runs(*paths).runs] == list(map(str, paths))
    assert [each.name for each in compare_runs(*paths, names=["old", "new"]).runs] == ["old", "new"]
    assert [each.name for each in compare_runs(paths[0], paths[0]).runs] == ["A", "B"]
