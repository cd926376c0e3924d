"""From a backend's tensors to TokenScores, and from the scores of vocabulary shards to those of the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from pyscore.ops.arrays import as_tensor, restorer
from pyscore.ops.read_request import Shapes
from pyscore.ops.request import OF_TARGETS, TokenRequest, TokenTensors
from pyscore.ops.types import Array, TokenScores, VocabShard
from pyscore.ops.underflow import keeps_denormals

__all__ = ["merge_vocab_shards", "scores_from_tensors"]

_NAN, _INF = float("nan"), float("inf")


def scores_from_tensors(
    result: TokenTensors,
    request: TokenRequest,
    outputs: frozenset[str],
    shapes: Shapes,
    vocab_size: int,
    restore: Callable[[Tensor], Array],
) -> TokenScores:
    """The named outputs in the caller's shapes and kind of array."""

    def shaped(flat: Tensor, shape: torch.Size = shapes.rows) -> Array:
        return restore(flat if len(shape) == 1 else flat.reshape(shape + flat.shape[1:]))

    chosen: dict[str, Any] = {}
    for name in outputs | {"logprob"} if request.sharded else outputs:
        if name == "is_greedy":
            # a target of another shard has logprob -inf and is not greedy here, whatever its rank
            chosen[name] = shaped((result.rank == 0) & result.logprob.isfinite(), shapes.targets)
        else:
            chosen[name] = shaped(getattr(result, name), shapes.targets if name in OF_TARGETS else shapes.rows)
    if not request.sharded:
        return TokenScores(**chosen)
    offsets = request.targets.offsets
    shard = VocabShard(
        start=request.vocab_start,
        size=vocab_size,
        logsumexp=shaped(result.logsumexp),
        max_logit=shaped(result.max_logit),
        max_logprob=shaped(result.top_logprobs[:, 0]),
        max_id=shaped(result.argmax),
        target_offsets=None if offsets is None else restore(offsets.to(result.logsumexp.device)),
    )
    return TokenScores(**chosen, shard=shard)


def _of_targets(row_values: Tensor, like_targets: Tensor, target_offsets: Tensor | None) -> Tensor:
    """The value of each target's row, in a shape that broadcasts with the targets."""
    if target_offsets is not None:
        return torch.repeat_interleave(row_values.reshape(-1), target_offsets.diff(), output_size=like_targets.numel())
    return row_values if row_values.ndim == like_targets.ndim else row_values.unsqueeze(-1)


def _check_shards(scores: Sequence[TokenScores]) -> list[VocabShard]:
    if not scores:
        raise ValueError("scores is empty: pass the TokenScores of every vocabulary shard")
    shards: list[VocabShard] = []
    for index, score in enumerate(scores):
        if score.shard is None:
            raise ValueError(f"scores[{index}] is not of a vocabulary shard: score each shard with vocab_start=")
        end = shards[-1].start + shards[-1].size if shards else score.shard.start
        if score.shard.start != end:
            raise ValueError(f"scores[{index}] starts at id {score.shard.start}, not at {end}: pass shards in id order")
        shards.append(score.shard)
    held = [{field.name for field in fields(score) if getattr(score, field.name) is not None} for score in scores]
    if any(other != held[0] for other in held):
        raise ValueError("scores hold different outputs: score every shard with the same outputs and top_k")
    return shards


def _log_masses(max_logit: Tensor, max_logprob: Tensor, largest: Tensor) -> Tensor:
    """Each shard's logsumexp [S, N] less the row's largest logit [N]; -inf for a shard of -inf logits only."""
    relative = (max_logit.double() - largest) - max_logprob.double()
    return relative.masked_fill((max_logit == -_INF) & largest.isfinite(), -_INF)


def _merge_top(ids: list[Tensor], logprob: list[Tensor], masses: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of all shards' largest entries; shards come in id order, so a stable sort keeps the lowest id."""
    logits = torch.cat([_unnormalize(*pair) for pair in zip(logprob, masses[..., None], strict=True)], -1)
    order = logits.argsort(dim=-1, descending=True, stable=True)[..., : min(part.shape[-1] for part in ids)]
    invalid = ~total.isfinite()[..., None]
    top = (logits.gather(-1, order) - total[..., None]).clamp(max=0).masked_fill(invalid, _NAN)
    return torch.cat(ids, -1).gather(-1, order).masked_fill(invalid, -1), top


def _unnormalize(logprob: Tensor, mass: Tensor) -> Tensor:
    """Logits, less the row's largest; a shard of -inf logits only has no log-probabilities, but it has logits."""
    return (logprob.double() + mass).masked_fill((mass == -_INF).expand(logprob.shape), -_INF)


def _merge_entropy(entropy: list[Tensor], masses: Tensor, total: Tensor) -> Tensor:
    """H = L - sum of p_s E_s[z] over shards s, with E_s[z] = L_s - H_s and p_s = exp(L_s - L)."""
    share = (masses - total).exp()
    mean = (masses - torch.stack(entropy).double()).where(share > 0, 0.0)
    return (total - (share * mean).sum(0)).clamp(min=0).masked_fill(~total.isfinite(), _NAN)


@keeps_denormals
def merge_vocab_shards(scores: Sequence[TokenScores]) -> TokenScores:
    """Join the scores of vocabulary shards into the scores over the whole vocabulary.

    Each shard holds neighbouring columns of the logits (rows of the unembedding) and was scored with ``vocab_start=``
    and the same targets (ids of the whole vocabulary), outputs and ``top_k``. With L_s a shard's logsumexp,
    ``L = logsumexp_s(L_s)`` and ``log p(t) = log p_s(t) + L_s - L`` for the shard s that holds the target.

    Forward only: results carry no gradient.

    Args:
        scores: the shards' scores, in id order.

    Returns:
        The scores as one call over the whole vocabulary gives them, up to float32 rounding of the shards' results.

    Raises:
        ValueError: no shards, scores that are not of a shard, a gap between shards, or different outputs.
    """
    shards = _check_shards(scores)
    restore = restorer(shards[0].logsumexp)

    def stack(values: Sequence[Array | None]) -> list[Tensor]:
        return [as_tensor(value, "scores") for value in values]

    def field(name: str) -> list[Tensor]:
        return stack([getattr(score, name) for score in scores])

    first, dtype = scores[0], as_tensor(shards[0].logsumexp, "scores").dtype
    offsets = None if shards[0].target_offsets is None else as_tensor(shards[0].target_offsets, "scores")
    max_logit, max_logprob = (
        torch.stack(stack([getattr(shard, name) for shard in shards])) for name in ("max_logit", "max_logprob")
    )
    best = max_logit.max(0)
    largest = best.values.double()
    # Less the row's largest logit, whose size would cost L_s and L digits; NaN where a row has no distribution.
    masses = _log_masses(max_logit, max_logprob, largest)
    total = masses.logsumexp(0)
    merged: dict[str, Tensor] = {}
    if first.logprob is not None:
        parts = field("logprob")
        logits = [_unnormalize(part, _of_targets(row, part, offsets)) for part, row in zip(parts, masses, strict=True)]
        whole = _of_targets(total, parts[0], offsets)
        value = (torch.stack(logits).amax(0) - whole).clamp(max=0)
        merged["logprob"] = value.masked_fill(~whole.isfinite().expand(value.shape), _NAN).to(dtype)
    if first.logsumexp is not None:
        logsumexp = torch.stack(field("logsumexp")).double().logsumexp(0)
        merged["logsumexp"] = (largest + total).where(total.isfinite(), logsumexp).to(dtype)
    if first.entropy is not None:
        merged["entropy"] = _merge_entropy(field("entropy"), masses, total).to(dtype)
    if first.argmax is not None:
        ids = torch.stack(stack([shard.max_id for shard in shards]))
        merged["argmax"] = ids.gather(0, best.indices[None])[0].masked_fill(~total.isfinite(), -1)
    if first.rank is not None:
        count = torch.stack(field("rank")).clamp(min=0).sum(0)
        merged["rank"] = count.masked_fill(merged["logprob"].isnan(), -1)
    if first.is_greedy is not None:
        flags = field("is_greedy")
        reaches = [_of_targets(row, flags[0], offsets) for row in max_logit == best.values]
        merged["is_greedy"] = torch.stack([a & b for a, b in zip(flags, reaches, strict=True)]).any(0)
    if first.top_ids is not None:
        top_ids, top = _merge_top(field("top_ids"), field("top_logprobs"), masses, total)
        merged["top_ids"], merged["top_logprobs"] = top_ids, top.to(dtype)
    return TokenScores(**{name: restore(value.contiguous()) for name, value in merged.items()})
