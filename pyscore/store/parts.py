"""The parts of a run: Parquet files of rows whose footers hold the keys of their questions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore.store.files import Place, written_for
from pyscore.store.manifest import MANIFEST
from pyscore.store.parquet import read_file
from pyscore.store.schema import upgraded
from pyscore.tasks.reading.remote import UnreachableError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "LOCK",
    "ORDER",
    "SKIPPED",
    "Parts",
    "is_leftover",
    "is_part",
    "keys_in",
    "part_name",
    "part_names",
    "read_part",
    "read_parts",
    "summary_of",
    "unreadable",
    "write_order",
    "write_part",
]

LOCK = ".lock"
ORDER = "order.json"
SKIPPED = "skipped.jsonl"
"""Which questions were left out, and why; written by the engine."""

_PART = re.compile(r"part-(\d{5,})\.parquet")
_KEYS = b"pyscore_question_keys"
_POSITIONS = b"pyscore_question_positions"


class Parts(NamedTuple):
    """What the footers of a run's parts say.

    Attributes:
        names: of the files, in the order of their numbers.
        keys: of the questions in them, with the position of each in the run.
        positions: where the questions of each part stand in the run, in the order of their first rows.
        part_keys: the keys of the questions of each part, in the same order.
        schema: of the rows, with the metadata of the first part; None where there is no part.
    """

    names: list[str]
    keys: dict[str, int]
    positions: list[list[int]]
    part_keys: list[list[str]]
    schema: pa.Schema | None

    @property
    def next(self) -> int:
        """The number for a new part."""
        return _number(self.names[-1]) + 1 if self.names else 0


def summary_of(keys: Collection[str]) -> dict[str, Any]:
    """What a finished run's manifest says of its questions: how many have these keys, and a digest of them."""
    digest = hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()
    return {"questions": len(keys), "keys_sha256": digest}


def part_name(number: int) -> str:
    return f"part-{number:05d}.parquet"


def is_part(name: str) -> bool:
    return _PART.fullmatch(name) is not None


def is_leftover(name: str) -> bool:
    """Whether this is a temporary file that a writer of the run left when it was killed."""
    target = written_for(name) or ""
    return target in (MANIFEST, ORDER, SKIPPED) or is_part(target)


def read_parts(folder: Place, listed: Sequence[str] | None = None) -> Parts:
    """The footers of all parts.

    Args:
        folder: of the run.
        listed: the names in it, where they are known.

    Raises:
        ValueError: a part is damaged, or a question is in two of them; the message names the files.
    """
    listed = folder.names() if listed is None else listed
    names = part_names(listed)
    with ThreadPoolExecutor(16) as pool:  # A remote file system answers many requests at once.
        footers = list(pool.map(_footer, [folder / name for name in names]))
    where: dict[str, str] = {}
    order = _read_order(folder / ORDER) if ORDER in listed else {}
    found: dict[str, int] = {}
    for name, (keys, positions, _) in zip(names, footers, strict=True):
        positions[:] = [order.get(key, position) for key, position in zip(keys, positions, strict=True)]
        found.update(zip(keys, positions, strict=True))
        for key in keys:
            if key in where:
                raise ValueError(
                    f"{folder} has a question twice, in {where[key]} and {name}: two processes wrote the run at once; "
                    f"remove {name} and resume"
                )
            where[key] = name
    positions_of, keys_of = [own for _, own, _ in footers], [keys for keys, _, _ in footers]
    return Parts(names, found, positions_of, keys_of, footers[0][2] if footers else None)


def write_order(folder: Place, keys: Sequence[str]) -> None:
    """Say in which order these questions stand now, whatever the parts say."""
    with (folder / ORDER).replacing() as file:
        file.write(json.dumps(list(keys)).encode())


def _read_order(place: Place) -> dict[str, int]:
    try:
        keys = json.loads(place.read())
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError("it is no list of keys")
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{place} is damaged: {error}. Remove it: rows are then in the order in which they were first asked for, "
            "until resuming writes it anew"
        ) from None
    return {key: i for i, key in enumerate(keys)}


def write_part(place: Place, table: pa.Table, keys: Sequence[str], positions: Sequence[int]) -> None:
    """Write one part, whole or not at all, as one row group."""
    import pyarrow.parquet as pq

    with (
        place.replacing() as file,
        pq.ParquetWriter(file, table.schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        writer.write_table(table, row_group_size=table.num_rows)
        writer.add_key_value_metadata({_KEYS: json.dumps(list(keys)), _POSITIONS: json.dumps(list(positions))})


def read_part(place: Place) -> pa.Table:
    """A part's rows with the metadata that they were written with."""
    table = read_file(place)
    return table.replace_schema_metadata(
        {k: v for k, v in table.schema.metadata.items() if k not in (_KEYS, _POSITIONS)}
    )


def _footer(place: Place) -> tuple[list[str], list[int], pa.Schema]:
    """The keys and positions of a part's questions, and the schema of its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.open() as file:
            parquet = pq.ParquetFile(file)
            return *keys_in(parquet.metadata.metadata or {}), upgraded(parquet.schema_arrow)
    except UnreachableError:
        raise
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise unreadable(place, error) from None


def unreadable(place: Place, error: Exception) -> ValueError:
    """What to raise of a part that can't be read."""
    return ValueError(
        f"{place} can't be read as a part of a run: {str(error).splitlines()[0]}. "
        "If it is damaged, remove it and resume: its questions are then scored again"
    )


def keys_in(metadata: Mapping[bytes, bytes]) -> tuple[list[str], list[int]]:
    """The keys and positions of a part's questions, from the metadata of its footer; ValueError where it has none."""
    if _KEYS not in metadata or _POSITIONS not in metadata:
        raise ValueError("it holds no keys of questions")
    keys, positions = json.loads(metadata[_KEYS]), json.loads(metadata[_POSITIONS])
    _check_footer(keys, positions)
    return keys, positions


def part_names(listed: Iterable[str]) -> list[str]:
    """The names of a run's parts among those in its folder, in the order of their numbers."""
    return sorted(filter(is_part, listed), key=_number)


def _check_footer(keys: Any, positions: Any) -> None:
    if not isinstance(keys, list) or not keys or {*map(type, keys)} != {str}:
        raise ValueError("its keys are no list of strings")
    numbers = isinstance(positions, list) and {*map(type, positions)} <= {int}
    if not numbers or (positions and not 0 <= min(positions) <= max(positions) < 2**63):
        raise ValueError("its positions are no list of numbers")
    if len(keys) != len(positions):
        raise ValueError(f"it has {len(keys)} keys and {len(positions)} positions")


def _number(name: str) -> int:
    found = _PART.fullmatch(name)
    return int(found[1]) if found else -1
