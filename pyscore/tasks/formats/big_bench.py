"""BIG-bench: tasks of many authors, as one JSON file a task and as rows of the hub; those with choices.

Srivastava et al. 2022, "Beyond the Imitation Game: Quantifying and extrapolating the capabilities of language models".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pyscore.tasks.formats.choice import shuffled_order
from pyscore.tasks.formats.fields import content_key, texts_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_LAYOUT = {
    "task_prefix": "",
    "example_input_prefix": "\nQ: ",
    "choice_prefix": "\n  choice: ",
    "example_output_prefix": "\nA: ",
}
"""What stands before the parts of an example where a task doesn't say."""

_FREE = "has no choices with scores: what is asked for is free text, and there are no answers to compare"


def _row(record: Record, reading: Reading) -> Question:
    """A row of the hub: the whole prompt, the choices and their scores."""
    values = record.values
    if not required(values, "multiple_choice_targets", list):
        raise ValueError(f"the row {_FREE}")
    texts, scores = texts_in(values, "multiple_choice_targets"), required(values, "multiple_choice_scores", list)
    used = ("inputs", "multiple_choice_targets", "multiple_choice_scores")
    prompt = required(values, "inputs", str)
    return _asked(reading.id(record), prompt, prompt, texts, scores, values, used)


def _task(record: Record, reading: Reading) -> tuple[Question, ...]:
    """All examples of a task that have choices; ids end in ":0", ":1", ..., counted over all examples."""
    values = record.values
    layout = {key: values.get(key, default) for key, default in _LAYOUT.items()}
    bad = next((key for key, text in layout.items() if not isinstance(text, str)), None)
    if bad is not None:
        raise ValueError(f"{bad!r} must be text, found {layout[bad]!r:.60}")
    made = []
    for i, example in enumerate(required(values, "examples", list)):
        if not isinstance(example, Mapping):
            raise ValueError(f"example {i}, counted from 0, must be an object, found {example!r:.60}")
        if example.get("target_scores") is None:
            continue
        try:
            made.append(
                _example(f"{reading.id(record)}:{i}", example, layout, values.get("append_choices_to_input", True))
            )
        except ValueError as error:
            raise ValueError(f"example {i}, counted from 0: {error}") from None
    if not made:
        raise ValueError(f"the task {_FREE}")
    return tuple(made)


def _example(id: str, example: Mapping[str, Any], layout: Mapping[str, str], listed: bool) -> Question:
    scores = required(example, "target_scores", dict)
    asked, choices = required(example, "input", str), list(scores)
    if not asked.strip():
        raise ValueError("'input' is empty: it must hold some text")
    lines = [layout["choice_prefix"] + choices[i] for i in shuffled_order(asked, choices)] if listed else []
    prompt = "".join(
        [layout["task_prefix"], layout["example_input_prefix"], asked, *lines, layout["example_output_prefix"]]
    )
    return _asked(id, prompt.strip(), asked, choices, list(scores.values()), example, ("input", "target_scores"))


def _asked(
    id: str,
    prompt: str,
    stem: str,
    choices: Sequence[str],
    scores: Sequence[Any],
    values: Mapping[str, Any],
    used: Collection[str],
) -> Question:
    if len(scores) != len(choices) or not all(isinstance(score, int | float) for score in scores):
        raise ValueError(f"each of the {len(choices)} choices must have a number for a score, found {scores!r:.60}")
    if not scores:
        raise ValueError("'target_scores' is empty: it must give each choice a score")
    if len(set(scores)) < 2:
        raise ValueError(f"all choices have the score {scores[0]}: there is no right one among them")
    return Question(
        id=id,
        prompt=prompt,
        answers=tuple(f" {choice}" for choice in choices),
        is_matching=tuple(score == max(scores) for score in scores),
        cluster=content_key("\n".join([stem, *sorted(choices)])),
        meta={key: value for key, value in values.items() if key not in used},
    )


FORMATS = (
    Format(
        "big-bench",
        data="BIG-bench's tasks with choices (Srivastava et al. 2022; github google/BIG-bench: task.json)",
        keys=(frozenset({"examples", "metrics"}),),
        read=_task,
        example={
            "name": "weights",
            "description": "Which is heavier?",
            "keywords": ["common sense"],
            "metrics": ["multiple_choice_grade"],
            "examples": [
                {"input": "An anvil or a feather?", "target_scores": {"the anvil": 1, "the feather": 0}},
                {"input": "A whale or a cat?", "target_scores": {"the cat": 0, "the whale": 1}, "comment": "easy"},
            ],
        },
        asks="`task_prefix`, then `Q: ...` with the choices on lines `  choice: ...` (in an order that a digest tells, "
        "where `append_choices_to_input` isn't false) and `A:`, with the task's own prefixes where it has some; then a "
        "choice; those of the highest score match. Examples without `target_scores` are left out; ids end in `:0`, ...",
        several_right=True,
    ),
    Format(
        "big-bench-rows",
        data="BIG-bench as lm-evaluation-harness reads it (hub hails/bigbench, tasksource/bigbench)",
        keys=(frozenset({"inputs", "multiple_choice_targets", "multiple_choice_scores"}),),
        read=_row,
        example={
            "idx": 0,
            "inputs": "Q: An anvil or a feather?\n  choice: the feather\n  choice: the anvil\nA:",
            "targets": ["the anvil"],
            "multiple_choice_targets": ["the anvil", "the feather"],
            "multiple_choice_scores": [1, 0],
        },
        asks="`inputs`, then a choice of `multiple_choice_targets`; those of the highest score match",
        several_right=True,
    ),
)
