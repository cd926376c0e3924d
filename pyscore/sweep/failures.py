"""What failed of a study, a file a checkpoint, written by whoever worked on it and removed once it succeeds."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from pyscore.store.studies import StudyFolder

__all__ = ["Failure", "note_failures", "read_failures"]

_FOLDER = "failures"
_READ_AT_ONCE = 32


@dataclass(frozen=True)
class Failure:
    """What could not be scored, and why.

    Attributes:
        model: the label of the checkpoint; None where it is for all of them.
        template, dataset: their names; None where the checkpoint itself failed.
        reason: one line.
    """

    model: str | None
    template: str | None
    dataset: str | None
    reason: str

    def __str__(self) -> str:
        return f"{', '.join(part for part in (self.model, self.template, self.dataset) if part)}: {self.reason}"


def note_failures(folder: StudyFolder, checkpoint: str, failures: tuple[Failure, ...]) -> None:
    """Write what failed of a checkpoint in place of what failed before; no file where nothing did.

    Args:
        folder: of the study.
        checkpoint: the name of the folder of its runs.
        failures: of this checkpoint, the last time that it was tried.
    """
    place = folder.place / _FOLDER / f"{checkpoint}.json"
    if not failures:
        place.remove()
        return
    (folder.place / _FOLDER).make_folder()
    with place.replacing() as file:
        file.write(json.dumps([asdict(failure) for failure in failures], indent=1).encode() + b"\n")


def read_failures(folder: StudyFolder) -> dict[str, tuple[Failure, ...]]:
    """What failed of each checkpoint, by the names of the folders of their runs.

    Raises:
        ValueError: a file is damaged; the message names it.
    """
    place = folder.place / _FOLDER
    names = [name for name in place.names() if name.endswith(".json") and not name.startswith(".")]

    def read(name: str) -> tuple[Failure, ...]:
        content = (place / name).read()
        try:
            found: Any = json.loads(content)
            return tuple(Failure(**each) for each in found)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{place / name} is damaged: {error}. Remove it: failures are written anew") from None

    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        return dict(zip([name.removesuffix(".json") for name in names], pool.map(read, names), strict=True))
