"""Which choices are right, as lm-evaluation-harness's logged samples say it, checked against the logged accuracies."""

from __future__ import annotations

import ast
import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from pyscore.integrations.lm_eval_lines import Sample

__all__ = ["READINGS", "Golds", "accuracy", "right_choices"]

Golds = list[list[int]]
_Reading = Callable[[Sample], list[int]]

_FIELDS = ("answer", "label", "gold", "correct", "target")
"""What documents call the field that names the right choice, where the choices stand in the prompts."""


def right_choices(path: Path, samples: Sequence[Sample], targets: str) -> Golds:
    """The right choices of every question, by a way of reading them that fits the whole file.

    Raises:
        ValueError: no way fits, or two do that differ.
    """
    if samples[0].in_prompts:
        return _in_prompts(path, samples, targets)
    names = list(READINGS) if targets == "auto" else [targets]
    fitting, complaint = _fitting(samples, {name: READINGS[name] for name in names})
    if complaint is not None:
        raise ValueError(f"{path}, {complaint}")
    if "labels" in fitting:  # They name every right choice, where a target may name one of them.
        return fitting["labels"]
    # A letter is the text of a choice first of all; a number may be either, and the accuracies don't always tell.
    for sample, by_index, by_text in zip(samples, fitting.get("index", ()), fitting.get("text", ()), strict=False):
        if by_index != by_text:
            raise ValueError(
                f"{path}, {sample.where}: target {sample.target!r} is an index and the text of another choice: "
                "give targets='index' or 'text'"
            )
    return next(iter(fitting.values()))


def accuracy(scores: Sequence[float], gold: Sequence[int]) -> float:
    """1 where the best choice, the first among equals, is right."""
    return float(scores.index(max(scores)) in gold)


def _fitting(samples: Sequence[Sample], readings: Mapping[str, _Reading]) -> tuple[dict[str, Golds], str | None]:
    """What each reading that fits every question gives; where none does, what speaks against the best one."""
    complaints: list[tuple[int, str]] = []
    fitting: dict[str, Golds] = {}
    for name, reading in readings.items():
        golds = [reading(sample) for sample in samples]
        found = ((i, _complaint(*pair)) for i, pair in enumerate(zip(samples, golds, strict=True)))
        first = next(((i, text) for i, text in found if text is not None), None)
        if first is None:
            fitting[name] = golds
        else:
            complaints.append(first)
    return fitting, None if fitting else max(complaints, key=lambda complaint: complaint[0])[1]


def _complaint(sample: Sample, gold: list[int]) -> str | None:
    """What speaks against these right choices, None where nothing does."""
    target = f"target {sample.target!r}"
    if not gold:
        given = ", ".join(map(repr, sample.choices))
        return f"{sample.where}: {target} is neither the index of a choice nor one of {given}"
    if len(gold) == len(sample.choices):
        return f"{sample.where}: {target} makes every choice right, so there is nothing to compare"
    found, logged = accuracy(sample.logprobs, gold), sample.logged.get("acc")
    if logged in (None, found) or (gold == sample.labels and np.isclose(logged, _mass(sample.logprobs, gold))):
        return None
    return (
        f"{sample.where}: acc is {logged:g}, but {target} gives {found:g}: the task counts acc in its own way, "
        "or target doesn't name every right choice"
    )


def _mass(logprobs: Sequence[float], gold: Sequence[int]) -> float:
    """The right choices' share of all choices' probability, which TruthfulQA's mc2 calls acc."""
    weights = np.exp(np.array(logprobs) - max(logprobs))
    return float(weights[list(gold)].sum() / weights.sum())


def _in_prompts(path: Path, samples: Sequence[Sample], targets: str) -> Golds:
    """Right choices that stand in the prompts. The target is what follows all of them: the documents have to tell."""
    where, n = samples[0].where, len(samples[0].choices)
    fields = [name for name in _FIELDS if all(name in sample.doc for sample in samples)]
    ways = _OF_FIELDS if targets == "auto" else {name: way for name, way in _OF_FIELDS.items() if name == targets}
    readings = {
        f"{field!r} read as {name}": (lambda sample, field=field, way=way: way(sample.doc[field], sample.choices))
        for field in fields
        for name, way in ways.items()
    }
    fitting, _ = _fitting(samples, readings) if readings else ({}, None)
    if fitting:
        (first, golds), *others = fitting.items()
        differing = next((name for name, other in others if other != golds), None)
        if differing is not None:
            raise ValueError(
                f"{path}, {where}: its choices stand in the prompts, and its document's {first} and {differing} name "
                f"different ones: give targets= one of {', '.join(map(repr, _OF_FIELDS))}"
            )
        return golds
    if targets == "auto" and all(len(s.choices) == 2 and s.logged.get("acc") in (0.0, 1.0) for s in samples):
        # Of two choices, the right one is the likelier one just where the harness counted it so.
        return [[i if s.logged["acc"] else 1 - i] for s in samples for i in [s.logprobs.index(max(s.logprobs))]]
    raise ValueError(
        f"{path}, {where}: its {n} choices stand in the prompts (as in winogrande), 'target' is what follows them, and "
        f"no field of its document that fits acc ({', '.join(_FIELDS)}) says which is right"
    )


def _by_index(target: Any, choices: Sequence[str]) -> list[int]:
    """The right choices where the target is an index from 0, or a list of them; else none."""
    texts = _listed(target)
    indices = [int(text) for text in texts if text.isdecimal() and int(text) < len(choices)]
    return indices if len(indices) == len(texts) else []


def _by_number(target: Any, choices: Sequence[str]) -> list[int]:
    """The right choices where the target is a number from 1, or a list of them; else none."""
    texts = _listed(target)
    numbers = [int(text) - 1 for text in texts if text.isdecimal() and 1 <= int(text) <= len(choices)]
    return numbers if len(numbers) == len(texts) else []


def _by_text(target: Any, choices: Sequence[str]) -> list[int]:
    """The right choices where the target is the text of one, space around it set aside, or a list; else none."""
    texts = [choice.strip() for choice in choices]
    given = _listed(target)
    return [texts.index(one) for one in given] if all(one in texts for one in given) else []


def _by_letter(target: Any, choices: Sequence[str]) -> list[int]:
    """The right choices where the target is a letter, A being the first, "(A)" and "A." too, or a list; else none."""
    letters = string.ascii_uppercase[: len(choices)]
    given = [text.strip("().").upper() for text in _listed(target)]
    return [letters.index(one) for one in given] if all(len(one) == 1 and one in letters for one in given) else []


def _listed(target: Any) -> list[str]:
    """The texts of a target, stripped. The harness writes several as Python prints them: "[0, 2]"."""
    if isinstance(target, str) and target.startswith("[") and target.endswith("]"):
        with suppress(SyntaxError, ValueError):
            target = ast.literal_eval(target)
    return [str(one).strip() for one in (target if isinstance(target, list) else [target])]


_OF_TARGETS = {"index": _by_index, "text": _by_text, "letter": _by_letter}
_OF_FIELDS = {**_OF_TARGETS, "number": _by_number}


def _of_target(way: Callable[[Any, Sequence[str]], list[int]]) -> _Reading:
    return lambda sample: way(sample.target, sample.choices)


READINGS: Mapping[str, _Reading] = MappingProxyType(
    {name: _of_target(way) for name, way in _OF_TARGETS.items()} | {"labels": lambda sample: sample.labels or []}
)
"""How a sample may say which choices are right -> a function that finds them, and finds none where it doesn't."""
