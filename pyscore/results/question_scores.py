"""What a run says of each of its questions, whoever scored them: what runs are compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.readers import check_length, read_shares, read_values
from pyscore.ops import Comparison
from pyscore.results.comparison import comparison_from_rows
from pyscore.store.grouping import group
from pyscore.store.schema import check_schema, metadata_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SCORES", "AnswerTexts", "QuestionScores", "joint_codes", "scores_from_rows"]

SCORES = ("probability", "prefers", "log_odds", "coverage", "tie")
"""The fields of a `Comparison` that runs are compared by."""

_IN_UNIT_INTERVAL = ("probability", "prefers", "tie")


@dataclass(frozen=True)
class AnswerTexts:
    """The answers of all questions.

    Attributes:
        offsets: ``[Q + 1]``; question q has the answers from offsets[q] up to offsets[q + 1].
        texts: ``[A]``, an Arrow array of strings.
        is_matching: ``[A]`` bool.
    """

    offsets: NDArray[np.int64]
    texts: pa.Array
    is_matching: NDArray[np.bool_]


@dataclass(frozen=True)
class QuestionScores:
    """One run's scores, one entry a question. `scores_from_rows` makes them of rows, integrations of others' logs.

    Attributes:
        question_ids: ``[Q]`` strings, once each within a data set.
        values: name -> ``[Q]``: of `SCORES`, or some of them. With "prefers" alone, which is 0, 1 or between, only
            preference rates can be compared: a log of right and wrong answers has these, and they are its accuracy.
        datasets: ``[Q]`` strings; None where nothing names one.
        clusters: ``[Q]`` strings; None for a question that stands alone, or for all of them.
        answers: what was compared; None where it isn't known.
        contents, prompts: ``[Q]`` strings that are equal where two runs asked the same, and where the model read the
            same; None where they aren't known. They are compared between runs of one ``kind`` alone.
        kind: what wrote the scores: "rows", or the name of another format.
        model, revision, step, run_id: whose scores these are.
        metadata: what the run says of itself: template, choices, dtype, ...
        notes: what a reader of the comparison should know of this run, a sentence each.

    Raises:
        ValueError: no questions, no scores or unknown ones, a NaN, a value outside [0, 1], lengths that differ.
    """

    question_ids: Any
    values: Mapping[str, Any]
    datasets: Any = None
    clusters: Any = None
    answers: AnswerTexts | None = None
    contents: Any = None
    prompts: Any = None
    kind: str = "rows"
    model: str = ""
    revision: str | None = None
    step: int | None = None
    run_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        n = len(self.question_ids)
        unknown = [name for name in self.values if name not in SCORES]
        if unknown or not {"probability", "prefers"} & set(self.values):
            found = ", ".join(map(repr, self.values)) or "none"
            raise ValueError(f"values must have 'probability' or 'prefers', and be of {', '.join(SCORES)}; got {found}")
        read = {
            name: (read_shares if name in _IN_UNIT_INTERVAL else read_values)(values, f"values[{name!r}]")
            for name, values in self.values.items()
        }
        for name, column in read.items():
            check_length(f"values[{name!r}]", column, n)
        object.__setattr__(self, "values", MappingProxyType(read))
        for name in ("question_ids", "datasets", "clusters", "contents", "prompts"):
            strings = getattr(self, name)
            if strings is not None:
                check_length(name, strings, n)
                object.__setattr__(self, name, _strings(strings))
        if self.datasets is None:
            object.__setattr__(self, "datasets", _strings([None] * n))

    def __len__(self) -> int:
        return len(self.question_ids)

    def value(self, name: str) -> Floats:
        """``[Q]``, the values of that name."""
        values: Floats = self.values[name]
        return values

    def describe(self, question: int) -> str:
        """How an error names a question."""
        dataset = self.datasets[question].as_py()
        return f"{self.question_ids[question].as_py()!r}" + ("" if dataset is None else f" of {dataset!r}")


def scores_from_rows(
    table: pa.Table, *, normalize: str = "sum", sets: str = "max", ties: str = "half"
) -> list[QuestionScores]:
    """The scores of every run of a table of rows: one for each model, revision and step, in ascending steps.

    Runs of one model that scored other data sets are one; where several scored a data set, each stands alone.

    Args:
        table: rows.
        normalize, sets, ties: as in `comparison_from_rows`.

    Raises:
        ValueError: as `comparison_from_rows`, or no rows at all.
    """
    check_schema(table.schema, "the table")
    if table.num_rows == 0:
        raise ValueError("there are no rows to compare")
    return [_of_run(rows, normalize, sets, ties) for rows in _runs(table)]


def joint_codes(*columns: Sequence[Any]) -> list[NDArray[np.int64]]:
    """Whole numbers from 0 that are equal where the values are, in all of several tables' columns.

    Args:
        columns: one a key, each a sequence with the Arrow array of every table.

    Returns:
        One array a table.
    """
    import pyarrow as pa

    lengths = [len(array) for array in columns[0]]
    code = np.zeros(sum(lengths), dtype=np.int64)
    for arrays in columns:
        chunks = [chunk for array in arrays for chunk in (array.chunks if hasattr(array, "chunks") else [array])]
        encoded = pa.chunked_array(chunks).combine_chunks().dictionary_encode(null_encoding="encode")
        indices = encoded.indices.to_numpy()
        # Codes are renumbered after every column, so that the product of the columns' counts can't overflow.
        joint = code * (int(indices.max(initial=0)) + 1) + indices
        code = np.unique(joint, return_inverse=True)[1].astype(np.int64)
    return np.split(code, np.cumsum(lengths)[:-1])


def _strings(values: Any) -> pa.Array:
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return values.cast(pa.string())
    return pa.array(list(values), pa.string())


def _runs(table: pa.Table) -> list[pa.Table]:
    """The rows of each run; models and revisions in the order of their first rows, steps ascending."""
    tables = []
    for model in _split(table, "model", "revision"):
        for step in sorted(_split(model, "step"), key=_step):
            runs = _split(step, "run_id")
            datasets = [set(run["dataset"].unique().to_pylist()) for run in runs]
            disjoint = len(set().union(*datasets)) == sum(map(len, datasets))
            tables += [step] if disjoint else runs
    return tables


def _step(rows: pa.Table) -> tuple[bool, int]:
    step = rows["step"][0].as_py()
    return step is not None, step or 0


def _split(table: pa.Table, *names: str) -> list[pa.Table]:
    """The rows of each value of the columns, in the order of their first rows."""
    (code,) = joint_codes(*([table[name]] for name in names))
    if not code.any():  # all rows have one value: nothing is copied
        return [table]
    _, first = np.unique(code, return_index=True)
    return [table.filter(code == code[i]) for i in np.sort(first)]


def _of_run(table: pa.Table, normalize: str, sets: str, ties: str) -> QuestionScores:
    comparison: Comparison = comparison_from_rows(table, normalize=normalize, sets=sets, ties=ties)
    order, offsets = group(table)
    firsts = order[offsets[:-1]]
    names = {name: table[name][0].as_py() for name in ("model", "revision", "step", "run_id")}
    if not _has_one(table, "run_id"):
        names["run_id"] = None
    return QuestionScores(
        question_ids=table["question_id"].take(firsts),
        values={name: getattr(comparison, name) for name in SCORES},
        datasets=table["dataset"].take(firsts),
        clusters=table["cluster"].take(firsts),
        answers=AnswerTexts(
            offsets, table["answer"].take(order).combine_chunks(), table["is_matching"].to_numpy()[order]
        ),
        metadata=metadata_of(table),
        notes=_warnings(table),
        **names,
    )


def _has_one(table: pa.Table, name: str) -> bool:
    return len(table[name].unique()) == 1


def _warnings(table: pa.Table) -> list[str]:
    from pyscore.engine import skipped_questions

    found = []
    if metadata_of(table).get("complete") == "false":
        found.append("it is not finished: these are its rows so far")
    if skipped := len(skipped_questions(table)):
        found.append(f"{skipped} questions are not among its rows, for they couldn't be scored")
    return found
