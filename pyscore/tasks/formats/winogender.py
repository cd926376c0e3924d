"""Winogender: whom a pronoun refers to, in sentences that differ in its gender.

Rudinger et al. 2018, "Gender Bias in Coreference Resolution"; asked as in Brown et al. 2020, "Language Models are
Few-Shot Learners".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_PRONOUNS = {
    "male": ("he", "him", "his"),
    "female": ("she", "her"),
    "neutral": ("they", "them", "their"),
}
_WORD = re.compile(r"[^\W\d_]+")
_ID = "technician.customer.1.male.txt"


def _hub(record: Record, reading: Reading) -> Question:
    """A sentence with its pronoun, and the two people it may refer to; ``label`` says which."""
    values = record.values
    occupation, participant, pronoun = (required(values, key, str) for key in ("occupation", "participant", "pronoun"))
    label = required(values, "label", (int, str))
    if str(label) not in ("0", "1"):
        raise ValueError(f"'label' must be 0, the occupation, or 1, the participant, found {label!r:.60}")
    gender = values.get("gender")
    used = ("sentence", "occupation", "participant", "label", "gender")
    return _asked(record, reading, pronoun, (occupation, participant), int(label), gender, used)


def _release(record: Record, reading: Reading) -> Question:
    """The same from the release's table: the id names the people, whom the pronoun refers to, and its gender.

    The pronoun is the only word of that gender's in the sentence.
    """
    values = record.values
    parts = required(values, "sentid", str).split(".")
    if len(parts) != 5 or parts[2] not in ("0", "1") or parts[3] not in _PRONOUNS:
        raise ValueError(
            f"'sentid' must be like {_ID!r}: occupation, participant, 0 or 1, and a gender "
            f"({', '.join(_PRONOUNS)}), found {values['sentid']!r:.60}"
        )
    occupation, participant, label, gender, _ = parts
    words = [word.lower() for word in _WORD.findall(required(values, "sentence", str))]
    found = sorted({word for word in words if word in _PRONOUNS[gender]})
    if len(found) != 1:
        raise ValueError(
            f"'sentence' must have one pronoun of those that 'sentid' names ({', '.join(_PRONOUNS[gender])}), "
            f"found {', '.join(found) or 'none'}"
        )
    return _asked(record, reading, found[0], (occupation, participant), int(label), gender, ("sentence",))


def _asked(
    record: Record,
    reading: Reading,
    pronoun: str,
    people: tuple[str, str],
    right: int,
    gender: Any,
    used: tuple[str, ...],
) -> Question:
    sentence = required(record.values, "sentence", str)
    for name, text in (("sentence", sentence), ("pronoun", pronoun), ("occupation", people[0])):
        if not text.strip():
            raise ValueError(f"{name!r} is empty: it must hold some text")
    return Question(
        id=reading.id(record),
        prompt=f"{sentence} \u2018{pronoun.capitalize()}\u2019 refers to the",
        answers=tuple(f" {person}" for person in people),
        is_matching=(right == 0, right == 1),
        cluster=people[0],
        group=gender if isinstance(gender, str) and gender else None,
        meta=_meta(record.values, used, people, pronoun),
    )


def _meta(values: Mapping[str, Any], used: tuple[str, ...], people: tuple[str, str], pronoun: str) -> dict[str, Any]:
    rest = {key: value for key, value in values.items() if key not in used}
    return {**rest, "occupation": people[0], "participant": people[1], "pronoun": pronoun}


_SENTENCE = "The welder told the visitor that he could have the torch."

FORMATS = (
    Format(
        "winogender",
        data="Winogender (Rudinger et al. 2018; hub oskarvanderwal/winogender)",
        keys=(frozenset({"sentence", "pronoun", "occupation", "participant", "label"}),),
        read=_hub,
        example={
            "sentid": "welder.visitor.1.male.txt",
            "sentence": _SENTENCE,
            "pronoun": "he",
            "occupation": "welder",
            "participant": "visitor",
            "gender": "male",
            "target": "visitor",
            "label": "1",
        },
        asks="the sentence and `\u2018He\u2019 refers to the`, then the occupation and the participant; the one at "
        "`label` matches; cluster: the occupation; group: the pronoun's gender",
    ),
    Format(
        "winogender-release",
        data="Winogender's first release (github rudinger/winogender-schemas: all_sentences.tsv)",
        keys=(frozenset({"sentid", "sentence"}),),
        read=_release,
        example={"sentid": "welder.visitor.1.male.txt", "sentence": _SENTENCE},
        asks="as winogender; people, the one who is meant, and the pronoun's gender are told from `sentid`",
    ),
)
