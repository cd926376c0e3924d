"""Runs in every kind of place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyscore.store import remote_files
from tests.store import stores


@pytest.fixture(autouse=True)
def _no_objects_from_other_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(remote_files, "_WAIT_SECONDS", 0.0)
    stores.register()
    yield
    stores.clear()


@pytest.fixture(params=["path", "file://", "memory://", "object://"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A run's folder that doesn't exist yet."""
    roots = {"file://": f"file://{tmp_path}", "memory://": "memory:/", "object://": "object://bucket"}
    return tmp_path / "run" if request.param == "path" else f"{roots[request.param]}/run"
