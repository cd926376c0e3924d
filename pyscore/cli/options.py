"""Options that several commands take, declared once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import typer

from pyscore._confidence import check_confidence

__all__ = ["Clusters", "Confidence", "Json", "Normalize", "Sets", "Ties", "key_values"]

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
