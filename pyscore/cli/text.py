"""Text on its way to people and pipes: names are shown as they are, and nothing in them steers a terminal."""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import suppress

import typer

__all__ = ["CLOSED_PIPE", "say", "typed_arguments", "visible", "write_out"]

CLOSED_PIPE = 141
"""Exit status where the reader of standard output is gone: what shells give for the signal SIGPIPE, 128 + 13."""

_JOINERS = "\u200c\u200d"  # of letters and emoji: they steer nothing
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control characters, format characters (those that turn the direction of writing too), halves of surrogate pairs (file
names that are no UTF-8), separators of lines and paragraphs."""


def typed_arguments() -> list[str]:
    """The arguments of the command line, as JSON can hold them: a file's name may hold bytes that are no UTF-8."""
    return [argument.encode("utf-8", "backslashreplace").decode() for argument in sys.argv[1:]]


def visible(text: str) -> str:
    r"""The text with every control character written as an escape, such as \x1b."""

    def shown(character: str) -> str:
        if character in _JOINERS or unicodedata.category(character) not in _STEERING:
            return character
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")

    return "".join(map(shown, text))


def write_out(text: str) -> None:
    """Write a whole text to standard output, now.

    Raises:
        typer.Exit: nobody reads it any more.
        OSError: it can't be written.
    """
    if sys.stdout is None:  # Python's way to say that it was closed before the start
        raise OSError("standard output is closed, so nothing can be shown")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer goes nowhere: Python writes it at its end, and would complain again.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED_PIPE) from None
    except OSError as error:
        raise OSError(f"standard output can't be written: {error}") from error


def say(text: str) -> None:
    """One line for people on standard error; where that can't be written, nothing is left to do."""
    with suppress(OSError):
        typer.echo(f"pyscore: {visible(' '.join(text.split()))}", err=True)
