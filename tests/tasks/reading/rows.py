"""Rows of questions, and files of every kind that hold them."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from pyscore.tasks.reading import places_of

ROWS = [
    {"question": "Is it so?\u2028 \"Yes\",\tor 'no'\r\n…", "answer_matching_behavior": " Yes", "n": "1"},
    {"question": " And\u0085 this ", "answer_matching_behavior": " No", "n": "2"},
    {"question": "ö" * 100, "answer_matching_behavior": "\ufeff?", "n": "3"},
]
"""Values are text, which is all that CSV holds; it has what readers of text are tempted to change."""


def records(source: Any, **options: Any) -> list[Any]:
    """Every record of all places of a source."""
    found = []
    for place in places_of(source):
        with place.records(**options) as own:
            found += list(own)
    return found


def values(source: Any, **options: Any) -> list[dict[str, Any]]:
    return [record.values for record in records(source, **options)]


def jsonl(rows: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def pretty(rows: Sequence[Any]) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=2).encode()


def objects(rows: Sequence[Any]) -> bytes:
    return b"\n".join(json.dumps(row, indent=1).encode() for row in rows)


def delimited(rows: Sequence[Any], delimiter: str = ",") -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def parquet(rows: Sequence[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), file, **options)
    return file.getvalue()


def feather(rows: Sequence[Any]) -> bytes:
    file = io.BytesIO()
    pyarrow.feather.write_feather(pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


def arrow_stream(rows: Sequence[Any]) -> bytes:
    file, table = io.BytesIO(), pa.Table.from_pylist(list(rows))
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


CONTAINERS: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "a.jsonl": jsonl,
    "b.ndjson": jsonl,
    "array.json": lambda rows: json.dumps(rows).encode(),
    "pretty.json": pretty,
    "objects.json": objects,
    "c.csv": delimited,
    "d.tsv": lambda rows: delimited(rows, "\t"),
    "e.parquet": parquet,
    "f.feather": feather,
    "g.arrow": arrow_stream,
}
"""Names of files and what writes their content."""


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


def zipped(content: bytes, name: str = "questions.jsonl", **others: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, own in {name: content, **others}.items():
            archive.writestr(member, own)
    return file.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstd,
    ".bz2": bz2.compress,
    ".xz": lambda content: lzma.compress(content, preset=0),
}


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
