"""lm-evaluation-harness as an oracle: what it asks a model of rows that we hand it, at zero shots.

Its own task files are read by its own loader and made into its own tasks; only the place of the rows is another, since
theirs is the hub. What comes out are the requests that its models would get, and the targets it would hold them to.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pyscore.tasks import Question
from pyscore.tasks.formats import FORMATS, Reading
from pyscore.tasks.reading import Record

__all__ = ["Asked", "asked_by_harness", "asked_by_pyscore", "pairs_of_harness", "read", "read_one", "tasks_folder"]


class Asked(NamedTuple):
    """One question as a model sees it.

    Attributes:
        context: the prompt.
        continuations: the answers.
        right: indices of those that are right.
    """

    context: str
    continuations: list[str]
    right: list[int]


def tasks_folder() -> Path:
    """Where the harness keeps its task files; the test is skipped where it isn't installed."""
    pytest.importorskip("lm_eval")
    spec = importlib.util.find_spec("lm_eval.tasks")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


def asked_by_harness(task: str, rows: Sequence[Mapping[str, Any]], **config: Any) -> list[Asked]:
    """What the harness asks about rows.

    Args:
        task: the task's file under the harness's folder of tasks, such as "arc/arc_easy.yaml".
        rows: as `datasets` would hand them over, all with the same keys and types.
        config: entries of the task's file that are to be others.
    """
    made = _task(task, rows, config)
    return [_asked(made, doc) for doc in made.eval_docs]


def pairs_of_harness(task: str, rows: Sequence[Mapping[str, Any]], **config: Any) -> list[list[tuple[str, str]]]:
    """Context and continuation of every request, a list a row: for tasks whose choices stand in their contexts."""
    made = _task(task, rows, config)
    return [[request.args for request in _requests(made, doc)] for doc in made.eval_docs]


def _task(task: str, rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> Any:
    folder = tasks_folder()
    datasets = pytest.importorskip("datasets")
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    loaded = {**load_yaml(folder / task), "num_fewshot": 0, **config}
    loaded["task"] = str(loaded.get("task", task))
    table = datasets.Dataset.from_list([dict(row) for row in rows])
    splits = {value for key, value in loaded.items() if key.endswith("_split") and value}
    loaded["custom_dataset"] = lambda **_: datasets.DatasetDict(dict.fromkeys(splits, table))
    return ConfigurableTask(config={**loaded, "metadata": {**(loaded.get("metadata") or {}), "num_fewshot": 0}})


def _requests(made: Any, doc: dict[str, Any]) -> Any:
    context = made.fewshot_context(doc, 0, gen_prefix=made.doc_to_prefix(doc))
    return made.construct_requests(doc=doc, ctx=context, metadata=(None, 0, 1))


def _asked(made: Any, doc: dict[str, Any]) -> Asked:
    pairs = [request.args for request in _requests(made, doc)]
    contexts = {context for context, _ in pairs}
    assert len(contexts) == 1, "the choices stand in the contexts: use pairs_of_harness"
    choices = made.doc_to_choice(doc)
    right = [each if isinstance(each, int) else choices.index(each) for each in _as_list(made.doc_to_target(doc))]
    return Asked(contexts.pop(), [continuation for _, continuation in pairs], right)


def _as_list(target: Any) -> list[Any]:
    return list(target) if isinstance(target, list | tuple) else [target]


def asked_by_pyscore(question: Question) -> Asked:
    """What pyscore asks with ``template="plain"``."""
    right = [i for i, matches in enumerate(question.is_matching) if matches]
    return Asked(question.prompt, list(question.answers), right)


def read(format: str, values: Mapping[str, Any], answers: str = "auto", *, stem: str = "set") -> tuple[Question, ...]:
    """The questions of one row, read as a format without a file."""
    made = FORMATS[format].read(Record(0, dict(values), "line 1"), Reading(stem, answers))
    return (made,) if isinstance(made, Question) else made


def read_one(format: str, values: Mapping[str, Any], answers: str = "auto", *, stem: str = "set") -> Question:
    """The one question of a row."""
    (question,) = read(format, values, answers, stem=stem)
    return question
