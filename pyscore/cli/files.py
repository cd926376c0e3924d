"""Files as they are named on the command line: which ones are meant, the output."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["check_distinct", "check_output", "expanded", "is_url", "question_files"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(path: str) -> bool:
    """Whether it is a URL, and no path on this machine."""
    return _URL.match(path) is not None


def expanded(paths: Iterable[str]) -> list[str]:
    """The paths, with those that a pattern such as "evals/*.jsonl" stands for in its place, sorted.

    Raises:
        FileNotFoundError: nothing matches a pattern.
        ValueError: an empty path.
    """
    found: list[str] = []
    for path in paths:
        if not path:
            raise ValueError("a path is empty: name a file (a variable of the shell may be unset)")
        if _URL.match(path) or not glob.has_magic(path) or Path(path).exists():
            found.append(path)
            continue
        matching = sorted(glob.glob(path, recursive=True))
        if not matching:
            raise FileNotFoundError(f"no file matches {path}")
        found += matching
    return found


def question_files(paths: Iterable[str]) -> list[Path]:
    """The files of questions that are meant, each of them there, once.

    Raises:
        FileNotFoundError: a file isn't there, or nothing matches a pattern.
        ValueError: a URL, a folder, an empty path, a file given twice.
    """
    chosen = expanded(paths)
    files = [Path(path) for path in chosen]
    for path, file in zip(chosen, files, strict=True):
        if _URL.match(path):
            raise ValueError(f"{path} is a URL, and questions are read from this machine: download the file first")
        if file.is_dir():
            raise ValueError(f"{path} is a folder: name its files, such as {file / '*.jsonl'}")
        if not file.exists():
            raise FileNotFoundError(f"no such file: {path}")
    check_distinct(chosen, "questions")
    return files


def check_distinct(paths: Iterable[str], kind: str) -> None:
    """Raise ValueError if two of these paths or URLs name one file; ``kind`` says of what."""
    seen: set[str] = set()
    for path in paths:
        name = path if _URL.match(path) else str(Path(path).resolve())
        if name in seen:
            raise ValueError(f"the file {path} is given twice: name every file of {kind} once")
        seen.add(name)


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
