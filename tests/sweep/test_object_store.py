"""Studies in an object store: without locks, with and without conditional writes, and where one write in ten fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest

from pyscore.store.files import locate
from pyscore.store.remote_files import RemotePlace
from pyscore.sweep.study import NamedTemplate, Scoring
from pyscore.sweep.sweeps import run
from tests.sweep.fake_models import n_loads, n_scored, small_study, stored_values
from tests.sweep.kills import begin
from tests.sweep.object_store import Faults, object_store

OUTPUT = "s3://bucket/out"
ONE_TEMPLATE = (NamedTemplate("plain"),)


def test_one_write_in_ten_that_fails_loses_and_doubles_nothing(tmp_path: Path) -> None:
    small: dict[str, Any] = {"models": 1, "datasets": (8,), "scoring": Scoring(chunk_questions=4)}
    here = small_study(tmp_path / "here", **small)
    run(here)
    study = small_study(tmp_path / "there", output=OUTPUT, **small)
    faults = Faults(0.1, seed=1)
    with object_store(faults):
        run(study)
        assert stored_values(study) == stored_values(here)
    assert faults.n_failed > 0
    assert n_scored(study) == n_scored(here)


@pytest.mark.parametrize("conditions", ["kept", "ignored", "refused"])
def test_two_sweeps_at_once_share_the_checkpoints(tmp_path: Path, conditions: str) -> None:
    models, questions, chunk = 3, 4, 2
    options = {"seconds": 0.1}
    study = small_study(
        tmp_path,
        models=models,
        datasets=(questions,),
        output=OUTPUT,
        templates=ONE_TEMPLATE,
        options=options,
        scoring=Scoring(chunk_questions=chunk),
    )
    with object_store(Faults(conditions=conditions)) as environment:
        both = [begin(study, environment) for _ in range(2)]
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]
        assert len(stored_values(study)) == models * questions * 2
    if conditions == "kept":
        assert (n_scored(study), n_loads(study)) == (models * questions * 2, models)
    else:  # both may claim a checkpoint at the same moment; the one whose claim is overwritten stops at its next part
        assert n_scored(study) <= models * (questions + 2 * chunk) * 2


def test_a_server_that_ignores_conditions_still_stores_a_study_once(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, output=OUTPUT)
    with object_store(Faults(conditions="ignored")):
        run(study)
        run(study)
        assert n_scored(study) == len(stored_values(study)) == 2 * 12 * 2


def test_what_other_machines_wrote_is_seen_though_file_systems_keep_listings() -> None:
    with object_store(Faults()):
        mine, theirs = (RemotePlace(fsspec.filesystem("s3", skip_instance_cache=True), "bucket/a") for _ in range(2))
        with (mine / "manifest.json").replacing() as file:
            file.write(b"{}")
        assert mine.names() == ["manifest.json"]
        longer = json.dumps({"sessions": ["x" * 100]}).encode()
        with (theirs / "manifest.json").replacing() as file:
            file.write(longer)
        assert (theirs / "order.json").create(b"[]")
        assert (mine / "manifest.json").read() == longer
        with (mine / "manifest.json").open() as opened:
            assert opened.read() == longer
        assert (mine / "order.json").is_file()


@pytest.mark.parametrize("conditions", ["kept", "ignored", "refused"])
def test_a_file_is_created_once(conditions: str) -> None:
    with object_store(Faults(conditions=conditions)):
        place = locate("s3://bucket/claims/a")
        assert place.create(b"mine")
        assert not place.create(b"theirs")
        assert place.read() == b"mine"


def test_a_file_that_came_to_be_though_the_answer_was_lost_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = Faults()
    with object_store(faults):
        answers = iter(["lost"])
        monkeypatch.setattr(faults, "_choose", lambda: next(answers, None))
        assert locate("s3://bucket/a").create(b"mine")
        assert not locate("s3://bucket/a").create(b"theirs")
