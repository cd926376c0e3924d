"""One line of lm-evaluation-harness's logged samples: its choices with their log-probabilities, and which are right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pyscore._digest import json_digest
from pyscore.tasks.reading import required

__all__ = ["Sample", "differing_parts", "read_sample"]

_METRICS = ("acc", "acc_norm", "acc_bytes")


class Sample(NamedTuple):
    """One question.

    Attributes:
        where: where it stands in the file, for messages: "line 3" or "element 3".
        choices: the texts to choose from, without the delimiter before them; where the choices stand in the prompts,
            the parts of the prompts that differ.
        is_whole: whether these are the choices as the task has them, of which the harness counted the characters.
        in_prompts: the choices stand in the prompts, and every prompt is followed by the same text, as in WinoGrande.
        logprobs: of the choices after the prompt, nats.
        unconditional: of the choices without a prompt, nats; empty where the task didn't ask for them.
        target: as it stands in the file: what is right.
        labels: the choices that the document's own labels call right, None where it has no labels of these choices.
        doc: the document, empty where the file has none.
        logged: the accuracies that the file reports of this question.
        cluster: the value of the document's field that was asked for, or "".
        question_id: the document's number in its data set, ``doc_id``; the line's where the file has none.
        content: digest of the document, "" where the file has none.
        prompt: digest of the text before the choices.
    """

    where: str
    choices: list[str]
    is_whole: bool
    in_prompts: bool
    logprobs: list[float]
    unconditional: list[float]
    target: Any
    labels: list[int] | None
    doc: Mapping[str, Any]
    logged: dict[str, float]
    cluster: str
    question_id: str
    content: str
    prompt: str


def read_sample(values: Mapping[str, Any], row: int, where: str, delimiter: str, cluster: str | None) -> Sample:
    """Read one object of a file; ``delimiter`` is taken off choices that all begin with it.

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
    contexts, choices = [context for context, _ in pairs], [text for _, text in pairs]
    in_prompts = len(set(contexts)) > 1
    if in_prompts:
        if len(set(choices)) > 1:
            raise ValueError("its requests differ in their prompts and in what follows them: choices differ in one")
        choices = differing_parts(contexts)
    elif all(text.startswith(delimiter) for text in choices):
        choices = [text[len(delimiter) :] for text in choices]
    doc = values.get("doc")
    doc = doc if isinstance(doc, dict) else {}
    return Sample(
        where,
        choices,
        not in_prompts,
        in_prompts,
        logprobs,
        unconditional,
        required(dict(values), "target", (str, int, list)),
        _labels(doc, choices),
        doc,
        {name: float(values[name]) for name in _METRICS if isinstance(values.get(name), (int, float))},
        _cluster(values, cluster),
        str(values.get("doc_id", row + 1)),
        json_digest(values["doc"]) if "doc" in values else "",
        json_digest(contexts if in_prompts else contexts[0]),
    )


def differing_parts(texts: Sequence[str]) -> list[str]:
    """The ends of the texts from the word on in which they differ; the texts themselves where one has no such end."""
    columns = enumerate(zip(*texts, strict=False))
    start = next((i for i, column in columns if len(set(column)) > 1), min(map(len, texts)))
    while start and not texts[0][start - 1].isspace():
        start -= 1
    ends = [text[start:].strip() for text in texts]
    return ends if all(ends) and len(set(ends)) == len(set(texts)) else list(texts)


def _labels(doc: Mapping[str, Any], choices: Sequence[str]) -> list[int] | None:
    """The choices that are marked with 1, where the document has {"choices": [...], "labels": [...]} of just these."""
    texts = [choice.strip() for choice in choices]
    for found in (doc, *doc.values()):
        given, labels = (found.get("choices"), found.get("labels")) if isinstance(found, dict) else (None, None)
        if not isinstance(given, list) or not isinstance(labels, list) or [str(one).strip() for one in given] != texts:
            continue
        if len(labels) == len(texts) and all(label in (0, 1) for label in labels):
            return [i for i, label in enumerate(labels) if label]
    return None


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
