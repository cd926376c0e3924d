"""Files of questions, and a source that takes no time where a test is not about models."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import write_questions
from tests.engine.fake_source import FakeSource


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions"))


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model; whatever model is named then is a fake."""
    monkeypatch.setattr("pyscore.engine.sources.load_source", lambda model, **_: FakeSource(str(model)))
    return "fake/[bold]z"
