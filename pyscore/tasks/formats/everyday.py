"""Questions of everyday reasoning with two answers: PIQA, COPA and BoolQ.

Bisk et al. 2019, "PIQA: Reasoning about Physical Commonsense in Natural Language"; Roemmele et al. 2011, "Choice of
Plausible Alternatives"; Clark et al. 2019, "BoolQ: Exploring the Surprising Difficulty of Natural Yes/No Questions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyscore.tasks.formats.choice import choice_question
from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_CONNECTORS = {"cause": "because", "effect": "therefore"}


def _piqa(record: Record, reading: Reading) -> Question:
    """An aim, and two ways to it."""
    values = record.values
    goal = _text(values, "goal")
    return choice_question(
        record,
        reading,
        stem=goal,
        choices=[_text(values, key) for key in ("sol1", "sol2")],
        right=[_label(values)],
        custom="text",
        used=("goal", "sol1", "sol2", "label"),
        cluster=content_key(goal),
    )


def _copa(record: Record, reading: Reading) -> Question:
    """A sentence up to "because" or "therefore", then two sentences, which begin in small letters."""
    values = record.values
    premise = _text(values, "premise").strip()
    asked = required(values, "question", str)
    if asked not in _CONNECTORS:
        raise ValueError(f"'question' must be one of {', '.join(map(repr, _CONNECTORS))}, found {asked!r:.60}")
    label = _label(values)
    choices = [_text(values, key) for key in ("choice1", "choice2")]
    return Question(
        id=reading.id(record),
        prompt=f"{premise[:-1]} {_CONNECTORS[asked]}",
        # Two spaces: the harness puts one before what begins with one already.
        answers=tuple(f"  {choice[0].lower()}{choice[1:]}" for choice in choices),
        is_matching=(label == 0, label == 1),
        cluster=content_key(premise),
        group=asked,
        meta=_rest(values, "premise", "choice1", "choice2", "question", "label"),
    )


def _boolq(record: Record, reading: Reading) -> Question:
    """A passage and a question, then no or yes."""
    values = record.values
    passage, question = _text(values, "passage"), _text(values, "question")
    key = "label" if "label" in values else "answer"
    right = _label(values, key)
    return Question(
        id=reading.id(record),
        prompt=f"{passage}\nQuestion: {question}?\nAnswer:",
        answers=(" no", " yes"),
        is_matching=(right == 0, right == 1),
        cluster=content_key(passage),
        meta=_rest(values, "passage", "question", key),
    )


def _is_boolq(values: Mapping[str, Any]) -> bool:
    """Whether a question about a passage is answered by yes or no: others have choices, or a text for an answer."""
    answer = values.get("label", values.get("answer"))
    return isinstance(answer, int) and not {"options", "choices", "answers"} & values.keys()


def _text(values: Mapping[str, Any], key: str) -> str:
    text = required(values, key, str)
    if not text.strip():
        raise ValueError(f"{key!r} is empty: it must hold some text")
    return str(text)


def _label(values: Mapping[str, Any], key: str = "label") -> int:
    label = required(values, key, (int, str, bool))
    number = {"0": 0, "1": 1, "False": 0, "True": 1, "-1": -1}.get(str(label).strip())
    if number is None:
        raise ValueError(f"{key!r} must be 0 or 1, found {label!r:.60}")
    if number == -1:
        raise ValueError(f"{key!r} is -1: this split has no labels, take another")
    return number


def _rest(values: Mapping[str, Any], *used: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in used}


FORMATS = (
    Format(
        "piqa",
        data="PIQA (Bisk et al. 2019; hub baber/piqa, ybisk/piqa)",
        keys=(frozenset({"goal", "sol1", "sol2"}),),
        read=_piqa,
        example={"goal": "Dry a wet boot", "sol1": "Fill it with paper.", "sol2": "Fill it with tea.", "label": 0},
        asks="`Question: ...` with the `goal` and `Answer:`, then `sol1` or `sol2`; cluster: the goal. The first "
        "release keeps its labels in a file of their own: put them beside the rows as `label`",
    ),
    Format(
        "copa",
        data="COPA (Roemmele et al. 2011; SuperGLUE's COPA.zip; hub aps/super_glue, copa)",
        keys=(frozenset({"premise", "choice1", "choice2", "question"}),),
        read=_copa,
        example={
            "premise": "The lamp went out.",
            "choice1": "The oil was gone.",
            "choice2": "It was Monday.",
            "question": "cause",
            "idx": 0,
            "label": 0,
        },
        asks="the premise without its full stop and `because` or `therefore`, then a choice in small letters after two "
        "spaces, as the harness has it; cluster: the premise; group: cause or effect",
    ),
    Format(
        "boolq",
        data="BoolQ (Clark et al. 2019; hub google/boolq; SuperGLUE's BoolQ.zip; hub aps/super_glue, boolq)",
        keys=(frozenset({"passage", "question", "label"}), frozenset({"passage", "question", "answer"})),
        read=_boolq,
        example={"question": "is a hen a bird", "passage": "Hens are birds.", "idx": 0, "label": 1},
        asks="the passage, `Question: ...?` and `Answer:`, then ` no` or ` yes`; cluster: the passage",
        fits=_is_boolq,
    ),
)
