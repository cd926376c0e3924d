"""The commands and the Python of docs/interchange.md run as they stand there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from pyscore.store import write_rows
from tests.cli.commands import run
from tests.docs.pages import DOCS, code_blocks
from tests.results.runs import rows
from tests.results.runs import run as some_run


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(rows(some_run(20), template="plain"), tmp_path / "rows.parquet")
    page = (DOCS / "interchange.md").read_text()
    commands = [line for block in code_blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    assert len(commands) == 4
    for command in commands:
        done = run(*shlex.split(command)[1:])
        assert done.exit_code == 0, done.stderr
    (code,) = code_blocks(page, "python")
    exec(compile(code, "docs/interchange.md", "exec"), {})
    assert json.loads(Path("record.json").read_text())["source_metadata"]["source_organization_name"] == "Our lab"
    assert "d" in json.loads(Path("results.json").read_text())["results"]
    assert len(yaml.safe_load(Path("results.yaml").read_text())) == 2
