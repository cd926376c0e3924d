"""The command line: argument handling only; one module a command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point ``pyscore``."""
    # No command imports torch, which takes seconds, before it knows that nothing is wrong with what it was given.
    try:
        from pyscore.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print(f'pyscore: {error.name} is not installed: pip install "pyscore-engine[engine]"', file=sys.stderr)
        sys.exit(2)
    app(prog_name="pyscore")
