"""The questions of a run as a list, each with a name of its own."""

from __future__ import annotations

from collections.abc import Iterable

from pyscore.tasks import Question

__all__ = ["checked_questions", "dataset_of"]


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
