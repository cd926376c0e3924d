"""linear_logprobs over a torch.distributed group: each rank scores its shard, only compact statistics travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from . import checks
from .backend import ScoreOptions, TokenTensors
from .rows import Rows, option_arguments
from .shards import merge_vocab_shards, scores_from_tensors
from .types import Array, TokenScores

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["score_over_group", "shard_sizes"]


def shard_sizes(group: ProcessGroup, vocab_size: int, device: torch.device) -> list[int]:
    """Number of vocabulary entries on each rank of the group."""
    return [int(size) for size in _all_gather(torch.tensor([vocab_size], device=device), group)]


def _all_gather(tensor: Tensor, group: ProcessGroup) -> list[Tensor]:
    parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, tensor.contiguous(), group=group)
    return parts


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
            scores.shard, start=start, size=size, **{name: parts[rank] for name, parts in shard_fields.items()}
        )
        gathered.append(replace(scores, shard=shard, **{name: parts[rank] for name, parts in score_fields.items()}))
        start += size
    return gathered


def score_over_group(
    inputs: tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor, Tensor | None],
    rows: Rows,
    wanted: frozenset[str],
    options: ScoreOptions,
    group: ProcessGroup,
    sizes: list[int],
    backend: str,
    restore: Callable[[Tensor], Array],
) -> TokenScores:
    """Scores over the whole vocabulary on every rank; ``options`` are those of the whole vocabulary."""
    checks.check_targets(rows.targets, rows.offsets, sum(sizes), options.ignore_index)
    mine = dist.get_rank(group)
    options = replace(options, vocab_start=sum(sizes[:mine]), sharded=True)
    arguments = (backend, *option_arguments(options))
    # every rank counts the rank against the target's logit, which only one of them holds
    target_logit = torch.ops.pyscore.target_logits(*inputs, *arguments)
    dist.all_reduce(target_logit, op=dist.ReduceOp.MAX, group=group)
    result = TokenTensors(*torch.ops.pyscore.linear_logprobs(*inputs, target_logit, *arguments))
    needed = wanted - {"is_greedy"} | ({"rank"} if options.rank else set())
    local = scores_from_tensors(result, rows, frozenset(needed), options, sizes[mine], lambda tensor: tensor)
    merged = merge_vocab_shards(_gather_scores(local, group, sizes))
    greedy = merged.rank == 0 if "is_greedy" in wanted else None
    whole = replace(merged, is_greedy=greedy, rank=merged.rank if "rank" in wanted else None)
    return replace(
        whole,
        **{
            f.name: restore(getattr(whole, f.name)) for f in fields(whole) if isinstance(getattr(whole, f.name), Tensor)
        },
    )
