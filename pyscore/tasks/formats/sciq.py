"""SciQ: questions of school science, with a paragraph that helps.

Welbl et al. 2017, "Crowdsourcing Multiple Choice Science Questions".
"""

from __future__ import annotations

from pyscore.tasks.formats.choice import choice_question
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_CHOICES = ("distractor1", "distractor2", "distractor3", "correct_answer")


def _sciq(record: Record, reading: Reading) -> Question:
    """The paragraph, which may be empty, and the question; the right choice is the last one."""
    values = record.values
    support = required(values, "support", str).lstrip()
    question = required(values, "question", str)
    return choice_question(
        record,
        reading,
        stem=f"{support}\nQuestion: {question}",
        choices=[required(values, key, str) for key in _CHOICES],
        right=[_CHOICES.index("correct_answer")],
        custom="text",
        by_text="{stem}\nAnswer:",
        shuffled=True,
        used=("question", "support", *_CHOICES),
    )


FORMATS = (
    Format(
        "sciq",
        data="SciQ (Welbl et al. 2017; hub allenai/sciq, and the release's JSON)",
        keys=(frozenset({"question", *_CHOICES}),),
        read=_sciq,
        example={
            "question": "What do we call the warm layer under a blanket of snow?",
            "distractor3": "stratosphere",
            "distractor1": "humus",
            "distractor2": "permafrost",
            "correct_answer": "subnivean zone",
            "support": "Snow keeps warmth in. Mice live all winter in the subnivean zone beneath it.",
        },
        asks="`support`, `Question: ...`, then a choice's text. Letters, where asked for, go to the choices by a "
        "digest, since the right one is last",
    ),
)
