"""Data sets are named after files in a way that files given after others don't change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pyscore.cli.files import question_places
from pyscore.tasks import names
from pyscore.tasks.reading import places_of


def dataset_names(files: Sequence[Path | str]) -> list[str]:
    return names.dataset_names([place for file in files for place in places_of(file)])


def test_the_first_file_of_a_stem_keeps_it_whatever_follows(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a/x.jsonl", "b/x.jsonl", "y.csv", "c/b/x.jsonl", "b/x.csv")]
    found = dataset_names(files)
    assert found == ["x", "b/x.jsonl", "y", "c/b/x.jsonl", "b/x.csv"]
    assert all(dataset_names(files[:n]) == found[:n] for n in range(len(files)))


def test_a_name_does_not_depend_on_the_folder_from_which_a_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert dataset_names([Path("../a/x.jsonl"), Path("x.jsonl")]) == ["x", "b/x.jsonl"]


def test_a_file_name_that_is_no_utf8_gives_a_name_that_rows_can_hold(tmp_path: Path) -> None:
    (name,) = dataset_names([tmp_path / "caf\udce9.jsonl"])
    assert name == "caf\\udce9"


def test_files_elsewhere_are_named_after_their_stems_and_told_apart_as_files_here_are() -> None:
    urls = ["https://example.org/a/x.jsonl", "https://example.org/b/x.jsonl.gz", "-"]
    assert dataset_names(urls) == ["x", "b/x.jsonl.gz", "stdin"]


def test_folders_and_patterns_stand_for_their_files_unless_a_file_is_called_so(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "[ab].jsonl"):
        (tmp_path / name).write_text("{}")
    found = question_places([str(tmp_path / "?.jsonl"), str(tmp_path / "[ab].jsonl")])
    assert [place.stem for place in found] == ["a", "b", "[ab]"]
    assert len(question_places([str(tmp_path)])) == 3


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("evals/*.jsonl", r"no file matches evals/\*.jsonl"),
        ("", "a path is empty"),
        ("folder", "folder is a folder without"),
    ],
)
def test_what_holds_no_questions_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, OSError), match=message):
        question_places([path])


def test_a_file_given_twice_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"the file a\.jsonl is given twice"):
        question_places([str(tmp_path / "a.jsonl"), "a.jsonl"])
