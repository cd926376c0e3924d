"""The Arrow schema of rows, one an answer, and its version."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from pyscore.store.renamed import renamed_metadata

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["QUESTION_KEY", "SCHEMA_VERSION", "as_rows", "check_schema", "metadata_of", "row_schema", "upgraded"]

SCHEMA_VERSION = 3
"""Raised whenever a column changes; rows of older versions are read as well, with nulls for what they lack."""

RUN_KEY = ("run_id", "model", "revision", "step")
QUESTION_KEY = (*RUN_KEY, "dataset", "question_id")
"""The columns that tell one scored question from another."""

_COLUMNS = (
    # name, Arrow type, may be null
    ("run_id", "string", False),
    ("model", "string", False),
    ("revision", "string", True),
    ("step", "int64", True),
    ("dataset", "string", True),
    ("question_id", "string", False),
    ("cluster", "string", True),
    ("group", "string", True),
    ("answer_index", "int32", False),
    ("answer", "string", False),
    ("is_matching", "bool_", False),
    ("logprob", "float64", False),
    ("logprob_low", "float64", True),
    ("n_tokens", "int32", False),
    ("n_chars", "int32", False),
    ("n_bytes", "int32", False),
    ("is_greedy", "bool_", False),
    ("boundary", "string", False),
    ("prompt_tokens", "int32", False),
    ("truncated", "bool_", False),
    ("same_as", "int32", True),
    ("extends", "int32", True),
)
_LACKING = {"1": ("logprob_low", "same_as", "extends"), "2": ("logprob_low",)}
"""Older version -> the columns that its rows lack; version 2 added the last two, version 3 the bounds."""


def row_schema(*, token_logprobs: bool = False, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """The schema of rows; ``token_logprobs`` adds the column of that name, ``metadata`` stands beside the version."""
    import pyarrow as pa

    fields = [pa.field(name, getattr(pa, kind)(), nullable=null) for name, kind, null in _COLUMNS]
    if token_logprobs:
        fields.append(pa.field("token_logprobs", pa.list_(pa.float64()), nullable=False))
    return pa.schema(fields, metadata={"schema_version": str(SCHEMA_VERSION), **(metadata or {})})


def metadata_of(table: pa.Table) -> dict[str, str]:
    """The table's metadata as text; entries that other software wrote in other encodings are left out."""
    found = {}
    for key, value in (table.schema.metadata or {}).items():
        with suppress(UnicodeDecodeError):
            found[key.decode()] = value.decode()
    return found


def check_schema(schema: pa.Schema, source: str) -> None:
    """Raise ValueError unless rows of this schema can be read here; ``source`` names them in the message."""
    version = _version(schema)
    if version not in ("", *_LACKING, str(SCHEMA_VERSION)):
        raise ValueError(
            f"{source} has rows of schema version {version}, this pyscore reads versions 1 to {SCHEMA_VERSION}: "
            "score the questions again, or use the pyscore that wrote it"
        )
    lacking = _LACKING.get(version, ())
    expected = [
        field
        for field in row_schema(token_logprobs="token_logprobs" in schema.names)
        if field.name in schema.names or field.name not in lacking
    ]
    missing = [field.name for field in expected if field.name not in schema.names]
    if missing:
        raise ValueError(f"{source} lacks the columns {', '.join(missing)}: it doesn't hold pyscore's rows")
    for field in expected:
        found = schema.field(field.name).type
        if found != field.type:
            raise ValueError(f"{source} has {found} in the column {field.name}, expected {field.type}")
    if not version:
        raise ValueError(f"{source} has no schema_version in its metadata: it was not written by pyscore")


def upgraded(schema: pa.Schema) -> pa.Schema:
    """The schema that rows of this one have once they are read: `as_rows` fills up those of older versions."""
    metadata = renamed_metadata(schema.metadata)
    if _version(schema) not in _LACKING:
        return schema.with_metadata(metadata)
    metadata[b"schema_version"] = str(SCHEMA_VERSION).encode()
    return row_schema(token_logprobs="token_logprobs" in schema.names).with_metadata(metadata)


def _version(schema: pa.Schema) -> str:
    found: bytes = (schema.metadata or {}).get(b"schema_version", b"")
    return found.decode(errors="replace")


def as_rows(table: pa.Table, source: str) -> pa.Table:
    """The table in exactly the types of rows; other software writes, say, large strings for strings.

    Rows of older versions get nulls in the columns that they lack.

    Raises:
        ValueError: as `check_schema`, or a null where rows have none.
    """
    import pyarrow as pa

    expected = row_schema(token_logprobs="token_logprobs" in table.schema.names)
    table = table.replace_schema_metadata(renamed_metadata(table.schema.metadata))
    version = _version(table.schema)
    if version in _LACKING:
        lacking = [name for name in _LACKING[version] if name not in table.schema.names]
        metadata = {**table.schema.metadata, b"schema_version": str(SCHEMA_VERSION).encode()}
        for name in lacking:
            table = table.append_column(expected.field(name), pa.nulls(table.num_rows, expected.field(name).type))
        table = table.replace_schema_metadata(metadata)
    twice = [name for name in expected.names if table.schema.names.count(name) > 1]
    if twice:
        raise ValueError(f"{source} has the column {twice[0]} more than once: it doesn't hold pyscore's rows")
    for field in expected:
        if field.name in table.schema.names and not field.nullable and table[field.name].null_count:
            raise ValueError(f"{source} has no value in some rows of the column {field.name}: score them again")
    if all(field.name in table.schema.names for field in expected):
        columns = table.select(expected.names)
        with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):  # check_schema then says which column doesn't fit.
            table = columns.cast(expected.with_metadata(table.schema.metadata))
    check_schema(table.schema, source)
    return table
