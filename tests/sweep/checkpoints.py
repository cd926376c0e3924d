"""Checkpoints of which nothing is read but that they are there, and the studies of them."""

from __future__ import annotations

from pathlib import Path

from pyscore.sweep import Study
from pyscore.sweep.spec import study_of

HEAD = "output: out\nmodels:\n  - hub: owner/base\ndatasets:\n  - files: d0.jsonl\n"
"""A study that is whole, to which lines are added."""


def checkpoint(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")


def read(folder: Path, text: str) -> Study:
    return study_of(text, folder)
