"""The commands by name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pyscore._version import __version__
from pyscore.cli.compare import compare
from pyscore.cli.errors import MISTAKE, Commands
from pyscore.cli.info import info
from pyscore.cli.report import report
from pyscore.cli.score import score
from pyscore.cli.summarize import summarize
from pyscore.cli.sweep import status, sweep
from pyscore.cli.sweep_table import table
from pyscore.cli.text import write_out

__all__ = ["app"]


class _TwoWords(Commands):
    """Finds commands of two words ("sweep status") before those of one."""

    def resolve_command(self, context: Any, arguments: list[str]) -> Any:
        name = " ".join(arguments[:2])
        if len(arguments) > 1 and (found := self.get_command(context, name)) is not None:
            return name, found, arguments[2:]
        return super().resolve_command(context, arguments)


app = typer.Typer(
    cls=_TwoWords,
    help="Score the answers of language-model evaluations.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        write_out(f"pyscore {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        write_out(context.get_help())  # empty where Typer has printed it already, in colours
        raise typer.Exit(MISTAKE)


app.command()(score)
app.command()(summarize)
app.command()(compare)
app.command()(report)
app.command()(info)
app.command()(sweep)
app.command("sweep status")(status)
app.command("sweep table")(table)
