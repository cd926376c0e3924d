"""`pyscore score` and `pyscore summarize`: tables for people, one JSON document for machines, rows in a file."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyscore import Scorer, load_questions, sample_questions
from pyscore.engine.chunks import score_chunks
from pyscore.store import read_rows, write_rows
from tests.cli.commands import run, run_json
from tests.store.tables import pair, table


@pytest.fixture
def model(fake_model: str) -> str:
    return fake_model


def test_a_file_is_shown_with_both_headline_numbers_their_intervals_and_what_they_mean(
    model: str, folder: Path
) -> None:
    result = run("score", folder / "first.jsonl", "--model", model)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    for text in ("mean probability", "preference rate", "coverage", "tie rate", "4 questions", "95 % interval"):
        assert text in result.stdout
    assert "mean probability: how much of" in result.stdout
    assert "preference rate: the share of questions" in result.stdout


def test_several_files_have_a_summary_each_and_both_averages(model: str, folder: Path) -> None:
    result = run("score", folder / "first.jsonl", folder / "second.jsonl", "--model", model)
    for text in ("first", "second", "pooled average", "macro average", "every data set counts the same"):
        assert text in result.stdout
    summaries = run_json("score", folder / "first.jsonl", folder / "second.jsonl", "--model", model)["summaries"]
    assert [(s["scope"], s["dataset"], s["n_questions"]) for s in summaries] == [
        ("dataset", "first", 4),
        ("dataset", "second", 6),
        ("pooled", None, 10),
        ("macro", None, 10),
    ]


def test_a_data_set_that_a_file_names_keeps_its_name(model: str, tmp_path: Path) -> None:
    row = {"prompt": "Do you agree?", "answers": [" Yes", " No"], "is_matching": [True, False], "meta": {"dataset": 1}}
    lines = [row | {"id": "a", "dataset": "mine"}, row | {"id": "b"}]
    (tmp_path / "file.jsonl").write_text("\n".join(map(json.dumps, lines)))
    summaries = run_json("score", tmp_path / "file.jsonl", "--model", model)["summaries"]
    assert [s["dataset"] for s in summaries if s["scope"] == "dataset"] == ["mine", "file"]


def test_rows_in_the_file_are_those_of_the_scorer_and_summarize_repeats_the_numbers(
    model: str, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "rows.parquet"
    scored = run_json("score", folder / "first.jsonl", "--model", model, "-o", output, "--token-logprobs")
    assert scored["rows"] == str(output)
    rows = read_rows(output)
    direct = Scorer.from_pretrained(model).score(load_questions(folder / "first.jsonl"), token_logprobs=True)
    assert rows.drop_columns(["run_id", "dataset"]).equals(direct.drop_columns(["run_id", "dataset"]))
    assert set(rows["dataset"].to_pylist()) == {"first"}
    assert run_json("summarize", output)["summaries"] == scored["summaries"]


def test_summarize_joins_files_of_other_columns(model: str, folder: Path, tmp_path: Path) -> None:
    for name, extra in (("first", ["--token-logprobs"]), ("second", [])):
        run_json("score", folder / f"{name}.jsonl", "--model", model, "-o", tmp_path / name, *extra)
    together = run_json("score", folder / "first.jsonl", folder / "second.jsonl", "--model", model)["summaries"]
    joined = run_json("summarize", tmp_path / "first", tmp_path / "second")["summaries"]
    assert [(s["scope"], s["dataset"], s["n_questions"]) for s in joined] == [
        (s["scope"], s["dataset"], s["n_questions"]) for s in together
    ]
    for one, other in zip(joined, together, strict=True):  # batches differ, so the model's last bits may
        for metric in ("mean_probability", "preference_rate", "mean_log_odds", "mean_coverage"):
            for part in ("value", "low", "high"):
                assert one[metric][part] == pytest.approx(other[metric][part], rel=1e-4, abs=1e-6)


def test_limit_takes_the_first_questions_of_each_file(model: str, folder: Path) -> None:
    found = run_json("score", folder / "first.jsonl", folder / "second.jsonl", "--model", model, "--limit", 3)
    assert [s["n_questions"] for s in found["summaries"]] == [3, 3, 6, 6]


def of_the_same_stem(folder: Path, content: Path) -> Path:
    """A file of the name ``first.jsonl``, in a folder of its own."""
    other = folder / "other" / "first.jsonl"
    other.parent.mkdir()
    other.write_bytes(content.read_bytes())
    return other


def test_files_of_one_stem_are_told_apart_by_folders_and_the_first_keeps_its_name(
    model: str, folder: Path, tmp_path: Path
) -> None:
    other = of_the_same_stem(tmp_path, folder / "first.jsonl")
    found = run_json("score", folder / "first.jsonl", other, "--model", model)["summaries"]
    assert [s["dataset"] for s in found[:2]] == ["first", "other/first.jsonl"]


def test_a_run_begun_with_one_file_goes_on_with_another_of_the_same_stem(
    model: str, folder: Path, tmp_path: Path
) -> None:
    other = of_the_same_stem(tmp_path, folder / "second.jsonl")
    output = tmp_path / "run"
    run_json("score", folder / "first.jsonl", "--model", model, "-o", output)
    both = run_json("score", folder / "first.jsonl", other, "--model", model, "-o", output, "--resume")
    assert [(s["dataset"], s["n_questions"]) for s in both["summaries"][:2]] == [("first", 4), ("other/first.jsonl", 6)]


def test_without_files_the_bundled_questions_are_scored(model: str) -> None:
    found = run_json("score", "--model", model, "--truncate")
    (summary,) = found["summaries"]
    assert summary["dataset"] == "bundled sycophancy"
    assert summary["n_questions"] == len(sample_questions())


def test_a_coverage_below_one_percent_is_remarked_on_and_others_are_not(tmp_path: Path) -> None:
    write_rows(table(pair(-1.0, -2.0)), tmp_path / "rows.parquet")
    assert "coverage below" not in run("summarize", tmp_path / "rows.parquet").stdout
    write_rows(table(pair(-6.0, -7.0)), tmp_path / "rows.parquet")
    assert "coverage below 1 %" in run("summarize", tmp_path / "rows.parquet").stdout


def test_normalised_numbers_are_said_to_be_so(tmp_path: Path) -> None:
    write_rows(table(pair(-1.0, -2.0)), tmp_path / "rows.parquet")
    shown = run("summarize", tmp_path / "rows.parquet", "--normalize", "byte").stdout
    assert "mean probability, preference rate and mean log odds are of log-probabilities per byte" in shown


def test_a_file_of_rows_given_twice_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(table(pair(-1.0, -2.0)), tmp_path / "rows.parquet")
    monkeypatch.chdir(tmp_path)
    result = run("summarize", tmp_path / "rows.parquet", "rows.parquet")
    assert result.exit_code == 2
    assert result.stderr == "pyscore: the file rows.parquet is given twice: name every file of rows once\n"


def test_a_missing_package_is_one_line_that_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("summarize", tmp_path / "rows.parquet")
    assert result.exit_code == 2
    assert result.stderr == 'pyscore: pyarrow is not installed: pip install "pyscore-engine[engine]"\n'


def test_usage_errors_end_with_status_2() -> None:
    assert run("score", "--ties", "nonsense").exit_code == 2
    assert run("summarize").exit_code == 2
    assert run("nonsense").exit_code == 2


def test_mistakes_are_found_before_the_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(Scorer, "from_pretrained", lambda **options: pytest.fail("the model was loaded"))
    for extra in (["-o", tmp_path / "none" / "rows"], ["--template", "nonsense"], ["--confidence", "2"]):
        assert run("score", folder / "first.jsonl", *extra).exit_code == 2


def test_a_run_that_fails_leaves_no_file(model: str, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    assert run("score", folder / "long.jsonl", "--model", model, "-o", output).exit_code == 2
    assert list(tmp_path.iterdir()) == []
    assert run("score", folder / "long.jsonl", "--model", model, "-o", output, "--truncate").exit_code == 0
    assert read_rows(output)["truncated"].to_pylist() == [True] * 4


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, model: str, folder: Path) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Scorer, "score", fail)
    assert isinstance(run("score", folder / "first.jsonl", "--model", model).exception, ZeroDivisionError)


def test_a_folder_as_output_is_a_run_that_resume_goes_on_with(model: str, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    arguments = ["score", folder / "first.jsonl", folder / "second.jsonl", "--model", model, "-o", output]
    limited = run_json(*arguments, "--limit", 2)
    assert [s["n_questions"] for s in limited["summaries"]] == [2, 2, 4, 4]
    refused = run(*arguments)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "pass resume (--resume)" in refused.stderr
    whole = run_json(*arguments, "--resume")
    assert [s["n_questions"] for s in whole["summaries"]] == [4, 6, 10, 10]
    assert run_json("summarize", output)["summaries"] == whole["summaries"]
    assert run_json("summarize", output)["unfinished"] == []


def test_a_run_that_stops_says_where_its_rows_are_and_summarize_says_that_they_are_not_all(
    monkeypatch: pytest.MonkeyPatch, model: str, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "rows.parquet"
    chunks: list[object] = []

    def stopping(*arguments: Any, **options: Any) -> Iterator[object]:
        for chunk in score_chunks(*arguments, **{**options, "chunk_questions": 2}):
            if chunks:
                raise OSError("the power went")
            chunks.append(chunk)
            yield chunk

    arguments = ["score", folder / "first.jsonl", "--model", model, "-o", output]
    with monkeypatch.context() as patch:
        patch.setattr("pyscore.engine.run.score_chunks", stopping)
        result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"pyscore: 4 rows are stored in {output}.run; --resume goes on after them",
        "pyscore: the power went",
    ]
    assert not output.exists()
    assert f"{output}.run is not finished" in run("summarize", f"{output}.run").stdout
    assert run(*arguments, "--resume").exit_code == 0
    assert read_rows(output).num_rows == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet"]


def test_a_question_that_cant_be_scored_is_skipped_if_asked_and_listed_at_the_end(
    model: str, folder: Path, tmp_path: Path
) -> None:
    arguments = ["score", folder / "first.jsonl", folder / "long.jsonl", "--model", model]
    assert run(*arguments).exit_code == 2
    output = tmp_path / "rows.parquet"
    result = run(*arguments, "--on-error", "skip", "-o", output)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "left out: 2 questions that can't be scored" in result.stdout
    assert "long:0" in result.stdout and re.search(r"model's\W+context", result.stdout)
    assert f"all reasons are in {output}.skipped.jsonl" in " ".join(result.stdout.split())
    found = run_json(*arguments, "--on-error", "skip")
    assert [(each["dataset"], each["question_id"]) for each in found["skipped"]] == [
        ("long", "long:0"),
        ("long", "long:1"),
    ]
    assert [summary["n_questions"] for summary in found["summaries"]] == [4]
    assert "2 questions are not among these rows" in run("summarize", output).stdout


def test_where_no_question_can_be_scored_the_first_reason_is_the_error(model: str, folder: Path) -> None:
    result = run("score", folder / "long.jsonl", "--model", model, "--on-error", "skip")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "none of the 2 questions can be scored; the first is 'long:0': question 'long:0'" in result.stderr
