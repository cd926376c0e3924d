"""From a file to questions: format detection, row by row, one clear error for a malformed row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from pyscore._integers import as_int
from pyscore.tasks.choices import with_listed_choices
from pyscore.tasks.columns import check_columns, question_by_columns
from pyscore.tasks.inverse_scaling import classification_question, completion_pair, logodds_questions, read_csv
from pyscore.tasks.jsonl import Record, read_records, required
from pyscore.tasks.model_written import model_written_question, winogenerated_question
from pyscore.tasks.question import CHOICES, Question

__all__ = [
    "BLANKS",
    "FORMATS",
    "load_completions",
    "load_questions",
    "paired_questions",
    "sample_questions",
    "with_whole_sentences",
]

_SAMPLE = Path(__file__).with_name("sample") / "sycophancy.jsonl"
_LOGODDS = "inverse-scaling-logodds"
_SEQUENCE_PROB = "inverse-scaling-sequence-prob"
_NO_COMPARISON = (
    f"{_SEQUENCE_PROB} has one completion a prompt and nothing to compare it with: "
    "read it with load_completions, score it with score_completions"
)

_NOTHING = "it is empty, or has blank lines or a header alone"


def pyscore_question(record: Record, stem: str) -> Question:
    """A question in pyscore's own format: the fields of `Question` under their own names."""
    values = record.values
    unknown = sorted(values.keys() - Question.__dataclass_fields__.keys())
    if unknown:
        raise ValueError(f"unknown keys {unknown}: put what isn't a field of Question into 'meta'")
    for key, kind in (("id", str), ("prompt", str), ("answers", list), ("is_matching", list)):
        required(values, key, kind)
    return Question(**values)


FORMATS: dict[str, Callable[[Record, str], Question | tuple[Question, ...]]] = {
    "model-written-evals": model_written_question,
    "winogenerated": winogenerated_question,
    "pyscore": pyscore_question,
    "inverse-scaling-classification": classification_question,
    _LOGODDS: logodds_questions,
}
"""The formats that `load_questions` reads, by name; a row of some of them is several questions."""

BLANKS = ("pronoun", "whole")
"""What `load_questions` makes the answers at a pronoun's blank: the pronoun, or it and the rest of the sentence."""


def load_questions(
    path: str | Path,
    *,
    format: str = "auto",
    columns: Mapping[str, str | Sequence[str]] | None = None,
    choices: str = "given",
    blank: str = "pronoun",
    limit: int | None = None,
) -> list[Question]:
    """Read the questions of a JSONL or CSV file, their text exactly as it stands there.

    Args:
        path: the file; CSV if its name ends in ".csv", else JSONL.
        format: a name in `FORMATS`, or "auto": told from the keys of the first row.
        columns: of any other table: the columns that hold the fields of a question, by these; see docs/tasks.md.
        choices: "given" compares the answers that the file names; "listed" compares every option that a lettered
            question lists (see `pyscore.tasks.choices`). `Question.choices` says which was used for each question.
        blank: of winogenerated alone: "pronoun" compares the pronouns at the blank, "whole" what follows from there to
            the end of the sentence; see `with_whole_sentences`.
        limit: read only the first rows, this many.

    Returns:
        One `Question` a row, in order; two a row, one after the other, in "inverse-scaling-logodds". Ids are
        ``"<file stem>:<row>"``, rows counted from 0 (in the "pyscore" format: the file's own ids).

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: a limit that is no integer (NumPy's and tensors without dimensions are); columns of other types.
        ValueError: a bad argument, no questions, or a malformed line, named with what is wrong about it.
    """
    path = Path(path)
    if format == _SEQUENCE_PROB:
        raise ValueError(_NO_COMPARISON)
    if format != "auto" and format not in FORMATS:
        raise ValueError(f"format {format!r} is unknown: give 'auto' or one of {', '.join(FORMATS)}")
    if columns is not None:
        check_columns(columns)
        if format != "auto":
            raise ValueError(f"format={format!r} and columns= both say what a row is: give one of them")
    if choices not in CHOICES:
        raise ValueError(f"choices must be 'given' or 'listed', got {choices!r}")
    if blank not in BLANKS:
        raise ValueError(f"blank must be 'pronoun' or 'whole', got {blank!r}")
    questions: dict[str, Question] = {}
    for line, record in _numbered(path, limit):
        try:
            if columns is not None:
                made: Question | tuple[Question, ...] = question_by_columns(record, path.stem, columns)
            else:
                format = _detect(record.values) if format == "auto" else format
                made = FORMATS[format](record, path.stem)
            for question in (made,) if isinstance(made, Question) else made:
                if question.id in questions:
                    raise ValueError(f"the id {question.id!r} was used before")
                questions[question.id] = _with_options(question, choices, blank)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {line}: {error}") from error
    if not questions:
        raise ValueError(f"{path} holds no questions: {_NOTHING}")
    return list(questions.values())


def paired_questions(path: str | Path, *, limit: int | None = None) -> tuple[list[Question], list[Question]]:
    """Read a file in the format "inverse-scaling-logodds": the questions after ``prompt``, and after ``other_prompt``.

    Score both lists: the answers of the first are `apply_preset`'s ``answers``, those of the second its ``other``.

    Args:
        path, limit: as for `load_questions`.

    Raises:
        FileNotFoundError, ValueError: as for `load_questions`.
    """
    questions = load_questions(path, format=_LOGODDS, limit=limit)
    return questions[::2], questions[1::2]


def load_completions(path: str | Path, *, limit: int | None = None) -> list[tuple[str, str]]:
    """Read a file in the format "inverse-scaling-sequence-prob": the prompt and the completion of every row, in order.

    Args:
        path, limit: as for `load_questions`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a bad limit, no completions, or a malformed line, named with what is wrong about it.
    """
    path = Path(path)
    pairs = []
    for line, record in _numbered(path, limit):
        try:
            pairs.append(completion_pair(record))
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}") from error
    if not pairs:
        raise ValueError(f"{path} holds no completions: {_NOTHING}")
    return pairs


def with_whole_sentences(question: Question) -> Question:
    """The same pronouns, each followed by the rest of the sentence after the blank; ``meta["blank"]`` says "whole".

    Compared so, a pronoun is weighed by how well it goes with the words after it, too. ``meta["pronouns"]`` holds the
    pronouns alone.

    Raises:
        ValueError: the question has no blank: ``meta["after_blank"]`` is missing; or its sentence is whole already, or
            ``meta`` has an entry of these names that would be lost.
    """
    if "after_blank" not in question.meta:
        raise ValueError("blank='whole' is for winogenerated: this question has no text after a blank")
    for key in ("pronouns", "blank"):
        if key in question.meta:
            raise ValueError(
                f"blank='whole' puts {key!r} into meta, where there is one already: is the sentence whole?"
            )
    return replace(
        question,
        answers=tuple(answer + question.meta["after_blank"] for answer in question.answers),
        meta={**question.meta, "pronouns": question.answers, "blank": "whole"},
    )


@lru_cache(maxsize=1)
def _sample() -> tuple[Question, ...]:
    return tuple(load_questions(_SAMPLE))


def sample_questions() -> list[Question]:
    """The bundled sycophancy questions: political and factual claims, letters balanced within every claim."""
    return list(_sample())


def _numbered(path: Path, limit: int | None) -> Iterator[tuple[int, Record]]:
    """The first records of a file, each with the number of its line, from 1."""
    if limit is not None:
        limit = as_int(limit, "limit")
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
    if path.suffix.lower() == ".csv":
        return islice(read_csv(path), limit)
    return islice(((record.row + 1, record) for record in read_records(path)), limit)


def _with_options(question: Question, choices: str, blank: str) -> Question:
    question = with_listed_choices(question) if choices == "listed" else question
    return with_whole_sentences(question) if blank == "whole" else question


def _detect(values: dict[str, Any]) -> str:
    if "answer_matching_behavior" in values or "answer_not_matching_behavior" in values:
        return "model-written-evals"
    if "sentence_with_blank" in values:
        return "winogenerated"
    if "answers" in values or "is_matching" in values:
        return "pyscore"
    if "classes" in values:
        return _LOGODDS if "other_prompt" in values else "inverse-scaling-classification"
    if "completion" in values:
        raise ValueError(_NO_COMPARISON)
    if "occupation" in values:
        raise ValueError(
            "this is the winogenerated list of occupations and holds no questions: load the file of examples instead"
        )
    raise ValueError(
        f"no known format has the keys {', '.join(map(repr, values)) or '(none)'}: "
        f"pyscore reads {', '.join(FORMATS)}; see docs/tasks.md"
    )
