"""The questions that a run is asked for, against those that it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pyscore.engine.questions import content_digest, dataset_of
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.skipping import Skips
from pyscore.engine.sources.source import Tokenizer
from pyscore.engine.texts import listed
from pyscore.store import question_key, read_run
from pyscore.store.grouping import group
from pyscore.store.growing import FinishedFile
from pyscore.store.reading import stored_datasets
from pyscore.tasks import Question, render

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Asked"]

_COMPARED = ("answers", "is_matching", "cluster", "group")

_Name = tuple[str | None, str]  # data set and id


class Asked:
    """The questions of a run, each with its key.

    Args:
        questions: each with an id of its own in its data set.
        tokenizer: of the source.
        settings: of the run.
        skips: what is done with a question for which the template fails.

    Attributes:
        given: all questions, in order.
        questions: those that can be rendered, in order.
        keys: of these, in order; see `pyscore.store.question_key`.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        tokenizer: Tokenizer,
        settings: ScoreSettings,
        skips: Skips,
    ) -> None:
        def keys(some: Sequence[Question]) -> list[str]:
            return [
                question_key(
                    dataset_of(question, settings.dataset),
                    question.id,
                    render(settings.template, question, tokenizer),
                    question.answers,
                    question.is_matching,
                    question.cluster,
                    question.group,
                )
                for question in some
            ]

        self.given, self._dataset = questions, settings.dataset
        made = skips.each(range(len(questions)), questions, keys)
        self.questions = [questions[i] for i, _ in made]
        self.keys = [key for _, key in made]
        self._positions = {
            (dataset_of(question, settings.dataset), question.id): i for i, question in enumerate(self.questions)
        }

    def check_run(self, folder: str, done: Mapping[str, int]) -> None:
        """Raise ValueError if a run holds other questions; ``done`` are their keys, with their positions in the run."""
        asked = set(self.keys)
        if done.keys() <= asked:
            return
        keys = sorted(done, key=lambda key: done[key])
        stored = _contents(read_run(folder))
        other = [name for key, name in zip(keys, stored, strict=True) if key not in asked]
        raise ValueError(f"{folder} holds {self._told({name: stored[name] for name in other})}")

    def not_asked(self, folder: str, done: Mapping[str, int]) -> list[str]:
        """Keys of stored questions that are not asked for, of data sets that are; ``done`` as in `check_run`.

        These were removed from their data set, or edited: what is asked for now stands for them.
        """
        if done.keys() <= set(self.keys):
            return []
        asked = {name for name, _ in self._positions}
        stored = stored_datasets(folder)
        return sorted(key for key in done.keys() - set(self.keys) if stored[key] in asked)

    def unfinished(self, done: Mapping[str, int]) -> set[str]:
        """Data sets of which a question isn't stored, by the names that `contents` gives them."""
        named = zip(self.questions, self.keys, strict=True)
        return {dataset_of(question, self._dataset) or "" for question, key in named if key not in done}

    def contents(self) -> dict[str, dict[str, Any]]:
        """What the manifest says of each data set: how many questions it has, and a digest of them."""
        found: dict[str, list[Question]] = {}
        for question in self.given:
            found.setdefault(dataset_of(question, self._dataset) or "", []).append(question)
        return {name: {"questions": len(own), "content_sha256": content_digest(own)} for name, own in found.items()}

    def positions_in(self, file: FinishedFile) -> list[int]:
        """Where each question of a finished file stands among those asked for; ValueError if it isn't one of them."""
        stored = _contents(file.rows)
        other = {name: content for name, content in stored.items() if self._changed(name, content) != []}
        if other:
            raise ValueError(f"{file.name} holds {self._told(other)}")
        positions = [self._positions[name] for name in stored]
        if not file.holds([self.keys[i] for i in positions]):
            raise ValueError(
                f"{file.name} is a finished run of other questions: the prompts of some were edited. "
                "Ask for all that it holds, or name another output"
            )
        return positions

    def _changed(self, name: _Name, content: Mapping[str, Any]) -> list[str] | None:
        """What of the question differs from what is stored, as far as rows tell; None: it isn't asked for."""
        if name not in self._positions:
            return None
        question = self.questions[self._positions[name]]
        return [field for field in _COMPARED if getattr(question, field) != content[field]]

    def _told(self, other: Mapping[_Name, Mapping[str, Any]]) -> str:
        removed, edited = [], []
        for name, content in other.items():
            changed = self._changed(name, content)
            shown = repr(name[1]) if name[0] is None else f"{name[1]!r} of {name[0]!r}"
            if changed is None:
                removed.append(shown)
            else:
                edited.append(f"{shown} ({', '.join(changed or ['prompt'])})")
        kinds = [f"{kind}: {listed(names)}" for kind, names in (("removed", removed), ("edited", edited)) if names]
        return (
            f"{len(other)} questions that are not asked for now ({'; '.join(kinds)}): "
            "ask for all that it holds, or name another output"
        )


def _contents(rows: pa.Table) -> dict[_Name, dict[str, Any]]:
    """What rows tell of each question, in the order of the questions."""
    order, offsets = group(rows)
    names = ("dataset", "question_id", "answer", "is_matching", "cluster", "group")
    columns = {name: rows[name].take(order).to_pylist() for name in names}
    found = {}
    for start, end in pairwise(offsets):
        found[columns["dataset"][start], columns["question_id"][start]] = {
            "answers": tuple(columns["answer"][start:end]),
            "is_matching": tuple(columns["is_matching"][start:end]),
            "cluster": columns["cluster"][start],
            "group": columns["group"][start],
        }
    return found
