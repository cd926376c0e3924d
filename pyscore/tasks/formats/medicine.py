"""Exams of medicine: MedMCQA of India's entrance exams, and MedQA of the licensing exam of the United States.

Pal et al. 2022, "MedMCQA"; Jin et al. 2020, "What Disease does this Patient Have?"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyscore.tasks.formats.choice import choice_question, right_choice
from pyscore.tasks.formats.fields import choices_by_letter, text_in
from pyscore.tasks.formats.format import Format, Reading, WrongFormatError
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_OPTIONS = ("opa", "opb", "opc", "opd")
_ENDINGS = ("ending0", "ending1", "ending2", "ending3")
_HUB, _RELEASE = "medmcqa", "medmcqa-release"


def _medmcqa(first: int) -> Callable[[Record, Reading], Question]:
    """A reader of rows whose ``cop``, the correct option, is counted from 0 (the hub) or from 1 (the first release)."""
    other = _RELEASE if first == 0 else _HUB

    def read(record: Record, reading: Reading) -> Question:
        values = record.values
        right = values.get("cop")
        if right in (None, "", -1):
            raise ValueError("'cop' is -1 or missing: the test split has no answers, load the validation split")
        right = int(right) if isinstance(right, str) and right.isascii() and right.isdigit() else right
        if right == (4 if first == 0 else 0):
            raise WrongFormatError(
                f"'cop' is {right}, and is counted from {first} here: give format={other!r} for the file"
            )
        return choice_question(
            record,
            reading,
            stem=required(values, "question", str),
            choices=[required(values, key, str) for key in _OPTIONS],
            right=[_checked(right) - first],
            custom="letter",
            by_letter="Question: {stem}\nChoices:\n{options}\nAnswer:",
            used=("question", "cop", *_OPTIONS),
            group=text_in(values, "subject_name"),
        )

    return read


def _checked(right: Any) -> int:
    if isinstance(right, bool) or not isinstance(right, int):
        raise ValueError(f"'cop' must be the number of the correct option, found {right!r:.60}")
    return right


def _medqa(record: Record, reading: Reading) -> Question:
    """A case and the question about it, and four or five choices: the release's ``options`` or the hub's endings."""
    values = record.values
    if "options" in values:
        question, answer = "question", "answer_idx"
        choices = choices_by_letter(values, "options")
    else:
        question, answer = "sent1", "label"
        choices = [required(values, key, str) for key in _ENDINGS]
    return choice_question(
        record,
        reading,
        stem=required(values, question, str),
        choices=choices,
        right=[right_choice(required(values, answer, (int, str)), [""] * len(choices), answer)],
        custom="letter",
        by_letter="Question: {stem}\n{options}\nAnswer:",
        used=(question, answer, "options", *_ENDINGS),
        group=text_in(values, "meta_info"),
    )


def _of_release(values: Mapping[str, Any]) -> bool:
    return values.get("cop") in (4, "4")


_EXAMPLE = {
    "id": "0b1f",
    "question": "Which of these is no bone?",
    "opa": "Femur",
    "opb": "Tibia",
    "opc": "Cornea",
    "opd": "Ulna",
    "cop": 2,
    "choice_type": "single",
    "exp": None,
    "subject_name": "Anatomy",
    "topic_name": None,
}

FORMATS = (
    Format(
        _RELEASE,
        data="the first release's JSON lines of MedMCQA, whose `cop` is counted from 1",
        keys=(frozenset({"question", "cop", *_OPTIONS}),),
        fits=_of_release,
        read=_medmcqa(1),
        example={**_EXAMPLE, "opc": "Ulna", "opd": "Cornea", "cop": 4},
        asks="as medmcqa. A first row whose `cop` is 4 is of it; name it for any other file of the release",
    ),
    Format(
        _HUB,
        data="MedMCQA (Pal et al. 2022; hub openlifescienceai/medmcqa), whose `cop` is counted from 0",
        keys=(frozenset({"question", *_OPTIONS}),),
        read=_medmcqa(0),
        example=_EXAMPLE,
        asks="`Question: ...` with its choices, then a letter; a `cop` of 4 is an error, and rows of the release in "
        "which it is 1 to 3 alone are read as if they counted from 0; group: `subject_name`",
    ),
    Format(
        "medqa",
        data="MedQA of four or five choices (Jin et al. 2020; hub GBaker/MedQA-USMLE-4-options and its -hf form, and "
        "the release's JSONL)",
        keys=(frozenset({"sent1", "label", *_ENDINGS}), frozenset({"question", "options", "answer_idx", "meta_info"})),
        fits=lambda values: "startphrase" not in values,  # SWAG has the other keys as well
        read=_medqa,
        example={
            "id": "dev-00001",
            "sent1": "A juggler drops a club on her foot. Which of these cools the swelling?",
            "sent2": "",
            "ending0": "Ice",
            "ending1": "Pepper",
            "ending2": "Wool",
            "ending3": "Applause",
            "label": 0,
        },
        asks="`Question: ...` with its choices, then a letter; group: `meta_info`, the step of the exam",
    ),
)
