"""The cost model: its formulas give what small studies do, counted on their files and on an object store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore import Question
from pyscore.engine.chunks import chunk_indices
from pyscore.store.files import locate
from pyscore.store.studies import StudyFolder
from pyscore.sweep.grid import Grid
from pyscore.sweep.local import score_claimed
from pyscore.sweep.study import Scoring, Study
from pyscore.sweep.sweeps import run
from tests.sweep.object_store import Faults, object_store
from tools.sweep_cost import (
    FOOTER_BYTES,
    PART_BYTES,
    Sizes,
    driver,
    manifest_bytes,
    measured,
    n_objects,
    n_parts,
    requests_of_grid,
    requests_of_unit,
    rows_bytes,
    table,
    unit_seconds,
)
from tools.sweep_scale import study_of

SMALL = Sizes(checkpoints=2, datasets=3, questions=4)


class Counting(Faults):
    """Counts requests by kind, and loses none."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def around(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def counted(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            is_list = environ["REQUEST_METHOD"] == "GET" and "list-type" in environ["QUERY_STRING"]
            self.counts["LIST" if is_list else environ["REQUEST_METHOD"]] += 1
            return app(environ, start)

        return counted


@pytest.fixture(scope="module")
def store() -> Iterator[Counting]:
    pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    counting = Counting()
    with object_store(counting):
        yield counting


def study(folder: Path, sizes: Sizes, output: str) -> Study:
    found = study_of(folder, sizes.checkpoints, sizes.datasets, sizes.questions, sizes.templates)
    return replace(found, output=output, scoring=Scoring(chunk_questions=sizes.chunk_questions))


def objects(place: Any) -> list[str]:
    """The names of all files below a place."""
    return [f"{place / name}" for name in place.names() if (place / name).is_file()] + [
        each for name in place.names() if (place / name).is_folder() for each in objects(place / name)
    ]


@pytest.mark.parametrize("n, chunk", [(1, 1024), (1024, 1024), (1025, 1024), (16_384, 1000), (40_000, 1000), (9, 2)])
def test_parts_are_the_chunks_that_the_engine_cuts(n: int, chunk: int) -> None:
    questions = [Question(f"q{i}", "p", (" a", " b"), (True, False)) for i in range(n)]
    assert n_parts(Sizes(datasets=1, questions=n, chunk_questions=chunk)) == len([*chunk_indices(questions, chunk)])


@pytest.mark.parametrize("templates, chunk", [(1, 1024), (1, 4), (2, 6)])
def test_requests_and_objects_are_those_of_an_object_store(
    tmp_path: Path, store: Counting, templates: int, chunk: int
) -> None:
    sizes = replace(SMALL, templates=templates, chunk_questions=chunk)
    own = study(tmp_path, sizes, f"s3://bucket/out-{templates}-{chunk}")
    folder, grid = StudyFolder(own.output), Grid.of(own)
    folder.write(own.to_dict())
    folder.keep_questions((each.name, each.content_sha256, each.questions) for each in own.datasets)
    for unit in grid.units:
        store.counts.clear()
        assert score_claimed(own, unit, "owner", lambda _: None) is not None
        assert store.counts == requests_of_unit(sizes)
    store.counts.clear()
    assert not Grid.of(own).units
    assert store.counts == requests_of_grid(sizes)
    assert len(objects(locate(own.output))) == n_objects(sizes)


def test_bytes_are_those_of_files(tmp_path: Path) -> None:
    sizes = Sizes(checkpoints=1, datasets=10, questions=150, chunk_questions=500)
    own = study(tmp_path, sizes, str(tmp_path / "out"))
    run(own)
    (folder,) = Path(own.output).glob("runs/*/*")
    parts = [path.stat().st_size for path in folder.glob("part-*.parquet")]
    assert len(parts) == n_parts(sizes)
    assert (folder / "manifest.json").stat().st_size == pytest.approx(manifest_bytes(sizes), rel=0.1)
    found = measured([str(tmp_path / f"d{i}.jsonl") for i in range(10)])
    assert found["footer_bytes"] == pytest.approx(FOOTER_BYTES * 1500 / found["parts"] + PART_BYTES, rel=0.1)
    # The log-probabilities of these checkpoints are all the same, so that their rows take less.
    assert sum(parts) < rows_bytes(replace(sizes, row_bytes=found["row_bytes"])) < 1.5 * sum(parts)


def test_a_study_is_the_sum_of_its_checkpoints_and_gpus_share_it() -> None:
    one, many = Sizes(checkpoints=1), Sizes(checkpoints=100, gpus=50)
    assert unit_seconds(one) == unit_seconds(many)
    assert driver(many)["seconds"] == pytest.approx(100 * driver(one)["seconds"])
    shown = {row[0]: row[1:] for row in table(many)}
    assert float(shown["hours on all GPUs"][0]) == pytest.approx(2 * sum(unit_seconds(one).values()) / 3600, abs=0.01)
    assert shown["cells"][0] == f"{100 * 150:,}"
