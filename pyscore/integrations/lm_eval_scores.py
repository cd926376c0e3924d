"""Samples that lm-evaluation-harness logged, as `QuestionScores` that `compare_runs` takes; no model is run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyscore.integrations.lm_eval_samples import read_samples
from pyscore.results.question_scores import SCORES, AnswerTexts, QuestionScores

__all__ = ["question_scores", "sample_files"]

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl")


def question_scores(
    path: str | Path,
    *,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    cluster: str | None = None,
    target_delimiter: str = " ",
    targets: str = "auto",
    filter_name: str | None = None,
    task: str | None = None,
) -> QuestionScores:
    """The scores of every question of the multiple-choice tasks that one run of the harness logged.

    A data set is a task, a question's id is its ``doc_id``, and the model is what the file's folder is called, in which
    the harness writes "__" for "/". Releases before 0.4.3 name files by what ``output_path`` and the model's arguments
    said: give ``task`` there, where two runs are to be compared. A document that differs between two logs is another
    question.

    Args:
        path: a file as `rescore` takes it, or a folder with one ``samples_<task>_<time>.jsonl`` for each task.
        normalize, sets, ties, target_delimiter, targets, filter_name: as in `rescore`.
        cluster: as in `rescore`; its values mean nothing beyond their task.
        task: what to call the task of a file, where its name doesn't say it.

    Raises:
        FileNotFoundError, ValueError: as `rescore`; a folder without samples, of several models, or with several files
            of a task.
    """
    files = sample_files(path)
    if task is not None and len(files) > 1:
        raise ValueError(f"task={task!r} names one task, and {path} has {len(files)}: name one file")
    found = [
        read_samples(
            file,
            normalize=normalize,
            sets=sets,
            ties=ties,
            cluster=cluster,
            target_delimiter=target_delimiter,
            targets=targets,
            filter_name=filter_name,
        )
        for file in files
    ]
    samples = [sample for own, _, _ in found for sample in own]
    tasks = [task or _task(file) for file, (own, _, _) in zip(files, found, strict=True) for _ in own]
    clusters = [sample.cluster for sample in samples]
    if len(files) > 1:  # passage 3 of one task is not that of another
        clusters = [f"{name}: {each}" for name, each in zip(tasks, clusters, strict=True)]
    lengths = [len(sample.choices) for sample in samples]
    answers = AnswerTexts(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        _strings([choice for sample in samples for choice in sample.choices]),
        np.concatenate([own.is_matching for _, own, _ in found]),
    )
    return QuestionScores(
        question_ids=[sample.question_id for sample in samples],
        values={name: np.concatenate([getattr(own, name) for _, _, own in found]) for name in SCORES},
        datasets=tasks,
        clusters=None if cluster is None else clusters,
        answers=answers,
        contents=[sample.content or None for sample in samples],
        prompts=[sample.prompt for sample in samples],
        kind="lm-eval",
        model=files[0].resolve().parent.name.replace("__", "/"),
    )


def sample_files(path: str | Path) -> list[Path]:
    """The files of samples that a path stands for, one a task.

    Raises:
        FileNotFoundError: there is no such path. ValueError: a folder without samples, of several models, or with
            several files of a task.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"no such file: {path}")
        return [path]
    files = sorted(file for file in path.rglob("samples_*.jsonl") if _NAME.fullmatch(file.name))
    if not files:
        raise ValueError(f"{path} has no files samples_<task>_<time>.jsonl: run lm_eval with --log_samples")
    folders = list(dict.fromkeys(file.parent for file in files))
    if len(folders) > 1:
        raise ValueError(f"{path} has samples in the folders {_listed(folders)}: name the one of a single model")
    tasks: dict[str, Path] = {}
    for file in files:
        task = _task(file)
        if task in tasks:
            raise ValueError(f"{path} has the task {task} twice, {tasks[task].name} and {file.name}: name one file")
        tasks[task] = file
    return files


def _task(file: Path) -> str:
    named = _NAME.fullmatch(file.name)
    return named["task"] if named else file.stem.removeprefix("samples_").removesuffix("_write_out_info")


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths[:3]) + (" ..." if len(paths) > 3 else "")


def _strings(texts: list[str]) -> Any:
    import pyarrow as pa

    return pa.array(texts, pa.string())
