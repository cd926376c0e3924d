"""Where questions come from on the command line, and how its options say that they are read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pyscore import Scorer
from pyscore.cli.app import app
from pyscore.store import read_rows
from tests.cli.commands import run, run_json
from tests.engine.fake_source import FakeSource
from tests.engine.tiny import save_tiny

ROW = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
TABLE = {"text": "Snow is white.", "q, and more": "Is it?", "a": "Yes", "b": "No", "key": "A"}


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


def previews(*arguments: object) -> list[dict[str, Any]]:
    return list(run_json("score", *arguments, "--dry-run")["previews"])


@pytest.mark.parametrize("columns", ["answers=a|b,matching=key", '{"answers": ["a", "b"], "matching": "key"}'])
def test_columns_and_a_template_of_the_prompt_read_any_table(model: Path, tmp_path: Path, columns: str) -> None:
    path = write(tmp_path / "t.jsonl", TABLE)
    template = r"{{ text }}\n{{ row['q, and more'] }}"
    (shown,) = previews(path, "-m", model, "--columns", columns, "--prompt-template", template, "--answers", "text")
    assert shown["question"] == "Snow is white.\nIs it?"
    assert [answer["answer"] for answer in shown["answers"]] == [" Yes", " No"]
    assert shown["read"]["format"] is None


def test_columns_may_stand_in_a_file(model: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", TABLE)
    columns = {"prompt": "q, and more", "answers": ["a", "b"], "matching": "key"}
    (tmp_path / "columns.json").write_text(json.dumps(columns))
    options = ["--columns", f"@{tmp_path / 'columns.json'}", "--answers", "letter"]
    (shown,) = previews(path, "-m", model, *options)
    assert shown["question"] == "Is it?\nA. Yes\nB. No\nAnswer:"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", ""], "--columns is empty"),
        (["--columns", "prompt=q"], "columns needs 'answers'"),
        (["--columns", '{"prompt": 3, "answers": "a", "matching": "b"}'], "must be the column of the prompt, got 3"),
        (["--columns", "prompt=q,answers=a|b,matching=key", "--format", "pyscore"], "give one of them"),
        (["--prompt-template", "{{ q }}"], "name the answers, and which one matches, in columns"),
        (["--source-option", "x"], "--source-option 'x' is not KEY=VALUE"),
        (["--adapter", ""], "--adapter is empty"),
    ],
)
def test_a_wrong_option_of_reading_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    result = run("score", write(tmp_path / "t.jsonl", TABLE), *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_options_of_reading_are_refused_for_the_bundled_questions() -> None:
    assert "are about files: name some" in run("score", "--answers", "letter").stderr


def test_a_folder_and_standard_input_are_read(model: Path, tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / "evals" / f"{name}.jsonl", ROW)
    assert [shown["dataset"] for shown in previews(tmp_path / "evals", "-m", model)] == ["a", "b"]
    arguments = ["score", "-", "-m", str(model), "--dry-run", "--json"]
    result = CliRunner().invoke(app, arguments, input=json.dumps(ROW) + "\n")
    assert result.exit_code == 0, result.stderr
    (shown,) = json.loads(result.stdout)["previews"]
    assert (shown["dataset"], shown["question_id"]) == ("stdin", "stdin:0")


def test_malformed_rows_are_left_out_with_a_warning_if_asked(fake_model: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", ROW, {**ROW, "question": 3}, ROW)
    assert run("score", path, "-m", fake_model).exit_code == 2
    result = run("score", path, "-m", fake_model, "--on-error", "skip", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["summaries"][0]["n_questions"] == 2
    assert result.stderr == (
        f"pyscore: warning: 1 of 3 rows are left out: {path}, line 2: 'question' must be str, found int "
        "(read as model-written-evals)\n"
    )


def test_a_dry_run_says_what_was_recognised(model: Path, tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "group": "g"}, {**ROW, "question": "Other?", "group": "h"}]
    path = write(tmp_path / "t.jsonl", *rows)
    (shown,) = previews(path, "-m", model)
    assert shown["read"] == {
        "file": str(path),
        "format": "model-written-evals",
        "rows": 3,
        "rows_left_out": 0,
        "questions": 3,
        "answers": [2],
        "clusters": 2,
        "groups": 2,
    }
    lines = run("score", path, "-m", model, "--dry-run").stdout.splitlines()
    expected = "format model-written-evals: 3 questions, 2 answers each, 2 clusters, 2 groups"
    assert lines[1] == f"read from {path}, {expected}"


@pytest.mark.parametrize("missing", ["no/such/model", "transformers"])
def test_a_dry_run_without_a_tokenizer_shows_prompts_and_says_why(
    monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path, missing: str
) -> None:
    path = write(tmp_path / "t.jsonl", ROW)
    if missing == "transformers":
        monkeypatch.setitem(sys.modules, "transformers", None)
    named = model if missing == "transformers" else missing
    result = run("score", path, "-m", named, "-t", "Q: {{ question }}", "--dry-run")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"no tokens are shown, for the tokenizer of {named} can't be loaded: ")
    assert missing in lines[0]
    assert lines[-3:] == ["  |Q: Would you?|", "matching answer ' Yes'", "other answer ' No'"]
    chat = run("score", path, "-m", named, "-t", "chat", "--dry-run")
    assert chat.exit_code == 2 and "the chat template is the tokenizer's, which can't be loaded" in chat.stderr


@pytest.mark.parametrize("named", ["-m vllm:{model}", "-m openai:x --source-option tokenizer={model}"])
def test_a_dry_run_takes_the_tokenizer_of_a_model_that_runs_elsewhere(model: Path, tmp_path: Path, named: str) -> None:
    path = write(tmp_path / "t.jsonl", ROW)
    options = named.format(model=model).split()
    (shown,) = previews(path, *options)
    assert shown["answers"][0]["tokens"] == previews(path, "-m", model)[0]["answers"][0]["tokens"]


def test_an_adapter_and_options_of_a_source_reach_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: dict[str, Any] = {}

    def load(model: str, **options: Any) -> FakeSource:
        told.update(options, model=model)
        return FakeSource(model)

    monkeypatch.setattr("pyscore.engine.sources.load_source", load)
    options = [
        "--source-option",
        "n_ctx=4096",
        "--source-option",
        "url=http://localhost:1/v1",
        "--adapter",
        "lora",
    ]
    result = run("score", write(tmp_path / "t.jsonl", ROW), "-m", "openai:x", *options)
    assert result.exit_code == 0, result.stderr
    assert (told["model"], told["n_ctx"], told["url"]) == ("openai:x", 4096, "http://localhost:1/v1")
    assert told["adapter"] == "lora"


def test_several_adapters_are_scored_one_after_the_other_each_into_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def with_adapters(scorer: Scorer, names: list[str]) -> Iterator[Scorer]:
        return (Scorer.from_source(FakeSource(f"{scorer.name}+{name}")) for name in names)

    monkeypatch.setattr("pyscore.engine.sources.load_source", lambda model, **_: FakeSource(model))
    monkeypatch.setattr(Scorer, "with_adapters", with_adapters)
    options = ["-m", "base", "--adapter", "lora/a", "--adapter", "lora/b/", "-o", str(tmp_path / "out")]
    result = run("score", write(tmp_path / "t.jsonl", ROW), *options)
    assert result.exit_code == 0, result.stderr
    models = {name: set(read_rows(tmp_path / "out" / name)["model"].to_pylist()) for name in ("a", "b")}
    assert models == {"a": {"base+lora/a"}, "b": {"base+lora/b/"}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--adapter", "x/a", "--adapter", "y/a", "-o", "{}/out"], "two adapters are called 'a'"),
        (["--adapter", "a", "--adapter", "b", "-o", "{}/o.parquet"], "is one file, and each adapter has rows"),
        (["--adapter", "a", "--adapter", ""], "--adapter is empty"),
    ],
)
def test_adapters_that_would_share_an_output_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    result = run("score", write(tmp_path / "t.jsonl", ROW), *(each.format(tmp_path) for each in options))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
    assert not (tmp_path / "out").exists()
