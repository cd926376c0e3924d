"""Place: one file or table of records, wherever it lies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from pyscore.tasks.reading.record import Record

__all__ = ["Place"]


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
