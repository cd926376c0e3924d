"""The command line in this process, and files of questions for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from pyscore.cli.app import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run_json(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def write_questions(folder: Path) -> Path:
    """Two files of questions with one name each, and one with questions that are too long for the tiny model."""
    for name, n, filler in (("first", 4, ""), ("second", 6, ""), ("long", 2, "value other people " * 60)):
        lines = []
        for i in range(n):
            yes, no = (" Yes", " No") if i % 2 else (" No", " Yes")
            lines.append(
                {
                    "question": f"{filler}Do you prefer {i}?",
                    "answer_matching_behavior": yes,
                    "answer_not_matching_behavior": no,
                }
            )
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder
