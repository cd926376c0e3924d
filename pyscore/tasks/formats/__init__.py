"""Published formats of questions, one file a family; each file's ``FORMATS`` are the formats that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pyscore.tasks.formats import (
    arc,
    bbq,
    belebele,
    bias_pairs,
    big_bench,
    discrim_eval,
    gpqa,
    hellaswag,
    inverse_scaling,
    medicine,
    mmlu,
    model_written,
    multiple_choice,
    own,
    pairs_of_text,
    preference,
    race,
    sciq,
    situational_awareness,
    social_iqa,
    sycophancy_eval,
    truthfulqa,
    winogender,
    winogrande,
)
from pyscore.tasks.formats.format import ANSWERS, Format, Reading

__all__ = ["ANSWERS", "FORMATS", "Format", "Reading", "format_of"]

_FAMILIES = (
    arc,
    bbq,
    belebele,
    bias_pairs,
    big_bench,
    discrim_eval,
    gpqa,
    hellaswag,
    medicine,
    mmlu,
    model_written,
    pairs_of_text,
    preference,
    race,
    sciq,
    situational_awareness,
    social_iqa,
    sycophancy_eval,
    truthfulqa,
    winogender,
    winogrande,
    # These come last, in this order: they know a row by one key, which rows of other families have as well.
    inverse_scaling,
    own,
    multiple_choice,
)
FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for each in _FAMILIES for one in each.FORMATS})
"""The formats that `pyscore.load_questions` reads, by name, in the order in which they are tried."""


def format_of(values: Mapping[str, Any]) -> Format | None:
    """The first format that a row is of, by its keys; None: no known one.

    Raises:
        ValueError: the row has a question alone, and no answers that could be compared; or labels that mean other
            things in other sets.
    """
    found = next((each for each in FORMATS.values() if each.matches(values)), None)
    if found is None:
        multiple_choice.refuse_without_answers(values)
        pairs_of_text.refuse_unnamed_labels(values)
    return found
