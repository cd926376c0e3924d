"""FilePlace: one file, its kind told by how it begins and by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pyscore.tasks.reading.archives import Member, is_zip, member_names
from pyscore.tasks.reading.columnar import read_arrow_file, read_arrow_stream, read_parquet
from pyscore.tasks.reading.csv import first_row, read_csv, semicolons
from pyscore.tasks.reading.jsonl import read_json
from pyscore.tasks.reading.lines import BOM
from pyscore.tasks.reading.origins import LocalOrigin, Origin
from pyscore.tasks.reading.packed import ending_of, stem_of, unpacked
from pyscore.tasks.reading.place import Place
from pyscore.tasks.reading.record import Record
from pyscore.tasks.reading.signs import HEAD, refuse_unread
from pyscore.tasks.reading.streams import seekable

__all__ = ["KNOWN", "FilePlace", "LocalOrigin", "is_known"]


class _Table(NamedTuple):
    """A binary kind: its name, its reader, and whether that goes back and forth."""

    kind: str
    read: Callable[[BinaryIO, str], Iterator[Record]]
    back_and_forth: bool


_TABLES = {
    # A header of CSV may begin so, too, and then goes on with text.
    rb"PAR1([\x00-\x1f]|$)": _Table("Parquet", read_parquet, True),
    rb"ARROW1\x00\x00": _Table("Arrow", read_arrow_file, True),
    rb"\xff\xff\xff\xff": _Table("Arrow", read_arrow_stream, False),
}
"""Binary kinds by how they begin."""

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_JSON = (".jsonl", ".ndjson", ".json")
_BINARY = {".parquet": "Parquet", ".pq": "Parquet", ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow"}
KNOWN = (*_JSON, *_DELIMITERS, *_BINARY)
"""Endings of the files that are read of a folder."""

_ABOUT = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")


def is_known(path: str) -> bool:
    """Whether a file of a folder holds records by its path in it: its ending is known, and it isn't hidden."""
    *folders, name = path.split("/")
    hidden = any(part.startswith((".", "__MACOSX")) for part in (*folders, name))
    return not hidden and name not in _ABOUT and (ending_of(name) in KNOWN or name.lower().endswith(".zip"))


@dataclass(frozen=True)
class FilePlace(Place):
    """A file, packed or not."""

    origin: Origin

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.origin.name

    @property
    def stem(self) -> str:  # type: ignore[override]
        return stem_of(self._file_name) or "stdin"

    @property
    def _file_name(self) -> str:
        return self.origin.path.rstrip("/").rpartition("/")[2]

    @contextmanager
    def records(self, header: Sequence[str] | None = None) -> Iterator[Iterator[Record]]:
        with self._opened() as (head, file, seeks):
            ending = ending_of(self._file_name)
            table = _table_of(head)
            if table:
                _refuse_header(header, self.name, table.kind)
                with ExitStack() as stack:
                    whole = seekable(file, seeks) if table.back_and_forth else file
                    if whole is not file:
                        stack.enter_context(whole)
                    yield table.read(whole, self.name)
                return
            delimiter = self._delimiter(head, ending)
            if delimiter:
                yield read_csv(file, self.name, delimiter, header)
                return
            _refuse_header(header, self.name, "JSON")
            if head and ending in _BINARY:
                raise ValueError(
                    f"{self.name} is named as {_BINARY[ending]} and doesn't begin so: is it damaged, or text?"
                )
            yield read_json(file, self.name)

    def first_row(self) -> list[str] | None:
        """The fields of the first row of a CSV or TSV file, be it a header or not; None of other kinds."""
        with self._opened() as (head, file, _):
            delimiter = self._delimiter(head, ending_of(self._file_name))
            return first_row(file, self.name, delimiter) if delimiter and not _table_of(head) else None

    @contextmanager
    def text(self) -> Iterator[BinaryIO]:
        """The text of the file, unpacked.

        Raises:
            FileNotFoundError: it isn't there.
            ValueError: it is no text, or can't be unpacked.
        """
        with self._opened() as (head, file, _):
            table = _table_of(head)
            if table:
                raise ValueError(f"{self.name} is {table.kind}: write its rows as JSON lines")
            yield file

    @contextmanager
    def _opened(self) -> Iterator[tuple[bytes, BinaryIO, bool]]:
        with ExitStack() as stack:
            file = stack.enter_context(self.origin.open())
            can_seek = file.seekable()
            head, file, was_packed = unpacked(file, self.name, HEAD)
            if is_zip(head):
                if was_packed or isinstance(self.origin, Member) or not can_seek:
                    raise ValueError(f"{self.name} is a zip archive in another file: unpack it first")
                with self._only_member()._opened() as found:
                    yield found
                return
            refuse_unread(head, self.name, ending_of(self._file_name))
            yield head, file, can_seek and not was_packed and not isinstance(self.origin, Member)

    def _only_member(self) -> FilePlace:
        """Of a zip archive that isn't named as one."""
        names = member_names(self.origin)
        known = [name for name in names if is_known(name)] or names
        if len(known) != 1:
            found = ", ".join(map(repr, known[:10])) or "no files"
            raise ValueError(f"{self.name} is a zip archive of {found}: name it as .zip, or one file in it after ::")
        return FilePlace(Member(self.origin, known[0]))

    def _delimiter(self, head: bytes, ending: str) -> str | None:
        """Between the fields of CSV and TSV; None: it is JSON."""
        if ending in _DELIMITERS:
            return ";" if ending == ".csv" and semicolons(head) else _DELIMITERS[ending]
        if self.origin.path:
            return None
        # Standard input has no name: what doesn't begin as JSON is a table.
        text = head.removeprefix(BOM).lstrip()
        if not text or text.startswith((b"{", b"[")):
            return None
        line = text.partition(b"\n")[0]
        return "\t" if b"\t" in line and b"," not in line else ","


def _table_of(head: bytes) -> _Table | None:
    return next((table for sign, table in _TABLES.items() if re.match(sign, head)), None)


def _refuse_header(header: Sequence[str] | None, name: str, kind: str) -> None:
    if header is not None:
        raise ValueError(f"{name} is {kind}, which names its columns: a header is for CSV and TSV without one")
