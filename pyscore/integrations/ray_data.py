"""Ray Data: one model's rows inside a pipeline of one's own. Studies run as Ray tasks; see docs/cluster.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pyscore.engine import Scorer
from pyscore.tasks import ChatTemplate, Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ScoreQuestions"]

_NEEDED = ("id", "prompt", "answers", "is_matching")
_MORE = ("cluster", "group", "meta", "dataset", "choices")


class ScoreQuestions:
    """Scores batches of questions with one model, which each actor loads once.

    ``dataset.map_batches(ScoreQuestions, batch_format="pyarrow", concurrency=1, fn_constructor_kwargs={"model": ...})``
    turns a data set of questions into one of rows; beside these, ``num_gpus`` and ``batch_size``. A batch's columns are
    fields of `pyscore.Question`: ``id``, ``prompt``, ``answers`` and ``is_matching`` (lists), and ``cluster``,
    ``group``, ``meta``, ``dataset`` and ``choices`` where there are any; other columns are left out. Ids differ within
    a data set.

    Args:
        model: what `pyscore.Scorer.from_pretrained` takes, or a function that gives a scorer, called on the worker.
        template, truncate, on_error, token_logprobs, dataset, step: as for `pyscore.Scorer.score`.
        run_id: of all rows; give one, for each batch has a random one otherwise.
        options: of `pyscore.Scorer.from_pretrained`.
    """

    def __init__(
        self,
        model: str | Callable[[], Scorer],
        *,
        template: str | ChatTemplate = "plain",
        truncate: bool = False,
        on_error: str = "raise",
        token_logprobs: bool = False,
        dataset: str | None = None,
        step: int | None = None,
        run_id: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if callable(model) and options:
            raise ValueError("options are for a model that is named: give them to the function yourself")
        self._scorer = model() if callable(model) else Scorer.from_pretrained(model, **(options or {}))
        self._arguments: dict[str, Any] = {
            "template": template,
            "truncate": truncate,
            "on_error": on_error,
            "token_logprobs": token_logprobs,
            "dataset": dataset,
            "step": step,
            "run_id": run_id,
        }

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The rows of a batch of questions, one an answer.

        Raises:
            ValueError: a column is missing; a question is none, or can't be scored; the message names it.
            TypeError: the batch is no Arrow table; a column of another type.
        """
        return self._scorer.score(_questions(batch), progress=False, **self._arguments)


def _questions(batch: pa.Table) -> list[Question]:
    names = getattr(batch, "column_names", None)
    if names is None:
        raise TypeError(f'batches must be Arrow tables, got {type(batch).__name__}: pass batch_format="pyarrow"')
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise ValueError(f"a batch of questions lacks the columns {', '.join(missing)}: it has {', '.join(names)}")
    chosen = batch.select([name for name in (*_NEEDED, *_MORE) if name in names]).to_pylist()
    # Fields with a value for every question have none where the column is empty there.
    return [Question(**{k: v for k, v in each.items() if v is not None or k in _NEEDED}) for each in chosen]
