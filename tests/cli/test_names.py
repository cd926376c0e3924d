"""Data sets are named after files in a way that files given after others don't change."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyscore.cli.files import question_files
from pyscore.tasks.names import dataset_names


def test_the_first_file_of_a_stem_keeps_it_whatever_follows(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a/x.jsonl", "b/x.jsonl", "y.csv", "c/b/x.jsonl", "b/x.csv")]
    names = dataset_names(files)
    assert names == ["x", "b/x.jsonl", "y", "c/b/x.jsonl", "b/x.csv"]
    assert all(dataset_names(files[:n]) == names[:n] for n in range(len(files)))


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


def test_a_pattern_that_no_shell_expanded_stands_for_its_files_unless_a_file_is_called_so(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "[ab].jsonl"):
        (tmp_path / name).touch()
    found = question_files([str(tmp_path / "?.jsonl"), str(tmp_path / "[ab].jsonl")])
    assert [file.name for file in found] == ["a.jsonl", "b.jsonl", "[ab].jsonl"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("evals/*.jsonl", "no file matches evals/*.jsonl"),
        ("https://example.org/a.jsonl", "https://example.org/a.jsonl is a URL, .* download the file first"),
        ("s3://bucket/a.jsonl", "s3://bucket/a.jsonl is a URL"),
        ("", "a path is empty"),
        ("folder", r"folder is a folder: name its files, such as folder/\*.jsonl"),
        ("none.jsonl", "no such file: none.jsonl"),
    ],
)
def test_what_is_no_file_of_this_machine_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, OSError), match=message.replace("evals/*", r"evals/\*")):
        question_files([path])


def test_a_file_given_twice_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"the file a\.jsonl is given twice"):
        question_files([str(tmp_path / "a.jsonl"), "a.jsonl"])
