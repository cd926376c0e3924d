"""`pyscore compare`: tables for people, JSON for machines, an exit status for CI; every kind of run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyscore import comparison_from_rows
from pyscore.cli.conditions import read_condition
from pyscore.results import compare_runs
from pyscore.store import write_rows
from tests.cli.commands import run, run_json
from tests.cli.test_light import run as run_process
from tests.integrations.test_lm_eval_scores import log
from tests.results.runs import rows
from tests.results.runs import run as some_rows


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Two runs over two data sets; the second one is lower."""
    found = []
    for seed, shift, name in ((1, 0.0, "old"), (2, -0.8, "new")):
        table = rows(
            some_rows(40, seed, shift=shift, dataset="x", per_cluster=2), some_rows(25, seed, shift=shift, dataset="y")
        )
        write_rows(table, tmp_path / f"{name}.parquet")
        found.append(tmp_path / f"{name}.parquet")
    return found


def test_differences_are_shown_per_data_set_pooled_and_macro_with_what_changed_most(paths: list[Path]) -> None:
    result = run("compare", *paths, "--margin", "0.3", "--changes", "3")
    assert result.exit_code == 0 and result.stderr == ""
    shown = re.sub(r"\s+", " ", result.stdout)
    for text in ("mean probability", "preference rate", "pooled", "macro", "95 % interval", "lower", "changed most"):
        assert text in shown
    assert "difference: other - first, question by question" in shown
    assert "corrected p: after Holm, of data sets for 2 comparisons of a metric" in shown
    found = compare_runs(*paths, changes=3)
    difference = found.find("pooled")[0].preference_rate.difference
    assert f"{difference.value:+.4f}" in shown and f"[{difference.low:+.4f}, {difference.high:+.4f}]" in shown
    assert all(change.question_id in result.stdout for change in found.changes)


def test_json_holds_what_compare_runs_returns(paths: list[Path]) -> None:
    found = run_json("compare", *paths, "--margin", "0.1", "--correction", "benjamini-hochberg", "--no-clusters")
    names = list(map(str, paths))
    expected = compare_runs(*paths, margin=0.1, correction="benjamini-hochberg", clustered=False, names=names)
    assert found == {**json.loads(json.dumps(expected.to_dict())), "paths": names, "failed": []}


def test_names_are_shown_as_they_are_and_steer_nothing(tmp_path: Path) -> None:
    for seed, model in ((1, "m[/y]"), (2, "\x1b[31mz")):
        table = rows(some_rows(9, seed, model=model, dataset="[/x]", ids=[f"[bold]{i}" for i in range(9)]))
        write_rows(table, tmp_path / f"{seed}.parquet")
    shown = run("compare", tmp_path / "1.parquet", tmp_path / "2.parquet").stdout
    assert "\\x1b[31mz - m[/y]: [/x]" in shown and "[bold]0" in shown and "\x1b" not in shown


def test_why_there_is_no_interval_is_shown_in_its_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_rows(rows(some_rows(9, 1)), tmp_path / f"{name}.parquet")
    shown = run("compare", tmp_path / "a.parquet", tmp_path / "b.parquet").stdout
    assert "every question has the" in shown and "no spread" in shown and "changed most" not in shown


def test_one_data_set_has_one_table_of_all_metrics(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_rows(rows(some_rows(20, seed, model=f"m{seed}")), tmp_path / f"{seed}.parquet")
    result = run("compare", tmp_path / "1.parquet", tmp_path / "2.parquet", "--changes", "0")
    assert result.stdout.startswith("m2 - m1: d")
    assert "mean log odds (nats)" in result.stdout and "20 questions that are independent" in result.stdout
    assert "changed most" not in result.stdout and "corrected" not in result.stdout and "pooled" not in result.stdout


def test_steps_of_one_file_and_many_runs_are_each_compared_with_the_first(tmp_path: Path) -> None:
    write_rows(rows(*(some_rows(20, step, step=step) for step in (0, 1, 2))), tmp_path / "steps.parquet")
    found = run_json("compare", tmp_path / "steps.parquet")
    assert [each["run"] for each in found["differences"]] == ["m, step 1", "m, step 2"]
    write_rows(rows(some_rows(20, 5, model="other")), tmp_path / "other.parquet")
    shown = run("compare", tmp_path / "other.parquet", tmp_path / "steps.parquet").stdout
    assert all(f"m, step {step} - other: d" in shown for step in (0, 1, 2))


def test_questions_that_dont_match_are_refused_unless_told_how(tmp_path: Path) -> None:
    write_rows(rows(some_rows(20, 1)), tmp_path / "a.parquet")
    write_rows(rows(some_rows(22, 2, dataset="renamed")), tmp_path / "b.parquet")
    both = (tmp_path / "a.parquet", tmp_path / "b.parquet")
    result = run("compare", *both)
    assert result.exit_code == 2 and result.stdout == ""
    assert "don't hold the same questions: 20 only in" in result.stderr and "--match id" in result.stderr
    assert run("compare", *both, "--match", "id").exit_code == 2
    found = run_json("compare", *both, "--match", "common-id")
    assert found["differences"][0]["n_questions"] == 20
    assert "20 questions that both hold are compared" in run("compare", *both, "--match", "common-id").stdout


FAILING = [
    "preference_rate < -0.02",
    "any:mean_probability.high<0",
    "macro: mean_log_odds <= -0.1",
    "y: preference_rate < 1",
]
PASSING = [
    "preference_rate > 0",
    "mean_probability.low > 0",
    "pooled: mean_probability.p >= 0.5",
    "mean_probability.other < 0",
]


@pytest.mark.parametrize("condition", FAILING)
def test_a_condition_that_holds_ends_with_status_1_and_a_line(paths: list[Path], condition: str) -> None:
    result = run("compare", *paths, "--fail-if", condition, "--fail-if", PASSING[0])
    assert result.exit_code == 1
    assert "mean probability" in result.stdout
    assert result.stderr.startswith(f"pyscore: failed: {condition} holds for {paths[1]}")


@pytest.mark.parametrize("condition", PASSING)
def test_a_condition_that_doesnt_hold_changes_nothing(paths: list[Path], condition: str) -> None:
    result = run("compare", *paths, "--fail-if", condition)
    assert (result.exit_code, result.stderr) == (0, "")


def test_json_names_the_conditions_that_hold(paths: list[Path]) -> None:
    result = run("compare", *paths, "--json", "--fail-if", "any: preference_rate < 0")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [(each["condition"], each["dataset"]) for each in found["failed"]] == [
        ("any: preference_rate < 0", "x"),
        ("any: preference_rate < 0", "y"),
    ]
    assert found["failed"][0]["value"] == found["differences"][0]["preference_rate"]["difference"]["value"]


def test_a_condition_that_cant_be_decided_is_no_pass(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        table = some_rows(5, seed)
        table[1]["logprob"] = -np.inf
        write_rows(rows(table), tmp_path / f"{name}.parquet")
    result = run("compare", tmp_path / "a.parquet", tmp_path / "b.parquet", "--fail-if", "mean_log_odds.low < 0")
    assert result.exit_code == 2 and "mean log odds" not in result.stderr
    assert "mean_log_odds.low < 0' can't be decided for" in result.stderr and "infinite pairs" in result.stderr
    result = run("compare", tmp_path / "a.parquet", tmp_path / "b.parquet", "--fail-if", "z: preference_rate < 0")
    assert result.exit_code == 2 and "no data set is called 'z' (compared: 'd')" in result.stderr


def test_what_a_condition_may_be() -> None:
    found = read_condition(" my: set : mean_probability.adjusted_p>=1e-3 ")
    assert (found.scope, found.metric, found.field, found.sign, found.number) == (
        "my: set",
        "mean_probability",
        "adjusted_p",
        ">=",
        0.001,
    )


def test_logs_of_the_harness_are_compared(tmp_path: Path) -> None:
    logs = [log(tmp_path / f"out/org__m{seed}", seed) for seed in (1, 2)]
    found = run_json("compare", *logs, "--log-arg", "cluster=topic", "--normalize", "char")
    assert [each["name"] for each in found["runs"]] == ["org/m1", "org/m2"]
    assert found["differences"][0]["n_clusters"] == 10
    assert run_json("compare", *(path.parent for path in logs))["differences"][0]["dataset"] == "task"
    result = run("compare", *logs, "--normalize", "token")
    assert result.exit_code == 2 and "samples don't say how many tokens" in result.stderr


def test_logs_of_inspect_are_compared_and_with_rows(tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    from tests.integrations.test_inspect_scores import N, graded, write_log

    log = write_log(tmp_path, graded(1))
    table = rows(some_rows(N, 1))
    write_rows(table, tmp_path / "rows.parquet")
    found = run_json("compare", tmp_path / "rows.parquet", log, "--match", "id", "--log-arg", "cluster=topic")
    rate = found["differences"][0]["preference_rate"]
    assert rate["first"] == pytest.approx(comparison_from_rows(table).prefers.mean())
    assert found["differences"][0]["mean_probability"]["other"] is None
    shown = run("compare", tmp_path / "rows.parquet", log, "--match", "id").stdout
    assert "says right or wrong alone" in " ".join(shown.split()) and "mean probability  " not in shown


MISTAKES: dict[str, tuple[list[str], str]] = {
    "no run": ([], "Missing argument 'runs'"),
    "a run that is missing": (["none.parquet", "q.jsonl"], "no such file: none.parquet"),
    "a run given twice": (["q.jsonl", "q.jsonl"], "is given twice: name every file of runs once"),
    "a way to match that isn't there": (["q.jsonl", "--match", "all"], "'all' is not one of 'exact', 'common', 'id'"),
    "no margin": (["q.jsonl", "--margin", "2"], "--margin must lie between 0 and 1, got 2"),
    "no condition": (["q.jsonl", "--fail-if", "preference_rate"], "is not METRIC OP NUMBER, such as 'preference_rate"),
    "a metric that is none": (["q.jsonl", "--fail-if", "accuracy < 1"], "'accuracy' is not one of mean_probability"),
    "a field that is none": (["q.jsonl", "--fail-if", "preference_rate.up < 1"], "'up' is not one of value, low, high"),
    "no number": (["q.jsonl", "--fail-if", "preference_rate < nan"], "'nan' is no finite number"),
    "code": (["q.jsonl", "--fail-if", "preference_rate < __import__('os')"], "is no finite number"),
    "no key": (["q.jsonl", "--log-arg", "topic"], "'topic' is not KEY=VALUE, such as cluster=topic"),
    "an argument for no log": (["bad.jsonl", "--log-arg", "scorer=x"], "no log among these runs takes it"),
    "samples behind a URL": (["s3://a/samples_x.jsonl"], "download the file first"),
    "rows in a folder that is no run": (["run", "q.jsonl"], "run is a folder"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("light")
    for name in ("q.jsonl", "bad.jsonl", "run/notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_with_status_2(folder: Path, arguments: Any, message: str) -> None:
    chosen = [folder / each if (folder / each).exists() else each for each in arguments]
    result = run("compare", *chosen)
    assert result.exit_code == 2 and result.stdout == ""
    assert message in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["no run", "a run that is missing", "no condition", "rows in a folder that is no run"])
def test_mistakes_are_answered_before_anything_heavy_is_imported(folder: Path, name: str) -> None:
    arguments, message = MISTAKES[name]
    line, end = run_process(folder, "compare", *arguments).stderr.splitlines()
    assert end in ("status 2, imported []", "status 2, imported ['numpy']")
    assert message in line


def test_help_imports_nothing_heavy(folder: Path) -> None:
    done = run_process(folder, "compare", "--help")
    assert done.stderr.splitlines()[-1] == "status 0, imported []", done.stderr
    assert "--fail-if" in done.stdout
