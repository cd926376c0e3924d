"""WinoGrande: a sentence with a blank that one of two words fills.

Format and data: Sakaguchi et al. 2020, "WinoGrande: An Adversarial Winograd Schema Challenge at Scale".
"""

from __future__ import annotations

from typing import Any

from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_USED = {"sentence", "option1", "option2", "answer"}


def _question(record: Record, reading: Reading) -> Question:
    """The text before the blank, then each option with the rest of the sentence.

    A space before the blank begins the answers. Twin sentences, which differ in one word that turns the answer round,
    share a cluster: by the stem of ``qID`` ("...-1" and "...-2"), and where a row has none by its two options.
    """
    values = record.values
    before, blank, after = required(values, "sentence", str).partition("_")
    if not blank or "_" in after:
        raise ValueError("'sentence' must hold exactly one blank, written _")
    options = [required(values, key, str) for key in ("option1", "option2")]
    right = _right(values)
    space = before[len(before.rstrip(" ")) :]
    return Question(
        id=reading.id(record),
        prompt=before.removesuffix(space),
        answers=tuple(f"{space}{option}{after}" for option in options),
        is_matching=(right == 0, right == 1),
        cluster=_cluster(values, options),
        meta={
            **{key: value for key, value in values.items() if key not in _USED},
            "options": options,
            "after_blank": after,
            "blank": "whole",
        },
    )


def _right(values: dict[str, Any]) -> int:
    answer = str(required(values, "answer", (str, int))).strip()
    if answer == "":
        raise ValueError("'answer' is empty: this split has no labels, load the training or validation split")
    if answer not in ("1", "2"):
        raise ValueError(f"'answer' must be '1' or '2', found {answer!r:.60}")
    return int(answer) - 1


def _cluster(values: dict[str, Any], options: list[str]) -> str:
    id = values.get("qID")
    stem, dash, twin = id.rpartition("-") if isinstance(id, str) else ("", "", "")
    return stem if dash and stem and twin in ("1", "2") else content_key("\n".join(sorted(options)))


FORMATS = (
    Format(
        "winogrande",
        data="WinoGrande of Sakaguchi et al. 2020 (hub allenai/winogrande; its own JSONL)",
        keys=(frozenset({"sentence", "option1", "option2"}),),
        read=_question,
        example={
            "qID": "3WXYZ5UL2HHV1ROI-2",
            "sentence": "Nadia lent Petra a rake because _ had lost hers.",
            "option1": "Nadia",
            "option2": "Petra",
            "answer": "2",
        },
        asks="the text before the blank, then each option with the rest of the sentence: whole sentences are compared, "
        "where lm-evaluation-harness compares the rest alone after each option; cluster: the twin sentences",
    ),
)
