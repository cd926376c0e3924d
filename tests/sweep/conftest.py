"""A folder for study files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweep.checkpoints import checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions, a template, and checkpoints that are empty but for a config.json."""
    root = tmp_path_factory.mktemp("study")
    for i in range(3):
        (root / f"d{i}.jsonl").touch()
    (root / "hint.jinja").write_text("Q: {{ question }}\nA:\n")
    for size in ("70M", "1.4B", "160M"):
        for step in (10, 2, 1000):
            checkpoint(root / "runs" / f"pythia-{size}" / f"step{step}")
    (root / "runs" / "notes.txt").touch()
    (root / "empty" / "step1").mkdir(parents=True)
    return root
