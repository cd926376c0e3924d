"""Device code that the scoring kernels share: final logits, and the statistics of a row folded tile by tile.

A row's state is (largest, total, weighted, best): the largest logit m so far, the sum of e^(z - m), the sum of
(z - m) e^(z - m), and the lowest id that reaches m. The shift is 0 where m is not finite, so that a tile of -inf adds
exactly 0, a +inf makes the total inf, and a NaN makes it NaN for good (maxima may or may not pass a NaN on).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

NO_ID = tl.constexpr(2**31 - 1)
LOG2_E = tl.constexpr(1.4426950408889634)
"""e^x is exp2(x * LOG2_E) here: exp2 drops denormals, for which exp takes three more instructions."""


class Cap(NamedTuple):
    """Device code: a softcap on logits, or none."""

    softcap: Any
    inverse_softcap: Any
    SOFTCAP: Any  # whether there is one


@triton.jit
def tanh(x: tl.tensor) -> tl.tensor:
    """Hyperbolic tangent, float32, within 2e-7: an odd polynomial near 0 (fitted at Chebyshev nodes), else from exp."""
    square = x * x
    tail = 0.020997179672122 + square * -0.006096714176237583
    tail = 0.1333276927471161 + square * (-0.05385090783238411 + square * tail)
    near = x + x * square * (-0.333333283662796 + square * tail)
    far = 1.0 - 2.0 / (tl.exp(2.0 * tl.abs(x)) + 1.0)
    return tl.where(tl.abs(x) < 0.625, near, tl.where(x < 0, -far, far))


@triton.jit
def final_logits(score: tl.tensor, cap: Cap, temperature: tl.tensor, TEMPERATURE: tl.constexpr) -> tl.tensor:
    """z = softcap * tanh(s / softcap) / temperature."""
    if cap.SOFTCAP:
        score = cap.softcap * tanh(score * cap.inverse_softcap)
    if TEMPERATURE:
        score = tl.div_rn(score, temperature)
    return score


@triton.jit
def finite_or_zero(x: tl.tensor) -> tl.tensor:
    """x, or 0 where it is NaN or infinite."""
    return tl.where(tl.abs(x) < float("inf"), x, 0.0)


@triton.jit
def fold_tile(z: tl.tensor, column: tl.tensor, largest: tl.tensor, total: tl.tensor, weighted: tl.tensor,
              best: tl.tensor, ENTROPY: tl.constexpr) -> tuple[tl.tensor, ...]:  # fmt: skip
    """Fold logits z [R, C] of the ascending columns [C] into the state of R rows."""
    tile_largest = tl.max(z, axis=1)
    tile_best = tl.min(tl.where(z == tile_largest[:, None], column[None, :], NO_ID), axis=1)
    best = tl.where(tile_largest > largest, tile_best, best)
    old_largest = largest
    largest = tl.maximum(largest, tile_largest)
    shift = finite_or_zero(largest)
    below = z - shift[:, None]
    mass = tl.exp2(below * LOG2_E)
    rescale = tl.exp2((old_largest - shift) * LOG2_E)
    if ENTROPY:
        # Differences are clamped at -1000: 0 * -inf would be NaN, and the difference to a logit that was masked with
        # the least float32 would overflow.
        moved = tl.where(old_largest > -float("inf"), tl.maximum(old_largest - shift, -1000.0), 0.0)
        tile_weighted = tl.sum(mass * tl.maximum(below, -1000.0), axis=1)
        weighted = rescale * (weighted + total * moved) + tile_weighted
    total = rescale * total + tl.sum(mass, axis=1)
    return largest, total, weighted, best


@triton.jit
def next_best(z: tl.tensor, id: tl.tensor, after_value: tl.tensor, after_id: tl.tensor) -> tuple[tl.tensor, ...]:
    """Per row of z [R, C], the first entry behind (after_value, after_id), values descending, then ids ascending.

    (-inf, NO_ID) where there is none. The ids broadcast with z.
    """
    behind = (z < after_value[:, None]) | ((z == after_value[:, None]) & (id > after_id[:, None]))
    value = tl.max(tl.where(behind, z, -float("inf")), axis=1)
    first_id = tl.min(tl.where(behind & (z == value[:, None]), id, NO_ID), axis=1)
    return value, first_id


@triton.jit
def comes_before(value: tl.tensor, id: tl.tensor, other_value: tl.tensor, other_id: tl.tensor) -> tl.tensor:
    """Whether (value, id) precedes the other in the order (value descending, id ascending)."""
    return (value > other_value) | ((value == other_value) & (id < other_id))


@triton.jit
def keep_best(z: tl.tensor, column: tl.tensor, top_value: tl.tensor, top_id: tl.tensor, after_value: tl.tensor,
              after_id: tl.tensor) -> tuple[tl.tensor, ...]:  # fmt: skip
    """Keep the best entries of each row: z [R, C] replaces what it exceeds in the rows' unordered lists [R, K].

    Only entries behind (after_value, after_id) count. After the first few tiles an entry rarely enters a list, so that
    the loop mostly ends at once.
    """
    entering = 1
    while entering > 0:
        value, id = next_best(z, column[None, :], after_value, after_id)
        worst = tl.min(top_value, axis=1)
        worst_id = tl.max(tl.where(top_value == worst[:, None], top_id, -1), axis=1)
        better = comes_before(value, id, worst, worst_id)
        slot = better[:, None] & (top_value == worst[:, None]) & (top_id == worst_id[:, None])
        top_value = tl.where(slot, value[:, None], top_value)
        top_id = tl.where(slot, id[:, None], top_id)
        after_value = value
        after_id = id
        # This reduces the 2-d `slot`: for sm_100, Triton 3.6 fails to compile a reduction of the 1-d `better` here.
        entering = tl.max(slot.to(tl.int32))
    return top_value, top_id


@triton.jit
def row_is_scored(targets_ptr: tl.tensor, start: tl.tensor, end: tl.tensor, ignore_index: tl.tensor,
                   BLOCK_K: tl.constexpr) -> tl.tensor:  # fmt: skip
    """False where a row has candidates targets[start:end] and all of them are ignored."""
    wanted = 0
    k = start
    while k < end:
        index = k + tl.arange(0, BLOCK_K)
        target = tl.load(targets_ptr + index, mask=index < end, other=ignore_index)
        wanted += tl.sum((target != ignore_index).to(tl.int32), axis=0)
        k += BLOCK_K
    return (end <= start) | (wanted > 0)
