"""Where questions lie: files, folders, patterns, URLs, archives, standard input, several of them."""

from __future__ import annotations

import gzip
import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pyscore.tasks import load_questions
from pyscore.tasks.reading import places_of
from tests.sweep.object_store import Faults, object_store
from tests.tasks.reading.rows import (
    CONTAINERS,
    PACKINGS,
    ROWS,
    delimited,
    jsonl,
    parquet,
    records,
    values,
    write,
    zipped,
)


@pytest.fixture(autouse=True)
def _memory() -> Iterator[None]:
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def names(source: Any, root: Any = "") -> list[str]:
    return [place.name.removeprefix(f"{root}").lstrip("/") for place in places_of(source)]


CLONE = {
    "README.md": b"# A data set\n",
    ".gitattributes": b"*.parquet filter=lfs\n",
    ".git/config.json": b"{}",
    ".cache/huggingface/a.parquet": b"",
    "dataset_infos.json": b"{}",
    "LICENSE": b"MIT",
    "data/train-00001-of-00002.parquet": parquet(ROWS[1:]),
    "data/train-00000-of-00002.parquet": parquet(ROWS[:1]),
    "extra/.hidden.jsonl": b"?",
    "extra/B.CSV.gz": gzip.compress(delimited(ROWS)),
    "extra/a.jsonl": jsonl(ROWS),
}


def test_a_folder_is_its_files_of_known_kinds_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name, content in CLONE.items():
        write(tmp_path, name, content)
    expected = [
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "extra/B.CSV.gz",
        "extra/a.jsonl",
    ]
    assert names(tmp_path, tmp_path) == names(str(tmp_path), tmp_path) == expected
    assert values(tmp_path) == ROWS * 3
    assert names(f"file://{tmp_path}", tmp_path) == expected


def test_a_remote_folder_is_read_as_one_of_this_machine() -> None:
    files = fsspec.filesystem("memory")
    for name, content in CLONE.items():
        files.pipe_file(f"/clone/{name}", content)
    assert names("memory://clone") == [
        "memory://clone/data/train-00000-of-00002.parquet",
        "memory://clone/data/train-00001-of-00002.parquet",
        "memory://clone/extra/B.CSV.gz",
        "memory://clone/extra/a.jsonl",
    ]
    assert values("memory://clone/") == ROWS * 3


def test_a_folder_that_datasets_saved_is_read(tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets")
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved")
    assert values(tmp_path / "saved") == ROWS


@pytest.mark.parametrize("kind", ["path", "memory"])
def test_a_folder_without_known_files_is_told_with_what_it_holds(tmp_path: Path, kind: str) -> None:
    folder = str(tmp_path / "f") if kind == "path" else "memory://f"
    for name in ("README.md", "model.safetensors", ".git/a.json", *(f"{i}.txt" for i in range(9))):
        with fsspec.open(f"{folder}/{name}", "wb", auto_mkdir=True) as file:
            file.write(b"x")
    with pytest.raises(ValueError, match=r"is a folder without files of questions: it holds .*'0\.txt'.* more, and"):
        places_of(folder)


@pytest.mark.parametrize("root", ["{}", "file://{}", "memory://root"])
def test_a_pattern_is_the_files_that_it_matches(tmp_path: Path, root: str) -> None:
    root = root.format(tmp_path)
    for name in ("b.jsonl", "a.jsonl", "README.md", "sub/c.jsonl", "sub/d.txt"):
        with fsspec.open(f"{root}/{name}", "wb", auto_mkdir=True) as file:
            file.write(jsonl(ROWS[:1]))

    def found(pattern: str) -> list[str]:
        return [place.name.rpartition("/")[2] for place in places_of(f"{root}/{pattern}")]

    assert found("*.jsonl") == ["a.jsonl", "b.jsonl"]
    assert found("*") == ["a.jsonl", "b.jsonl"]
    assert found("**/*.jsonl") == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert found("sub/?.txt") == ["d.txt"]
    assert found("[b-z].jsonl") == ["b.jsonl"]
    with pytest.raises(FileNotFoundError, match=r"no such file: .*\.parquet"):
        places_of(f"{root}/*.parquet")


def test_a_name_with_marks_of_a_pattern_that_is_there_is_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a[1].jsonl", jsonl(ROWS))
    assert values(path) == values(str(path)) == ROWS


@pytest.mark.parametrize("ending", ["", *PACKINGS])
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_kind_of_file_is_read_behind_a_url(name: str, ending: str) -> None:
    content = CONTAINERS[name](ROWS)
    url = f"memory://folder/{name}{ending}"
    with fsspec.open(url, "wb") as file:
        file.write(PACKINGS[ending](content) if ending else content)
    assert values(url) == ROWS
    assert places_of(url)[0].stem == name.partition(".")[0]
    assert places_of(url)[0].name == url


def test_an_archive_behind_a_url_is_read_and_one_file_in_it() -> None:
    with fsspec.open("memory://a.zip", "wb") as file:
        file.write(zipped(jsonl(ROWS[:1]), "x.jsonl", **{"y.csv": delimited(ROWS)}))
    assert values("memory://a.zip") == [ROWS[0], *ROWS]
    assert values("memory://a.zip::y.csv") == values("memory://*.zip::y.csv") == ROWS
    assert values("zip://y.csv::memory://a.zip") == ROWS  # as fsspec writes it


def test_an_object_store_is_read() -> None:
    with object_store(Faults(0.0)):
        for name in ("a.jsonl", "b.parquet", "c.csv.gz"):
            kind = {"a.jsonl": "a.jsonl", "b.parquet": "e.parquet", "c.csv.gz": "c.csv"}[name]
            content = CONTAINERS[kind](ROWS)
            fsspec.filesystem("s3").pipe_file(
                f"bucket/set/{name}", gzip.compress(content) if name.endswith("gz") else content
            )
        assert values("s3://bucket/set") == ROWS * 3
        assert names("s3://bucket/set/*.jsonl") == ["s3://bucket/set/a.jsonl"]
        for missing in ("s3://bucket/none.jsonl", "s3://nowhere/a.jsonl"):
            with pytest.raises(FileNotFoundError, match=rf"^no such file: {missing}$"):
                records(missing)


def test_the_web_is_read(httpserver: Any) -> None:
    served = {"a.jsonl": jsonl(ROWS), "b.parquet": parquet(ROWS), "c.csv.gz": gzip.compress(delimited(ROWS))}
    for name, content in served.items():
        httpserver.expect_request(f"/{name}").respond_with_data(content)
        assert values(httpserver.url_for(f"/{name}?download=true")) == ROWS
    httpserver.expect_request("/blob").respond_with_data("<!doctype html><html>Log in</html>")
    with pytest.raises(ValueError, match=r"/blob is an HTML page, perhaps an error or a login"):
        records(httpserver.url_for("/blob"))
    httpserver.expect_request("/gone.jsonl").respond_with_data("no", status=404)
    with pytest.raises(FileNotFoundError, match=r"^no such file: http://.*/gone\.jsonl$"):
        records(httpserver.url_for("/gone.jsonl"))
    for status, kind in {500: OSError, 403: PermissionError}.items():
        httpserver.expect_request(f"/{status}.jsonl").respond_with_data("no", status=status)
        with pytest.raises(kind, match=rf"/{status}\.jsonl can't be reached or used: the server answers {status}"):
            records(httpserver.url_for(f"/{status}.jsonl"))


def test_a_url_that_is_missing_unknown_or_refused_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"^no such file: memory://none\.jsonl$"):
        records("memory://none.jsonl")
    with pytest.raises(ValueError, match=r"^nosuch://a\.jsonl can't be read: Protocol not known: nosuch"):
        records("nosuch://a.jsonl")
    known = importlib.import_module("fsspec.registry").known_implementations
    monkeypatch.setitem(known, "gone", {"class": "nosuchpackage.Files", "err": "Install nosuchpackage"})
    with pytest.raises(ImportError, match=r"^gone://a\.jsonl can't be read: Install nosuchpackage$"):
        records("gone://a.jsonl")

    class Refused(Exception):
        pass

    def refuse(*_: Any, **__: Any) -> None:
        raise Refused("no credentials\nand a long story")

    monkeypatch.setattr(MemoryFileSystem, "_open", refuse)
    with pytest.raises(OSError, match=r"^memory://a\.jsonl can't be reached or used: no credentials .Refused.\. Check"):
        records("memory://a.jsonl")


def test_a_network_that_fails_within_a_file_is_no_damage_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in {"a.jsonl.gz": gzip.compress(jsonl(ROWS)), "a.parquet": parquet(ROWS)}.items():
        with fsspec.open(f"memory://{name}", "wb") as file:
            file.write(content)

        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                raise ConnectionResetError("reset by peer")

        with monkeypatch.context() as patched:
            patched.setattr(MemoryFileSystem, "_open", lambda *_, **__: Broken())
            with pytest.raises(OSError, match=rf"memory://{name} can't be reached or used: reset by peer"):
                records(f"memory://{name}")


def test_without_fsspec_a_url_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ImportError, match=r"^s3://b/a\.jsonl needs fsspec: pip install 'pyscore-engine\[engine\]'"):
        places_of("s3://b/a.jsonl")


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_standard_input_is_told_by_how_it_begins(name: str, packing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = CONTAINERS[name](ROWS)
    stdin(monkeypatch, PACKINGS[packing](content) if packing else content)
    (place,) = places_of("-")
    assert (place.name, place.stem) == ("standard input", "stdin")
    with place.records() as found:
        assert [record.values for record in found] == ROWS


def test_standard_input_may_be_begun_again_until_much_of_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, delimited(ROWS).split(b"\n", 1)[1])
    (place,) = places_of("-")
    with place.records() as found:
        next(found)
    with place.records(header=list(ROWS[0])) as found:
        assert [record.values for record in found] == ROWS
    stdin(monkeypatch, jsonl(ROWS) * 10_000)
    (place,) = places_of("-")
    with place.records() as found:
        assert sum(1 for _ in found) == 30_000
    with pytest.raises(ValueError, match="standard input can be read once"), place.records():
        pass


def test_an_archive_on_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, zipped(jsonl(ROWS)))
    with pytest.raises(ValueError, match=r"standard input is a zip archive.*unpack it first"):
        records("-")


def test_several_places_are_read_in_order(tmp_path: Path) -> None:
    row = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
    for name in ("x/train/c.jsonl", "x/test/a.json", "b.jsonl"):
        write(tmp_path, name, jsonl([row]))
    given = [tmp_path / "x", str(tmp_path / "b.jsonl"), [row, row], (tmp_path / "b.jsonl",)]
    assert [place.stem for place in places_of(given)] == ["a", "c", "b", "table", "b"]
    assert values(given) == [row] * 6
    assert [question.id for question in load_questions(given[:3])] == ["a:0", "c:0", "b:0", "table:0", "table:1"]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (None, TypeError, "questions are read from a path, a URL, a table or rows, got NoneType"),
        (3, TypeError, "got int"),
        (b"a.jsonl", TypeError, "got bytes"),
        ([], ValueError, "an empty list holds no questions"),
        ({"a": [1, 2]}, TypeError, "a dict is one row, or columns: give a list of rows, or a table"),
        ([3], TypeError, "got int"),
        ("nowhere.jsonl", FileNotFoundError, r"^no such file: nowhere\.jsonl$"),
        ("nowhere/a.jsonl", FileNotFoundError, r"^no such file: nowhere/a\.jsonl$"),
    ],
)
def test_what_is_no_source_is_told(source: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        records(source)
