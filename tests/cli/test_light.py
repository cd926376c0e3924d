"""Help, the version and a user's mistake need no torch, which takes seconds to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import sys
from pyscore.cli import main
try:
    main()
except SystemExit as end:
    heavy = [name for name in ("torch", "numpy", "transformers", "scipy", "pyarrow") if name in sys.modules]
    print(f"status {end.code}, imported {heavy}", file=sys.stderr)
"""


def run(folder: Path, *arguments: Any) -> Any:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("light")
    question = {"question": "Q?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
    (folder / "q.jsonl").write_text(json.dumps(question))
    (folder / "bad.jsonl").write_text("{")
    (folder / "run").mkdir()
    (folder / "run" / "notes.txt").touch()
    return folder


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["score", "--help"], ["summarize", "--help"], ["sweep", "--help"]], ids=str
)
def test_help_and_version_import_nothing_heavy(folder: Path, arguments: list[str]) -> None:
    done = run(folder, *arguments)
    assert done.stderr.splitlines()[-1] == "status 0, imported []", done.stderr
    assert done.stdout


MISTAKES = {
    "an unknown command": (["scores"], "No such command 'scores'"),
    "an unknown option": (["score", "--nonsense"], "No such option: --nonsense"),
    "a choice that isn't there": (
        ["score", "--ties", "none"],
        "'none' is not one of 'half', 'strict', 'first'",
    ),
    "an argument that is missing": (["summarize"], "Missing argument 'rows'"),
    "a missing file": (["score", "none.jsonl"], "no such file: none.jsonl"),
    "a broken file": (["score", "bad.jsonl"], "bad.jsonl, line 1: not JSON"),
    "no confidence": (["score", "q.jsonl", "--confidence", "2"], "confidence must lie between 0 and 1"),
    "no confidence to summarise with": (["summarize", "q.jsonl", "--confidence", "0"], "confidence must lie between"),
    "resuming nothing": (["score", "q.jsonl", "--resume"], "--resume goes on with what is in --output"),
    "no output": (["score", "q.jsonl", "-o", ""], "--output is empty"),
    "rows in another format": (["score", "q.jsonl", "-o", "rows.csv"], "rows.csv names a .csv file"),
    "an output that holds other things": (["score", "q.jsonl", "-o", "run"], "has files and is no run"),
    "an output folder that isn't there": (["score", "q.jsonl", "-o", "none/run"], "doesn't exist"),
    "a run id that rows can't hold": (["score", "--run-id", "\udce9"], "run_id must be text that UTF-8 can hold"),
    "a step beyond all": (["score", "--step", str(2**63)], "doesn't fit into 64 bits"),
    "no model": (["score", "q.jsonl", "-m", ""], "--model is empty"),
    "a template that is none": (["score", "q.jsonl", "-t", "nonsense"], "template 'nonsense' is unknown"),
    "a template that is empty": (["score", "q.jsonl", "-t", ""], "--template is empty"),
    "a template that fails": (["score", "q.jsonl", "-t", "{{ question + 1 }}"], "failed on question"),
    "a template file that is missing": (["score", "q.jsonl", "-t", "@none"], "no such template file: none"),
    "an argument for no chat": (["score", "q.jsonl", "--system-prompt", "x"], "--system-prompt is for --template chat"),
    "an argument without value": (["score", "-t", "chat", "--template-arg", "x"], "'x' is not KEY=VALUE"),
    "an argument given twice": (
        ["score", "-t", "chat", "--template-arg", "x=1", "--template-arg", "x=2"],
        "--template-arg x is given twice",
    ),
    "an infinite argument": (["score", "-t", "chat", "--template-arg", "x=1e999"], "must be a JSON value"),
    "a date that is none": (["score", "-t", "chat", "--template-date", "today"], "YYYY-MM-DD"),
    "rows that are missing": (["summarize", "none.parquet"], "no such file: none.parquet"),
    "rows in a pattern that matches none": (["summarize", "*.parquet"], "no file matches *.parquet"),
    "a study that is missing": (["sweep", "none.yaml"], "none.yaml"),
    "a part of a study that is none": (["sweep", "none.yaml", "--shard", "4/3"], "shard 4/3"),
    "a status of no study": (["sweep", "status", "none"], "no study in none"),
    "a runner that isn't there": (["sweep", "s.yaml", "--runner", "slurm"], "'slurm' is not one of 'local', 'ray'"),
    "rows in a folder that is no run": (["summarize", "run"], "run is a folder"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_with_status_2_before_anything_heavy_is_imported(
    folder: Path, arguments: Any, message: str
) -> None:
    done = run(folder, *arguments)
    line, end = done.stderr.splitlines()
    assert end in ("status 2, imported []", "status 2, imported ['numpy']")
    assert line.startswith("pyscore: ") and message in line
    assert done.stdout == ""
