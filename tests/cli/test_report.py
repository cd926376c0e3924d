"""`pyscore report`: what is written, what is printed, and mistakes that are told before anything is read."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from pyscore import report as pages
from pyscore.cli import report as command
from pyscore.report.tables import headline_table
from pyscore.sweep.study import Study
from pyscore.sweep.sweeps import run as run_study
from tests.cli.commands import run, run_json
from tests.cli.test_light import run as run_process
from tests.report.test_study_report import read_page
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Not to be changed."""
    found = small_study(tmp_path_factory.mktemp("reported"))
    run_study(found)
    return found


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `pyscore.report` was told to make, in place of making it: pages and charts have tests of their own."""
    told: list[tuple[Any, ...]] = []

    def write(path: Any, output: Any, *, questions: Any = None, progress: Any, **options: Any) -> None:
        told.append(("page", path, None if questions is None else [each.id for each in questions], options))
        Path(output).write_text("<!doctype html>")

    def figure(kind: str, path: Any, **options: Any) -> Any:
        told.append((kind, path, options))
        return "chart"

    def save(chart: Any, output: Any, format: str) -> None:
        told.append((chart, format))
        Path(output).write_text("image")

    monkeypatch.setattr(pages, "write", write)
    monkeypatch.setattr(pages, "figure", figure)
    monkeypatch.setattr(pages, "save", save)
    return told


@pytest.mark.parametrize("kind", ["md", "csv", "latex"])
def test_a_table_without_a_file_is_printed_and_nothing_else_is(study: Study, kind: str) -> None:
    result = run("report", study.output, "--format", kind)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes.decode() == headline_table(study.output).text(kind)


@pytest.mark.parametrize("name", ["t.md", "t.csv", "t.tex"])
def test_a_table_goes_to_the_file_that_replaces_what_was_there(study: Study, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")
    result = run("report", study.output, "-o", tmp_path / name)
    text = headline_table(study.output).text({"t.md": "md", "t.csv": "csv", "t.tex": "latex"}[name]).encode()
    assert (tmp_path / name).read_bytes() == text
    said = f"{tmp_path / name} written, {len(text):,} bytes: 3 checkpoints, 2 templates, 2 data sets\n"
    assert (result.stdout, result.stderr) == (said, "")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_what_it_was_where_the_new_one_fails(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.md").write_text("before")
    monkeypatch.setattr("pyscore.store.local_files.os.replace", _fail)
    result = run("report", study.output, "-o", tmp_path / "t.md")
    assert result.exit_code == 2 and result.stderr == "pyscore: no space left\n"
    assert [path.name for path in tmp_path.iterdir()] == ["t.md"]
    assert (tmp_path / "t.md").read_text() == "before"


def _fail(*_: Any) -> None:
    raise OSError("no space left")


def test_a_table_is_of_the_lines_that_are_named_and_of_clusters_or_not(study: Study, tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"checkpoint": "m, step 100", "template": "hint", "dataset": "macro"}
    options = [word for name, value in chosen.items() for word in (f"--{name}", value)]
    result = run("report", study.output, "--format", "csv", *options, "--no-clusters")
    expected = headline_table(study.output, **chosen, clustered=False)
    assert len(expected.lines) == 1
    assert result.stdout_bytes.decode() == expected.to_csv()
    assert expected.to_csv() != headline_table(study.output, **chosen).to_csv()


def test_json_says_what_was_written(study: Study, tmp_path: Path) -> None:
    found = run_json("report", study.output, "-o", tmp_path / "t.md")
    assert found == {
        "path": str(tmp_path / "t.md"),
        "format": "md",
        "bytes": (tmp_path / "t.md").stat().st_size,
        "checkpoints": 3,
        "templates": 2,
        "datasets": 2,
        "cells": 12,
        "cells_lacking": 0,
    }


def test_cells_that_are_not_scored_are_counted(tmp_path: Path) -> None:
    whole, part = small_study(tmp_path / "whole"), small_study(tmp_path / "part")
    run_study(whole)
    run_study(replace(part, models=part.models[:1]))
    Path(part.output, "study.json").write_bytes(Path(whole.output, "study.json").read_bytes())
    result = run("report", part.output, "-o", tmp_path / "t.md")
    assert result.stdout.endswith(": 3 checkpoints, 2 templates, 2 data sets; 8 of 12 cells have no numbers\n")
    Path(part.output, "runs").rename(tmp_path / "gone")
    result = run("report", part.output, "-o", tmp_path / "none.html")
    assert result.exit_code == 2 and not (tmp_path / "none.html").exists()
    assert result.stderr.endswith("there is nothing to report yet (not scored); `pyscore sweep` scores it\n")


def test_a_page_is_written_with_its_title_and_the_files_of_questions(
    study: Study, tmp_path: Path, parts: list[tuple[Any, ...]]
) -> None:
    questions = study.datasets[0].files[0]
    options = ["--title", "T", "--questions", questions, "--no-clusters"]
    result = run("report", study.output, "-o", tmp_path / "r.html", *options)
    assert result.exit_code == 0, result.stderr
    ids = [f"q{i}" for i in range(7)]
    assert parts == [("page", study.output, ids, {"title": "T", "clustered": False, "prompts": True})]
    assert result.stdout.startswith(f"{tmp_path / 'r.html'} written, 15 bytes: 3 checkpoints")
    run("report", study.output, study.datasets[0].files[0] + "x", "-o", tmp_path / "r.html")
    assert len(parts) == 1


def test_questions_of_several_files_are_of_the_data_sets_of_their_names(study: Study, tmp_path: Path) -> None:
    one = next(Path(study.output).glob("runs/*/plain*"))
    files = [word for dataset in study.datasets for word in ("--questions", dataset.files[0])]
    page = tmp_path / "r.html"
    assert run("report", one, "-o", page, *files).exit_code == 0
    blocks = read_page(page)
    for name in ("dataset-0", "dataset-1"):
        assert blocks[name]["note"] is None
        assert all(line["prompt"] == f"Is {line['id'][1:]} odd? Answer:" for line in blocks[name]["questions"])


def test_options_that_are_0_or_empty_count_as_given(study: Study, tmp_path: Path, parts: list[tuple[Any, ...]]) -> None:
    run("report", study.output, "-o", tmp_path / "r.html", "--drill-bytes", "0")
    assert parts[0][3]["drill_bytes"] == 0
    result = run("report", study.output, "--format", "md", "--checkpoint", "")
    assert result.exit_code == 2 and "checkpoint '' is none of those" in result.stderr


def test_a_page_and_its_figures_are_really_written(study: Study, tmp_path: Path) -> None:
    for name, opening in (
        ("r.html", b"<!doctype html>"),
        ("f.svg", b"<svg"),
        ("f.pdf", b"%PDF"),
        ("f.png", b"\x89PNG"),
    ):
        chosen = [] if name == "r.html" else ["--checkpoint", "m, step 0", "--template", "plain"]
        result = run("report", study.output, "-o", tmp_path / name, "--no-clusters", *chosen)
        assert result.exit_code == 0, result.stderr
        assert (tmp_path / name).read_bytes().startswith(opening)


def test_a_figure_is_made_of_the_options_that_are_given(
    study: Study, tmp_path: Path, parts: list[tuple[Any, ...]]
) -> None:
    run("report", study.output, "-o", tmp_path / "a.png")
    options = ["--figure", "behaviour", "--metric", "mean_log_odds", "--x", "size", "--dataset", "pooled"]
    run("report", study.output, "-o", tmp_path / "a", "--format", "pdf", *options, "--no-clusters")
    run("report", study.output, "-o", tmp_path / "a.svg", "--figure", "forest", "--against", "m, step 0")
    assert parts == [
        ("two_numbers", study.output, {"clustered": True}),
        ("chart", "png"),
        ("behaviour", study.output, {"clustered": False, "metric": "mean_log_odds", "x": "size", "dataset": "pooled"}),
        ("chart", "pdf"),
        ("forest", study.output, {"clustered": True, "against": "m, step 0"}),
        ("chart", "svg"),
    ]


def test_a_file_may_be_a_url(study: Study) -> None:
    from pyscore.store.files import locate

    found = run_json("report", study.output, "-o", "memory://reported.md")
    text = headline_table(study.output).to_markdown().encode()
    assert locate("memory://reported.md").read() == text and found["bytes"] == len(text)


def test_several_studies_are_reported_together(study: Study, tmp_path: Path, parts: list[tuple[Any, ...]]) -> None:
    other = small_study(tmp_path, models=1)
    run_study(other)
    assert run("report", study.output, other.output, "-o", tmp_path / "r.html").exit_code == 0
    assert parts[0][1] == [study.output, other.output]


@pytest.mark.parametrize("module", ["altair", "vl_convert"])
def test_a_missing_extra_is_one_line_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for name in ("r.html", "r.svg"):
        result = run("report", tmp_path / "none", "-o", tmp_path / name)
        assert result.exit_code == 2
        assert result.stderr == f'pyscore: {module} is not installed: pip install "pyscore-engine[report]"\n'


def test_tables_need_no_extra(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("altair", "vl_convert"):
        monkeypatch.setitem(sys.modules, module, None)
    assert run("report", study.output, "--format", "md").exit_code == 0


def test_long_work_says_that_it_goes_on_unless_it_is_to_be_quiet(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: list[tuple[Any, ...]]
) -> None:
    said: list[str] = []
    heard = Event()

    def hear(line: str) -> None:
        said.append(line)
        heard.set()

    def write(path: Any, output: str, **options: Any) -> None:
        assert not enabled or heard.wait(60)
        Path(output).write_text("x")

    monkeypatch.setattr(command, "_SECONDS", 0.01)
    monkeypatch.setattr(command, "say", hear)
    monkeypatch.setattr(pages, "write", write)
    enabled = True
    run("report", study.output, "-o", tmp_path / "r.html")
    assert said[0] == f"{tmp_path / 'r.html'}: at work, for 0:00 in all"
    enabled = False
    said.clear()
    run("report", study.output, "-o", tmp_path / "r.html", "--quiet")
    assert said == []


MISTAKES = {
    "nothing that says what to write": (["out"], "name a file to write, such as -o report.html"),
    "an ending that says nothing": (["out", "-o", "r.docx"], "r.docx must end in one of .html, .htm, .png"),
    "no ending": (["out", "-o", "r"], "r must end in one of .html"),
    "an ending and another format": (["out", "-o", "r.md", "--format", "csv"], "r.md ends in .md, and the format is"),
    "a format that isn't there": (["out", "--format", "docx"], "'docx' is not one of 'html', 'png'"),
    "a page that is to be printed": (["out", "--format", "html"], "html needs a file: name one with --output"),
    "JSON of nothing written": (["out", "--format", "md", "--json"], "--json tells of a file that was written"),
    "an empty name": (["out", "-o", ""], "--output is empty"),
    "a figure of a page": (["out", "-o", "r.html", "--figure", "forest"], "--figure is for png, svg, pdf, and html is"),
    "a title of a table": (["out", "-o", "r.md", "--title", "x"], "--title is for html, and md is to be written"),
    "a template of a page": (["out", "-o", "r.html", "--template", "x"], "--template is for png, svg, pdf, md, csv"),
    "an unknown figure": (["out", "-o", "r.png", "--figure", "pie"], "'pie' is not one of 'two_numbers'"),
    "questions that are missing": (["out", "-o", "r.html", "--questions", "no.jsonl"], "no such file: no.jsonl"),
    "no results": ([], "Missing argument"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_with_status_2(arguments: list[str], message: str) -> None:
    result = run("report", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("pyscore: ") and result.stderr.count("\n") == 1 and message in result.stderr


def test_places_that_are_none_are_one_line(study: Study, tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([study.output, "-o", tmp_path / "a.md"], f"{tmp_path / 'a.md'} is a folder: name a file to write"),
        (
            [study.output, "-o", tmp_path],
            f"{tmp_path} is a folder: name a file to write, for example {tmp_path}/report",
        ),
        ([study.output, "-o", tmp_path / "none" / "a.md"], "doesn't exist"),
        ([tmp_path / "empty", "-o", tmp_path / "b.md"], "holds neither a study nor a run"),
        ([tmp_path / "gone", "-o", tmp_path / "b.md"], "no such file"),
        ([study.output, study.output, "-o", tmp_path / "b.md"], "is given twice"),
        ([study.output, "-o", Path(study.output, "study.json"), "--format", "md"], "could replace what is stored"),
        ([study.output, "--format", "md", "--template", "x"], "template 'x' is none of those that there are"),
    ):
        result = run("report", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1 and message in result.stderr
    assert not (tmp_path / "b.md").exists()


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), (["out", "-o", "r.docx"], 2), (["out", "--format", "png"], 2)], ids=str
)
def test_help_and_mistakes_import_nothing_heavy(tmp_path: Path, arguments: list[str], status: int) -> None:
    done = run_process(tmp_path, "report", *arguments)
    assert done.stderr.splitlines()[-1] == f"status {status}, imported []", done.stderr


def test_a_terminal_is_not_steered_by_names(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    command._print("a,\x1b[31m\u202e\r\nb\r\n")
    assert capsys.readouterr().out == "a,\\x1b[31m\\u202e\nb\n"


def test_a_table_of_rows_of_no_study_is_written(study: Study, tmp_path: Path) -> None:
    one = next(Path(study.output).glob("runs/*/plain*"))
    result = run("report", one, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1 + 4
    found = json.loads(run("report", one, "-o", tmp_path / "t.csv", "--json").stdout)
    assert (found["checkpoints"], found["cells"]) == (1, 2)
