"""A study's file, read."""

from __future__ import annotations

from pathlib import Path

from pyscore.sweep.study import Study

__all__ = ["load"]


def load(path: str | Path) -> Study:
    """The study that a file describes."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    raise NotImplementedError
