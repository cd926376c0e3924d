"""A study's folder without models: questions, and rows with made-up log-probabilities, as a sweep would leave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.store import RunStore, question_key, row_schema
from pyscore.store.studies import StudyFolder
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Study

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["made_up_study"]

SIZES, ANSWERS = (1e7, 1e8), (" Yes", " No")
_PER_CLUSTER, _CLUSTERED = 5, 10
"""Questions of a cluster; one of so many data sets has clusters."""
_PER_PART = 10
"""Data sets."""


def made_up_study(folder: Path, checkpoints: int, datasets: int, questions: int) -> Study:
    """A finished study: a family of two sizes, each at every step, under one template.

    How much of the probability matching answers get depends on the data set, the size and the step, so that there are
    curves that rise, fall and stay.

    Args:
        folder: new or empty; gets the questions, and the study in "out".
        checkpoints: twice the number of steps.
        datasets: how many.
        questions: of each data set.
    """
    steps = checkpoints // len(SIZES)
    models = [
        Model(
            f"m-{size:.0e}".replace("+", ""), f"weights of {size:g} at {step}", step=1000 * step, size=size, family="m"
        )
        for size in SIZES
        for step in range(steps)
    ]
    files = tuple(Dataset(f"topic {i}", (_questions(folder, i, questions),)) for i in range(datasets))
    study = Study("made up", str(folder / "out"), tuple(models), files, (NamedTemplate("plain"),))
    folder_of_study = StudyFolder(study.output)
    folder_of_study.write(study.to_dict())
    folder_of_study.keep_questions((each.name, each.content_sha256, each.questions) for each in files)
    rows = [_Rows(each, i) for i, each in enumerate(files)]
    for number, model in enumerate(models):
        _write(study, model, number % steps, rows)
    return study


def _questions(folder: Path, dataset: int, n: int) -> str:
    path = folder / f"{dataset}.jsonl"
    lines = [
        {
            "id": f"q{i}",
            "prompt": f"Question {i} about topic {dataset}: would you say so, if nobody had asked you to?",
            "answers": ANSWERS,
            "is_matching": [i % 2 == 0, i % 2 == 1],
            **({"cluster": f"c{i // _PER_CLUSTER}"} if dataset % _CLUSTERED == 0 else {}),
        }
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


class _Rows:
    """The rows of a data set, but for what depends on the checkpoint."""

    def __init__(self, dataset: Dataset, number: int) -> None:
        import pyarrow as pa

        asked, schema = dataset.questions, row_schema()
        n = len(asked)
        self.entry = {"questions": n, "content_sha256": dataset.content_sha256, "skipped": 0}
        self.name = dataset.name
        matching = np.array([question.is_matching for question in asked])
        self._matching = matching
        self._rng = np.random.default_rng(number)
        self._ease = self._rng.normal(size=n)
        self._slope, self._level = self._rng.normal(0, 1.5), self._rng.normal(0, 1)
        constant: dict[str, Any] = {"run_id": "made up", "model": "", "boundary": "split", "dataset": dataset.name}
        constant |= {"n_tokens": 1, "n_chars": 3, "n_bytes": 3, "prompt_tokens": 20}
        constant |= {"is_greedy": False, "truncated": False}
        columns: dict[str, Any] = {
            **{name: pa.repeat(pa.scalar(value, schema.field(name).type), 2 * n) for name, value in constant.items()},
            **{
                name: pa.nulls(2 * n, schema.field(name).type)
                for name in ("revision", "group", "extends", "step", "logprob_low")
            },
            "question_id": np.repeat([question.id for question in asked], 2),
            "cluster": np.repeat(np.array([question.cluster for question in asked], object), 2),
            "answer_index": np.tile([0, 1], n),
            "same_as": np.tile([0, 1], n),
            "answer": np.tile(np.array(ANSWERS, object), n),
            "is_matching": matching.ravel(),
            "logprob": np.zeros(2 * n),
        }
        self._table = pa.table([pa.array(columns[f.name], f.type) for f in schema], schema=schema)
        self.keys = [
            question_key(dataset.name, question.id, question.prompt, question.answers, question.is_matching)
            for question in asked
        ]

    def of(self, model: Model, progress: float) -> pa.Table:
        """As this checkpoint is made to answer: the log odds of matching answers are normal."""
        import pyarrow as pa

        n = len(self.keys)
        odds = self._level + self._slope * progress + self._ease + self._rng.normal(0, 0.5, n)
        covered = np.log(self._rng.uniform(0.5, 1, n))
        of_matching, of_other = covered - np.logaddexp(0, -odds), covered - np.logaddexp(0, odds)
        logprob = np.where(self._matching, of_matching[:, None], of_other[:, None]).ravel()
        own = {"model": [model.name] * 2 * n, "step": [model.step] * 2 * n, "logprob": logprob}
        table = self._table
        for name, values in own.items():
            field = table.schema.field(name)
            table = table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))
        return table


def _write(study: Study, model: Model, step: int, rows: list[_Rows]) -> None:
    """The run of a checkpoint."""
    import pyarrow as pa

    folder, template = StudyFolder(study.output), study.templates[0]
    progress = np.log10(model.size / SIZES[0]) / 2 + step / max(1, len(study.models) // len(SIZES) - 1)
    settings = {"template": template.text, "dtype": "float32", "fingerprint": {"weights": model.path}}
    arguments = {"model": study.key(model), "template": template.text, "stamp": "made up"}
    path = folder.run_path(f"{study.folder_of(model)}/{template.name}-0123456789abcdef")
    with RunStore.open(path, {"settings": settings, "arguments": arguments}) as store:
        for start in range(0, len(rows), _PER_PART):
            part = rows[start : start + _PER_PART]
            store.write(
                pa.concat_tables([each.of(model, progress) for each in part]), [k for each in part for k in each.keys]
            )
        store.update(datasets={each.name: each.entry for each in rows})
        store.finish()
