"""linear_logprobs over a torch.distributed group: each rank scores its shard, only compact statistics travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from pyscore.ops import library
from pyscore.ops.read_request import Shapes
from pyscore.ops.request import Projection, TokenRequest
from pyscore.ops.shards import merge_vocab_shards, scores_from_tensors
from pyscore.ops.types import Array, TokenScores
from pyscore.ops.value_checks import check_token_values, to_device

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["score_over_group", "shard_sizes"]


def shard_sizes(group: ProcessGroup, vocab_size: int, device: torch.device) -> list[int]:
    """Number of vocabulary entries on each rank of the group.

    The ranks' starts are numbers of the host, so this one read waits for the devices.
    """
    return [int(size) for size in _all_gather(torch.tensor([vocab_size], dtype=torch.int64, device=device), group)]


def _all_gather(tensor: Tensor, group: ProcessGroup) -> list[Tensor]:
    gathered = [torch.empty_like(tensor) for _ in range(dist.get_world_size(group))]
    dist.all_gather(gathered, tensor.contiguous(), group=group)
    return gathered


def _gather_scores(scores: TokenScores, group: ProcessGroup, sizes: list[int]) -> list[TokenScores]:
    """The scores of every rank, field by field."""

    def gather(value: Any) -> dict[str, list[Tensor]]:
        held = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _all_gather(item, group) for name, item in held.items() if isinstance(item, Tensor)}

    assert scores.shard is not None
    score_fields, shard_fields = gather(scores), gather(scores.shard)
    gathered, start = [], 0
    for rank, size in enumerate(sizes):
        shard = replace(
            scores.shard, start=start, size=size, **{name: values[rank] for name, values in shard_fields.items()}
        )
        gathered.append(replace(scores, shard=shard, **{name: values[rank] for name, values in score_fields.items()}))
        start += size
    return gathered


def _outside(request: TokenRequest, shapes: Shapes, vocab_size: int, device: torch.device) -> Tensor:
    """Targets that no rank holds, like the caller's targets; only those of a GPU can be, as nobody looks at them."""
    ids = to_device(request.targets.ids, "targets", device).reshape(shapes.targets)
    return ((ids < 0) | (ids >= vocab_size)) & (ids != request.ignore_index)


def score_over_group(
    projection: Projection,
    request: TokenRequest,
    outputs: frozenset[str],
    shapes: Shapes,
    group: ProcessGroup,
    sizes: list[int],
    backend: str,
    restore: Callable[[Tensor], Array],
) -> TokenScores:
    """Scores over the whole vocabulary on every rank; ``request`` is that of the whole vocabulary."""
    device, vocab_size = projection.hidden.device, sum(sizes)
    check_token_values(request, shapes.rows.numel(), vocab_size, device)
    mine, wanted = dist.get_rank(group), request.wanted
    mine_of = request._replace(
        vocab_start=sum(sizes[:mine]), sharded=True, wanted=wanted._replace(top_k=max(wanted.top_k, 1))
    )
    # A target's rank is counted on every device against the target's logit, which only one of them can compute.
    target_logit = library.target_logits(projection, mine_of, backend)
    dist.all_reduce(target_logit, op=dist.ReduceOp.MAX, group=group)
    result = library.linear_logprobs(projection, mine_of, target_logit, backend)
    needed = outputs - {"is_greedy"} | ({"rank"} if wanted.rank else set())
    local = scores_from_tensors(result, mine_of, frozenset(needed), shapes, sizes[mine], lambda tensor: tensor)
    merged = merge_vocab_shards(_gather_scores(local, group, sizes))
    outside = _outside(request, shapes, vocab_size, device)
    logprob: Tensor | None = merged.logprob
    assert logprob is not None
    rank = None if merged.rank is None else merged.rank.masked_fill(outside, -1)
    merged = replace(merged, logprob=logprob.masked_fill(outside, float("nan")), rank=rank)
    greedy = rank == 0 if "is_greedy" in outputs else None
    whole = replace(merged, is_greedy=greedy, rank=rank if "rank" in outputs else None)
    held = {field.name: getattr(whole, field.name) for field in fields(whole)}
    return replace(whole, **{name: restore(value) for name, value in held.items() if isinstance(value, Tensor)})
