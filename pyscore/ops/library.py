"""The ops as torch.ops.pyscore.*: schema once, one implementation that asks the dispatcher, one fake for tracing.

The implementations check values (ranges, offsets); the public functions have checked shapes and dtypes before.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import checks
from .backend import CompareOptions, ComparisonTensors, ScoreOptions, TokenTensors
from .dispatch import select

__all__ = ["float_dtype"]

_ROWS = "Tensor targets, Tensor target_offsets, Tensor? temperature"
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
_LIBRARY: Any = torch.library.Library("pyscore", "DEF")  # type: ignore[no-untyped-call]
for _schema in _SCHEMAS:
    _LIBRARY.define(_schema)


def float_dtype(values: Tensor) -> torch.dtype:
    """dtype of floating results: float64 for float64 input, else float32."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32


def _check_token_values(
    targets: Tensor, offsets: Tensor, temperature: Tensor | None, vocab_size: int, options: ScoreOptions
) -> None:
    if targets.is_cuda and torch.cuda.is_current_stream_capturing():
        return  # reading values back would break the capture of a CUDA graph
    checks.check_offsets(offsets, "target_offsets", targets.numel(), "targets")
    if not options.sharded:  # a shard does not know how large the whole vocabulary is
        checks.check_targets(targets, offsets, vocab_size, options.ignore_index)
    if temperature is not None:
        checks.check_temperature(temperature)


def _row_blocks(logits: Tensor) -> list[Tensor]:
    """2-d views that cover the rows of logits [..., V] in order; a copy could be as large as the logits."""
    try:
        return [logits.view(-1, logits.shape[-1])]
    except RuntimeError:
        return [block for part in logits for block in _row_blocks(part)]


def _logprobs(
    logits: Tensor, targets: Tensor, offsets: Tensor, temperature: Tensor | None, backend: str, *arguments: Any
) -> TokenTensors:
    options = ScoreOptions(*arguments)
    _check_token_values(targets, offsets, temperature, logits.shape[-1], options)
    serve = select(backend, logits.device, logits.dtype).logprobs
    blocks = _row_blocks(logits)
    if len(blocks) == 1:
        return serve(blocks[0], targets, offsets, temperature, options)
    parts, start, bounds = [], 0, offsets.tolist()
    for block in blocks:
        end = start + block.shape[0]
        part_targets, part_offsets = targets[bounds[start] : bounds[end]], offsets[start : end + 1] - bounds[start]
        part_temperature = None if temperature is None else temperature[start:end]
        parts.append(serve(block, part_targets, part_offsets, part_temperature, options))
        start = end
    return TokenTensors(*(torch.cat(field) for field in zip(*parts, strict=True)))


def _target_logits(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    offsets: Tensor,
    temperature: Tensor | None,
    backend: str,
    *arguments: Any,
) -> Tensor:
    options = ScoreOptions(*arguments)
    _check_token_values(targets, offsets, temperature, weight.shape[0], options)
    serve = select(backend, hidden.device, hidden.dtype)
    # float64 holds every backend's logits exactly, so all shards count ranks against the same value
    return serve.target_logits(hidden, weight, bias, targets, offsets, temperature, options).double()


def _linear_logprobs(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    offsets: Tensor,
    temperature: Tensor | None,
    target_logit: Tensor | None,
    backend: str,
    *arguments: Any,
) -> TokenTensors:
    options = ScoreOptions(*arguments)
    _check_token_values(targets, offsets, temperature, weight.shape[0], options)
    serve = select(backend, hidden.device, hidden.dtype)
    inputs = (hidden, weight, bias, targets, offsets, temperature, options)
    return serve.linear_logprobs(*inputs, serve.target_logits(*inputs) if target_logit is None else target_logit)


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
    name = "token_logprob"
    if answer_offsets is None:  # one log-probability an answer
        name = "answer_logprob"
        answer_offsets = torch.arange(logprob.numel() + 1, device=logprob.device)
    if not logprob.is_cuda:  # on a GPU the comparison never waits for the device, so values go unread
        checks.check_offsets(answer_offsets, "answer_offsets", logprob.numel(), name)
        checks.check_no_empty_segment(answer_offsets, "answer_offsets", "answer")
        checks.check_offsets(question_offsets, "question_offsets", is_matching.numel(), "is_matching")
        checks.check_matching_sets(is_matching, question_offsets)
        checks.check_log_probabilities(logprob, name)
        if divisor is not None:
            checks.check_positive(divisor, "the answer lengths of normalize")
        if unconditional is not None:
            checks.check_log_probabilities(unconditional, "unconditional", finite=True)
    # every backend compares float32 and float64 answers, whatever it says of float64 logits
    serve = select(backend, logprob.device, torch.float32).score_answers
    options = CompareOptions(sets, ties)
    return serve(logprob, answer_offsets, question_offsets, is_matching, divisor, unconditional, options)


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


def _fake_logprobs(logits: Tensor, targets: Tensor, offsets: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    return _fake_tokens(logits, offsets.shape[0] - 1, targets.shape[0], *arguments[-3:])


def _fake_linear_logprobs(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, offsets: Tensor, *arguments: Any
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
