"""The questions of a study's data sets, a Parquet file each, whose name tells their content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING

from pyscore._digest import digest_of, json_text
from pyscore.store.place import Place
from pyscore.tasks import Question
from pyscore.tasks.reading.remote import UnreachableError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["content_digest", "keep_questions", "question_table", "questions_of", "read_questions"]

_COLUMNS = (
    # name, Arrow type
    ("id", "string"),
    ("prompt", "string"),
    ("answers", "list<string>"),
    ("is_matching", "list<bool>"),
    ("cluster", "string"),
    ("group", "string"),
    ("choices", "string"),
    ("meta", "string"),
)
"""The fields of `Question` that `content_digest` is of, in its order; "meta" is JSON."""
_WRITTEN_AT_ONCE = 16
"""Files written at the same time: a disk, as an object store, takes hardly longer for several than for one."""


def content_digest(questions: Sequence[Question]) -> str:
    """SHA-256, in hex, of all that rows and prompts of these questions depend on, beside template and tokenizer."""
    return json_list_digest(
        json_text([q.id, q.prompt, q.answers, q.is_matching, q.cluster, q.group, q.choices, dict(q.meta)])
        for q in questions
    )


def json_list_digest(texts: Iterable[str]) -> str:
    """The digest of a list whose entries are these texts of JSON."""
    return digest_of(f"[{', '.join(texts)}]")


def question_table(questions: Sequence[Question]) -> pa.Table:
    """The questions, one a line, without the name of their data set.

    Columns: id, prompt, answers (a list of strings), is_matching (a list of bools), cluster, group, choices, and meta,
    which is JSON.
    """
    import pyarrow as pa

    columns = {
        name: [json_text(dict(q.meta)) for q in questions] if name == "meta" else [getattr(q, name) for q in questions]
        for name, _ in _COLUMNS
    }
    return pa.table(columns, _schema())


def questions_of(table: pa.Table, dataset: str | None = None) -> list[Question]:
    """The questions of a table that `question_table` made, of a data set of this name."""
    return [
        Question(
            **{**line, "answers": tuple(line["answers"]), "is_matching": tuple(line["is_matching"])},
            meta=json.loads(meta),
            dataset=dataset,
        )
        for line, meta in zip(table.drop_columns(["meta"]).to_pylist(), table["meta"].to_pylist(), strict=True)
    ]


def keep_questions(folder: Place, contents: Iterable[tuple[str, Sequence[Question]]]) -> None:
    """Write files of questions that aren't there yet, each whole or not at all.

    Several processes may do so at once: files of one name have one content.

    Args:
        folder: made if it doesn't exist.
        contents: the names of files, which tell what they hold, and their questions.

    Raises:
        OSError: the folder or a file can't be written.
    """
    there = set(folder.names())
    missing = {name: questions for name, questions in contents if name not in there}
    if not missing:
        return
    folder.make_folder()
    with ThreadPoolExecutor(min(_WRITTEN_AT_ONCE, len(missing))) as pool:
        list(pool.map(lambda name: _write(folder / name, missing[name]), missing))


def _write(place: Place, questions: Sequence[Question]) -> None:
    import pyarrow.parquet as pq

    with place.replacing() as file:
        pq.write_table(question_table(questions), file, compression="zstd", write_page_checksum=True)


def read_questions(place: Place, content_sha256: str) -> pa.Table | None:
    """The questions in a file, as `question_table` makes them; None where there is no such file.

    Raises:
        ValueError: it is damaged, or holds other questions than those of this digest.
        OSError: what is behind a URL can't be reached.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    remedy = "Remove it and run the sweep again, which writes it anew"
    try:
        content = place.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        table = pq.ParquetFile(BytesIO(content), page_checksum_verification=True).read()
        table.validate(full=True)
        table = table.select(_schema().names).cast(_schema())
    except UnreachableError:
        raise
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"{place} is damaged, or no file of a study's questions: {reason}. {remedy}") from None
    if _digest_of_table(table) != content_sha256:
        raise ValueError(f"{place} is damaged: its questions aren't those that study.json names. {remedy}")
    return table


def _digest_of_table(table: pa.Table) -> str:
    """`content_digest` of the questions, whose meta is put as it was written: it may be no JSON that Python writes."""
    *columns, meta = (table[name].to_pylist() for name, _ in _COLUMNS)
    lines = zip(*columns, strict=True)
    return json_list_digest(f"{json_text(line)[:-1]}, {text}]" for line, text in zip(lines, meta, strict=True))


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "list<string>": pa.list_(pa.string()),
        "list<bool>": pa.list_(pa.bool_()),
    }
    return pa.schema([pa.field(name, types[kind]) for name, kind in _COLUMNS])
