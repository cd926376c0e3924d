"""The prompts and answers of single questions, from a study's folder, from files that are given, or from rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore.results.sources import Source
from pyscore.results.study_values import StudyValues
from pyscore.results.telling_questions import TellingQuestion
from pyscore.store.questions import questions_of
from pyscore.store.studies import StudyFolder
from pyscore.tasks import Question, render

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Prompts", "Shown"]

Name = tuple[str | None, str]
"""Data set and id."""
Texts = tuple[tuple[str, bool], ...]
"""Answers in order, each with whether it matches."""


class Shown(NamedTuple):
    """What there is to show of a question.

    Attributes:
        prompt: None where it isn't known.
        is_rendered: the prompt is what the model read; else it is the question's own text.
        answers: none where they aren't known.
    """

    prompt: str | None
    is_rendered: bool
    answers: Texts


@dataclass(frozen=True)
class Prompts:
    """Where the texts of questions are looked up.

    Args:
        values: the questions' values, whose studies may have kept their questions.
        given: questions for rows that belong to no study; those without a data set fit any. They are shown where their
            answers are those of the rows, which hold no prompts to compare.
    """

    values: StudyValues
    given: Sequence[Question] = ()

    def of(self, wanted: Sequence[TellingQuestion]) -> tuple[list[Shown], dict[str | None, list[str]]]:
        """What there is to show of each of these questions, and of each data set sentences on what is lacking."""
        found: dict[Name, Question] = {}
        notes: dict[str | None, list[str]] = {}
        by_dataset: dict[str | None, set[str]] = {}
        for each in wanted:
            by_dataset.setdefault(each.dataset, set()).add(each.question_id)
        for dataset, ids in by_dataset.items():
            own, notes[dataset] = self._questions(dataset, ids)
            found |= {(dataset, name): question for name, question in own.items()}
        unknown = {(each.dataset, each.question_id) for each in wanted} - found.keys()
        given = self._given_for(unknown)
        rows = _answers_of_rows(self.values, unknown) if unknown else {}
        found |= {name: question for name, question in given.items() if _answers_of(question) == rows.get(name)}
        for dataset in by_dataset:
            lacking = {name for name in unknown - found.keys() if name[0] == dataset}
            if lacking and not notes[dataset]:
                notes[dataset].append(self._missing(dataset, lacking & given.keys()))
        shown = []
        for each in wanted:
            name = each.dataset, each.question_id
            if name not in found:
                shown.append(Shown(None, False, rows.get(name, ())))
                continue
            shown.append(self._rendered(each.template, found[name]))
            if not shown[-1].is_rendered:
                sentence = (
                    f"Prompts under the template {each.template or ''!r} are the questions' own texts: what the model "
                    "read can't be made here, as where a chat template needs the model's tokenizer."
                )
                notes[each.dataset] += [sentence] if sentence not in notes[each.dataset] else []
        return shown, notes

    def _questions(self, dataset: str | None, ids: set[str]) -> tuple[dict[str, Question], list[str]]:
        """Those of these questions that are known, by id."""
        found: dict[str, Question] = {}
        notes: list[str] = []
        for source in self._studies:
            entry = next((each for each in source.study["datasets"] if each["name"] == dataset), None)
            if entry is None:
                continue
            try:
                table = StudyFolder(source.path).questions(entry)
            except (ValueError, OSError) as error:
                notes.append(f"Prompts are missing: {error}.")
                continue
            if table is not None:
                found = {each.id: each for each in _some(table, ids, dataset)} | found
        return found, notes

    def _given_for(self, names: Iterable[Name]) -> dict[Name, Question]:
        """The questions that were given under these names; none where several that differ fit."""
        return {
            name: self._given[key][0]
            for name in names
            for key in [next((key for key in (name, (None, name[1])) if key in self._given), name)]
            if len(self._given.get(key, ())) == 1
        }

    def _missing(self, dataset: str | None, others: Collection[Name]) -> str:
        """Why some prompts of a data set aren't shown; ``others`` were given, with other answers than those asked."""
        if others:
            return (
                f"Prompts are missing: {len(others)} of the questions that were given have other answers than the rows."
            )
        if any(dataset == each["name"] for source in self._studies for each in source.study["datasets"]):
            return "Prompts are missing: run the sweep again, which keeps its questions and scores nothing anew."
        if self.given:
            return (
                "Prompts are missing: no question that was given has their ids, or several do: name the data set of "
                "each question."
            )
        return "Prompts are missing: rows hold none, so give the files of their questions."

    @cached_property
    def _studies(self) -> list[Source]:
        return [source for source in self.values.sources if source.study]

    @cached_property
    def _given(self) -> dict[Name, list[Question]]:
        """Those of each name, each once."""
        found: dict[Name, list[Question]] = {}
        for each in self.given:
            own = found.setdefault((each.dataset, each.id), [])
            if each not in own:
                own.append(each)
        return found

    @cached_property
    def _templates(self) -> Mapping[str | None, str]:
        """The text of each template by its name; rows of no study are called by the text."""
        found = [(each["name"], each["text"]) for source in self._studies for each in source.study["templates"]]
        return dict(reversed(found))

    def _rendered(self, template: str | None, question: Question) -> Shown:
        answers = _answers_of(question)
        text = self._templates.get(template, template)
        if text is not None and text != "chat" and not text.startswith("chat {"):
            try:
                return Shown(render(text, question), True, answers)
            except ValueError:  # a template of an earlier release, or one that only some questions fit
                pass
        return Shown(question.prompt, False, answers)


def _answers_of(question: Question) -> Texts:
    return tuple(zip(question.answers, question.is_matching, strict=True))


def _some(table: pa.Table, ids: set[str], dataset: str | None) -> list[Question]:
    import pyarrow as pa
    import pyarrow.compute as pc

    return questions_of(table.filter(pc.is_in(table["id"], pa.array(sorted(ids), pa.string()))), dataset)


def _answers_of_rows(values: StudyValues, names: Iterable[Name]) -> dict[Name, Texts]:
    """The answers of these questions, by the rows of the first checkpoint that has any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing, found = set(names), dict[Name, dict[int, tuple[str, bool]]]()
    for each in values.groups:
        if not missing or each.scores is None:
            continue
        ids = pa.array(sorted({name for _, name in missing}), pa.string())
        for table in each.group.scan(("dataset", "question_id", "answer_index", "answer", "is_matching")):
            rows: list[dict[str, Any]] = table.filter(pc.is_in(table["question_id"], ids)).to_pylist()
            for row in rows:
                name = row["dataset"], row["question_id"]
                if name in missing:
                    found.setdefault(name, {})[row["answer_index"]] = row["answer"], row["is_matching"]
        missing -= found.keys()
    return {name: tuple(own[i] for i in sorted(own)) for name, own in found.items()}
