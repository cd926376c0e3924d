"""One question as lm-evaluation-harness wrote it before release 0.4, with ``--write_out``.

Such a file, ``<task>_write_out_info.json``, is an array of objects. Each has the number of the document, the text of
every request (``prompt_0``: prompt and choice as one string), what the model said of it (``logit_0``: the
log-probability of the choice, whatever the name says), which choice is right (``truth``) and the question's accuracies
as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

from pyscore._digest import json_digest
from pyscore.integrations.lm_eval_lines import Sample, differing_parts
from pyscore.tasks.reading import required

__all__ = ["is_written_out", "read_written_out"]

_ACCURACIES = {"True": 1.0, "False": 0.0}


def is_written_out(values: Mapping[str, Any]) -> bool:
    """Whether this is an object of such a file."""
    return "prompt_0" in values or "logit_0" in values


def read_written_out(values: Mapping[str, Any], row: int, where: str, cluster: str | None) -> Sample:
    """Read one object of such a file. It doesn't say where a prompt ends, so lengths of choices aren't known.

    Raises:
        ValueError: keys missing or of another type, a question that isn't of multiple choice, or a cluster is asked
            for.
    """
    if cluster is not None:
        raise ValueError(f"it has no document, which releases before 0.4 didn't log, so none of {cluster!r} is known")
    n = sum(1 for _ in takewhile(lambda i: f"logit_{i}" in values, count()))
    if n < 2:
        raise ValueError(f"it has {n or 'no'} 'logit_<i>': only multiple-choice tasks can be rescored")
    prompts = [required(dict(values), f"prompt_{i}", str) for i in range(n)]
    return Sample(
        where=where,
        choices=differing_parts(prompts),
        is_whole=False,
        in_prompts=False,
        logprobs=[_logprob(values[f"logit_{i}"], f"logit_{i}") for i in range(n)],
        unconditional=[],
        target=required(dict(values), "truth", (str, int, list)),
        labels=None,
        doc={},
        logged={name: found for name in ("acc",) if (found := _accuracy(values.get(name))) is not None},
        cluster="",
        question_id=str(values.get("doc_id", row + 1)),
        content="",
        prompt=json_digest(prompts),
    )


def _logprob(value: Any, name: str) -> float:
    number = value[0] if isinstance(value, list) and len(value) == 2 else value  # a pair with whether it is greedy
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{name!r} is no log-probability: only multiple-choice tasks can be rescored")
    if not number <= 0:
        raise ValueError(f"{name!r} is {number}: a log-probability must be at most 0 and not NaN")
    return float(number)


def _accuracy(value: Any) -> float | None:
    text = str(value)
    if text in _ACCURACIES:
        return _ACCURACIES[text]
    try:
        return None if value is None else float(text)
    except ValueError:
        return None
