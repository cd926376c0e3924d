"""A report is one file whose numbers are those of tidy, curve and compare_runs, whatever the study holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pyscore.report.blocks import as_block, read_block, rounded
from pyscore.report.study_report import write
from pyscore.results import tidy
from pyscore.store import merge_run, read_rows
from pyscore.store.studies import StudyFolder
from pyscore.sweep import run
from pyscore.sweep.study import Study
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    found = small_study(tmp_path_factory.mktemp("study"))
    run(found)
    return found


def read_page(path: Path) -> dict[str, Any]:
    """The blocks of data of a page."""
    found = re.findall(r'<script type="text/plain" id="([^"]+)"[^>]*>([^<]*)</script>', path.read_text("utf-8"))
    return {name: read_block(text) for name, text in found if name != "vega"}


def test_every_number_of_the_page_is_that_of_tidy(study: Study, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    told = write(study.output, page)
    assert (told.n_bytes, told.n_checkpoints, told.n_templates, told.n_datasets) == (page.stat().st_size, 3, 2, 2)
    numbers = read_page(page)["numbers"]
    cells = numbers["cells"]
    lines = {
        (line["step"], line["template"], line["scope"], line["dataset"], line["metric"]): line
        for line in tidy(study.output, metrics=list(numbers["metrics"])).to_pylist()
    }
    shown = 0
    for i, scope in enumerate(cells["scope"]):
        dataset = None if cells["dataset"][i] is None else numbers["datasets"][cells["dataset"][i]]["name"]
        step = numbers["checkpoints"][cells["checkpoint"][i]]["step"]
        for metric, columns in cells["metrics"].items():
            line = lines[step, numbers["templates"][cells["template"][i]], scope, dataset, metric]
            for name in ("value", "low", "high", "template_min", "template_max"):
                assert columns[name][i] == rounded(line[name]), (line, name)
            assert (cells["n"][i], cells["n_clusters"][i]) == (line["n"], line["n_clusters"])
            shown += 1
    assert shown == len(lines)


def test_a_study_that_lacks_cells_says_so(study: Study, tmp_path: Path) -> None:
    half = small_study(tmp_path / "half", models=2)
    run(small_study(tmp_path / "half", models=1))
    folder = StudyFolder(half.output)
    folder.write(half.to_dict([each.name for each in half.datasets]))
    write(half.output, tmp_path / "half.html")
    numbers = read_page(tmp_path / "half.html")["numbers"]
    told = {warning["kind"] for warning in numbers["warnings"] if numbers["cells"]["checkpoint"][warning["cell"]] == 1}
    assert "no number" in told
    assert any("not scored" in reason for reason in numbers["reasons"])


def test_nothing_scored_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    StudyFolder(study.output).write(study.to_dict([each.name for each in study.datasets]))
    with pytest.raises(ValueError, match="nothing is scored yet"):
        write(study.output, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_folder_is_no_place_for_a_page(study: Study, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"report\.html"):
        write(study.output, tmp_path)


def test_what_was_there_stays_where_a_page_can_not_be_made(study: Study, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("before")
    with pytest.raises(ValueError, match="no_such_metric"):
        write(study.output, page, metrics=["no_such_metric"])
    assert page.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_rows_and_runs_have_reports_as_well(study: Study, tmp_path: Path) -> None:
    from pyscore.store import read_run, write_rows

    folder = StudyFolder(study.output)
    runs = [folder.run_path(cell.run.name) for cell in folder.cells() if cell.dataset["name"] == "d0"]
    write_rows(read_run(runs[0]), tmp_path / "rows.parquet")
    for source in (runs[0], [runs[0], runs[2]], tmp_path / "rows.parquet"):
        told = write(source, tmp_path / "report.html", title="rows")
        assert told.n_datasets == 2
        assert read_page(tmp_path / "report.html")["numbers"]["title"] == "rows"


def test_the_same_study_gives_the_same_page(study: Study, tmp_path: Path) -> None:
    pages = []
    for _ in range(2):
        write(study.output, tmp_path / "report.html")
        pages.append((tmp_path / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_page_without_prompts_has_no_text_of_questions(study: Study, tmp_path: Path) -> None:
    for prompts in (True, False):
        write(study.output, tmp_path / "report.html", prompts=prompts)
        told = str({name: block for name, block in read_page(tmp_path / "report.html").items() if name != "numbers"})
        assert ("odd? Answer:" in told) is prompts
        assert ("' Yes'" in told) is prompts


def test_a_small_budget_is_kept_and_said(study: Study, tmp_path: Path) -> None:
    write(study.output, tmp_path / "report.html", drill_bytes=3000)
    blocks = read_page(tmp_path / "report.html")
    assert sum(len(as_block(block)) for name, block in blocks.items() if name.startswith("dataset-")) < 3000
    assert any("--drill-bytes" in note for note in blocks["numbers"]["drill_notes"])


def test_the_command_of_the_page_has_its_options(study: Study, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write(study.output, page, title="T", prompts=False, drill_bytes=9000, clustered=False)
    commands = [each["command"] for each in read_page(page)["numbers"]["provenance"]["commands"]]
    options = "--title T --no-prompts --drill-bytes 9000 --no-clusters"
    assert commands == [
        f"pyscore report {study.output} -o {page} {options}",
        f"pyscore sweep table {study.output} -o numbers.csv --no-clusters",
        f"pyscore compare {study.output} --no-clusters",
    ]


def test_no_page_replaces_what_it_is_made_of(study: Study, tmp_path: Path) -> None:
    folder = StudyFolder(study.output)
    manifest = Path(study.output, "study.json")
    before = manifest.read_bytes()
    with pytest.raises(ValueError, match="could replace what is stored there"):
        write(study.output, manifest)
    rows = tmp_path / "rows.parquet"
    merge_run(folder.run_path(folder.runs()[0].name), rows)
    with pytest.raises(ValueError, match="is what the report is made of"):
        write(rows, tmp_path / "." / "rows.parquet")
    assert manifest.read_bytes() == before and read_rows(rows).num_rows
    write(study.output, Path(study.output, "report.html"))
    run(study)
    Path(study.output, "report.html").unlink()
