"""Of several sweeps one works on a checkpoint, with locks and without."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyscore.store import RunStore
from pyscore.store.files import Place, locate
from pyscore.store.studies import StudyFolder
from pyscore.sweep import claims
from pyscore.sweep.claims import claim_of, claimed, holder_of, outlived
from pyscore.sweep.grid import Grid
from pyscore.sweep.local import abandoned, score_claimed
from pyscore.sweep.sweeps import run
from tests.store import stores
from tests.sweep.fake_models import n_scored, small_study, stored_values

BUCKET = "object://bucket"


@pytest.fixture(autouse=True)
def _object_store() -> Iterator[None]:
    stores.register()
    yield
    stores.clear()


@pytest.fixture(params=["locks", "no locks", "object store"])
def claim(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A claim where there are locks; on a local file system that has none; and where there is no file system."""
    if request.param == "no locks":
        refuse_locks(monkeypatch)
    return locate(f"{BUCKET}/claim" if request.param == "object store" else str(tmp_path / "claim"))


def refuse_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", flock)


def said(place: Place, **changes: Any) -> None:
    """Write a claim as a process did that is dead now."""
    content = {"owner": "dead", "host": "elsewhere", "pid": 1, "until": time.time() + 100, **changes}
    with place.replacing() as file:
        file.write(json.dumps(content).encode())


def test_one_owner_has_a_claim_and_the_next_one_gets_it_afterwards(claim: Place) -> None:
    with claimed(claim, "a") as first:
        with claimed(claim, "b") as second:
            assert (first, second) == (True, False)
        assert holder_of(claim) is not None
    assert holder_of(claim) is None
    with claimed(claim, "b") as mine:
        assert mine


def test_a_claim_ends_with_the_block_that_fails(claim: Place) -> None:
    with pytest.raises(RuntimeError, match="x"), claimed(claim, "a"):
        raise RuntimeError("x")
    with claimed(claim, "b") as mine:
        assert mine


def test_a_task_that_is_begun_again_takes_its_own_claim_over() -> None:
    place = locate(f"{BUCKET}/claim")
    said(place, owner="a")
    with claimed(place, "b") as mine:
        assert not mine
    with claimed(place, "a") as mine:
        assert mine


def test_a_claim_whose_lease_is_over_is_taken_over() -> None:
    place = locate(f"{BUCKET}/claim")
    said(place, until=time.time() - 1)
    assert holder_of(place) is None
    with claimed(place, "b") as mine:
        assert mine


def test_a_claim_that_was_written_in_part_is_taken_over() -> None:
    place = locate(f"{BUCKET}/claim")
    place.create(b'{"owner": "de')
    with claimed(place, "b") as mine:
        assert mine


def test_a_claim_stands_as_long_as_its_holder_works() -> None:
    place = locate(f"{BUCKET}/claim")
    with claimed(place, "a", lease=0.4):
        first = json.loads(place.read())["until"]
        while json.loads(place.read())["until"] == first:
            time.sleep(0.01)
        with claimed(place, "b") as mine:
            assert not mine


def test_who_was_overtaken_neither_confirms_nor_removes_the_claim_of_another() -> None:
    place = locate(f"{BUCKET}/claim")
    with claimed(place, "a", lease=0.05):
        said(place, owner="b")
        time.sleep(0.1)
    assert json.loads(place.read())["owner"] == "b"


def test_of_several_that_take_over_a_claim_the_last_one_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    place = locate(f"{BUCKET}/claim")
    said(place, until=time.time() - 1)
    write = claims._write

    def then_another(place: Place, content: bytes) -> None:
        write(place, content)
        said(place, owner="b")

    monkeypatch.setattr(claims, "_write", then_another)
    with claimed(place, "a") as mine:
        assert not mine


def test_a_dead_holder_is_waited_for_and_a_living_one_is_not() -> None:
    dead, gone, living = (locate(f"{BUCKET}/{name}") for name in ("dead", "gone", "living"))
    with claimed(living, "a", lease=0.2):
        said(dead, until=time.time() + 0.5)
        begun = time.time()
        assert outlived([dead, gone, living]) == [True, True, False]
        assert time.time() >= begun + 0.5 - 0.01  # not before the lease was over


def test_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    held, free = (locate(str(tmp_path / name)) for name in ("held", "free"))
    with claimed(held, "a"):
        assert outlived([held, free]) == [False, True]


def test_a_sweep_finishes_what_a_dead_one_had_claimed(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=2, output=f"{BUCKET}/out")
    StudyFolder(study.output).write(study.to_dict())
    said(claim_of(StudyFolder(study.output), study.folder_of(study.models[0])), until=time.time() + 0.3)
    run(study)
    assert n_scored(study) == len(stored_values(study)) == 2 * 2 * 12 * 2


def test_units_of_a_living_sweep_are_left_to_it(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=2, output=f"{BUCKET}/out")
    units = Grid.of(study).units
    with claimed(claim_of(StudyFolder(study.output), study.folder_of(study.models[1])), "a", lease=0.2):
        assert abandoned(study, units) == (units[:1], units[1:])


def overtake_once(monkeypatch: pytest.MonkeyPatch, then: Any) -> None:
    """The second part that is written finds that another process wrote it, for the first time."""
    write, told = RunStore._write_part, ["part", "overtaken"]

    def late(self: RunStore, *arguments: Any) -> None:
        if told and told.pop(0) == "overtaken":
            then()
            raise BlockingIOError("another process wrote the part")
        write(self, *arguments)

    monkeypatch.setattr(RunStore, "_write_part", late)


def test_a_last_part_of_a_dead_sweep_does_not_end_the_one_that_took_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1, output=f"{BUCKET}/out")
    overtake_once(monkeypatch, lambda: None)
    assert score_claimed(study, Grid.of(study).units[0], "a", lambda _: None) is not None
    assert len(stored_values_of(study)) == 2 * 12 * 2


def test_a_sweep_whose_claim_was_taken_over_leaves_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1, output=f"{BUCKET}/out")
    place = claim_of(StudyFolder(study.output), study.folder_of(study.models[0]))
    overtake_once(monkeypatch, lambda: said(place, owner="b"))
    assert score_claimed(study, Grid.of(study).units[0], "a", lambda _: None) is None


def stored_values_of(study: Any) -> Any:
    StudyFolder(study.output).write(study.to_dict())
    return stored_values(study)
