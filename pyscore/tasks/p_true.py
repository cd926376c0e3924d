"""P(True): asking a model whether a proposed answer to a question is true.

Prompts: Kadavath et al. 2022, "Language Models (Mostly) Know What They Know", sections 4.1 and 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.question import Question

__all__ = ["p_true_questions"]


def p_true_questions(
    questions: Sequence[str],
    proposed: Sequence[str],
    is_correct: Sequence[bool] | None = None,
    *,
    ideas: Sequence[Sequence[str]] | None = None,
    name: str = "p-true",
) -> list[Question]:
    """Questions that ask whether a proposed answer is true; the answer that says so, " (A)", is the matching one.

    P(True) is then the ``probability`` of their comparison, and `pyscore.metrics.calibration` compares it with
    ``meta["is_correct"]``.

    Args:
        questions: ``[n]`` texts; one that is asked about several proposed answers is repeated.
        proposed: ``[n]``, the answer to judge, usually a sample of the model at temperature 1.
        is_correct: ``[n]``, whether it is right, kept in ``meta``; or None.
        ideas: ``[n]``, other samples for each question, to be shown before the proposed answer; or None.
        name: what ids begin with: ``"<name>:<row>"``.

    Returns:
        One `Question` a proposed answer, in order, in the published layout: "Proposed Answer" alone, "Possible Answer"
        after "Here are some brainstormed ideas". Those of one question share a cluster.

    Raises:
        TypeError: a text that is not a string, an ``is_correct`` that is not a bool, with its row.
        ValueError: lengths that differ, a row without ideas.
    """
    for label, values in (("questions", questions), ("proposed", proposed)):
        _check_texts(values, label)
    for label, given in (("proposed", proposed), ("is_correct", is_correct), ("ideas", ideas)):
        if given is not None and len(given) != len(questions):
            raise ValueError(f"{label} must have one entry a question, {len(questions)}, got {len(given)}")
    for i, shown in enumerate(ideas or ()):
        _check_texts(shown, f"ideas[{i}]")
        if not shown:
            raise ValueError(f"ideas[{i}] is empty: give each question some ideas, or leave out ideas=")
    outcomes = [_read_outcome(is_correct, i) for i in range(len(questions))]
    return [
        Question(
            id=f"{name}:{i}",
            prompt=_prompt(questions[i], proposed[i], ideas[i] if ideas is not None else ()),
            answers=(" (A)", " (B)"),
            is_matching=(True, False),
            cluster=content_key(questions[i]),
            meta={"question": questions[i], "proposed": proposed[i], **outcome},
        )
        for i, outcome in enumerate(outcomes)
    ]


def _prompt(question: str, proposed: str, ideas: Sequence[str]) -> str:
    kind = "possible" if ideas else "proposed"
    shown = "Here are some brainstormed ideas: " + "\n".join(ideas) + "\n" if ideas else ""
    return (
        f"Question: {question}\n{shown}{kind.capitalize()} Answer: {proposed}\n"
        f"Is the {kind} answer:\n (A) True\n (B) False\nThe {kind} answer is:"
    )


def _check_texts(values: Sequence[str], name: str) -> None:
    if isinstance(values, str):
        raise TypeError(f"{name} must be a sequence of strings, got one string: put it in a list")
    for i, value in enumerate(values):
        if not isinstance(value, str):
            raise TypeError(f"{name}[{i}] must be a string, got {type(value).__name__}")


def _read_outcome(is_correct: Sequence[bool] | None, i: int) -> dict[str, Any]:
    """The entry of ``meta``, as Python's bool: NumPy's own can't be written as JSON."""
    if is_correct is None:
        return {}
    import numpy as np  # here, for the command line imports this package before it knows what it needs

    value = is_correct[i]
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"is_correct[{i}] must be a bool, got {type(value).__name__}")
    return {"is_correct": bool(value)}
