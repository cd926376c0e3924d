"""pyscore's own format: the fields of `Question` under their own names."""

from __future__ import annotations

from pyscore.tasks.formats.format import Format, Reading, WrongFormatError
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_ROW = {"question_id", "answer_index", "logprob"}
"""Columns of stored rows that no question has."""


def _question(record: Record, reading: Reading) -> Question:
    values = record.values
    if values.keys() >= _ROW:
        raise WrongFormatError(
            "these are rows of answers that pyscore wrote, not questions: pyscore summarize FOLDER shows them"
        )
    unknown = sorted(values.keys() - Question.__dataclass_fields__.keys())
    if unknown:
        raise ValueError(f"unknown keys {unknown}: put what isn't a field of Question into 'meta'")
    for key, kind in (("id", str), ("prompt", str), ("answers", list), ("is_matching", list)):
        required(values, key, kind)
    return Question(**values)


FORMATS = (
    Format(
        "pyscore",
        data="your own",
        keys=(frozenset({"answers"}), frozenset({"is_matching"})),
        fits=lambda values: "is_matching" in values or "question" not in values,  # else "answers" are choices
        read=_question,
        example={"id": "sky:0", "prompt": "Is it blue?", "answers": [" Yes", " No"], "is_matching": [True, False]},
        asks="the fields of `Question` under their own names, `id`, `prompt`, `answers`, `is_matching`, and if wanted "
        "`cluster`, `group`, `dataset`, `choices`, `meta`; other keys are an error",
        bare=True,
    ),
)
