"""Tables of rows without a model."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pyscore.store import row_schema


def row(**columns: Any) -> dict[str, Any]:
    defaults = {
        "run_id": "r",
        "model": "m",
        "revision": None,
        "step": None,
        "dataset": "d",
        "question_id": "q",
        "cluster": None,
        "group": None,
        "answer_index": 0,
        "answer": " Yes",
        "is_matching": True,
        "logprob": -1.0,
        "logprob_low": None,
        "n_tokens": 1,
        "n_chars": 4,
        "n_bytes": 4,
        "is_greedy": False,
        "boundary": "clean",
        "prompt_tokens": 5,
        "truncated": False,
        "same_as": columns.get("answer_index", 0),
        "extends": None,
    }
    return defaults | columns


def pair(yes: float, no: float, **columns: Any) -> list[dict[str, Any]]:
    """A question's two rows; the matching answer first."""
    other = {"answer_index": 1, "answer": " No", "is_matching": False, "n_chars": 3, "n_bytes": 3}
    return [row(logprob=yes, **columns), row(logprob=no, **columns, **other)]


def as_version_1(rows: pa.Table) -> pa.Table:
    """The same rows as releases before the columns ``same_as`` and ``extends`` wrote them."""
    return rows.drop_columns(["logprob_low", "same_as", "extends"]).replace_schema_metadata(
        {**rows.schema.metadata, b"schema_version": b"1"}
    )


def as_version_2(rows: pa.Table) -> pa.Table:
    """The same rows as releases before the column ``logprob_low`` wrote them."""
    return rows.drop_columns(["logprob_low"]).replace_schema_metadata({**rows.schema.metadata, b"schema_version": b"2"})


def table(rows: list[dict[str, Any]], **metadata: str) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=row_schema(metadata=metadata))
