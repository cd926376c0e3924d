"""From a file to questions: format detection, row by row, one clear error for a malformed row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from pyscore._integers import as_int
from pyscore.tasks import formats
from pyscore.tasks.choices import with_listed_choices
from pyscore.tasks.columns import check_columns, question_by_columns
from pyscore.tasks.formats import ANSWERS, Format, Reading
from pyscore.tasks.formats.inverse_scaling import completion_pair
from pyscore.tasks.question import CHOICES, Question
from pyscore.tasks.reading import Place, places_of

__all__ = [
    "BLANKS",
    "iter_questions",
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

BLANKS = ("pronoun", "whole")
"""What `load_questions` makes the answers at a pronoun's blank: the pronoun, or it and the rest of the sentence."""


def load_questions(
    path: Any,
    *,
    format: str = "auto",
    columns: Mapping[str, str | Sequence[str]] | None = None,
    choices: str = "given",
    answers: str = "auto",
    blank: str = "pronoun",
    limit: int | None = None,
) -> list[Question]:
    """Read the questions of a file, their text exactly as it stands there.

    Args:
        path: the file; CSV if its name ends in ".csv", else JSONL.
        format: a name in `FORMATS`, or "auto": told from the keys of the first row.
        columns: of any other table: the columns that hold the fields of a question, by these; see docs/tasks.md.
        choices: "given" compares the answers that the file names; "listed" compares every option that a lettered
            question lists (see `pyscore.tasks.choices`). `Question.choices` says which was used for each question.
        answers: of formats whose rows list choices: "text" compares their texts, "letter" their letters after a list of
            them; "auto" does what lm-evaluation-harness does with the data set.
        blank: of winogenerated alone: "pronoun" compares the pronouns at the blank, "whole" what follows from there to
            the end of the sentence; see `with_whole_sentences`.
        limit: read only the first rows, this many.

    Returns:
        The questions of each row, in order; most formats have one a row. Ids are ``"<file stem>:<row>"``, rows counted
        from 0 (in the "pyscore" format: the file's own ids).

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: a limit that is no integer (NumPy's and tensors without dimensions are); columns of other types.
        ValueError: a bad argument, no questions, or a malformed row, named with what is wrong about it.
    """
    questions: dict[str, Question] = {}
    for place, where, question in _located(path, format, columns, choices, answers, blank, limit):
        if question.id in questions:
            raise ValueError(f"{place.name}, {where}: the id {question.id!r} was used before")
        questions[question.id] = question
    return list(questions.values())


def iter_questions(
    path: Any,
    *,
    format: str = "auto",
    columns: Mapping[str, str | Sequence[str]] | None = None,
    choices: str = "given",
    answers: str = "auto",
    blank: str = "pronoun",
    limit: int | None = None,
) -> Iterator[Question]:
    """The questions of `load_questions`, with its arguments and errors, one by one: none is kept.

    Ids are not compared with each other: those of a file in the "pyscore" format may stand there twice.
    """
    return (question for _, _, question in _located(path, format, columns, choices, answers, blank, limit))


def _located(
    source: Any,
    format: str,
    columns: Mapping[str, str | Sequence[str]] | None,
    choices: str,
    answers: str,
    blank: str,
    limit: int | None,
) -> Iterator[tuple[Place, str, Question]]:
    """Each question with its place, and where it stands in it."""
    _check_options(format, columns, choices, answers, blank)
    limit = _checked_limit(limit)
    for place in places_of(source):
        found = False
        chosen = None if format == "auto" else formats.FORMATS[format]
        reading = Reading(place.stem, answers)
        with place.records() as records:
            for record in islice(records, limit):
                try:
                    if columns is not None:
                        made: Question | tuple[Question, ...] = question_by_columns(record, place.stem, columns)
                    else:
                        chosen = chosen or _detected(record.values)
                        made = chosen.read(record, reading)
                    asked = [_with_options(one, choices, blank) for one in _several(made)]
                except (ValueError, TypeError) as error:
                    raise ValueError(f"{place.name}, {record.where}: {error}") from error
                found = found or bool(asked)
                yield from ((place, record.where, question) for question in asked)
        if not found:
            raise ValueError(f"{place.name} holds no questions: {_NOTHING}")


def _check_options(
    format: str, columns: Mapping[str, str | Sequence[str]] | None, choices: str, answers: str, blank: str
) -> None:
    if format == _SEQUENCE_PROB:
        raise ValueError(_NO_COMPARISON)
    if format != "auto" and format not in formats.FORMATS:
        raise ValueError(f"format {format!r} is unknown: give 'auto' or one of {', '.join(formats.FORMATS)}")
    if columns is not None:
        check_columns(columns)
        if format != "auto":
            raise ValueError(f"format={format!r} and columns= both say what a row is: give one of them")
    if choices not in CHOICES:
        raise ValueError(f"choices must be 'given' or 'listed', got {choices!r}")
    if answers not in ANSWERS:
        raise ValueError(f"answers must be 'auto', 'text' or 'letter', got {answers!r}")
    if blank not in BLANKS:
        raise ValueError(f"blank must be 'pronoun' or 'whole', got {blank!r}")


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
    limit = _checked_limit(limit)
    pairs: list[tuple[str, str]] = []
    for place in places_of(path):
        before = len(pairs)
        with place.records() as records:
            for record in islice(records, limit):
                try:
                    pairs.append(completion_pair(record))
                except ValueError as error:
                    raise ValueError(f"{place.name}, {record.where}: {error}") from error
        if len(pairs) == before:
            raise ValueError(f"{place.name} holds no completions: {_NOTHING}")
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


def _checked_limit(limit: int | None) -> int | None:
    if limit is None:
        return None
    limit = as_int(limit, "limit")
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    return limit


def _several(made: Question | tuple[Question, ...]) -> tuple[Question, ...]:
    return (made,) if isinstance(made, Question) else made


def _with_options(question: Question, choices: str, blank: str) -> Question:
    question = with_listed_choices(question) if choices == "listed" else question
    return with_whole_sentences(question) if blank == "whole" else question


def _detected(values: Mapping[str, Any]) -> Format:
    found = formats.format_of(values)
    if found is not None:
        return found
    if "completion" in values:
        raise ValueError(_NO_COMPARISON)
    if "occupation" in values:
        raise ValueError(
            "this is the winogenerated list of occupations and holds no questions: load the file of examples instead"
        )
    raise ValueError(
        f"no known format has the keys {', '.join(map(repr, values)) or '(none)'}: "
        f"pyscore reads {', '.join(formats.FORMATS)}; see docs/tasks.md"
    )
