"""`pyscore summarize --as` writes results for others to read, and `--published` shows those of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyscore.integrations.interchange import read_results
from pyscore.store import write_rows
from tests.cli.commands import run, run_json
from tests.results.runs import rows
from tests.results.runs import run as some_run

WHO = ("--detail", "organization=us", "--detail", "relationship=third_party")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_rows(rows(some_run(20), template="plain", dtype="float32"), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


@pytest.mark.parametrize(
    ("format", "name", "details"),
    [
        ("every-eval-ever", "out.json", WHO),
        ("lm-eval", "out.json", ()),
        ("hub", "out.yaml", ("--detail", "dataset_id=org/d")),
    ],
)
def test_what_is_written_has_the_numbers_of_the_summary(
    path: Path, format: str, name: str, details: tuple[str]
) -> None:
    out = path.with_name(name)
    found = run_json("summarize", path, "--as", format, "-o", out, *details)["summaries"][0]
    assert [each.value for each in read_results(out)] == [
        found[metric]["value"] for metric in ("mean_probability", "preference_rate")
    ]
    shown = run("summarize", path, "--published", out)
    assert shown.exit_code == 0 and "published: " in shown.stdout and "mean_probability" in shown.stdout
    (published,) = run_json("summarize", path, "--published", out)["published"].values()
    assert published[0]["low"] == found["mean_probability"]["low"]
    assert f"written to {out}" in run("summarize", path, "--as", format, "-o", out, *details).stdout


def test_the_file_has_what_all_rows_agree_in(path: Path) -> None:
    other, out = path.with_name("other.parquet"), path.with_name("out.json")
    write_rows(rows(some_run(20, 1, dataset="e"), template="plain", dtype="bfloat16"), other)
    assert run("summarize", path, other, "--as", "every-eval-ever", "-o", out, *WHO).exit_code == 0
    told = json.loads(out.read_text())["eval_library"]["additional_details"]
    assert told["template"] == "plain" and "dtype" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--as", "lm-eval"), "--as lm-eval writes a file: name it with --output"),
        (("-o", "x.json"), "--output is for a file of results: say which format with --as"),
        (("--detail", "a=b"), "--detail is for a file of results"),
        (("--as", "lm-eval", "-o", "x.yaml"), "x.yaml must end in .json"),
        (("--as", "hub", "-o", "x.json"), "x.json must end in .yaml or .yml"),
        (("--as", "every-eval-ever", "-o", "x.json"), "needs organization"),
        (("--as", "lm-eval", "-o", "x.json", "--detail", "organization"), "is not KEY=VALUE"),
        (("--published", "none.json"), "no such file: none.json"),
    ],
)
def test_what_is_missing_is_told_and_no_file_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str], message: str
) -> None:
    monkeypatch.chdir(path.parent)
    found = run("summarize", path, *arguments)
    assert found.exit_code == 2 and message in found.stderr.replace("\n", " ")
    assert [each.name for each in path.parent.iterdir()] == ["rows.parquet"]


def test_rows_that_are_not_finished_are_not_written(path: Path) -> None:
    write_rows(rows(some_run(20), complete="false"), path)
    found = run("summarize", path, "--as", "lm-eval", "-o", path.with_name("out.json"))
    assert found.exit_code == 2 and "is not finished: go on with it" in found.stderr
    assert not path.with_name("out.json").exists()
