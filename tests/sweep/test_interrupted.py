"""A sweep that was stopped while checkpoints or questions changed: nothing old is taken for what is asked for now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore.engine import run as engine_run
from pyscore.sweep.sweeps import run
from pyscore.sweep.study import Dataset, NamedTemplate, Study
from tests.sweep.fake_models import small_study, stored_values

PLAIN = (NamedTemplate("plain"),)


def read_again(study: Study) -> Study:
    """The study as a new process reads it: the files of its data sets are read anew."""
    return replace(study, datasets=tuple(Dataset(each.name, each.files) for each in study.datasets))


def stopped(study: Study, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int = 1) -> None:
    """Run a study that is interrupted in this call of a function."""
    real: Callable[..., Any] = getattr(module, name)
    calls = 0

    def interrupted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return real(*given, **named)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, name, interrupted)
        run(study)


@pytest.mark.parametrize("where", ["_store", "_noted"])
def test_a_file_that_was_put_back_after_a_stopped_sweep_has_its_own_rows(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1, templates=PLAIN)
    run(study)
    before, file = stored_values(study), Path(study.datasets[0].files[0])
    original = file.read_text()
    file.write_text(original.replace("odd", "even"))
    stopped(read_again(study), monkeypatch, engine_run, where)
    file.write_text(original)
    run(read_again(study))
    assert stored_values(study) == before


def test_a_lower_limit_that_was_stopped_leaves_out_no_question_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1, templates=PLAIN)
    run(study)
    before = stored_values(study)
    limited = replace(study, datasets=tuple(Dataset(each.name, each.files, limit=2) for each in study.datasets))
    stopped(limited, monkeypatch, engine_run, "_noted")
    run(read_again(study))
    assert stored_values(study) == before
