"""School questions whose choices have labels: ARC, OpenBookQA and CommonsenseQA, as on the hub and as first released.

Clark et al. 2018, "Think you have Solved Question Answering?"; Mihaylov et al. 2018, "Can a Suit of Armor Conduct
Electricity?"; Talmor et al. 2019, "CommonsenseQA".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pyscore.tasks.formats.choice import choice_question
from pyscore.tasks.formats.fields import text_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_KEY = "answerKey"
_OPENBOOK_ID = re.compile(r"\d+-\d+")  # "7-980"; the ids of ARC begin with the name of an exam


class _Labelled(NamedTuple):
    """A row's question, whichever way it is written."""

    stem: str
    choices: list[str]
    right: int
    concept: str | None


def _arc(record: Record, reading: Reading) -> Question:
    """A question of an exam; three to five choices, labelled by letters or by numbers from 1."""
    row = _labelled(record.values, "question")
    return choice_question(
        record,
        reading,
        stem=row.stem,
        choices=row.choices,
        right=[row.right],
        custom="text",
        by_letter="Question: {stem}\n{options}\nAnswer:",
        used=("question", "choices", _KEY),
    )


def _openbookqa(record: Record, reading: Reading) -> Question:
    """A question, or the beginning of a sentence that the choices end."""
    row = _labelled(record.values, "question_stem")
    return choice_question(
        record,
        reading,
        stem=row.stem,
        choices=row.choices,
        right=[row.right],
        custom="text",
        by_text="{stem}",
        used=("question", "question_stem", "choices", _KEY),
    )


def _commonsenseqa(record: Record, reading: Reading) -> Question:
    """A question about a concept; those about one concept were written together, and share choices."""
    row = _labelled(record.values, "question")
    return choice_question(
        record,
        reading,
        stem=row.stem.strip(),
        choices=row.choices,
        right=[row.right],
        custom="letter",
        by_letter="Question: {stem}\n{options}\nAnswer:",
        used=("question", "choices", _KEY),
        cluster=row.concept,
        meta={"question_concept": row.concept},
    )


def _labelled(values: Mapping[str, Any], stem_key: str) -> _Labelled:
    """The question of a row: its parts stand beside each other, or inside of "question" as the first releases have it.

    Raises:
        ValueError: a part is missing, or there is no answer.
    """
    inner = values.get("question")
    parts = inner if isinstance(inner, Mapping) else values
    stem = required(parts, "stem" if isinstance(inner, Mapping) else stem_key, str)
    choices, labels = _choices(required(parts, "choices", (dict, list)))
    key = required(values, _KEY, str) if values.get(_KEY) is not None else ""
    if not key.strip():
        raise ValueError(f"{_KEY!r} is empty or missing: this split has no answers, load one that has")
    if key.strip() not in labels:
        raise ValueError(f"{_KEY!r} must be one of the choices' labels {', '.join(labels)}, found {key!r:.60}")
    return _Labelled(stem, choices, labels.index(key.strip()), text_in(parts, "question_concept"))


def _choices(given: Any) -> tuple[list[str], list[str]]:
    """Texts and labels, of {"text": [...], "label": [...]} or of [{"text": ..., "label": ...}, ...]."""
    if isinstance(given, list):
        given = {
            key: [one.get(key) if isinstance(one, Mapping) else None for one in given] for key in ("text", "label")
        }
    texts, labels = given.get("text"), given.get("label")
    for each in (texts, labels):
        if not isinstance(each, list) or not all(isinstance(one, str) for one in each):
            raise ValueError(
                '\'choices\' must be {"text": [...], "label": [...]} or a list of {"text", "label"}, all text'
            )
    if len(texts) != len(labels) or len(set(labels)) != len(labels):
        raise ValueError(
            f"'choices' has {len(texts)} texts and the labels {', '.join(labels)}: each text needs its own"
        )
    return texts, [label.strip() for label in labels]


def _are_labelled(values: Mapping[str, Any]) -> bool:
    inner = values.get("question")
    choices = inner.get("choices") if isinstance(inner, Mapping) else values.get("choices")
    if isinstance(choices, list):
        return all(isinstance(one, Mapping) and {"text", "label"} <= one.keys() for one in choices)
    return isinstance(choices, Mapping) and {"text", "label"} <= choices.keys()


def _of_openbook(values: Mapping[str, Any]) -> bool:
    stated = "question_stem" in values or _OPENBOOK_ID.fullmatch(str(values.get("id"))) is not None
    return stated and _are_labelled(values)


def _of_concepts(values: Mapping[str, Any]) -> bool:
    inner = values.get("question")
    return "question_concept" in (inner if isinstance(inner, Mapping) else values) and _are_labelled(values)


_WRITTEN = "choices are `{text: [...], label: [...]}`, or in `question` as `[{text, label}, ...]`"

FORMATS = (
    Format(
        "commonsenseqa",
        data="CommonsenseQA (Talmor et al. 2019; hub tau/commonsense_qa, and the first release's JSONL)",
        keys=(frozenset({"question", _KEY}),),
        fits=_of_concepts,
        read=_commonsenseqa,
        example={
            "id": "5f0c1d",
            "question": "Where would you keep a ladle between two meals?",
            "question_concept": "ladle",
            "choices": {
                "label": ["A", "B", "C", "D", "E"],
                "text": ["pond", "kitchen drawer", "letterbox", "orchestra", "pocket"],
            },
            _KEY: "B",
        },
        asks=f"`question` with its five choices, then a letter; {_WRITTEN}; cluster: `question_concept`",
    ),
    Format(
        "openbookqa",
        data="OpenBookQA (Mihaylov et al. 2018; hub allenai/openbookqa, main and additional, and the first release's "
        "JSONL)",
        keys=(frozenset({"question_stem", _KEY}), frozenset({"question", _KEY})),
        fits=_of_openbook,
        read=_openbookqa,
        example={
            "id": "12-345",
            "question_stem": "A puddle that is gone by noon has",
            "choices": {"text": ["frozen", "evaporated", "rusted", "grown"], "label": ["A", "B", "C", "D"]},
            _KEY: "B",
        },
        asks=f"`question_stem`, then a choice's text; {_WRITTEN}",
    ),
    Format(
        "arc",
        data="ARC-Easy and ARC-Challenge (Clark et al. 2018; hub allenai/ai2_arc, and the first release's JSONL), and "
        "sets in its form, such as QASC",
        keys=(frozenset({"question", _KEY}),),
        fits=_are_labelled,
        read=_arc,
        example={
            "id": "Exam_2031_4_7",
            "question": "Which of these lets most light through?",
            "choices": {"text": ["a brick", "a window", "a door"], "label": ["1", "2", "3"]},
            _KEY: "2",
        },
        asks=f"`Question: ...`, then a choice's text; {_WRITTEN}, labelled A, B, ... or 1, 2, ...",
    ),
)
