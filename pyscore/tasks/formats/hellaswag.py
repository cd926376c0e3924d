"""HellaSwag: how a description of a video or a how-to article goes on.

Zellers et al. 2019, "HellaSwag: Can a Machine Really Finish Your Sentence?"
"""

from __future__ import annotations

import re

from pyscore.tasks.formats.choice import choice_question, right_choice
from pyscore.tasks.formats.fields import text_in, texts_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_BRACKETED = re.compile(r"\[.*?\]")


def _hellaswag(record: Record, reading: Reading) -> Question:
    """The label and both parts of the context, then the endings; marks of the articles' layout are taken out.

    Several rows come from one video or article, which ``source_id`` names: they share a cluster.
    """
    values = record.values
    label = required(values, "activity_label", str)
    begun = f"{required(values, 'ctx_a', str)} {required(values, 'ctx_b', str).capitalize()}"
    endings = texts_in(values, "endings")
    if values.get("label") in (None, ""):
        raise ValueError("'label' is empty or missing: the test split has no labels, load the validation split")
    return choice_question(
        record,
        reading,
        stem=_without_layout(f"{label}: {begun}"),
        choices=[_without_layout(ending) for ending in endings],
        right=[right_choice(values["label"], [""] * len(endings), "label")],
        custom="text",
        by_text="{stem}",
        used=("activity_label", "endings", "label"),
        cluster=text_in(values, "source_id"),
        group=label,
    )


def _without_layout(text: str) -> str:
    """The text without "[title]", "[step]" and the like, as lm-evaluation-harness has it.

    Doubled spaces are halved once, from left to right: three stay two.
    """
    return _BRACKETED.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")


FORMATS = (
    Format(
        "hellaswag",
        data="HellaSwag (Zellers et al. 2019; hub Rowan/hellaswag, and the first release's JSONL)",
        keys=(frozenset({"activity_label", "ctx_a", "ctx_b", "endings"}),),
        read=_hellaswag,
        example={
            "ind": 40,
            "activity_label": "Home and Garden",
            "ctx_a": "[header] How to repot a cactus [title] Choose a pot. [step] It should be wider.",
            "ctx_b": "the old pot",
            "ctx": "[header] How to repot a cactus [title] Choose a pot. [step] It should be wider. the old pot",
            "endings": [
                "comes off once the soil is dry. [substeps] Wear gloves.",
                "has learned to swim.",
                "is the national dish [sic] of cacti.",
                "votes against it.",
            ],
            "source_id": "wikihow~00000",
            "split": "val",
            "split_type": "zeroshot",
            "label": "0",
        },
        asks="`activity_label: ctx_a ctx_b`, then an ending, both without layout marks such as [step]; cluster: "
        "`source_id`; group: `activity_label`",
    ),
)
