"""Belebele: passages of Flores-200 with a question and four choices each, in 122 languages.

Bandarkar et al. 2023, "The Belebele Benchmark: a Parallel Reading Comprehension Dataset in 122 Language Variants".
"""

from __future__ import annotations

from pyscore.tasks.formats.choice import choice_question, right_choice
from pyscore.tasks.formats.fields import content_key, text_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_CHOICES = tuple(f"mc_answer{i}" for i in range(1, 5))


def _belebele(record: Record, reading: Reading) -> Question:
    """A question about a passage, and the right choice's number from 1 on."""
    values = record.values
    choices = [required(values, key, str) for key in _CHOICES]
    number = required(values, "correct_answer_num", (int, str))
    right = right_choice(number, [""] * len(choices), "correct_answer_num", first=1)
    passage = required(values, "flores_passage", str)
    return choice_question(
        record,
        reading,
        stem=f"P: {passage}\nQ: {required(values, 'question', str).strip()}",
        choices=choices,
        right=[right],
        custom="letter",
        by_text="{stem}\nAnswer:",
        mark="{letter}: {choice}",
        used=("flores_passage", "question", *_CHOICES, "correct_answer_num"),
        cluster=content_key(passage),
        group=text_in(values, "dialect"),
    )


FORMATS = (
    Format(
        "belebele",
        data="Belebele (Bandarkar et al. 2023; hub facebook/belebele)",
        keys=(frozenset({"flores_passage", "question", *_CHOICES, "correct_answer_num"}),),
        read=_belebele,
        example={
            "link": "https://example.org/kettle",
            "question_number": 1,
            "flores_passage": "The kettle was filled at noon and boiled an hour later.",
            "question": "When did the kettle boil?",
            "mc_answer1": "At noon",
            "mc_answer2": "At one",
            "mc_answer3": "At two",
            "mc_answer4": "Never",
            "correct_answer_num": "2",
            "dialect": "eng_Latn",
            "ds": "2023-05-03",
        },
        asks="`P:` the `flores_passage`, `Q:` the `question` with its choices, then a letter; `correct_answer_num` "
        "counts from 1; cluster: the passage; group: the `dialect`",
    ),
)
