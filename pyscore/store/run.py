"""RunStore: the folder that a run writes its rows to, part by part, so that a killed run can go on."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pyscore.store.files import Place, locate
from pyscore.store.grouping import group
from pyscore.store.growing import FinishedFile, session_of
from pyscore.store.manifest import (
    MANIFEST,
    add_entries,
    begin,
    check_settings,
    now,
    read_manifest,
    resumed,
    write_manifest,
)
from pyscore.store.opening import check_folder, locked
from pyscore.store.parts import (
    LOCK,
    Parts,
    is_leftover,
    is_part,
    part_name,
    read_part,
    read_parts,
    summary_of,
    write_order,
    write_part,
)
from pyscore.store.reading import merge, remove_files
from pyscore.store.schema import as_rows

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RunStore"]


class RunStore:
    """A folder of Parquet parts and a manifest, open for writing; `RunStore.open` makes one.

    Only one store of a folder can be open at a time. It is let go by `finish`, by `close`, at the end of a ``with``
    block, and when the process ends, however it ends.
    """

    def __init__(
        self,
        folder: Place,
        manifest: dict[str, Any],
        lock: IO[bytes] | None,
        earlier: FinishedFile | None,
        parts: Parts,
    ) -> None:
        self._folder, self._manifest, self._lock, self._earlier = folder, manifest, lock, earlier
        self._open = True
        self._keys, self._next = parts.keys, parts.next
        self._columns = None if parts.schema is None else parts.schema.names
        self._first = parts.names[0] if parts.names else None

    @staticmethod
    def check(path: str | Path, *, resume: bool = False) -> None:
        """Raise as `open` would of the folder: to be asked before a long run is prepared."""
        folder = locate(path)
        check_folder(folder, resume)
        if not folder.is_folder():
            folder.check_writable()

    @classmethod
    def open(
        cls,
        path: str | Path,
        manifest: Mapping[str, Any],
        *,
        resume: bool = False,
        earlier: FinishedFile | None = None,
        entries: Mapping[str, Any] | None = None,
    ) -> RunStore:
        """Begin a run in a new or empty folder, or go on with the one that is there.

        Args:
            path: the folder, a path or an fsspec URL; the folder that it is in must exist.
            manifest: "settings", a mapping of all that values depend on (revision, template, dtype ...), and what else
                is worth knowing (versions, arguments). What JSON can hold. A mapping "fingerprint" among the settings
                has digests, of which those that differ are named without their values.
            resume: go on if there is a run. A run without this is an error; no run with it is begun.
            earlier: a finished run, which a run that is begun now goes on with; see `take_up`.
            entries: what the manifest of a run that is begun now has besides, as by `update`.

        Raises:
            FileExistsError: there is a run, and resume is False; or the folder has other files, and no run.
            ValueError: the run was begun with other settings (each is named with both values), or is damaged; or the
                name of a new one is that of another kind of file, say of CSV.
            BlockingIOError: another process writes this run.
            OSError: the folder can't be made or written to.
            TypeError: an entry of the manifest is not JSON.
        """
        opening = begin(manifest)
        new = add_entries(opening, entries or {})
        folder = locate(path)
        check_folder(folder, resume)
        folder.make_folder()
        lock = locked(folder)
        try:
            # Checked a second time, as another process may have begun a run before the lock was held.
            found = check_folder(folder, resume, is_made=True)
            if found is not None:
                check_settings(folder, found, opening["settings"])
            if found is None and earlier is not None:
                found = earlier.manifest
            current = new if found is None else resumed(found, opening)
            write_manifest(folder, current)
            # Only once the manifest is written: without locks, that is what stops a writer whose file this might be.
            names = folder.names()
            for name in names:
                if is_leftover(name):
                    (folder / name).remove()
            return cls(folder, current, lock, earlier, read_parts(folder, names))
        except BaseException:
            if lock is not None:
                lock.close()
            raise

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def manifest(self) -> dict[str, Any]:
        """A copy of what manifest.json holds."""
        return copy.deepcopy(self._manifest)

    def done(self) -> set[str]:
        """The keys of the questions whose rows are stored."""
        return set(self._keys)

    def first_rows(self) -> pa.Table | None:
        """The rows of the first part that was there when the store was opened; None where there was none."""
        return None if self._first is None else read_part(self._folder / self._first)

    def positions(self) -> dict[str, int]:
        """Where each stored question stands in the run, by its key."""
        return dict(self._keys)

    def reorder(self, keys: Sequence[str]) -> None:
        """Give the stored questions other positions in the run, those that they have in ``keys``.

        Raises:
            ValueError: the store is closed.
            BlockingIOError: another process has opened the run since.
            OSError: the file system refused.
        """
        self._check_mine()
        write_order(self._folder, keys)
        self._keys.update({key: i for i, key in enumerate(keys) if key in self._keys})

    def write(self, table: pa.Table, keys: Sequence[str], positions: Sequence[int] | None = None) -> None:
        """Store rows as one part, whole or not at all; when this returns, they survive a crash.

        A store that couldn't write is closed: open the run again, with resume, to see what is in it.

        Args:
            table: all rows of some questions.
            keys: of these questions, in the order of their first rows; see `question_key`.
            positions: where these questions stand in the run, which is read in that order; by default after those that
                were written before.

        Raises:
            ValueError: no table of rows, other columns than before, more or fewer keys or positions than questions, or
                a question that is stored already; or the store is closed.
            BlockingIOError: another process has opened the run since.
            OSError: the file system refused.
        """
        rows = as_rows(table, "the table")
        self._check_keys(rows, list(keys))
        positions = [*map(int, range(len(self._keys), len(self._keys) + len(keys)) if positions is None else positions)]
        if len(positions) != len(keys):
            raise ValueError(f"positions has {len(positions)} entries, keys has {len(keys)}: give one a question")
        if self._columns is not None and rows.column_names != self._columns:
            other = sorted(set(rows.column_names).symmetric_difference(self._columns))
            raise ValueError(
                f"either the table or {self._folder} lacks {', '.join(other)}: write the same columns always"
            )
        self._check_mine()
        try:
            self._write_part(part_name(self._next), rows, keys, positions)
            self._keys.update(zip(keys, positions, strict=True))
            self._next += 1
            self._columns = rows.column_names
        except BaseException:
            self.close()  # The part may be there or not: opening the run again finds out.
            raise

    def take_up(self, keys: Sequence[str], positions: Sequence[int]) -> None:
        """Store the rows of the finished file that the run goes on with, if they aren't there, as one part.

        Args:
            keys, positions: of the questions of the file, in their order there.

        Raises:
            ValueError: the folder's run is another than the file's.
            BlockingIOError, OSError: as `write`.
        """
        if self._earlier is None or self._earlier.manifest["sessions"][0]["id"] != self._manifest["sessions"][0]["id"]:
            name = self._earlier.name if self._earlier is not None else "no file"
            raise ValueError(f"{self._folder} and {name} hold two runs: remove one of them, or name another output")
        missing = [i for i, key in enumerate(keys) if key not in self._keys]
        if missing:
            rows = self._earlier.rows_of(missing)
            self.write(rows, [keys[i] for i in missing], [positions[i] for i in missing])

    def update(self, **entries: Any) -> None:
        """Add entries to the manifest, or replace them.

        Raises:
            TypeError: an entry is not JSON.
            ValueError: an entry has a name that the manifest needs itself, or the store is closed.
            BlockingIOError: another process has opened the run since.
        """
        self._replace_manifest(add_entries(self._manifest, entries))

    def finish(self, target: str | Path | None = None, entries: Mapping[str, Any] | None = None) -> None:
        """Mark the run as complete, and close the store; the parts are read first, to see that they are all there.

        Args:
            entries: added to the manifest, as by `update`.
            target: a file, a path or an fsspec URL, that the run becomes, as by `merge_run`; the folder is then
                removed. Until the file is whole it holds what it held before, and the folder all rows.

        Raises:
            TypeError: as `update`.
            FileExistsError: the target has come to be, or was replaced, since the run was opened.
            ValueError: a part is damaged, or the parts don't hold what was written; or the store is closed.
            BlockingIOError: another process has opened the run since.
        """
        added = add_entries(self._manifest, entries or {})
        self._check_mine()
        parts = read_parts(self._folder)
        if parts.keys != self._keys:
            raise ValueError(f"{self._folder} doesn't hold what was written to it: something else changed it; resume")
        self._replace_manifest({**added, "complete": True, "finished": now(), "stored": summary_of(parts.keys)})
        if target is not None:
            self._check_target(locate(target))
            # Both steps hold the lock: rows that another process stored between them would be removed unread.
            merge(self._folder, self._manifest, target)
            self._check_mine()
            remove_files(self._folder)
        self.close()

    def discard_if_empty(self) -> None:
        """Close the store, and remove its run if no row is stored; what the folder itself says of both decides.

        A run that another process has opened since is never removed, nor is one with a part that this store, which
        may have been overtaken, doesn't know of.
        """
        self.close()
        if not self._folder.is_folder():
            return
        with suppress(BlockingIOError), (self._folder / LOCK).lock() or nullcontext():
            found = read_manifest(self._folder)
            if found is not None and self._opened_last(found) and not any(map(is_part, self._folder.names())):
                remove_files(self._folder)

    def close(self) -> None:
        """Let go of the folder; a run that isn't finished stays incomplete, and can be resumed."""
        self._open = False
        if self._lock is not None:
            self._lock.close()

    def _replace_manifest(self, manifest: dict[str, Any]) -> None:
        self._check_mine()
        write_manifest(self._folder, manifest)
        self._manifest = manifest

    def _check_mine(self) -> None:
        """Where file systems have no locks, the manifest says who opened the run last: only that one may write."""
        if not self._open:
            raise ValueError(f"the store of {self._folder} is closed: open it again, with resume")
        found = read_manifest(self._folder)
        if found is None:
            raise FileNotFoundError(f"{self._folder / MANIFEST} is gone: something else removed it")
        if not self._opened_last(found):
            raise BlockingIOError(f"another process opened the run in {self._folder} since: only that one can go on")

    def _check_target(self, target: Place) -> None:
        session = None if self._earlier is None else self._earlier.manifest["sessions"][-1]["id"]
        if session_of(target) != session:
            raise FileExistsError(
                f"something else wrote {target} while this run went on: its rows are in {self._folder}; move that file "
                "away and resume"
            )

    def _opened_last(self, found: Mapping[str, Any]) -> bool:
        return bool(found["sessions"][-1]["id"] == self._manifest["sessions"][-1]["id"])

    def _write_part(self, name: str, rows: pa.Table, keys: Sequence[str], positions: Sequence[int]) -> None:
        place = self._folder / name
        if self._lock is not None:
            write_part(place, rows, keys, positions)
            return
        # What an earlier session began to write can have arrived after the folder was read. To list is one request to
        # an object store, to ask for an object that isn't there are two.
        if name in self._folder.names():
            raise BlockingIOError(f"another process wrote {place} since: resume, to go on after it")
        write_part(place, rows, keys, positions)
        self._check_mine()

    def _check_keys(self, rows: pa.Table, keys: list[str]) -> None:
        questions = len(group(rows)[1]) - 1
        if not questions:
            raise ValueError("the table has no rows: write some")
        if len(keys) != questions:
            raise ValueError(f"keys has {len(keys)} entries, the table has {questions} questions: give one a question")
        if len(set(keys)) != len(keys):
            raise ValueError("keys has an entry twice: give every question once")
        stored = [i for i, key in enumerate(keys) if key in self._keys]
        if stored:
            raise ValueError(f"keys[{stored[0]}] is stored already: leave out the questions in done()")
