"""One line of lm-evaluation-harness's logged samples: its choices with their log-probabilities, and which are right."""

from __future__ import annotations

import ast
import hashlib
import json
import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

from pyscore.tasks.reading import required

__all__ = ["READINGS", "Sample", "read_sample"]

_METRICS = ("acc", "acc_norm", "acc_bytes")


class Sample(NamedTuple):
    """One question.

    Attributes:
        line: its number in the file, from 1.
        choices: the texts to choose from, without the delimiter before them.
        logprobs: of the choices after the prompt, nats.
        unconditional: of the choices without a prompt, nats; empty where the task didn't ask for them.
        target: as it stands in the file: what is right.
        logged: the accuracies that the file reports of this question.
        cluster: the value of the document's field that was asked for, or "".
        question_id: the document's number in its data set, ``doc_id``; the line's where the file has none.
        content: digest of the document, "" where the file has none.
        prompt: digest of the text before the choices.
    """

    line: int
    choices: list[str]
    logprobs: list[float]
    unconditional: list[float]
    target: Any
    logged: dict[str, float]
    cluster: str
    question_id: str
    content: str
    prompt: str


def read_sample(values: Mapping[str, Any], line: int, delimiter: str, cluster: str | None) -> Sample:
    """Read a line's object; ``delimiter`` is taken off choices that all begin with it.

    Raises:
        ValueError: keys missing or of another type, or not a sample of a multiple-choice task.
    """
    pairs = _arguments(required(dict(values), "arguments", (dict, list)))
    logprobs = _logprobs(values)
    if len(pairs) != len(logprobs):
        raise ValueError(f"{len(pairs)} requests in 'arguments', but {len(logprobs)} responses")
    unconditional: list[float] = []
    half = len(pairs) // 2
    # A task with mutual information asks for the choices once more, without a prompt.
    if half and pairs[half:] == [("", text) for _, text in pairs[:half]]:
        pairs, logprobs, unconditional = pairs[:half], logprobs[:half], logprobs[half:]
    if len(pairs) < 2:
        raise ValueError("it has one response: only multiple-choice tasks can be rescored")
    if len({context for context, _ in pairs}) > 1:
        raise ValueError("its choices stand in the prompts (as in winogrande), and 'target' doesn't say which is right")
    choices = [text for _, text in pairs]
    if all(text.startswith(delimiter) for text in choices):
        choices = [text[len(delimiter) :] for text in choices]
    logged = {name: float(values[name]) for name in _METRICS if isinstance(values.get(name), (int, float))}
    target = required(dict(values), "target", (str, int, list))
    return Sample(
        line,
        choices,
        logprobs,
        unconditional,
        target,
        logged,
        _cluster(values, cluster),
        str(values.get("doc_id", line)),
        _digest(values["doc"]) if "doc" in values else "",
        _digest(pairs[0][0]),
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _arguments(arguments: Any) -> list[tuple[str, str]]:
    """(context, continuation) of every request: ``{"gen_args_0": {"arg_0": ..., "arg_1": ...}, ...}``, or lists."""
    if isinstance(arguments, dict):
        arguments = [arguments.get(f"gen_args_{i}") for i in range(len(arguments))]
        arguments = [[one.get("arg_0"), one.get("arg_1")] if isinstance(one, dict) else one for one in arguments]
    pairs = []
    for i, one in enumerate(arguments):
        if not isinstance(one, list) or len(one) < 2 or not all(isinstance(text, str) for text in one[:2]):
            raise ValueError(
                f"request {i} in 'arguments' is no prompt and choice: only multiple-choice tasks can be rescored"
            )
        pairs.append((one[0], one[1]))
    return pairs


def _logprobs(values: Mapping[str, Any]) -> list[float]:
    """Of every response: ``filtered_resps`` has [log-probability, is greedy], ``resps`` lists of them by repeat."""
    name = "filtered_resps" if "filtered_resps" in values else "resps"
    responses = required(dict(values), name, list)
    if name == "resps":
        responses = [one[0] if isinstance(one, list) and one else one for one in responses]
    return [_logprob(one, f"response {i} in {name!r}") for i, one in enumerate(responses)]


def _logprob(response: Any, where: str) -> float:
    value = response[0] if isinstance(response, list) and len(response) == 2 else None
    try:
        found = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"{where} is no [log-probability, is greedy]: only multiple-choice tasks can be rescored")
    if not found <= 0:
        raise ValueError(f"{where} has the log-probability {value}: it must be at most 0 and not NaN")
    return found


def _cluster(values: Mapping[str, Any], name: str | None) -> str:
    if name is None:
        return ""
    doc = required(dict(values), "doc", dict)
    if name not in doc:
        raise ValueError(f"its document has no field {name!r} (fields: {', '.join(map(repr, doc)) or 'none'})")
    return json.dumps(doc[name], sort_keys=True)


def _by_index(target: Any, choices: Sequence[str]) -> list[int]:
    """The right choices where the target is an index from 0, or a list of them; else none."""
    texts = _listed(target)
    indices = [int(text) for text in texts if text.isdecimal() and int(text) < len(choices)]
    return indices if len(indices) == len(texts) else []


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


READINGS: Mapping[str, Callable[[Any, Sequence[str]], list[int]]] = MappingProxyType(
    {"index": _by_index, "text": _by_text, "letter": _by_letter}
)
"""How a target may say which choices are right -> a function of it and the choices."""
