"""Two answers a question, without a list of them: PIQA, COPA, BoolQ and RTE.

Formats and data: Bisk et al. 2020, "PIQA"; Roemmele et al. 2011, "Choice of Plausible Alternatives"; Clark et al. 2019,
"BoolQ"; Dagan et al. 2006, "The PASCAL Recognising Textual Entailment Challenge"; Wang et al. 2019, GLUE and SuperGLUE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyscore.tasks.formats.choice import choice_question
from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS", "refuse_unnamed_labels"]

_CONNECTORS = {"cause": "because", "effect": "therefore"}
_TWO_SENTENCES = (frozenset({"premise", "hypothesis", "label"}), frozenset({"sentence1", "sentence2", "label"}))
_ENTAILMENT = {"entailment": 0, "not_entailment": 1}


def _piqa(record: Record, reading: Reading) -> Question:
    """A goal and two ways to reach it. The first release has its labels in a file of their own."""
    values = record.values
    if "label" not in values:
        raise ValueError("the key 'label' is missing: the release has labels in a .lst file, one a line; put them in")
    goal = required(values, "goal", str)
    return choice_question(
        record,
        reading,
        stem=f"Question: {goal}",
        choices=[required(values, key, str) for key in ("sol1", "sol2")],
        right=[_label(values)],
        custom="text",
        by_text="{stem}\nAnswer:",
        used=("goal", "sol1", "sol2", "label"),
        cluster=content_key(goal),
    )


def _copa(record: Record, reading: Reading) -> Question:
    """A premise, without its full stop, and its cause or effect, in lower case after "because" or "therefore".

    The answers begin with two spaces, as those of lm-evaluation-harness do. With ``answers`` "text" or "letter" the
    premise stands whole before "What was the cause?", and the choices are as the row has them.
    """
    values = record.values
    premise, asks = required(values, "premise", str).strip(), required(values, "question", str)
    if asks not in _CONNECTORS:
        raise ValueError(f"'question' must be 'cause' or 'effect', found {asks!r:.60}")
    choices = [required(values, key, str) for key in ("choice1", "choice2")]
    if not all(choices):
        raise ValueError("'choice1' and 'choice2' must hold some text")
    in_one = reading.answers == "auto"
    return choice_question(
        record,
        reading,
        stem=f"{premise[:-1]} {_CONNECTORS[asks]}" if in_one else f"{premise}\nWhat was the {asks}?",
        choices=[f" {choice[0].lower()}{choice[1:]}" for choice in choices] if in_one else choices,
        right=[_label(values)],
        custom="text",
        by_text="{stem}" if in_one else "{stem}\nAnswer:",
        used=("premise", "choice1", "choice2", "label"),
        cluster=content_key(premise),
    )


def _boolq(record: Record, reading: Reading) -> Question:
    """A passage and a question that it answers by no or yes; questions of one passage share a cluster."""
    values = record.values
    passage = required(values, "passage", str)
    right = int(required(values, "answer", bool)) if "answer" in values else _label(values, may_be_bool=True)
    return choice_question(
        record,
        reading,
        stem=f"{passage}\nQuestion: {required(values, 'question', str)}?",
        choices=["no", "yes"],
        right=[right],
        custom="text",
        by_text="{stem}\nAnswer:",
        used=("passage", "question", "answer", "label"),
        cluster=content_key(passage),
    )


def _rte(record: Record, reading: Reading) -> Question:
    """A text and a sentence that follows from it or doesn't; sentences about one text share a cluster."""
    values = record.values
    first, second = ("sentence1", "sentence2") if "sentence1" in values else ("premise", "hypothesis")
    text = required(values, first, str)
    label = values.get("label")
    if label in (2, "neutral", "contradiction"):
        raise ValueError(f"'label' is {label!r}: RTE has two labels, so this is another set, of three")
    return choice_question(
        record,
        reading,
        stem=f"{text}\nQuestion: {required(values, second, str)} True or False?",
        choices=["True", "False"],
        right=[_ENTAILMENT[label] if isinstance(label, str) and label in _ENTAILMENT else _label(values)],
        custom="text",
        by_text="{stem}\nAnswer:",
        used=(first, second, "label"),
        cluster=content_key(text),
    )


def _label(values: Mapping[str, Any], *, may_be_bool: bool = False) -> int:
    """0 or 1, also as text.

    Raises:
        ValueError: another label; none, as in the rows of a test split.
    """
    if "label" not in values or values["label"] in (-1, "-1", "", None):
        raise ValueError("'label' is missing or -1: this split has no labels, load the training or validation split")
    label = values["label"]
    if isinstance(label, bool) and may_be_bool:
        return int(label)
    if isinstance(label, bool) or str(label) not in ("0", "1"):
        raise ValueError(f"'label' must be 0 or 1, found {label!r:.60}")
    return int(label)


def _is_rte(values: Mapping[str, Any]) -> bool:
    """GLUE and SuperGLUE have other sets with the same keys and numbers for labels, which mean other things."""
    return values.get("label") in tuple(_ENTAILMENT)


def refuse_unnamed_labels(values: Mapping[str, Any]) -> None:
    """ValueError for rows of two sentences and a number, of which nothing tells what the number means."""
    if isinstance(values.get("label"), int) and any(keys <= values.keys() for keys in _TWO_SENTENCES):
        raise ValueError(
            "two sentences and a number for 'label' are rows of RTE, and of CB, MNLI, MRPC, WNLI and others, where the "
            "number means something else: give format='rte' (--format rte) where they are RTE's, or columns="
        )


FORMATS = (
    Format(
        "piqa",
        data="PIQA (Bisk et al. 2020; hub ybisk/piqa, baber/piqa; its JSONL with the labels put in)",
        keys=(frozenset({"goal", "sol1", "sol2"}),),
        read=_piqa,
        example={
            "goal": "dry a wet hat",
            "sol1": "Put it under water.",
            "sol2": "Hang it over a stove.",
            "label": 1,
        },
        asks="`Question: goal`, `Answer:`, then both solutions; cluster: the goal",
    ),
    Format(
        "copa",
        data="COPA (Roemmele et al. 2011; SuperGLUE's JSONL, hub aps/super_glue)",
        keys=(frozenset({"premise", "choice1", "choice2", "question"}),),
        read=_copa,
        example={
            "premise": "The kettle whistled.",
            "choice1": "Its water boiled.",
            "choice2": "Its lid was blue.",
            "question": "cause",
            "idx": 0,
            "label": 0,
        },
        asks="the premise without its full stop and `because` or `therefore`, then both choices, their first letters "
        "small, after two spaces as in lm-evaluation-harness; cluster: the premise",
    ),
    Format(
        "boolq",
        data="BoolQ (Clark et al. 2019; hub google/boolq and aps/super_glue; its JSONL)",
        keys=(frozenset({"passage", "question", "label", "idx"}), frozenset({"passage", "question", "answer"})),
        read=_boolq,
        fits=lambda values: "options" not in values and isinstance(values.get("answer", True), bool),
        example={
            "question": "can a hedgehog swim",
            "title": "Hedgehog",
            "answer": True,
            "passage": "Hedgehogs swim well, though they can't always climb out.",
        },
        asks="the passage, `Question: ...?`, `Answer:`, then no and yes; cluster: the passage",
    ),
    Format(
        "rte",
        data="RTE (Dagan et al. 2006; hub aps/super_glue and nyu-mll/glue, SuperGLUE's JSONL, GLUE's TSV); GLUE's rows "
        "and the hub's, with numbers for labels, are like those of other sets: give format='rte'",
        keys=_TWO_SENTENCES,
        read=_rte,
        fits=_is_rte,
        example={"premise": "Ada sold her boat.", "hypothesis": "Ada has a boat now.", "label": "not_entailment"},
        asks="the text, `Question: ... True or False?`, `Answer:`, then True, which is right of label 0, and False; "
        "cluster: the text",
    ),
)
