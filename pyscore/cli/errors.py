"""A user's mistake ends with exit status 2 and a line on standard error; a bug keeps its traceback."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup
from typer.exceptions import TyperException

from pyscore.cli.text import CLOSED_PIPE, say

__all__ = ["MISTAKE", "STOPPED", "Commands"]

MISTAKE = 2
STOPPED = 130
"""Exit status after Ctrl-C: what shells give for the signal SIGINT, 128 + 2."""

_OWN_BUGS = ("illegal memory access", "misaligned address", "device-side assert")
_EXTRAS = {
    "engine": ("fsspec", "jinja2", "pyarrow", "rich", "transformers", "typer"),
    "gguf": ("accelerate", "gguf"),
    "sweep": ("pydantic", "yaml"),
    "ray": ("ray",),
    "report": ("altair", "vl_convert"),
    "datasets": ("datasets",),
    "openai": ("httpx",),
}


class Commands(TyperGroup):
    """The commands of pyscore: wherever an error comes from, it is told in one place and in one way."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            with _one_line_warnings():
                status = super().main(*arguments, **{**options, "standalone_mode": False})
        except Exception as error:
            told = _told(error)
            if told is None:
                raise
            for line in getattr(error, "lines", (told,)):  # the mistakes of a study file are several
                say(line)
            sys.exit(MISTAKE)
        except SystemExit as error:
            # Typer writes help by itself, and ends with 1 and without a word where nobody reads it.
            sys.exit(CLOSED_PIPE if isinstance(error.__context__, BrokenPipeError) else error.code)
        if status == STOPPED:
            say("stopped")
        sys.exit(status or 0)

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError as error:
            # Not standard output, of which `write_out` takes care: Typer would end the command without a word.
            raise ConnectionError(f"a connection was closed: {error}") from error


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Warnings as a line each, without the line of the source that they are raised by."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _told(error: Exception) -> str | None:
    """What a user reads of an error; None for one that is no fault of theirs or of their machine."""
    text = str(error) or type(error).__name__
    if isinstance(error, TyperException):
        return _usage(error)
    if isinstance(error, ModuleNotFoundError):
        extra = next((extra for extra, names in _EXTRAS.items() if error.name in names), None)
        return text if extra is None else f'{error.name} is not installed: pip install "pyscore-engine[{extra}]"'
    if isinstance(error, RecursionError):
        return f"something in what was given is nested too deeply ({text})"
    torch = sys.modules.get("torch")  # who didn't import it didn't raise its errors
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return f"out of memory: give fewer --batch-tokens, or another --dtype or --device ({text.splitlines()[0]})"
    if isinstance(error, ValueError | OSError | ImportError | MemoryError):
        return text
    if isinstance(error, RuntimeError) and "CUDA" in text and not any(bug in text for bug in _OWN_BUGS):
        return text.splitlines()[0]
    return None


def _usage(error: TyperException) -> str:
    """Of a mistake in how a command is called: what is wrong, and where its options are listed."""
    shown = getattr(error, "format_message", None)
    text = str(error) if shown is None else shown()
    context = getattr(error, "ctx", None)
    return text if context is None else f"{text.rstrip('.')} (see {context.command_path} --help)"
