"""The ops as torch.ops.pyscore.*: schema once, one implementation that asks the dispatcher, one fake for tracing.

The implementations check values (ranges, offsets) and then move them to where the work is; the public functions have
checked shapes and dtypes before. So no traced code branches on values, and none waits for a GPU.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor

from pyscore.ops.backend import CompareOptions, ComparisonTensors, ScoreOptions, TokenTensors
from pyscore.ops.dispatch import select
from pyscore.ops.values import check_answer_values, check_token_values, to_device, visible

__all__ = ["float_dtype"]

# without target_offsets every row has as many targets; all three may be on the host while the rest is on a GPU
_ROWS = "Tensor targets, Tensor? target_offsets, Tensor? temperature"
_OPTIONS = (
    "str backend, float? softcap, float logit_scale, int ignore_index, int vocab_start, bool sharded, "
    "bool entropy, bool rank, int top_k"
)
_TOKENS = (
    "(Tensor logprob, Tensor logsumexp, Tensor max_logit, Tensor argmax, Tensor entropy, Tensor rank, "
    "Tensor top_ids, Tensor top_logprobs)"
)
_LINEAR = f"Tensor hidden, Tensor weight, Tensor? bias, {_ROWS}"
_SCHEMAS = (
    f"logprobs(Tensor logits, {_ROWS}, {_OPTIONS}) -> {_TOKENS}",
    f"target_logits({_LINEAR}, {_OPTIONS}) -> Tensor",
    f"linear_logprobs({_LINEAR}, Tensor? target_logit, {_OPTIONS}) -> {_TOKENS}",
    "score_answers(Tensor logprob, Tensor? answer_offsets, Tensor question_offsets, Tensor is_matching, "
    "Tensor? divisor, Tensor? unconditional, str backend, str sets, str ties) -> (Tensor probability, "
    "Tensor probability_raw, Tensor coverage, Tensor log_odds, Tensor margin, Tensor prefers, Tensor tie, "
    "Tensor predicted)",
)
_LIBRARY: Any = torch.library.Library("pyscore", "DEF")
for _schema in _SCHEMAS:
    _LIBRARY.define(_schema)


def float_dtype(values: Tensor) -> torch.dtype:
    """dtype of floating results: float64 for float64 input, else float32."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32


def _checked_rows(
    targets: Tensor,
    offsets: Tensor | None,
    temperature: Tensor | None,
    shape: tuple[int, int],
    device: torch.device,
    options: ScoreOptions,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Targets, offsets and temperature on ``device``; ``shape`` is [N, V]."""
    check_token_values(targets, offsets, temperature, shape, device, options)
    return (
        to_device(targets, "targets", device),
        None if offsets is None else to_device(offsets, "target_offsets", device),
        None if temperature is None else to_device(temperature, "temperature", device),
    )


def _row_blocks(logits: Tensor) -> list[Tensor]:
    """2-d views that cover the rows of logits [..., V] in order; a copy could be as large as the logits."""
    if logits.ndim == 2:
        return [logits]
    try:
        return [logits.view(-1, logits.shape[-1])]
    except RuntimeError:
        return [block for part in logits for block in _row_blocks(part)]


def _starts(offsets: Tensor | None, blocks: list[Tensor], n_targets: int, device: torch.device) -> list[int] | None:
    """The first target of each block of rows and the number of targets; None where only the device knows them."""
    rows = list(accumulate((len(block) for block in blocks), initial=0))
    if offsets is None:
        return [row * n_targets // rows[-1] for row in rows]
    seen = visible(offsets, device)
    return None if seen is None else [int(seen[row]) for row in rows]


def _logprobs(
    logits: Tensor, targets: Tensor, offsets: Tensor | None, temperature: Tensor | None, backend: str, *arguments: Any
) -> TokenTensors:
    options = ScoreOptions(*arguments)
    shape, device, given = (prod(logits.shape[:-1]), logits.shape[-1]), logits.device, offsets
    targets, offsets, temperature = _checked_rows(targets, offsets, temperature, shape, device, options)
    serve = select(backend, device, logits.dtype).logprobs
    blocks = _row_blocks(logits)
    starts = None if len(blocks) == 1 else _starts(given, blocks, targets.numel(), device)
    if starts is None:
        # one view, or ragged targets that only the device can cut: to copy the logits is dear, but waits for nothing
        rows = blocks[0] if len(blocks) == 1 else logits.reshape(shape)
        return serve(rows, targets, offsets, temperature, options)
    parts, start = [], 0
    for block, (first, last) in zip(blocks, pairwise(starts), strict=True):
        end = start + block.shape[0]
        part_temperature = None if temperature is None else temperature[start:end]
        part_offsets = None if offsets is None else offsets[start : end + 1] - first
        parts.append(serve(block, targets[first:last], part_offsets, part_temperature, options))
        start = end
    return TokenTensors(*(torch.cat(field) for field in zip(*parts, strict=True)))


def _target_logits(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    offsets: Tensor | None,
    temperature: Tensor | None,
    backend: str,
    *arguments: Any,
) -> Tensor:
    options = ScoreOptions(*arguments)
    shape = (hidden.shape[0], weight.shape[0])
    rows = _checked_rows(targets, offsets, temperature, shape, hidden.device, options)
    serve = select(backend, hidden.device, hidden.dtype)
    # float64 holds every backend's logits exactly, so all shards count ranks against the same value
    return serve.target_logits(hidden, weight, bias, *rows, options).double()


def _linear_logprobs(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    offsets: Tensor | None,
    temperature: Tensor | None,
    target_logit: Tensor | None,
    backend: str,
    *arguments: Any,
) -> TokenTensors:
    options = ScoreOptions(*arguments)
    shape = (hidden.shape[0], weight.shape[0])
    rows = _checked_rows(targets, offsets, temperature, shape, hidden.device, options)
    serve = select(backend, hidden.device, hidden.dtype)
    return serve.linear_logprobs(hidden, weight, bias, *rows, options, target_logit)


def _score_answers(
    logprob: Tensor,
    answer_offsets: Tensor | None,
    question_offsets: Tensor,
    is_matching: Tensor,
    divisor: Tensor | None,
    unconditional: Tensor | None,
    backend: str,
    sets: str,
    ties: str,
) -> ComparisonTensors:
    check_answer_values(logprob, answer_offsets, question_offsets, is_matching, divisor, unconditional)
    device = logprob.device
    if answer_offsets is None:  # one log-probability an answer
        answer_offsets = torch.arange(logprob.numel() + 1, dtype=torch.int64, device=device)
    # every backend compares float32 and float64 answers, whatever it says of float64 logits
    serve = select(backend, device, torch.float32).score_answers
    return serve(
        logprob,
        to_device(answer_offsets, "answer_offsets", device),
        to_device(question_offsets, "question_offsets", device),
        to_device(is_matching, "is_matching", device),
        None if divisor is None else to_device(divisor, "the answer lengths of normalize", device),
        None if unconditional is None else to_device(unconditional, "unconditional", device),
        CompareOptions(sets, ties),
    )


def _fake_tokens(
    values: Tensor, n_rows: int, n_targets: int, entropy: bool, rank: bool, top_k: int
) -> tuple[Tensor, ...]:
    def real(*size: int) -> Tensor:
        return values.new_empty(size, dtype=float_dtype(values))

    def ids(*size: int) -> Tensor:
        return values.new_empty(size, dtype=torch.int64)

    n, m, k = n_rows, n_targets, top_k
    optional = (real(n if entropy else 0), ids(m if rank else 0), ids(n, k), real(n, k))
    return (real(m), real(n), real(n), ids(n), *optional)


def _fake_logprobs(logits: Tensor, targets: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    return _fake_tokens(logits, prod(logits.shape[:-1]), targets.shape[0], *arguments[-3:])


def _fake_linear_logprobs(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, *arguments: Any
) -> tuple[Tensor, ...]:
    return _fake_tokens(hidden, hidden.shape[0], targets.shape[0], *arguments[-3:])


def _fake_target_logits(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, *arguments: Any
) -> Tensor:
    return hidden.new_empty(targets.shape[0], dtype=torch.float64)


def _fake_score_answers(
    logprob: Tensor, answer_offsets: Tensor | None, question_offsets: Tensor, *arguments: Any
) -> tuple[Tensor, ...]:
    n = question_offsets.shape[0] - 1
    floats = [logprob.new_empty(n, dtype=float_dtype(logprob)) for _ in range(6)]
    tie, predicted = (logprob.new_empty(n, dtype=dtype) for dtype in (torch.bool, torch.int64))
    return (*floats, tie, predicted)


for _name, _implementation, _fake in (
    ("logprobs", _logprobs, _fake_logprobs),
    ("target_logits", _target_logits, _fake_target_logits),
    ("linear_logprobs", _linear_logprobs, _fake_linear_logprobs),
    ("score_answers", _score_answers, _fake_score_answers),
):
    _LIBRARY.impl(_name, _implementation, "CompositeExplicitAutograd")
    torch.library.register_fake(f"pyscore::{_name}", _fake, lib=_LIBRARY)
