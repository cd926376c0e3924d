"""GPQA: questions of graduate studies in biology, physics and chemistry, written to be hard to look up.

Rein et al. 2023, "GPQA: A Graduate-Level Google-Proof Q&A Benchmark".
"""

from __future__ import annotations

from pyscore.tasks.formats.choice import choice_question
from pyscore.tasks.formats.fields import text_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_CHOICES = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3", "Correct Answer")


def _gpqa(record: Record, reading: Reading) -> Question:
    """A question whose right answer has a column of its own, so that somebody has to say which letter it gets.

    lm-evaluation-harness shuffles the choices anew for each run, and its letters depend on a seed and on the rows
    before. Here a digest of the question and each choice orders them: the same in every run and every file.
    """
    values = record.values
    return choice_question(
        record,
        reading,
        stem=required(values, "Question", str),
        choices=[_tidied(required(values, key, str)) for key in _CHOICES],
        right=[_CHOICES.index("Correct Answer")],
        custom="letter",
        by_text="What is the correct answer to this question:{stem}\nAnswer:",
        by_letter="What is the correct answer to this question:{stem}\nChoices:\n{options}\nAnswer:",
        mark="({letter}) {choice}",
        letter=" ({letter})",
        shuffled=True,
        used=("Question", *_CHOICES),
        group=text_in(values, "High-level domain"),
    )


def _tidied(choice: str) -> str:
    """A choice as lm-evaluation-harness writes it."""
    return choice.strip().replace(" [title]", ". ").replace("  ", " ")


FORMATS = (
    Format(
        "gpqa",
        data="GPQA main, extended, diamond (Rein et al. 2023; hub Idavidrein/gpqa, and the release's CSV)",
        keys=(frozenset({"Question", *_CHOICES}),),
        read=_gpqa,
        example={
            "Question": "A coin is tossed until heads comes up twice in a row. How often is it tossed on average?",
            "Correct Answer": "6\n",
            "Incorrect Answer 1": "4",
            "Incorrect Answer 2": " 8",
            "Incorrect Answer 3": "5  tosses",
            "Explanation": "Let E be what is sought ...",
            "Subdomain": "Probability",
            "High-level domain": "Mathematics",
            "Record ID": "rec0000000000000",
            "Extra Revised Question": None,
        },
        asks="the question with its choices, then ` (A)` to ` (D)`. A digest of question and choice orders them, "
        "the same in every run, whereas lm-evaluation-harness shuffles; group: `High-level domain`",
    ),
)
