"""Files as they are named on the command line: which ones are meant, the output."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyscore._urls import is_url

if TYPE_CHECKING:
    from pyscore.tasks.reading import Place

__all__ = ["adapter_outputs", "check_distinct", "check_output", "expanded", "question_places"]

_EMPTY = "a path is empty: name a file (a variable of the shell may be unset)"


def expanded(paths: Iterable[str]) -> list[str]:
    """The paths, with those that a pattern such as "evals/*.jsonl" stands for in its place, sorted.

    Raises:
        FileNotFoundError: nothing matches a pattern.
        ValueError: an empty path.
    """
    found: list[str] = []
    for path in paths:
        if not path:
            raise ValueError(_EMPTY)
        if is_url(path) or not glob.has_magic(path) or Path(path).exists():
            found.append(path)
            continue
        matching = sorted(glob.glob(path, recursive=True))
        if not matching:
            raise FileNotFoundError(f"no file matches {path}")
        found += matching
    return found


def question_places(paths: Iterable[str]) -> list[Place]:
    """The places of questions that are meant: files, folders, patterns, URLs, names on a hub, "-"; each once.

    Raises:
        FileNotFoundError: nothing matches a pattern; a data set isn't there. A file is looked for when it is read.
        ValueError: an empty path, a place given twice, or what `pyscore.tasks.reading.places_of` refuses.
    """
    from pyscore.tasks.names import places_named

    named = list(paths)
    if not all(named):
        raise ValueError(_EMPTY)
    return places_named(named)


def check_distinct(paths: Iterable[str], kind: str) -> None:
    """Raise ValueError if two of these paths or URLs name one file; ``kind`` says of what."""
    seen: set[str] = set()
    for path in paths:
        name = path if is_url(path) else str(Path(path).resolve())
        if name in seen:
            raise ValueError(f"the file {path} is given twice: name every file of {kind} once")
        seen.add(name)


def adapter_outputs(adapters: Sequence[str], output: str | None) -> list[str | None]:
    """Where the rows of each of several adapters go: into folders in the output, called as the adapters' own are.

    Raises:
        ValueError: the output is one file; two adapters of one name.
    """
    names = [adapter.rstrip("/").rpartition("/")[2] for adapter in adapters]
    if output is None:
        return [None] * len(names)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two adapters are called {twice!r}, and so would their folders in --output: score them apart")
    if output.endswith(".parquet"):
        raise ValueError(f"--output {output} is one file, and each adapter has rows of its own: name a folder")
    if not is_url(output):
        Path(output).mkdir(parents=True, exist_ok=True)
    return [f"{output.rstrip('/')}/{name}" for name in names]


def check_output(output: str | None, resume: bool) -> None:
    """Raise, before the model is loaded, what writing a run there would raise after it."""
    if output is None:
        if resume:
            raise ValueError("--resume goes on with what is in --output: name it")
        return
    if not output:
        raise ValueError("--output is empty: name a folder, or a file that ends in .parquet")
    from pyscore.store import RunStore, check_no_file, check_target, run_folder  # here, for it imports NumPy

    folder = run_folder(output)
    if folder != output:
        check_target(output)
        check_no_file(output, resume=resume)
    RunStore.check(folder, resume=resume)
