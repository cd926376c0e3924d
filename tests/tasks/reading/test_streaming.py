"""No more is read than is asked for, a buffer aside, and memory doesn't grow with a file."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyscore.tasks import iter_questions, load_questions
from pyscore.tasks.reading.files import FilePlace
from tests.tasks.reading.rows import CONTAINERS, PACKINGS, arrow_stream, records, write, zipped

ROW = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}


class Counted(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found

    def readinto(self, buffer: Any) -> int:
        found = super().readinto(buffer)
        self.count += found
        return found

    def readline(self, size: int | None = -1) -> bytes:
        raise AssertionError("the file is to be read by a buffer")


@dataclass(frozen=True)
class CountedOrigin:
    file: Counted
    path: str

    @property
    def name(self) -> str:
        return self.path

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        yield io.BufferedReader(self.file)


def bytes_read(content: bytes, path: str, count: int) -> int:
    """How many bytes are read for so many rows."""
    file = Counted(content)
    with FilePlace(CountedOrigin(file, path)).records() as found:
        assert len(list(islice(found, count))) == count
    return file.count


def hard_to_pack(i: int) -> dict[str, str]:
    return {"a": hashlib.sha512(str(i).encode()).hexdigest(), "b": hashlib.sha512(str(-i - 1).encode()).hexdigest()}


@pytest.fixture(scope="module")
def many() -> list[dict[str, str]]:
    return [hard_to_pack(i) for i in range(20_000)]


@pytest.mark.parametrize(
    "name", ["a.jsonl", "array.json", "pretty.json", "c.csv", "a.jsonl.gz", "array.json.gz", "c.csv.bz2", "a.jsonl.xz"]
)
def test_text_is_read_no_further_than_some_buffers(many: list[Any], name: str) -> None:
    plain, _, packing = name.rpartition(".")
    is_packed = f".{packing}" in PACKINGS
    content = CONTAINERS[plain if is_packed else name](many)
    content = PACKINGS[f".{packing}"](content) if is_packed else content
    assert len(content) > 2_500_000
    assert bytes_read(content, name, 3) < 1_200_000


@pytest.mark.parametrize("options", [{"row_group_size": 10**6}, {"row_group_size": 1000}], ids=["one group", "many"])
def test_row_groups_of_parquet_are_not_read_whole(many: list[Any], options: dict[str, Any]) -> None:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(many * 3), file, use_dictionary=False, **options)
    # Of each column a page and a buffer, of a mebibyte each.
    assert bytes_read(file.getvalue(), "a.parquet", 3) < 5_000_000 < len(file.getvalue()) / 3


def test_batches_of_an_arrow_stream_are_read_one_by_one(many: list[Any]) -> None:
    file, table = io.BytesIO(), pa.Table.from_pylist(many)
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    assert bytes_read(file.getvalue(), "a.arrow", 3) < 1_000_000 < len(file.getvalue())


@pytest.mark.parametrize("name", ["array.json", "pretty.json", "c.csv", "a.jsonl"])
def test_a_file_of_a_tebibyte_is_begun_and_left(tmp_path: Path, name: str) -> None:
    content = CONTAINERS[name]([ROW] * 3).removesuffix(b"]").rstrip()
    path = write(tmp_path, name, content + (b",\n" if name.endswith(".json") else b"\n") + b" " * 100)
    with path.open("r+b") as file:
        file.truncate(2**40)  # a hole, of NUL bytes: nothing can read that much into memory
    assert len(load_questions(path, limit=2)) == 2


@pytest.mark.parametrize("ending", PACKINGS)
def test_what_breaks_off_behind_the_limit_is_not_met(tmp_path: Path, ending: str, many: list[Any]) -> None:
    lines = CONTAINERS["a.jsonl"]([ROW] * 3 + many)
    packed = PACKINGS[ending](lines)
    path = write(tmp_path, f"a.jsonl{ending}", packed[: len(packed) * 3 // 4])
    assert len(load_questions(path, limit=3)) == 3
    with pytest.raises(ValueError, match="breaks off"):
        records(path)


def test_a_member_of_a_zip_archive_is_unpacked_as_it_is_read(many: list[Any]) -> None:
    content = zipped(CONTAINERS["a.jsonl"](many), "a.jsonl")
    file = Counted(content)
    from pyscore.tasks.reading.archives import Member

    place = FilePlace(Member(CountedOrigin(file, "a.zip"), "a.jsonl"))
    with place.records() as found:
        assert len(list(islice(found, 3))) == 3
    assert file.count < 1_000_000 < len(content)


def peak_of(read: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.jsonl.gz", "array.json", "c.csv", "e.parquet"])
def test_memory_does_not_grow_with_the_questions_of_a_file(tmp_path: Path, name: str) -> None:
    paths = []
    for count in (4_000, 8_000):
        kind = name.removesuffix(".gz")
        content = CONTAINERS[kind]([ROW | {"question": f"{i}?" * 10} for i in range(count)])
        content = gzip.compress(content, 1) if kind != name else content
        paths.append(write(tmp_path, f"{count}/{name}", content))
    few, lots = (peak_of(lambda path=path: sum(1 for _ in iter_questions(path))) for path in paths)  # type: ignore[misc]
    assert lots < few + 250_000


def test_a_stream_is_read_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        sent = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = json.dumps(ROW).encode() + b"\n"
            buffer[: len(line)] = line
            self.sent += 1
            assert self.sent < 1000, "it waits for the end of a stream that has none"
            return len(line)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless(), 1024)))
    assert len(load_questions("-", limit=3)) == 3


def test_an_arrow_stream_comes_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(arrow_stream([ROW] * 3))))
    assert len(load_questions("-")) == 3
