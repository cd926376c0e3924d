"""What is shown: names as they are, never markup, nothing that steers a terminal; and scores outlive their display."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pyscore.cli.text import visible
from pyscore.store import read_rows, write_rows
from tests.cli.commands import run
from tests.engine.tiny import save_tiny
from tests.paths import ROOT
from tests.store.tables import pair, table

STEERING = "a\x1b[31mb\rc\nd\x07e\u202ef\u2066g\x9bh\u2028i"
ESCAPED = r"a\x1b[31mb\rc\nd\x07e\u202ef\u2066g\x9bh\u2028i"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("odd") / "x[y]" / "[bold]z")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Rows of a model and two data sets with names that are markup to rich, or steer a terminal."""
    path = tmp_path / "rows.parquet"
    names = {"model": "m[/y]" + STEERING}
    found = [*pair(-1.0, -2.0, dataset="[/x]", **names), *pair(-2.0, -1.0, dataset=STEERING, **names)]
    write_rows(table(found), path)
    return path


def questions(folder: Path, name: str) -> Path:
    lines = [
        {"question": f"Do you {i}?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
        for i in range(2)
    ]
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / name


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyscore", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("text", ["é", "\u200d", "[/x]", "a b", "日本"])
def test_text_that_steers_nothing_stays(text: str) -> None:
    assert visible(text) == text


def test_control_characters_are_written_as_escapes() -> None:
    assert visible(STEERING + "\udce9") == ESCAPED + r"\udce9"


def test_names_are_shown_as_they_are_and_steer_nothing(rows: Path) -> None:
    shown = run("summarize", rows)
    assert shown.exit_code == 0, shown.stderr
    for name in ("[/x]", ESCAPED, "m[/y]" + ESCAPED):
        assert name in shown.stdout
    assert not set("\x1b\r\x07\u202e\u2066\x9b\u2028") & set(shown.stdout)


def test_errors_steer_no_terminal(tmp_path: Path) -> None:
    result = run("score", tmp_path / "\x1b\u202enone")
    assert result.stderr == f"pyscore: no such file: {tmp_path}/\\x1b\\u202enone\n"
    assert "\x1b" not in run("score", "--ties", "\x1b[31m").stderr


def test_brackets_of_a_file_and_a_folder_are_shown(fake_model: str, tmp_path: Path) -> None:
    result = run("score", questions(tmp_path, "eval[a].jsonl"), "--model", fake_model)
    assert result.exit_code == 0, result.stderr
    assert "eval[a]" in result.stdout
    assert "[bold]z" in result.stdout.replace("\n", "")


@pytest.mark.parametrize("broken", ["pyscore.cli.score.print_summaries", "pyscore.results.summaries.summarize"])
def test_rows_that_could_not_be_shown_are_in_a_file_that_is_named(
    monkeypatch: pytest.MonkeyPatch, fake_model: str, tmp_path: Path, broken: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    file = questions(tmp_path, "q.jsonl")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(broken, fail)
    result = run("score", file, "--model", fake_model)
    assert isinstance(result.exception, ZeroDivisionError)
    (kept,) = tmp_path.glob("pyscore-rows-*.parquet")
    assert result.stderr == f"pyscore: the rows are kept in {kept}: `pyscore summarize` shows them\n"
    assert read_rows(kept).num_rows == 4


def test_rows_are_kept_among_the_temporary_files_where_the_folder_takes_none(
    monkeypatch: pytest.MonkeyPatch, fake_model: str, tmp_path: Path
) -> None:
    file, temporary = questions(tmp_path, "q.jsonl"), tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("pyscore.cli.stored.Path.cwd", lambda: tmp_path / "none")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr("pyscore.cli.score.print_summaries", lambda *_: 1 / 0)
    assert str(temporary) in run("score", file, "--model", fake_model).stderr
    assert len(list(temporary.iterdir())) == 1


def test_scores_whose_reader_is_gone_are_kept(model: Path, tmp_path: Path) -> None:
    file = questions(tmp_path, "q.jsonl")
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pyscore", "score", str(file), "--model", str(model)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr.startswith("pyscore: the rows are kept in ") and done.stderr.count("\n") == 1
    assert len(list(tmp_path.glob("pyscore-rows-*.parquet"))) == 1


@pytest.mark.parametrize("arguments", [["info"], ["info", "--json"], ["--version"], ["summarize"]], ids=str)
def test_a_closed_pipe_ends_quietly(arguments: list[str], rows: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = process(*arguments, *([rows] if arguments == ["summarize"] else []), stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], ids=str)
def test_a_terminal_that_knows_ascii_only_is_shown_ascii(environment: dict[str, str], tmp_path: Path) -> None:
    write_rows(table(pair(-1.0, -2.0, dataset="é")), tmp_path / "rows.parquet")
    for arguments in (["summarize", tmp_path / "rows.parquet"], ["--help"]):
        done = process(
            *arguments, stdout=subprocess.PIPE, env={**os.environ, "PYTHONCOERCECLOCALE": "0", **environment}
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.isascii()


@pytest.mark.parametrize("command", ["info", "--version", "summarize"])
def test_a_closed_or_full_standard_output_is_one_line(rows: Path, command: str) -> None:
    arguments = [command, str(rows)] if command == "summarize" else [command]
    shell = 'exec "$0" -m pyscore "$@" >&-'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=600
    )
    assert (done.returncode, done.stderr) == (2, "pyscore: standard output is closed, so nothing can be shown\n")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            done = process(*arguments, stdout=full)
        assert (
            done.returncode == 2 and "standard output can't be written" in done.stderr and done.stderr.count("\n") == 1
        )
