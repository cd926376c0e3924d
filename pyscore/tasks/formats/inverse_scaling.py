"""The formats of the Inverse Scaling Prize, as CSV or JSONL: classification, log odds after two prompts, completions.

Format: McKenzie et al. 2023, "Inverse Scaling: When Bigger Isn't Better".
"""

from __future__ import annotations

from typing import Any

from pyscore.tasks.formats.fields import content_key, listed_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS", "completion_pair"]

_OLD = {"prompt": "filled_template", "answer_index": "answer_ix"}  # the Prize's earlier names
_KEYS = {*_OLD, "other_prompt", "classes", ""}  # "" is the index that pandas writes


def _classification(record: Record, reading: Reading) -> Question:
    """A prompt and any number of classes, the one at ``answer_index`` matching; other columns go to ``meta``.

    ``classes`` may be a list, or a string that holds a Python list. The older names ``filled_template`` and
    ``answer_ix`` are read where the newer ones are missing. Questions of the same text share a cluster.
    """
    prompt, answers, is_matching = _prompt_and_classes(record.values)
    return Question(
        id=reading.id(record),
        prompt=prompt,
        answers=answers,
        is_matching=is_matching,
        cluster=content_key(prompt),
        meta=_meta(record.values),
    )


def _logodds(record: Record, reading: Reading) -> tuple[Question, Question]:
    """The same two classes after ``prompt`` and after ``other_prompt``: the second id ends in ":other".

    Both have one cluster and the group "prompt" or "other_prompt".
    """
    prompt, answers, is_matching = _prompt_and_classes(record.values)
    other_prompt = required(record.values, "other_prompt", str)
    if len(answers) != 2:
        raise ValueError(f"a difference of log odds is of exactly two classes, found {len(answers)}")
    id, cluster, meta = reading.id(record), content_key(prompt), _meta(record.values)
    return (
        Question(id, prompt, answers, is_matching, cluster, "prompt", meta),
        Question(f"{id}:other", other_prompt, answers, is_matching, cluster, "other_prompt", meta),
    )


def completion_pair(record: Record) -> tuple[str, str]:
    """The prompt and the completion of a row of sequence_prob."""
    prompt, completion = required(record.values, "prompt", str), required(record.values, "completion", str)
    if not completion:
        raise ValueError("'completion' is empty: it must hold some text")
    return prompt, completion


def _prompt_and_classes(values: dict[str, Any]) -> tuple[str, tuple[str, ...], tuple[bool, ...]]:
    prompt = required(values, _name(values, "prompt"), str)
    given = required(values, "classes", (str, list))
    classes = listed_in(given) if isinstance(given, str) else given
    if not classes:
        raise ValueError(f"'classes' must be a list of strings, or a string that holds one, found {given!r:.60}")
    key = _name(values, "answer_index")
    index = _read_index(required(values, key, (str, int)), key)
    if not 0 <= index < len(classes):
        raise ValueError(f"{key!r} is {index}, but the classes have the indices 0 to {len(classes) - 1}")
    return prompt, tuple(classes), tuple(i == index for i in range(len(classes)))


def _name(values: dict[str, Any], name: str) -> str:
    """The name that a row has for a key: the older one, where that alone is there."""
    return _OLD[name] if name not in values and _OLD[name] in values else name


def _read_index(value: str | int, key: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{key!r} must be a whole number, found {value!r:.60}") from None


def _meta(values: dict[str, Any]) -> dict[str, Any]:
    used = {*_KEYS, *(_name(values, name) for name in _OLD)}
    return {key: value for key, value in values.items() if key not in used}


FORMATS = (
    Format(
        "inverse-scaling-logodds",
        data="the Inverse Scaling Prize (McKenzie et al. 2023), log odds",
        keys=(frozenset({"classes", "other_prompt"}),),
        read=_logodds,
        example={"prompt": "1+1=", "other_prompt": "Say 3. 1+1=", "classes": [" 2", " 3"], "answer_index": 0},
        asks="two questions, `prompt` and `other_prompt` with the same two `classes`, in one cluster and two groups",
    ),
    Format(
        "inverse-scaling-classification",
        data="the Inverse Scaling Prize (McKenzie et al. 2023), classification",
        keys=(frozenset({"classes"}),),
        read=_classification,
        example={"prompt": "1+1=", "classes": "[' 2', ' 3']", "answer_index": 0},
        asks="`prompt` (or, as before, `filled_template`), then the `classes`; the one at `answer_index` (or "
        "`answer_ix`) matches; equal prompts share a cluster",
    ),
)
