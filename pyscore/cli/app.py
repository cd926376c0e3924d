"""The commands by name."""

from __future__ import annotations

from typing import Annotated

import typer

from pyscore._version import __version__
from pyscore.cli.info import info
from pyscore.cli.score import score
from pyscore.cli.summarize import summarize

__all__ = ["app"]

app = typer.Typer(
    help="Score the answers of language-model evaluations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pyscore {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command()(score)
app.command()(summarize)
app.command()(info)
