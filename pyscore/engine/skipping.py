"""Questions that can't be scored: the first one ends the run, or all are left out and named at its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

from pyscore.engine.questions import dataset_of
from pyscore.store import metadata_of, parts, run_folder
from pyscore.store.files import locate
from pyscore.tasks import Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ON_ERROR", "SKIPPED", "Skipped", "Skips", "skipped_file", "skipped_questions"]

ON_ERROR = ("raise", "skip")
"""What ``on_error`` may be."""

SKIPPED = "skipped"
"""The entry of the metadata of rows that names the questions left out."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Skipped:
    """A question that wasn't scored, and why.

    Attributes:
        dataset: its data set, None where it has no name.
        question_id: its id there.
        reason: the error that scoring it alone would raise.
    """

    dataset: str | None
    question_id: str
    reason: str


class Skips:
    """The questions that a run left out.

    Args:
        on_error: "raise" lets every error through; "skip" notes the question and goes on.
        dataset: the data set of questions that name none.

    Attributes:
        found: what was left out, in the order in which it was found.
    """

    def __init__(self, on_error: str, dataset: str | None = None) -> None:
        if on_error not in ON_ERROR:
            raise ValueError(f"on_error={on_error!r} is not one of {', '.join(ON_ERROR)}")
        self.found: list[Skipped] = []
        self._raises = on_error == "raise"
        self._dataset = dataset

    def each(
        self, indices: Sequence[int], questions: Sequence[Question], make: Callable[[list[Question]], Sequence[Made]]
    ) -> list[tuple[int, Made]]:
        """What ``make`` makes of the questions of these indices, one entry each, without those that it refuses.

        Halves are tried apart, so that questions in which nothing is wrong are still made many at a time: one bad
        question among n costs about log2(n) more calls.

        Raises:
            ValueError: ``make`` refuses a question, and ``on_error`` is "raise".
        """
        try:
            return list(zip(indices, make([questions[i] for i in indices]), strict=True))
        except ValueError as error:
            if self._raises:
                raise
            if len(indices) == 1:
                question = questions[indices[0]]
                self.found.append(Skipped(dataset_of(question, self._dataset), question.id, str(error)))
                return []
        half = len(indices) // 2
        return self.each(indices[:half], questions, make) + self.each(indices[half:], questions, make)

    def with_others(self, metadata: Mapping[str, str], datasets: Collection[str]) -> Skips:
        """The same, after what a run's metadata says of data sets other than these, "" being the one without a name."""
        found = Skips("skip")
        before = [Skipped(**entry) for entry in json.loads(metadata.get(SKIPPED, "[]"))]
        found.found = [each for each in before if (each.dataset or "") not in datasets] + self.found
        return found

    def write(self, target: str) -> None:
        """Write what was left out as JSONL, one question a line; no file where nothing was."""
        place = locate(target)
        if not self.found:
            place.remove()
            return
        with place.replacing() as file:
            for skipped in self.found:
                file.write(json.dumps(asdict(skipped), ensure_ascii=False).encode() + b"\n")

    def metadata(self) -> dict[str, str]:
        """What rows say of the questions that are not among them; nothing where all are."""
        return {SKIPPED: json.dumps([asdict(skipped) for skipped in self.found])} if self.found else {}


def skipped_file(path: str) -> str:
    """Where `score_to` writes the questions that it left out: in the run's folder, or beside the one file."""
    return f"{path}/{parts.SKIPPED}" if run_folder(path) == path else f"{path}.{parts.SKIPPED}"


def skipped_questions(table: pa.Table) -> list[Skipped]:
    """The questions that a run with ``on_error="skip"`` left out of these rows.

    Args:
        table: as `Scorer.score` returns it, or the rows of a run as `pyscore.store.read_rows` reads them.
    """
    return [Skipped(**entry) for entry in json.loads(metadata_of(table).get(SKIPPED, "[]"))]
