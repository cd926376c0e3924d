"""`pyscore sweep` and `pyscore sweep status`, on checkpoints that take no time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore.store.studies import StudyFolder
from pyscore.sweep.study import Study
from tests.cli.commands import run
from tests.sweep.fake_models import n_loads, n_scored, small_study, stored_values

CELLS = 3 * 2 * 2  # checkpoints, templates, data sets


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study, which every study's file stands for."""
    made = small_study(tmp_path)
    # Read anew for each command, as from a file: a study keeps the questions that it has read.
    monkeypatch.setattr("pyscore.cli.sweep._load_study", lambda path: replace(made, datasets=_unread(made)))
    return made


def _unread(study: Study) -> tuple[Any, ...]:
    return tuple(replace(each) for each in study.datasets)


def document(*arguments: object, status: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_a_study_is_scored_and_a_line_says_how_much(study: Study) -> None:
    result = run("sweep", "study.yaml")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"12 cells scored, 0 were stored before; rows are in {study.output}\n"
    assert result.stderr == ""
    again = run("sweep", "study.yaml")
    assert again.stdout == f"0 cells scored, 12 were stored before; rows are in {study.output}\n"
    assert (len(stored_values(study)), n_loads(study)) == (72 * 2, 3)


def test_as_json_the_same_is_said(study: Study) -> None:
    found = document("sweep", "study.yaml")
    assert (found["cells_scored"], found["cells_stored_before"], found["questions_run"]) == (CELLS, 0, 72)
    assert (found["failures"], found["output"]) == ([], study.output)


def test_failures_end_with_status_1_and_a_line_each_and_the_rest_is_scored(study: Study, tmp_path: Path) -> None:
    (tmp_path / "m1").write_text("!no such\nweights")
    result = run("sweep", "study.yaml")
    assert result.exit_code == 1
    assert result.stdout.startswith("8 cells scored, 0 were stored before, 4 failed; rows are in ")
    assert result.stderr.splitlines() == [
        "pyscore: failed: m, step 100: no such",
        "pyscore: everything else is stored; --retry-failed takes the checkpoints that failed",
    ]
    assert document("sweep", "study.yaml", status=1)["failures"][0]["reason"] == "no such"


def test_of_many_failures_20_are_shown(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = small_study(tmp_path, models=23)
    monkeypatch.setattr("pyscore.cli.sweep._load_study", lambda path: many)
    for model in many.models:
        Path(model.path).write_text("!broken")
    lines = run("sweep", "study.yaml").stderr.splitlines()
    assert [line.startswith("pyscore: failed: m, step") for line in lines] == [True] * 20 + [False] * 2
    assert f"3 more failed: `pyscore sweep status {many.output} --json`" in lines[20]
    assert len(document("sweep", "status", many.output)["failures"]) == 23


def test_retry_failed_takes_only_those(study: Study, tmp_path: Path) -> None:
    (tmp_path / "m1").write_text("!no such weights")
    run("sweep", "study.yaml", "--shard", "2/3")
    (tmp_path / "m1").write_text("weights 1")
    assert run("sweep", "study.yaml", "--retry-failed").exit_code == 0
    assert {key[0] for key in stored_values(study)} == {100}


def test_shards_are_parts(study: Study) -> None:
    run("sweep", "study.yaml", "--shard", "1/3")
    assert {key[0] for key in stored_values(study)} == {0}


def test_a_limit_takes_the_first_questions_of_each_file(study: Study) -> None:
    assert document("sweep", "study.yaml", "--limit", "3")["questions_run"] == 3 * 2 * 6
    run("sweep", "study.yaml")
    assert n_scored(study) == 72 * 2


def test_without_resume_an_output_that_is_there_is_refused(study: Study) -> None:
    assert run("sweep", "study.yaml", "--no-resume").exit_code == 0
    assert run("sweep", "study.yaml", "--no-resume").exit_code == 2


def test_a_dry_run_shows_the_grid_and_changes_nothing(study: Study, tmp_path: Path) -> None:
    run("sweep", "study.yaml", "--shard", "1/3")
    before = sorted(path for path in tmp_path.rglob("*"))
    result = run("sweep", "--dry-run", "study.yaml")
    assert result.exit_code == 0, result.output
    for words in (
        "not scored yet",
        "to run: 8 cells of 2 checkpoints, at most 48 questions",
        "tokens: not known for 2 checkpoints",
        "told by 1 checkpoint that was scored here before",
    ):
        assert words in result.stdout
    assert sorted(path for path in tmp_path.rglob("*")) == before
    found = document("sweep", "study.yaml", "--dry-run")
    assert [group["missing"] for group in found["groups"]] == [0, 4, 4]
    assert found["time"]["n_measured"] == 1


def test_status_shows_what_lies_in_the_folder(study: Study) -> None:
    run("sweep", "study.yaml", "--shard", "1/3")
    result = run("sweep", "status", study.output)
    assert result.exit_code == 0, result.output
    assert f"4 of 12 cells are stored in {study.output}" in result.stdout
    assert "no sweep is under way" in result.stdout
    assert document("sweep", "status", study.output)["stored"] == 4


def test_status_shows_who_is_at_work(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyscore.sweep.unit import score_unit

    seen = []

    def asking(*arguments: Any) -> Any:
        seen.append(run("sweep", "status", study.output).stdout)
        return score_unit(*arguments)

    monkeypatch.setattr("pyscore.sweep.local.score_unit", asking)
    assert run("sweep", "study.yaml").exit_code == 0
    assert "working on m, step 0: " in seen[0] and "under way: 0/3 checkpoints, 0/12 cells" in seen[0]
    assert "working on m, step 200: " in seen[2] and "under way: 2/3 checkpoints, 8/12 cells" in seen[2]


def test_an_interrupted_sweep_says_that_it_goes_on(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyscore.sweep.unit import score_unit

    def stopping(study: Study, unit: Any, advance: Any) -> Any:
        if unit.model.step == 200:
            raise KeyboardInterrupt
        return score_unit(study, unit, advance)

    monkeypatch.setattr("pyscore.sweep.local.score_unit", stopping)
    result = run("sweep", "study.yaml")
    assert result.exit_code == 130
    assert "the same command goes on with it" in result.stderr
    monkeypatch.undo()
    assert document("sweep", "status", study.output)["stored"] == 8


def test_a_study_that_is_called_status_is_given_as_a_path(study: Study) -> None:
    assert run("sweep", "./status").exit_code == 0
    assert len(stored_values(study)) == 72 * 2


@pytest.mark.parametrize("arguments", [["sweep"], ["sweep", "status"], ["sweep", "study.yaml", "--limit", "0"]])
def test_a_mistake_is_one_line(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1


def test_mistakes_in_a_study_are_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("output: out\nmodel: []\n")
    result = run("sweep", tmp_path / "study.yaml")
    assert result.exit_code == 2
    starts = [line.split(": ")[:3] for line in result.stderr.splitlines()]
    assert starts == [
        ["pyscore", "study.yaml, line 1", "models"],
        ["pyscore", "study.yaml, line 1", "datasets"],
        ["pyscore", "study.yaml, line 2", "model"],
    ]


@pytest.mark.parametrize(("module", "extra"), [("yaml", "sweep"), ("pydantic", "sweep"), ("ray", "ray")])
def test_a_package_that_is_missing_is_named_with_its_extra(
    module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: str) -> Study:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("pyscore.cli.sweep._load_study", load)
    result = run("sweep", "study.yaml")
    assert result.exit_code == 2
    assert result.stderr == f'pyscore: {module} is not installed: pip install "pyscore-engine[{extra}]"\n'


def test_the_table_has_a_line_a_cell_and_the_range_over_templates(study: Study, tmp_path: Path) -> None:
    run("sweep", "study.yaml")
    result = run("sweep", "table", study.output)
    assert result.exit_code == 0, result.output
    shown = [[cell.strip() for cell in line.strip("│\n").split("│")] for line in result.stdout.splitlines()]
    named = [cells for cells in shown if len(cells) == 6 and cells[2] in ("plain", "hint", "range")]
    assert [cells[2] for cells in named] == ["plain", "hint", "range"] * 3 * 4  # d0, d1, pooled, macro
    lines = document("sweep", "table", study.output)["lines"]
    first = [line for line in lines if (line["step"], line["dataset"], line["metric"]) == (0, "d0", "preference_rate")]
    assert [f"{line['value']:.3f}" in named[i][5] for i, line in enumerate(first)] == [True, True]
    values = sorted(line["value"] for line in first)
    assert named[2][5] == f"{values[0]:.3f} to {values[1]:.3f}"


def test_a_dry_run_that_finds_what_can_not_be_read_ends_as_the_sweep_would(study: Study) -> None:
    Path(study.datasets[0].files[0]).write_text("{\n")
    result = run("sweep", "study.yaml", "--dry-run")
    assert result.exit_code == 1
    assert "can't be read: d0: " in result.stdout


def test_the_table_goes_to_a_file_of_the_kind_that_its_name_says(study: Study, tmp_path: Path) -> None:
    run("sweep", "study.yaml")
    result = run("sweep", "table", study.output, "-o", tmp_path / "tidy.csv")
    assert result.stdout == f"48 lines written to {tmp_path / 'tidy.csv'}\n"
    assert len((tmp_path / "tidy.csv").read_text().splitlines()) == 49
    refused = run("sweep", "table", study.output, "-o", tmp_path / "tidy.xlsx")
    assert (refused.exit_code, (tmp_path / "tidy.xlsx").exists()) == (2, False)
    assert "must end in .parquet or .csv" in refused.stderr


def test_the_runs_of_a_sweep_keep_its_command(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/pyscore", "sweep", "my study.yaml", "--quiet"])
    run("sweep", "my study.yaml", "--quiet")
    assert all(
        each.arguments["argv"] == ["sweep", "my study.yaml", "--quiet"] for each in StudyFolder(study.output).runs()
    )
