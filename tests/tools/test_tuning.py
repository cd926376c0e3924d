"""The tuner's parts that need no GPU: candidates, scores, rows of the table; and its search in Triton's interpreter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.gpu.lab import Lab
from pyscore.kernels.configs import TABLE, LinearConfig, ReadyConfig, Tile
from pyscore.kernels.linear_logprobs import linear_logprobs
from tools import search, tune
from tools.tuning import (
    MOVES,
    STAGES,
    Limits,
    changes,
    choose,
    fits,
    linear_row,
    merge_row,
    neighbours,
    ready_candidates,
    ready_row,
    scores,
)

HOPPER = Limits(shared=227 << 10, multiprocessors=132, descriptors=True)
CONFIG = LinearConfig(
    block_v=256, block_d=64, slices=4, pieces=132, group_n=16, resident=1, descriptors=True, few=Tile(64, 4, 4),
    many=Tile(128, 8, 4), target=Tile(64, 4, 4),
)  # fmt: skip
without_a_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")


@pytest.fixture(autouse=True)
def quiet_interpreter() -> Iterator[None]:
    """Infinities are ordinary values in kernels; NumPy, which stands for the device, would warn of each."""
    with np.errstate(all="ignore"):
        yield


def test_a_config_fits_in_shared_memory_and_registers() -> None:
    assert fits(CONFIG, HOPPER, itemsize=2)
    assert not fits(CONFIG, HOPPER, itemsize=4)
    assert not fits(CONFIG, HOPPER._replace(shared=99 << 10), itemsize=2)
    assert not fits(CONFIG._replace(many=Tile(256, 8, 2)), HOPPER, itemsize=2)
    assert not fits(CONFIG, HOPPER._replace(descriptors=False), itemsize=2)
    assert not fits(CONFIG._replace(few=Tile(256, 16, 2)), HOPPER, itemsize=2), "few rows are fewer than many"


def test_neighbours_fit_and_share_blocks_and_pieces_between_their_tiles() -> None:
    found = neighbours(CONFIG, HOPPER, itemsize=2)
    assert CONFIG not in found and len(set(found)) == len(found) > 15
    assert all(fits(config, HOPPER, itemsize=2) for config in found)


@pytest.mark.parametrize("stage", MOVES)
def test_a_stage_changes_one_thing(stage: str) -> None:
    together = {"blocks": {"block_v", "block_d", "slices"}, "stages": {"few", "many"}}
    for config in neighbours(CONFIG, HOPPER, 2, (stage,)):
        changed = {name for name in CONFIG._fields if getattr(config, name) != getattr(CONFIG, name)}
        assert changed <= together.get(stage, changed) and (stage in together or len(changed) == 1)


def test_the_search_leaves_descriptors_alone() -> None:
    assert all(config.descriptors for config in neighbours(CONFIG, HOPPER, 2, STAGES))


def test_what_changed_is_told_in_short() -> None:
    assert changes(CONFIG._replace(pieces=264, few=Tile(16, 4, 4)), CONFIG) == "pieces=264 few=16x4x4"
    assert changes(CONFIG, CONFIG) == "as before"


def test_ready_candidates_give_every_thread_a_lane() -> None:
    assert ReadyConfig(128, 8, 4) in ready_candidates()
    assert all(config.lanes == 32 * config.num_warps for config in ready_candidates())


def test_a_score_is_the_geometric_mean_over_n_beside_the_best_at_each_n() -> None:
    found = scores({"a": {1: 1.0, 64: 8.0}, "b": {1: 4.0, 64: 2.0}})
    assert found == pytest.approx({"a": 2.0, "b": 2.0})
    assert scores({}) == {}


def test_no_n_counts_more_than_another() -> None:
    times = {"fast for thousands": {1: 2e-6, 4096: 5e-3}, "fast for one": {1: 1e-6, 4096: 6e-3}}
    assert choose(times, "fast for thousands") == "fast for one"


def test_the_present_config_stays_unless_another_is_clearly_faster() -> None:
    assert choose({"present": {1: 1.005}, "other": {1: 1.0}}, "present") == "present"
    assert choose({"present": {1: 1.05}, "other": {1: 1.0}}, "present") == "other"
    assert choose({"other": {1: 1.0}}, "present") == "other", "the present one was rejected"
    assert choose({}, "present") == "present"


def test_a_new_row_leaves_the_rest_of_the_table_as_it_is() -> None:
    text = TABLE.read_text()
    row = linear_row(CONFIG, "sm_90", 2, depth=4096, vocab=128256)
    merged = merge_row(text, row)
    assert json.loads(merged) == _with(json.loads(text), row)
    assert [line for line in text.splitlines() if line.rstrip(",") not in merged] == []
    assert all(len(line) <= 120 for line in merged.splitlines() if line not in text)


def _with(rows: list[dict[str, object]], row: dict[str, object]) -> list[dict[str, object]]:
    last = max(i for i, other in enumerate(rows) if other["kernel"] == row["kernel"])
    return [*rows[: last + 1], row, *rows[last + 1 :]]


def test_a_row_replaces_the_one_of_the_same_key() -> None:
    row = linear_row(CONFIG, "sm_90", 2, depth=4096, vocab=128256)
    once = merge_row(TABLE.read_text(), row)
    faster = row | {"pieces": 264, "few": [16, 4, 4]}
    twice = merge_row(once, faster)
    assert json.loads(twice) == [faster if other == row else other for other in json.loads(once)]
    assert merge_row(twice, row) == once


def test_rows_of_other_sizes_dtypes_and_kernels_are_other_rows() -> None:
    rows = [
        linear_row(CONFIG, "sm_90", 2, depth=4096, vocab=128256),
        linear_row(CONFIG, "sm_90", 2, depth=896, vocab=128256),
        linear_row(CONFIG, "sm_90", 4, depth=4096, vocab=128256),
        linear_row(CONFIG._replace(descriptors=False), "sm_90", 2, depth=4096, vocab=128256),
        ready_row(ReadyConfig(256, 4, 8), "sm_90", 2, vocab=128256),
    ]
    text = TABLE.read_text()
    before = len(json.loads(text))
    for row in rows:
        text = merge_row(text, row)
    assert len(json.loads(text)) == before + len(rows)
    assert all(row in json.loads(text) for row in rows)


def test_an_empty_table_takes_a_row() -> None:
    row = ready_row(ReadyConfig(256, 4, 8), "sm_90", 2, vocab=128256)
    assert json.loads(merge_row("[]\n", row)) == [row]


@without_a_gpu
def test_the_search_ends_with_a_row_of_the_table() -> None:
    row = search.linear_search(
        Lab(rehearsal=True), 32, 40, torch.bfloat16, deadline=float("inf"), stages=("resident",), targets=()
    )
    assert (row["kernel"], row["architecture"], row["depth"], row["vocab"]) == ("linear", "interpreter", 32, 40)
    assert set(LinearConfig._fields) < row.keys()


@without_a_gpu
def test_a_candidate_that_cannot_launch_is_rejected() -> None:
    broken = CONFIG._replace(block_d=48)  # not a power of two
    assert search.verify_linear(Lab(rehearsal=True), broken, 32, 40, torch.bfloat16)


@without_a_gpu
def test_a_candidate_whose_tiles_disagree_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Any = linear_logprobs

    def other_bits(hidden: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        found = original(hidden, *arguments, **options)
        few = len(hidden) <= 16
        return found._replace(logprob=torch.nextafter(found.logprob, torch.zeros(()))) if few else found

    monkeypatch.setattr(search, "linear_logprobs", other_bits)
    config = CONFIG._replace(block_v=32, block_d=32, slices=2, few=Tile(16, 1, 1), many=Tile(16, 1, 1))
    reason = search.verify_linear(Lab(rehearsal=True), config, 32, 40, torch.bfloat16)
    assert reason == "bits of the two tiles differ"


@without_a_gpu
def test_without_a_gpu_there_is_one_line_and_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune.main(["--depth", "896", "--vocab", "151936", "--dry-run"]) == 2
    output = capsys.readouterr()
    assert output.out == "" and len(output.err.splitlines()) == 1


def test_depths_and_vocabularies_come_in_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tune.main(["--depth", "896", "4096", "--vocab", "151936"])
    assert "pairs" in capsys.readouterr().err
