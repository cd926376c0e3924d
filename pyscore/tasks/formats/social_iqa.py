"""Social IQa: what people in everyday situations feel, want or do next.

Sap et al. 2019, "Social IQa: Commonsense Reasoning about Social Interactions".
"""

from __future__ import annotations

from pyscore.tasks.formats.choice import choice_question, right_choice
from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_CHOICES = ("answerA", "answerB", "answerC")


def _social_iqa(record: Record, reading: Reading) -> Question:
    """A question about a situation, and the right choice's number from 1 on, as text."""
    values = record.values
    choices = [required(values, key, str) for key in _CHOICES]
    label = required(values, "label", (int, str))
    if label == "":
        raise ValueError("'label' is '', so that no choice is right: load a split that has answers")
    context = required(values, "context", str)
    return choice_question(
        record,
        reading,
        stem=f"{context} {required(values, 'question', str)}",
        choices=choices,
        right=[right_choice(label, [""] * len(choices), "label", first=1)],
        custom="text",
        by_text="Q: {stem}\nA:",
        by_letter="Q: {stem}\n{options}\nA:",
        used=("context", "question", *_CHOICES, "label"),
        cluster=content_key(context),
    )


FORMATS = (
    Format(
        "social-iqa",
        data="Social IQa (Sap et al. 2019; hub allenai/social_i_qa, lighteval/siqa)",
        keys=(frozenset({"context", "question", *_CHOICES, "label"}),),
        read=_social_iqa,
        example={
            "context": "Robin lent a neighbour the ladder.",
            "question": "What will the neighbour want to do next?",
            "answerA": "sell it",
            "answerB": "give it back",
            "answerC": "climb the moon",
            "label": "2",
        },
        asks="`Q:` the `context` and the `question`, `A:`, then a choice's text; `label` counts from 1; cluster: the "
        "`context`",
    ),
)
