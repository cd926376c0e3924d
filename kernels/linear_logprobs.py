"""Scores of target tokens from hidden states and the unembedding; logits are never stored, they live in registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from pyscore.kernels.candidates import (
    Block,
    Candidates,
    any_candidate_inside,
    in_slices,
    most_candidates,
    store_counts_above,
    store_own_logits,
)
from pyscore.kernels.configs import LinearConfig, multiprocessors
from pyscore.kernels.launch import Launch, run
from pyscore.kernels.merge import merge_launches, new_statistics, scratch_of_a_row
from pyscore.kernels.projection import Operand, aligned_rows, descriptor, multiply, projection_arguments, weight_config
from pyscore.kernels.row_groups import of_rows, row_groups
from pyscore.kernels.scored_rows import plan_scored_rows
from pyscore.kernels.statistics import NO_ID, Cap, final_logits, fold_tile, keep_best
from pyscore.kernels.target_logits import target_logits

if TYPE_CHECKING:
    from pyscore.ops.request import Projection, TokenRequest, TokenTensors

__all__ = ["linear_logprobs", "plan_linear_logprobs"]

_LIST_SIZE = 16
"""How many of the largest entries one pass keeps, in registers; top_k takes a pass over the weight for every 16."""


@triton.jit(do_not_specialize=["n_rows", "vocab_start"])
def linear_piece_kernel(
    hidden_desc, hidden_ptr, hidden_row_stride, hidden_column_stride, weight_desc, weight_ptr, weight_row_stride,
    weight_column_stride, bias_ptr, bias_stride, temperature_ptr, targets_ptr, offsets_ptr, rows_ptr, row_count_ptr,
    n_rows, n_columns, n_pieces, piece_tiles, logit_scale, softcap, inverse_softcap, vocab_start, target_logit_ptr,
    largest_ptr, total_ptr, best_ptr, weighted_ptr, above_ptr, top_value_ptr, top_id_ptr, after_value_ptr, after_id_ptr,
    SCALE: tl.constexpr, SOFTCAP: tl.constexpr, LIST_SIZE: tl.constexpr, FIND_TARGETS: tl.constexpr, D: tl.constexpr,
    BLOCK_N: tl.constexpr, BLOCK_V: tl.constexpr, BLOCK_D: tl.constexpr, SLICES: tl.constexpr, GROUP_N: tl.constexpr,
    WIDEN: tl.constexpr,
) -> None:  # fmt: skip
    """Fold pieces of the vocabulary, each for a block of BLOCK_N rows.

    The pairs (row block, piece) are dealt to the programs in turn, whatever their number. Row blocks count fastest
    within a group of GROUP_N, then pieces, then groups. The loops over tiles and over D are flattened into one, so that
    the next tile's operands are fetched while this tile's statistics are computed.
    """
    infinity = float("inf")
    row_count = n_rows if rows_ptr is None else tl.load(row_count_ptr)
    n_blocks = tl.cdiv(row_count, BLOCK_N)
    program = tl.program_id(0)
    n_programs = tl.num_programs(0)
    own_pairs = (n_blocks * n_pieces - program + n_programs - 1) // n_programs

    candidates = Candidates(targets_ptr, offsets_ptr, vocab_start, n_columns)
    cap = Cap(softcap, inverse_softcap, SOFTCAP)
    TEMPERATURE: tl.constexpr = temperature_ptr is not None
    ENTROPY: tl.constexpr = weighted_ptr is not None
    RANK: tl.constexpr = above_ptr is not None
    WIDTH: tl.constexpr = BLOCK_V // SLICES
    largest = tl.full((BLOCK_N,), -infinity, tl.float32)
    total = tl.zeros((BLOCK_N,), tl.float32)
    weighted = tl.zeros((BLOCK_N,), tl.float32)
    best = tl.full((BLOCK_N,), NO_ID, tl.int32)
    if LIST_SIZE > 0:
        lane = tl.arange(0, LIST_SIZE)
        top_value = tl.full((BLOCK_N, LIST_SIZE), -infinity, tl.float32)
        top_id = tl.full((BLOCK_N, LIST_SIZE), NO_ID, tl.int32)

    # Flatten only for 16-bit inputs without top_k: flattening keeps the running sums live across tiles, and a top-k
    # list or float32 products, which the vector units compute, would make them spill.
    FLATTEN: tl.constexpr = LIST_SIZE == 0 and hidden_ptr.dtype.element_ty.primitive_bitwidth == 16
    for step in tl.range(0, own_pairs * piece_tiles, flatten=FLATTEN):
        pair = program + step // piece_tiles * n_programs
        tile = step % piece_tiles
        group = pair // (GROUP_N * n_pieces)
        in_group = pair % (GROUP_N * n_pieces)
        # At least 1: the prefetch evaluates this past the last group, where it would divide by 0.
        group_blocks = tl.maximum(tl.minimum(n_blocks - group * GROUP_N, GROUP_N), 1)
        piece = in_group // group_blocks
        first_position = (group * GROUP_N + in_group % group_blocks) * BLOCK_N
        position = first_position + tl.arange(0, BLOCK_N)
        here = position < row_count
        row = (position if rows_ptr is None else tl.load(rows_ptr + position, mask=here, other=0)).to(tl.int64)
        block = Block(row, here)
        first_column = (piece * piece_tiles + tile) * BLOCK_V
        entry = first_column + tl.arange(0, BLOCK_V)
        hidden = Operand(
            hidden_desc, first_position, hidden_ptr, row, here, hidden_row_stride, hidden_column_stride
        )  # fmt: skip
        weight = Operand(
            weight_desc, first_column, weight_ptr, entry.to(tl.int64), entry < n_columns, weight_row_stride,
            weight_column_stride,
        )  # fmt: skip
        product = multiply(hidden, weight, D, BLOCK_N, BLOCK_V, BLOCK_D, WIDEN)

        fresh = tile == 0
        largest = tl.where(fresh, -infinity, largest)
        total = tl.where(fresh, 0.0, total)
        weighted = tl.where(fresh, 0.0, weighted)
        best = tl.where(fresh, NO_ID, best)
        if LIST_SIZE > 0:
            top_value = tl.where(fresh, -infinity, top_value)
            # Each empty slot has an id of its own, so that an entry fills one slot, and all lie behind every real id.
            top_id = tl.where(fresh, NO_ID - 1 - lane[None, :], top_id)
            after_value = tl.load(after_value_ptr + row, mask=here, other=-infinity)
            after_id = tl.load(after_id_ptr + row, mask=here, other=NO_ID)
        temperature = tl.full((BLOCK_N,), 1.0, tl.float32)
        if TEMPERATURE:
            temperature = tl.load(temperature_ptr + row, mask=here, other=1.0)
        if FIND_TARGETS or (RANK and LIST_SIZE == 0):
            most = most_candidates(candidates, block)
        if FIND_TARGETS:
            holds_target = any_candidate_inside(candidates, block, most, first_column, first_column + BLOCK_V)
        # A tile is folded slice by slice: a whole tile's exponentials would not fit in registers beside its product.
        scores = in_slices(product, SLICES)
        for i in tl.static_range(SLICES):
            score = scores[i]
            column = first_column + i * WIDTH + tl.arange(0, WIDTH)
            inside = column < n_columns
            if bias_ptr is not None:
                bias = tl.load(bias_ptr + column.to(tl.int64) * bias_stride, mask=inside, other=0.0)
                score += bias.to(tl.float32)[None, :]
            if SCALE:
                score *= logit_scale
            z = final_logits(score, cap, temperature[:, None], TEMPERATURE)
            z = tl.where(inside[None, :], z, -infinity)
            largest, total, weighted, best = fold_tile(z, column, largest, total, weighted, best, ENTROPY)
            # With a top-k list no register is free for `most`, so it is loaded again for each slice.
            if RANK and LIST_SIZE > 0:
                most = most_candidates(candidates, block)
            if RANK:
                slice_index = first_column // WIDTH + i
                n_slices = n_pieces * piece_tiles * SLICES
                store_counts_above(
                    z, column, candidates, block, most, target_logit_ptr, above_ptr, slice_index, n_slices
                )
            if FIND_TARGETS:  # noqa: SIM102 - Triton would evaluate both sides of an `and`
                if holds_target:
                    store_own_logits(z, column, candidates, block, most, target_logit_ptr)
            if LIST_SIZE > 0:
                top_value, top_id = keep_best(z, column, top_value, top_id, after_value, after_id)

        done = position < tl.where(tile == piece_tiles - 1, row_count, 0)
        at = row * n_pieces + piece
        tl.store(largest_ptr + at, largest, mask=done)
        tl.store(total_ptr + at, total, mask=done)
        tl.store(best_ptr + at, best, mask=done)
        if ENTROPY:
            tl.store(weighted_ptr + at, weighted, mask=done)
        if LIST_SIZE > 0:
            slots = at[:, None] * LIST_SIZE + lane[None, :]
            tl.store(top_value_ptr + slots, top_value, mask=done[:, None])
            tl.store(top_id_ptr + slots, top_id, mask=done[:, None])


def _pieces(columns: int, config: LinearConfig) -> tuple[int, int]:
    """The number of tiles of a piece of the vocabulary, and of pieces."""
    tiles = triton.cdiv(columns, config.block_v)
    piece_tiles = triton.cdiv(tiles, config.pieces)
    return piece_tiles, triton.cdiv(tiles, piece_tiles)


def _list_size(top_k: int) -> int:
    """How many of the largest entries one pass keeps: a power of two, which Triton's tensors need."""
    return triton.next_power_of_2(min(top_k, _LIST_SIZE)) if top_k else 0


def plan_linear_logprobs(
    projection: Projection,
    request: TokenRequest,
    target_logit: Tensor | None,
    out: TokenTensors,
    config: LinearConfig,
    multiprocessors: int,
) -> list[Launch]:
    """The launches that fill ``out``; a wanted rank needs target_logit."""
    hidden, weight, _ = projection
    rows, columns, targets, wanted = hidden.shape[0], weight.shape[0], request.targets.ids.shape[0], request.wanted
    tile = config.few if rows <= config.few.block_n else config.many
    piece_tiles, pieces = _pieces(columns, config)
    list_size = _list_size(wanted.top_k)
    slices = pieces * piece_tiles * config.slices
    above = hidden.new_empty(targets, slices, dtype=torch.uint8) if wanted.rank else None
    statistics = new_statistics(hidden, pieces, wanted, list_size, above)
    launches: list[Launch] = []
    compact: dict[str, Any] = {"rows_ptr": None, "row_count_ptr": None}
    row_blocks = triton.cdiv(rows, tile.block_n)
    if row_blocks > 1:  # leaving ignored rows out of a single block would save nothing
        scored_rows, row_count, find = plan_scored_rows(request, rows)
        compact = {"rows_ptr": scored_rows, "row_count_ptr": row_count}
        launches.append(find)
    found = hidden.new_empty(targets, dtype=torch.float32) if target_logit is None else target_logit
    arguments = projection_arguments(projection, request, config) | {
        **compact,
        **{f"{name}_ptr": value for name, value in statistics._asdict().items()},
        # A descriptor reads neighbouring rows, and the rows left between ignored ones are not neighbours.
        "hidden_desc": descriptor(hidden, tile.block_n, config) if row_blocks == 1 else None,
        "weight_desc": descriptor(weight, config.block_v, config),
        "n_pieces": pieces,
        "piece_tiles": piece_tiles,
        "target_logit_ptr": found,
        "LIST_SIZE": list_size,
        "FIND_TARGETS": target_logit is None,
        "BLOCK_N": tile.block_n,
        "BLOCK_V": config.block_v,
        "SLICES": config.slices,
        "GROUP_N": config.group_n,
    }
    options = {"num_warps": tile.num_warps, "num_stages": tile.num_stages}
    programs = min(row_blocks * pieces, multiprocessors * config.resident)
    fold = Launch(linear_piece_kernel, (programs,), arguments, options)
    return launches + merge_launches(
        fold, statistics, request, found, out, n_columns=columns, count_outside=request.sharded
    )


def linear_logprobs(
    projection: Projection,
    request: TokenRequest,
    target_logit: Tensor | None,
    out: TokenTensors,
    *,
    config: LinearConfig | None = None,
) -> None:
    """Scores of targets from hidden [N, D] and weight [V, D]: logits are folded into statistics as they are computed.

    hidden and weight have one dtype (float32, bfloat16, float16) and any strides; products are summed in float32, and
    float32 is multiplied as such (no TF32). ``target_logit``: as `target_logits` gives them, where several shards of
    the vocabulary share them; else the targets' logits are found here. Scratch: 12 to 16 bytes a row and piece of the
    vocabulary (at most 304 pieces), a byte a target and 64 vocabulary entries with ``rank``, 8 bytes a row, piece and
    listed entry with ``top_k``: rows then run in groups, so that it stays under 1 % of [N, V] float32 logits (or 128
    rows, or 16 MiB). ``top_k`` above 16 takes one more pass for every 16 entries. Never waits for the device.
    """
    weight, wanted, device = projection.weight, request.wanted, projection.hidden.device
    (rows, _), columns = projection.hidden.shape, weight.shape[0]
    config = config or weight_config(weight)
    projection = projection._replace(hidden=aligned_rows(projection.hidden))
    # With one block of rows and few candidates, finding them during the pass takes less time than one more launch.
    many = rows > config.many.block_n or request.targets.ids.shape[0] > 8 * rows
    if target_logit is None and (wanted.rank or many):
        target_logit = target_logits(projection, request, config=config)
    scratch = scratch_of_a_row(_pieces(columns, config)[1], wanted.entropy, _list_size(wanted.top_k))
    for group in row_groups(rows, columns, scratch):
        hidden, own_request, results = of_rows(group, projection.hidden, request, out)
        inputs = projection._replace(hidden=hidden)
        launches = plan_linear_logprobs(inputs, own_request, target_logit, results, config, multiprocessors(device))
        run(launches, device)
