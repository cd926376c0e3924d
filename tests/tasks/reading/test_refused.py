"""A file that can't be read is told in one line: what it seems to be, and what to do."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pyscore.tasks import load_questions
from tests.tasks.reading.rows import (
    CONTAINERS,
    PACKINGS,
    ROWS,
    arrow_stream,
    delimited,
    feather,
    jsonl,
    parquet,
    records,
    write,
    zipped,
)

MANY = [{"question": f"Question {i * 7919 % 1000}?", "n": str(i**3)} for i in range(3000)]


def saved(write_to: Any, *values: Any) -> bytes:
    file = io.BytesIO()
    write_to(*values, file)
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jsonl"), io.BytesIO())
    return file.getvalue()


def encrypted(content: bytes) -> bytes:
    """A zip archive whose only member is marked as encrypted."""
    changed = bytearray(zipped(content))
    changed[6] |= 1
    changed[changed.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def unknown_method(content: bytes) -> bytes:
    changed = bytearray(zipped(content))
    changed[8] = changed[changed.rindex(b"PK\x01\x02") + 10] = 97
    return bytes(changed)


def wrong_checksum(content: bytes) -> bytes:
    changed = bytearray(zipped(content))
    at = changed.rindex(b"PK\x01\x02") + 16
    changed[at] ^= 255
    changed[14] ^= 255
    return bytes(changed)


def workbook(name: str) -> bytes:
    return zipped(b"<xml/>", name, **{"[Content_Types].xml": b"<xml/>"})


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"

REFUSED: list[tuple[str, bytes, str]] = [
    (
        "a.jsonl",
        LFS,
        "is a Git LFS pointer, .*: run git lfs pull",
    ),
    ("a.parquet", LFS, "is a Git LFS pointer"),
    (
        "a.jsonl",
        b"<!DOCTYPE html>\n<html><body>404</body></html>",
        "is an HTML page, perhaps an error .*: download the file itself",
    ),
    ("a.parquet", b"\n <HTML>\n", "is an HTML page"),
    ("a.json", b"<?xml version='1.0'?>", "is XML: write its rows as JSON lines"),
    ("a.jsonl", b"%PDF-1.7\n%\xe2", "is a PDF: export its questions"),
    ("a.pkl", pickle.dumps(ROWS), "is a pickled object: not read, since unpickling runs whatever code"),
    ("a.pkl", pickle.dumps(ROWS, protocol=0), "is a pickled object"),
    ("a.jsonl", pickle.dumps(ROWS), "is a pickled object"),
    ("a.pt", saved(torch.save, {"a": 1}), "is a file of torch.save, which is pickled: not read"),
    ("a.npy", saved(lambda value, file: np.save(file, value), np.arange(3)), "is a NumPy array"),
    ("a.npz", saved(lambda value, file: np.savez(file, value), np.arange(3)), "is NumPy arrays"),
    ("a.xlsx", workbook("xl/workbook.xml"), "is an Excel workbook: export its sheet as CSV"),
    ("a.csv", workbook("xl/workbook.xml"), "is an Excel workbook: export its sheet as CSV"),
    ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an Office document, an Excel workbook .*: export"),
    ("a.docx", workbook("word/document.xml"), "is a Word document"),
    ("a.ods", workbook("content.xml"), "is an OpenDocument file: export its sheet as CSV"),
    ("a.tar", tar(), "is a tar archive: unpack it first, with tar -xf"),
    ("a.tar.gz", PACKINGS[".gz"](tar()), "is a tar archive"),
    ("a.yaml", b"- question: Why?\n", "is YAML: write its rows as JSON lines"),
    ("a.db", b"SQLite format 3\0", "is an SQLite database"),
    ("a.7z", b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it first"),
    ("a.csv", "a,b".encode("utf-16"), "is UTF-16: save it as UTF-8"),
    ("a.json", "[]".encode("utf-16-be"), "NUL bytes"),
    ("a.bin", bytes(100), "NUL bytes: the file is damaged, or not text in UTF-8"),
    ("a.png", b"\x89PNG\r\n\x1a\n", "is an image: pyscore reads text"),
    ("a.parquet", jsonl(ROWS), "is named as Parquet and doesn't begin so: is it damaged, or text"),
    ("a.arrow", b"?" * 50, "is named as Arrow and doesn't begin so"),
    (
        "a.parquet",
        parquet(MANY)[:-100],
        "can't be read as Parquet, it breaks off or is damaged .*: copy or",
    ),
    ("a.parquet", parquet(MANY)[:4], "can't be read as Parquet, it breaks off"),
    (
        "a.parquet",
        parquet(MANY)[:1000] + bytes(500) + parquet(MANY)[1500:],
        "can't be read as Parquet, it breaks off or is damaged",
    ),
    ("a.parquet", b"PARE" + bytes(20), "is an encrypted Parquet file"),
    ("a.feather", feather(MANY)[:-100], "can't be read as Arrow, it breaks off or is damaged"),
    ("a.arrow", arrow_stream(MANY)[:-1000], "can't be read as Arrow, it breaks off or is damaged"),
    ("a.feather", b"FEA1" + bytes(20), "is a Feather file of version 1: write it anew"),
    ("a.zip", zipped(jsonl(MANY))[:-40], "the zip archive breaks off or is damaged .*: copy or"),
    ("a.zip", wrong_checksum(jsonl(MANY)), "the zip archive breaks off or is damaged .Bad CRC-32"),
    ("a.zip", encrypted(jsonl(ROWS)), "::questions.jsonl is encrypted: unpack it first, with its password"),
    ("a.zip", unknown_method(jsonl(ROWS)), "is packed in a way that Python doesn't read .*: unpack it first"),
    (
        "a.zip",
        zipped(b"# about", "README.md", **{"b.txt": b""}),
        "is an archive without files of questions: it holds 'README.md', 'b.txt', and",
    ),
    ("a.zip", zipped(zipped(jsonl(ROWS)), "b.jsonl"), "is a zip archive in another file: unpack it first"),
    ("a.jsonl.gz", PACKINGS[".gz"](zipped(jsonl(ROWS))), "is a zip archive in another file"),
    (
        "a.jsonl",
        zipped(jsonl(ROWS), "a.jsonl", **{"b.jsonl": b""}),
        "is a zip archive of 'a.jsonl', 'b.jsonl': name it as .zip, or one",
    ),
    ("a.jsonl.lz4", b"\x04\x22\x4d\x18", "is compressed with lz4"),
    ("a.csv", b"question;answer\n1;2\n", r"by commas, and these by semicolons, .* pandas\.read_csv\(PATH, sep=';'"),
    ("a.csv", b"a;b;c\n1;2\n", "line 1: one field. .* by commas, and these by semicolons"),
    ("a.csv", b"a;b;c\n", "line 1: one field. .* by commas, and these by semicolons"),
    ("README.md", b"# Title\n", "is plain text: questions are rows of JSON lines, CSV"),
    ("a.txt", b"Hello, world.\n", "line 1: not JSON .*: this is plain text. Questions are rows"),
    ("a.txt", b"hello\n", "line 1: not JSON .*: this is plain text. Questions are rows"),
    ("a.csv", b"question\tanswer\n1\t2\n", "line 1: one field. .* by tabs, it seems: give it a name in .tsv"),
    ("a.tsv", b"question,answer\n1,2\n", "line 1: one field. .* by tabs, and these by commas"),
    ("a.tsv", b'a\tb\n"x" y\tz\n', "line 2: not TSV .* expected after"),
    ("a.csv", b'a,b\nx,"y', "line 2: not CSV .unexpected end of data"),
    ("a.tsv", b"a\ta\n", "line 1: the header names 'a' more than once"),
    (
        "a.parquet",
        saved(lambda table, file: pq.write_table(table, file), pa.table([[1], [2]], ["a", "a"])),
        "the column 'a' stands there more than once",
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "message"), REFUSED, ids=[f"{i} {row[0]}" for i, row in enumerate(REFUSED)]
)
def test_what_a_refused_file_seems_to_be_and_what_to_do_is_told_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"{name}.*{message}") as error:
        records(write(tmp_path, name, content))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ending", PACKINGS)
@pytest.mark.parametrize("name", ["a.jsonl", "array.json", "c.csv", "e.parquet", "g.arrow"])
def test_packed_data_that_breaks_off_is_an_error_after_what_is_whole(tmp_path: Path, name: str, ending: str) -> None:
    packed = PACKINGS[ending](CONTAINERS[name](MANY))
    path = write(tmp_path, name + ending, packed[: len(packed) // 2])
    with pytest.raises(ValueError, match=rf"{name}{ending}.*breaks off") as error:
        records(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_packed_data_that_was_changed_is_an_error(tmp_path: Path, ending: str) -> None:
    packed = bytearray(PACKINGS[ending](jsonl(MANY)))
    packed[-6] ^= 255
    with pytest.raises(ValueError, match=rf"a.jsonl{ending}, compressed with \w+, (is damaged|breaks off)"):
        records(write(tmp_path, f"a.jsonl{ending}", bytes(packed)))


def test_a_member_that_isnt_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path, "a.zip", zipped(jsonl(ROWS)))
    with pytest.raises(FileNotFoundError, match=r"a\.zip::b\.jsonl .the archive holds 'questions\.jsonl'"):
        records(f"{path}::b.jsonl")
    with pytest.raises(FileNotFoundError, match=r"no such file: .*b\.zip"):
        records(tmp_path / "b.zip")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet", "a.jsonl.gz"])
def test_an_empty_file_holds_nothing(tmp_path: Path, name: str) -> None:
    assert records(write(tmp_path, name, b"")) == []
    assert records(write(tmp_path, f"b{name}.gz", PACKINGS[".gz"](b""))) == []


@pytest.mark.parametrize("kind", ["Parquet", "Arrow", "zstd"])
def test_a_missing_pyarrow_is_one_error_that_says_what_to_install(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    content = {"Parquet": b"PAR1" + bytes(20), "Arrow": b"ARROW1\0\0", "zstd": b"\x28\xb5\x2f\xfd" + bytes(20)}[kind]
    with pytest.raises(ImportError, match=rf"a\.x.* {kind}.* needs pyarrow: pip install 'pyscore-engine\[engine\]'$"):
        records(write(tmp_path, "a.x", content))


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("name", ["a.jsonl", "array.json", "c.csv"])
def test_text_is_read_without_pyarrow_and_fsspec(
    tmp_path: Path, name: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = CONTAINERS[name](ROWS)
    path = write(tmp_path, name + ending, PACKINGS[ending](content) if ending else content)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    assert [record.values for record in records(path)] == ROWS


def test_a_zip_archive_holds_what_it_holds_in_any_order_of_its_members(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data/", b"")
        archive.writestr("__MACOSX/._a.jsonl", b"\0")
        archive.writestr("data/z.csv", delimited(ROWS[2:]))
        archive.writestr("data/a.jsonl", jsonl(ROWS[:2]))
    assert [record.values for record in records(write(tmp_path, "a.zip", file.getvalue()))] == ROWS


def test_the_row_of_a_wrong_array_is_named_by_its_element(tmp_path: Path) -> None:
    content = json.dumps([*ROWS, "text"]).encode()
    with pytest.raises(ValueError, match=r"a\.json, element 4: a JSON object is needed, found str"):
        records(write(tmp_path, "a.json", content))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("length", [1, 600])
@pytest.mark.parametrize("quote", [b"", b'"'])
def test_csv_with_semicolons_is_read_where_its_rows_agree(
    mark: bytes, length: int, quote: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "set.csv"
    long = quote + b"q, " * length + b"?" + quote
    path.write_bytes(mark + b"question;A;B;C;D;answer\r\nIs, it?;a;b;c;d;D\r\n" + long + b";a;b;c;d;B\r\n")
    found = load_questions(path)
    assert [one.is_matching.index(True) for one in found] == [3, 1] and "Is, it?" in found[0].prompt
