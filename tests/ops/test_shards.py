"""Vocabulary shards: merged scores are those of the whole vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

from pyscore import linear_logprobs, logprobs, merge_vocab_shards
from pyscore.ops import value_checks
from tests.ops.cases import LINEAR, OUTPUTS, every_backend, every_compiled_backend, random_projection, scores_close
from tests.processes import forkserver

MERGEABLE = tuple(name for name in OUTPUTS if name != "rank")
CUTS = ((0, 40), (40, 41), (41, 150))


@every_backend
def test_merged_shards_are_the_whole(backend: str) -> None:
    hidden, weight, targets = random_projection(6, 16, 150, torch.float32)
    targets[2] = -100
    candidates = torch.stack([targets, torch.tensor([0, 40, -100, 149, 41, 39])], 1)
    ragged: dict[str, Any] = {"targets": candidates.flatten()[:8], "target_offsets": [0, 2, 2, 4, 5, 7, 8]}
    for kind in ({"targets": targets}, {"targets": candidates}, ragged):
        options: dict[str, Any] = {**kind, "outputs": MERGEABLE, "top_k": 1, "backend": backend}
        whole = linear_logprobs(hidden, weight, **options)
        parts = [linear_logprobs(hidden, weight[a:b], vocab_start=a, **options) for a, b in CUTS]
        scores_close(merge_vocab_shards(parts), whole, LINEAR)
        logits = hidden @ weight.T
        parts = [logprobs(logits[:, a:b], vocab_start=a, **options) for a, b in CUTS]
        scores_close(merge_vocab_shards(parts), logprobs(logits, **options), LINEAR)


@every_backend
def test_shards_without_mass_and_ties_across_shards(backend: str) -> None:
    logits = torch.full((3, 150), float("-inf"))
    logits[:, 41:] = 0.5
    logits[1, 10] = 0.5  # ties with ids of the last shard
    logits[2] = float("-inf")
    options: dict[str, Any] = {"targets": torch.tensor([149, 149, 0]), "outputs": MERGEABLE, "backend": backend}
    parts = [logprobs(logits[:, a:b], vocab_start=a, **options) for a, b in CUTS]
    merged, whole = merge_vocab_shards(parts), logprobs(logits, **options)
    scores_close(merged, whole, LINEAR)
    assert merged.argmax.tolist() == [41, 10, -1] and merged.is_greedy.tolist() == [True, True, False]


@every_compiled_backend
def test_a_shard_treats_targets_of_other_shards_as_the_reference_does(backend: str) -> None:
    hidden, weight, targets = random_projection(8, 16, 60, torch.float32)
    targets[:4] = torch.tensor([100, 99, 5, -100])  # the shard holds ids 100 to 159
    targets[4:] += 100
    offsets = torch.arange(9)
    options = (None, 1.0, -100, 100, True, True, True, 2)
    linear = (hidden, weight, None, targets, offsets, None)
    logit = torch.ops.pyscore.target_logits(*linear, backend, *options)
    logit[1:3] = torch.tensor([0.5, -0.5])  # what the other shards would tell
    for op, inputs in (
        (torch.ops.pyscore.logprobs, (hidden @ weight.T, targets, offsets, None)),
        (torch.ops.pyscore.target_logits, linear),
        (torch.ops.pyscore.linear_logprobs, (*linear, None)),
        (torch.ops.pyscore.linear_logprobs, (*linear, logit)),
    ):
        actual, expected = op(*inputs, backend, *options), op(*inputs, "reference", *options)
        torch.testing.assert_close(actual, expected, equal_nan=True, rtol=1e-5, atol=1e-5)


def test_numpy_shards_merge_to_numpy() -> None:
    logits = torch.randn(4, 150).numpy()
    options: dict[str, Any] = {"targets": [1, 45, 149, 40], "outputs": MERGEABLE}
    merged = merge_vocab_shards([logprobs(logits[:, a:b], vocab_start=a, **options) for a, b in CUTS])
    assert type(merged.logprob) is type(logits)


def test_what_cannot_be_merged_is_refused() -> None:
    logits, targets = torch.randn(2, 10), torch.tensor([0, 9])
    left, right = (logprobs(logits[:, a:b], targets, vocab_start=a) for a, b in ((0, 5), (5, 10)))
    with pytest.raises(ValueError, match="scores is empty"):
        merge_vocab_shards([])
    with pytest.raises(ValueError, match=r"scores\[1\] starts at id 0, not at 10: pass shards in id order"):
        merge_vocab_shards([right, left])
    with pytest.raises(ValueError, match=r"scores\[0\] is not of a vocabulary shard"):
        merge_vocab_shards([logprobs(logits, targets)])
    with pytest.raises(ValueError, match="different outputs"):
        merge_vocab_shards([left, logprobs(logits[:, 5:], targets, vocab_start=5, outputs=("entropy",))])
    with pytest.raises(ValueError, match="outputs names rank"):
        logprobs(logits[:, :5], targets, vocab_start=0, outputs=("rank",))


def _score_on_a_rank(rank: int, world: int, backend: str, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    torch.set_num_threads(1)
    hidden, weight, targets = random_projection(5, 16, 150, torch.float32)
    targets[3] = -100
    bounds = torch.linspace(0, 150, world + 1).long().tolist()
    mine = weight[bounds[rank] : bounds[rank + 1]]
    options: dict[str, Any] = {"outputs": OUTPUTS, "top_k": 3, "backend": backend}
    for kind in (targets, torch.stack([targets, targets.flip(0)], 1)):
        scores = linear_logprobs(hidden, mine, kind, group=dist.group.WORLD, **options)
        whole = linear_logprobs(hidden, weight, kind, **options)
        scores_close(scores, whole, LINEAR)
        gathered = [torch.empty_like(scores.logprob) for _ in range(world)]
        dist.all_gather(gathered, scores.logprob)
        assert all(torch.equal(part.nan_to_num(), scores.logprob.nan_to_num()) for part in gathered)
    try:
        linear_logprobs(hidden, mine, torch.full((5,), 150), group=dist.group.WORLD)
    except ValueError as error:
        assert "targets holds 150 in row 0" in str(error)
    else:
        raise AssertionError("a target outside of the whole vocabulary was taken")
    value_checks.visible = lambda tensor, device: None  # as on a GPU, where nobody looks at targets
    outside = torch.tensor([150, -1, -100, 3, 4])
    scores = linear_logprobs(hidden, mine, outside, group=dist.group.WORLD, **options)
    assert scores.logprob.isnan().tolist() == [True, True, True, False, False]
    assert scores.rank[:3].tolist() == [-1, -1, -1] and not scores.is_greedy[:3].any()
    dist.destroy_process_group()


@pytest.mark.parametrize(("world", "backend"), [(2, "cpu"), (4, "cpu"), (2, "triton")])
def test_group_gives_every_rank_the_scores_of_the_whole_vocabulary(world: int, backend: str, tmp_path: Path) -> None:
    if torch.cuda.is_available() and backend == "triton":
        pytest.skip("gloo's ranks score CPU tensors, which Triton takes only through its interpreter")
    forkserver()  # its server, which knows what to import, starts the ranks
    start_processes(_score_on_a_rank, (world, backend, str(tmp_path)), nprocs=world, start_method="forkserver")


@every_backend
def test_one_shard_that_is_everything_changes_no_bits(backend: str) -> None:
    hidden, weight, targets = random_projection(4, 16, 60, torch.float32)
    options: dict[str, Any] = {"outputs": ("argmax", "logsumexp"), "backend": backend}
    whole = linear_logprobs(hidden, weight, targets, **options)
    part = linear_logprobs(hidden, weight, targets, vocab_start=0, **options)
    assert torch.equal(part.argmax, whole.argmax) and torch.equal(part.logsumexp, whole.logsumexp)
