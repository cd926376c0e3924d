"""`places_of`: the files or tables that a source of questions stands for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pyscore.tasks.reading.csv import read_csv
from pyscore.tasks.reading.jsonl import read_records
from pyscore.tasks.reading.record import Record

__all__ = ["Place", "places_of"]


class Place(Protocol):
    """One file or table of records.

    Attributes:
        name: what messages call it.
        stem: what the ids of its questions begin with; its name without folders and endings.
    """

    name: str
    stem: str

    @abstractmethod
    def records(self, header: Sequence[str] | None = None) -> AbstractContextManager[Iterator[Record]]:
        """Its records in order, read as they are asked for; what was opened is closed at the end.

        Args:
            header: names of the columns of a CSV or TSV file whose first row is none.

        Raises:
            FileNotFoundError: it isn't there.
            ValueError: it can't be read as what it is.
        """


@dataclass(frozen=True)
class _File(Place):
    path: Path

    @property
    def name(self) -> str:  # type: ignore[override]
        return str(self.path)

    @property
    def stem(self) -> str:  # type: ignore[override]
        return self.path.stem

    @contextmanager
    def records(self, header: Sequence[str] | None = None) -> Iterator[Iterator[Record]]:
        yield read_csv(self.path) if self.path.suffix.lower() == ".csv" else read_records(self.path)


def places_of(source: Any) -> list[Place]:
    """The places of a source, at least one, in order.

    Args:
        source: a file.
    """
    return [_File(Path(source))]
