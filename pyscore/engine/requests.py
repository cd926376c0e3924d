"""What a run is asked for, checked before the model runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pyscore._integers import as_int
from pyscore.tasks import Question

__all__ = ["check_metadata", "check_run", "checked_questions", "dataset_of"]


def dataset_of(question: Question, dataset: str | None) -> str | None:
    """The data set that a question names, else the run's."""
    return dataset if question.dataset is None else question.dataset


def checked_questions(questions: Iterable[Question], dataset: str | None) -> list[Question]:
    """The questions as a list, each with an id of its own in its data set."""
    if isinstance(questions, Question):
        raise TypeError("questions must be a sequence of Question, got one Question: pass [question]")
    checked: list[Question] = []
    seen: set[tuple[str | None, str]] = set()
    for i, question in enumerate(questions):
        if not isinstance(question, Question):
            raise TypeError(f"questions[{i}] must be a Question, got {type(question).__name__}")
        named = dataset_of(question, dataset)
        if (named, question.id) in seen:
            where = f" in the data set {named!r}" if named is not None else ""
            raise ValueError(f"the question id {question.id!r} is used twice{where}: ids must be unique")
        seen.add((named, question.id))
        checked.append(question)
    return checked


def check_run(
    dataset: str | None, run_id: str | None, step: int | None, metadata: Mapping[str, str] | None
) -> int | None:
    """What rows could not hold is refused before the run, not after it. The step is given back as Python's int."""
    for name, given in (("dataset", dataset), ("run_id", run_id)):
        if given is not None:
            _check_text(given, name)
    step = None if step is None else as_int(step, "step")
    if step is not None and not -(2**63) <= step < 2**63:
        raise ValueError(f"step={step} doesn't fit into 64 bits")
    for key, value in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map strings to strings, got {key!r}: {value!r}")
        if key == "schema_version":
            raise ValueError("metadata can't set schema_version: it tells how to read the rows")
        _check_text(key, "a key of metadata")
        _check_text(value, f"metadata[{key!r}]")
    return step


def check_metadata(metadata: Mapping[str, str] | None, own: Collection[str]) -> None:
    """A caller's metadata must not replace what pyscore says of a run under the same names."""
    taken = sorted(set(metadata or ()) & set(own))
    if taken:
        raise ValueError(f"metadata can't set {taken[0]!r}: pyscore writes it itself, choose another key")


def _check_text(value: Any, name: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be text that UTF-8 can hold, got {value!r}") from None
