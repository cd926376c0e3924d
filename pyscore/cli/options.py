"""Options that several commands take, declared once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NoReturn

import typer

from pyscore._confidence import check_confidence

__all__ = [
    "Answers",
    "Choices",
    "Clusters",
    "Columns",
    "Confidence",
    "Json",
    "Normalize",
    "PromptTemplate",
    "Sets",
    "Ties",
    "json_or_text",
    "key_values",
]

Sets = Annotated[
    Literal["max", "sum"],
    typer.Option(help="Compare the best matching answer with the best other one, or the sums of their probabilities."),
]
Ties = Annotated[
    Literal["half", "strict", "first", "share"],
    typer.Option(
        help="A tie counts half, or not as a preference, or goes to the answer that comes first: in files of the "
        "model-written evals that is the matching one, so each tie counts as matching. With share it counts as much as "
        "the share of matching answers among those that tie."
    ),
]
Normalize = Annotated[
    Literal["sum", "token", "char", "byte"],
    typer.Option(help="Compare plain log-probabilities, or divided by the answer's tokens, characters or bytes."),
]

Confidence = Annotated[float, typer.Option(callback=check_confidence, help="Confidence of the intervals.")]
Clusters = Annotated[
    bool, typer.Option("--clusters/--no-clusters", help="Treat questions of one cluster as dependent on each other.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]

Choices = Annotated[
    Literal["given", "listed"],
    typer.Option(help="Compare the answers that a file names, or all that a lettered question lists."),
]
Answers = Annotated[
    Literal["auto", "text", "letter"],
    typer.Option(
        help="Of rows that list choices: compare their texts or their letters; auto: as is usual for the data."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD=COLUMN,...",
        help="Of a table in no known format: prompt=COLUMN,answers=COLUMN|COLUMN,matching=COLUMN, or JSON, or @FILE.",
    ),
]
PromptTemplate = Annotated[
    str | None,
    typer.Option(
        metavar="JINJA", help="With --columns: makes the prompt of a row's fields, as '{{ passage }}\\n{{ question }}'."
    ),
]


def json_or_text(text: str) -> Any:
    """JSON where it is that, else the text itself; NaN and the like, which Python's reader takes, are no JSON."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return text


def key_values(given: Sequence[str], option: str, example: str) -> Iterator[tuple[str, str]]:
    """The key and the value of each KEY=VALUE that an option was given.

    Raises:
        ValueError: one isn't KEY=VALUE, such as ``example``, or its key is given twice.
    """
    seen: set[str] = set()
    for argument in given:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise ValueError(f"{option} {argument!r} is not KEY=VALUE, such as {example}")
        if key in seen:
            raise ValueError(f"{option} {key} is given twice: give it one value")
        seen.add(key)
        yield key, value
