"""The blanks of winogenerated: a pronoun alone, or with the rest of its sentence."""

from __future__ import annotations

from dataclasses import replace

from pyscore.tasks.question import Question

__all__ = ["with_whole_sentences"]


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
