"""From a file to questions: format detection, row by row, one clear error for a malformed row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from .choices import with_listed_choices
from .jsonl import Record, read_records, required
from .model_written import model_written_question, winogenerated_question
from .question import Question

__all__ = ["FORMATS", "load_questions", "sample_questions"]

_SAMPLE = Path(__file__).with_name("sample") / "sycophancy.jsonl"


def pyscore_question(record: Record, stem: str) -> Question:
    """A question in pyscore's own format: the fields of `Question` under their own names."""
    values = record.values
    unknown = sorted(values.keys() - Question.__dataclass_fields__.keys())
    if unknown:
        raise ValueError(f"unknown keys {unknown}: put what isn't a field of Question into 'meta'")
    for key, kind in (("id", str), ("prompt", str), ("answers", list), ("is_matching", list)):
        required(values, key, kind)
    return Question(**values)


FORMATS: dict[str, Callable[[Record, str], Question]] = {
    "model-written-evals": model_written_question,
    "winogenerated": winogenerated_question,
    "pyscore": pyscore_question,
}
"""The formats that `load_questions` reads, by name."""


def load_questions(
    path: str | Path, *, format: str = "auto", choices: str = "given", limit: int | None = None
) -> list[Question]:
    """Read the questions of a JSONL file, their text exactly as it stands there.

    Args:
        path: the file.
        format: a name in `FORMATS`, or "auto": told from the keys of the first line.
        choices: "given" compares the answers that the file names; "listed" compares every option that a lettered
            question lists (see `pyscore.tasks.choices`). ``meta["choices"]`` says which was used for each question.
        limit: read only the first questions, this many.

    Returns:
        One `Question` a line, in order. Ids are ``"<file stem>:<row>"``, rows counted from 0 (in the "pyscore" format:
        the file's own ids).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a bad argument, no questions, or a malformed line, named with what is wrong about it.
    """
    path = Path(path)
    if format != "auto" and format not in FORMATS:
        raise ValueError(f"format {format!r} is unknown: give 'auto' or one of {', '.join(FORMATS)}")
    if choices not in ("given", "listed"):
        raise ValueError(f"choices must be 'given' or 'listed', got {choices!r}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    questions: dict[str, Question] = {}
    for record in islice(read_records(path), limit):
        try:
            format = _detect(record.values) if format == "auto" else format
            question = FORMATS[format](record, path.stem)
            if question.id in questions:
                raise ValueError(f"the id {question.id!r} was used before")
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {record.row + 1}: {error}") from error
        question = replace(question, meta={"choices": "given", **question.meta})
        questions[question.id] = with_listed_choices(question) if choices == "listed" else question
    if not questions:
        raise ValueError(f"{path} holds no questions")
    return list(questions.values())


@lru_cache(maxsize=1)
def _sample() -> tuple[Question, ...]:
    return tuple(load_questions(_SAMPLE))


def sample_questions() -> list[Question]:
    """The bundled sycophancy questions: political and factual claims, letters balanced within every claim."""
    return list(_sample())


def _detect(values: dict[str, Any]) -> str:
    if "answer_matching_behavior" in values or "answer_not_matching_behavior" in values:
        return "model-written-evals"
    if "sentence_with_blank" in values:
        return "winogenerated"
    if "answers" in values or "is_matching" in values:
        return "pyscore"
    if "occupation" in values:
        raise ValueError(
            "this is the winogenerated list of occupations and holds no questions: load the file of examples instead"
        )
    raise ValueError(
        f"no known format has the keys {', '.join(map(repr, values)) or '(none)'}: "
        f"pyscore reads {', '.join(FORMATS)}; see docs/tasks.md"
    )
