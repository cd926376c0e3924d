"""A sweep that was stopped while checkpoints or questions changed: nothing old is taken for what is asked for now."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore.engine import run as engine_run
from pyscore.engine.sources.source import SourceFacts
from pyscore.store import manifest
from pyscore.sweep import unit
from pyscore.sweep.grid import Grid
from pyscore.sweep.study import Dataset, NamedTemplate, Study
from pyscore.sweep.sweeps import run
from tests.engine.fake_source import FakeSource, FakeTokenizer
from tests.sweep.fake_models import n_scored, small_study, stored_values

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


def test_rows_of_overwritten_weights_are_under_no_template_once_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1)
    run(study)
    before = stored_values(study)
    (tmp_path / "m0").write_text("other weights")
    stopped(study, monkeypatch, unit, "_score", call=2)
    between = stored_values(study)
    assert {template for _, template, *_ in between} == {"plain"}
    run(study)
    after = stored_values(study)
    assert before.keys() == after.keys()
    assert {key: after[key] for key in between} == between
    assert not set(before.values()) & set(after.values())


def test_rows_under_another_chat_template_are_scored_again_though_not_all_were_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1, templates=(NamedTemplate("chat", "chat"),))
    monkeypatch.setattr(FakeSource, "tokenizer", ChatTokenizer("Q: "))
    run(study)
    before = stored_values(study)
    monkeypatch.setattr(FakeSource, "tokenizer", ChatTokenizer("Question: "))
    os.utime(tmp_path / "m0", ns=(1, 1))
    one = replace(study, datasets=study.datasets[:1])
    run(one)
    run(study)
    after = stored_values(study)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_the_run_that_was_opened_last_is_found_though_its_clock_was_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1)
    run(study)
    before = stored_values(study)
    (tmp_path / "m0").write_text("other weights")
    with monkeypatch.context() as patched:
        patched.setattr(manifest, "now", lambda: "2001-01-01T00:00:00.000000+00:00")
        run(study)
    assert not set(before.values()) & set(stored_values(study).values())
    assert Grid.of(study).units == []


@pytest.mark.parametrize("damaged", ["", '{"format": "pyscore st', "[" * 100_000])
def test_a_damaged_study_file_is_written_anew_as_its_message_says(damaged: str, tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(3,))
    run(study)
    before, file = stored_values(study), tmp_path / "out" / "study.json"
    file.write_text(damaged)
    with pytest.raises(ValueError, match="Run the sweep again"):
        stored_values(study)
    run(study)
    assert stored_values(study) == before


def test_a_data_set_that_is_added_on_another_device_brings_the_others_there_in_the_same_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1)
    run(replace(study, datasets=study.datasets[:1]))

    def elsewhere(self: FakeSource) -> SourceFacts:
        return replace(self._facts, device="other")

    monkeypatch.setattr(FakeSource, "facts", property(elsewhere))
    run(study)
    assert len(stored_values(study)) == 2 * (7 + 5) * 2
    n = n_scored(study)
    run(study)
    assert n_scored(study) == n == 2 * (7 + 7 + 5) * 2


class ChatTokenizer(FakeTokenizer):
    """With a chat template that puts a text before each question."""

    def __init__(self, before: str) -> None:
        self.chat_template = before

    def apply_chat_template(self, messages: Any, **_: Any) -> str:
        return self.chat_template + str(messages[-1]["content"])
