"""A study on Ray: what kills workers, drivers and nodes costs what was in flight, and nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from pyscore.integrations.ray_data import ScoreQuestions
from pyscore.store.studies import StudyFolder
from pyscore.sweep import on_ray
from pyscore.sweep.failures import read_failures
from pyscore.sweep.grid import Grid, Unit
from pyscore.sweep.study import Model, NamedTemplate, Resources, Scoring, Study
from pyscore.sweep.sweeps import FailedUnits, run
from pyscore.sweep.unit import UnitResult
from pyscore.sweep.watch import Watch
from tests.engine.fake_source import fake_scorer
from tests.engine.tiny import some_questions
from tests.paths import ROOT
from tests.sweep import kills
from tests.sweep.fake_models import lines, n_loads, n_scored, small_study, stored_values

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

CHUNK = 2
DRIVER = "import pickle, sys; from pyscore.sweep.sweeps import run; run(pickle.load(sys.stdin.buffer), runner='ray')"


class Heard(Watch):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.results: dict[str, UnitResult] = {}
        self.n_started, self.n_advanced = 0, 0.0
        self.deaths: list[tuple[str, str, int]] = []

    def started(self, unit: Unit) -> None:
        self.n_started += 1

    def advanced(self, n_questions: float) -> None:
        self.n_advanced += n_questions

    def done(self, unit: Unit, result: UnitResult) -> None:
        self.results[unit.model.label] = result

    def died(self, unit: Unit, reason: str, n_left: int) -> None:
        self.deaths.append((unit.model.label, reason, n_left))


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[str]:
    """A cluster of two CPUs, which says that it has a GPU; its address."""
    context = ray.init(
        address="local", num_cpus=2, num_gpus=1, object_store_memory=2**27, include_dashboard=False, log_to_driver=False
    )
    yield context.address_info["gcs_address"]
    ray.shutdown()


def killing_study(folder: Path, **options: Any) -> Study:
    """A study whose second checkpoint kills its process."""
    study = small_study(
        folder,
        models=3,
        datasets=(10,),
        templates=(NamedTemplate("plain"),),
        scoring=Scoring(chunk_questions=CHUNK),
        resources=Resources(cpus=0.5, max_retries=2),
    )
    models = [Model(**{**vars(model), "source": kills.SOURCE}) for model in study.models]
    models[1] = Model(**{**vars(models[1]), "options": options})
    return Study(**{**vars(study), "models": tuple(models)})


def values_here(folder: Path) -> dict[tuple[Any, ...], float]:
    """What a study gives that nothing stops."""
    study = killing_study(folder)
    run(study)
    return stored_values(study)


def test_ray_stores_and_sums_up_what_this_process_does(tmp_path: Path) -> None:
    here, there = small_study(tmp_path / "here"), small_study(tmp_path / "there", resources=Resources(cpus=0.5))
    heard_here, heard = Heard(), Heard()
    run(here, watch=heard_here)
    run(there, runner="ray", watch=heard)
    assert stored_values(there) == stored_values(here)
    assert (n_scored(there), n_loads(there)) == (n_scored(here), 3)
    assert (heard.n_started, heard.n_advanced) == (3, heard_here.n_advanced)
    for label, result in heard_here.results.items():
        assert heard.results[label].states.keys() == result.states.keys()
        for name, state in result.states.items():
            assert repr(heard.results[label].states[name].summarize()) == repr(state.summarize())
    run(there, runner="ray", watch=heard)
    assert (n_loads(there), heard.n_started) == (3, 3)


def test_a_worker_that_is_killed_costs_what_was_in_flight(tmp_path: Path) -> None:
    study, heard = killing_study(tmp_path / "there", kills=1, at=3), Heard()
    run(study, runner="ray", watch=heard)
    assert heard.deaths == [("m, step 100", "its worker was killed, or crashed", 2)]
    assert stored_values(study) == values_here(tmp_path / "here")
    cells = 3 * 10 * 2
    assert cells < n_scored(study) <= cells + 2 * CHUNK * 2
    assert n_loads(study) == 4


def test_a_unit_that_always_kills_its_worker_is_reported_and_the_rest_is_scored(tmp_path: Path) -> None:
    study = killing_study(tmp_path, kills=1000)
    with pytest.raises(FailedUnits, match="m, step 100: its worker was killed, or crashed, 3 times"):
        run(study, runner="ray")
    assert {key[0] for key in stored_values(study)} == {0, 200}
    assert len(lines(f"{study.models[1].path}.loads")) == 3
    noted = read_failures(StudyFolder(study.output))
    assert [failure.model for each in noted.values() for failure in each] == ["m, step 100"]


def test_a_driver_that_is_killed_costs_what_was_in_flight(tmp_path: Path, cluster: str) -> None:
    import pickle

    study = killing_study(tmp_path / "there")
    slow = [Model(**{**vars(model), "options": {"seconds": 0.2}}) for model in study.models]
    study = Study(**{**vars(study), "models": tuple(slow)})
    environment = {**os.environ, "RAY_ADDRESS": cluster, "PYTHONPATH": str(ROOT)}
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER], env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    driver.stdin.write(pickle.dumps(study))
    driver.stdin.close()
    while n_scored(study) < 4 * CHUNK and driver.poll() is None:
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    cells = 3 * 10 * 2
    while any(holder is not None for holder in holders(study)):  # until Ray has stopped what the driver began
        time.sleep(0.05)
    assert n_scored(study) < cells
    run(study, runner="ray")
    assert stored_values(study) == values_here(tmp_path / "here")
    assert n_scored(study) <= cells + 3 * 2 * CHUNK * 2


def holders(study: Study) -> list[Any]:
    from pyscore.sweep.claims import claim_of, holder_of

    folder = StudyFolder(study.output)
    return [holder_of(claim_of(folder, study.folder_of(model))) for model in study.models]


def test_storage_that_fails_for_a_worker_alone_fails_its_unit_and_for_all_ends_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(shared: Any, unit: Unit, owner: str) -> UnitResult | None:
        if unit.model.step == 100:
            raise OSError(28, "No space left on device")
        return on_ray_score(shared, unit, owner)

    on_ray_score = on_ray._score
    study = small_study(tmp_path, resources=Resources(cpus=0.5))
    monkeypatch.setattr(on_ray, "_score", failing)
    with pytest.raises(FailedUnits, match=r"m, step 100: OSError: .*No space left on device"):
        run(study, runner="ray")
    assert {key[0] for key in stored_values(study)} == {0, 200}

    def refused(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(on_ray, "note_failures", refused)
    with pytest.raises(OSError, match="Read-only"):
        run(study, runner="ray")


def test_the_driver_gives_ray_a_bounded_number_of_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small_study(tmp_path, models=6, resources=Resources(cpus=0.1))
    monkeypatch.setattr(on_ray, "_AT_LEAST_AT_ONCE", 1)
    monkeypatch.setattr(on_ray, "_A_CPU", 1)
    at_once = []

    class Counting(Heard):
        def started(self, unit: Unit) -> None:
            super().started(unit)
            at_once.append(self.n_started - len(self.results))

    run(study, runner="ray", watch=Counting())
    assert max(at_once) == 2
    assert Grid.of(study).units == []


def test_each_task_with_a_gpu_has_a_new_worker(tmp_path: Path) -> None:
    study = killing_study(tmp_path)
    two = Study(**{**vars(study), "models": study.models[::2], "resources": Resources(cpus=0.5, gpus=1)})
    run(two, runner="ray")
    pids = [lines(f"{model.path}.pids") for model in two.models]
    assert len({pid for each in pids for pid in each}) == 2


def test_a_ray_data_pipeline_scores_questions_as_the_engine_does() -> None:
    questions = some_questions(12)
    columns = [
        {"id": each.id, "prompt": each.prompt, "answers": each.answers, "is_matching": each.is_matching, "more": 1}
        for each in questions
    ]
    data = ray.data.from_items(columns, override_num_blocks=2).map_batches(
        ScoreQuestions,
        batch_format="pyarrow",
        batch_size=5,
        concurrency=1,
        num_cpus=0.5,
        fn_constructor_kwargs={"model": fake_scorer, "run_id": "r", "dataset": "d"},
    )
    found = {(row["question_id"], row["answer"]): row for row in data.take_all()}
    expected = fake_scorer().score(questions, run_id="r", dataset="d", progress=False).to_pylist()
    assert len(found) == len(expected)
    for row in expected:
        assert found[row["question_id"], row["answer"]]["logprob"] == row["logprob"]


def test_a_batch_that_holds_no_questions_says_what_it_lacks() -> None:
    score = ScoreQuestions(fake_scorer)
    with pytest.raises(ValueError, match="lacks the columns answers, is_matching: it has id, prompt"):
        score(pyarrow.table({"id": ["q"], "prompt": ["?"]}))
    with pytest.raises(TypeError, match="batch_format"):
        score({"id": ["q"]})
