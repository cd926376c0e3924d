"""Which values are checked: those on the host. To look at a device's values, the host would have to wait for it."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from pyscore.ops import checks
from pyscore.ops.request import AnswerRequest, TokenRequest

__all__ = ["capturing", "check_answer_values", "check_token_values", "to_device", "visible"]

_VARIABLE = "PYSCORE_CHECK_VALUES"


def capturing(device: torch.device) -> bool:
    """Whether work on this device goes into a CUDA graph now, instead of being run."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def visible(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    """The tensor as checks may read it on the host, for work on ``device``; None where they may not.

    Tensors on the host and all that work on the host reads are visible. What lies on another device is only with
    PYSCORE_CHECK_VALUES=1, and never while a CUDA graph is captured, which reading would break.
    """
    if tensor is None or tensor.is_cpu:
        return tensor
    asked = os.environ.get(_VARIABLE) == "1" and not capturing(tensor.device)
    return tensor.cpu() if asked or device.type == "cpu" else None


def to_device(tensor: Tensor, name: str, device: torch.device) -> Tensor:
    """The tensor on ``device``, without waiting for the device.

    Raises:
        ValueError: the tensor is on the host while a CUDA graph is captured: a replay would read freed host memory.
    """
    if tensor.device == device:
        return tensor
    if tensor.device.type != "cpu" or device.type != "cuda":
        return tensor.to(device)
    if capturing(device):
        raise ValueError(f"{name} is on the host, which a CUDA graph can't capture: move it to {device} before")
    # a copy from pageable memory may wait; one from the caller's pinned memory may come after the caller's next write
    staged = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=True).copy_(tensor)
    return staged.to(device, non_blocking=True)


def check_token_values(request: TokenRequest, n_rows: int, vocab_size: int, device: torch.device) -> None:
    """Raise ValueError at visible values that logits [n_rows, vocab_size] on ``device`` can't be scored with."""
    targets, offsets, temperature = request.targets
    seen = visible(offsets, device)
    if seen is not None:
        checks.check_offsets(seen, "target_offsets", targets.numel(), "targets")
    seen = visible(targets, device)
    if seen is not None and not request.sharded:  # a shard does not know how large the whole vocabulary is
        checks.check_targets(seen, offsets, n_rows, vocab_size, request.ignore_index)
    seen = visible(temperature, device)
    if seen is not None:
        checks.check_temperature(seen)


def check_answer_values(request: AnswerRequest) -> None:
    """Raise ValueError at visible values that answers can't be compared with."""
    device, n_answers = request.token_logprob.device, request.is_matching.numel()
    name = "answer_logprob" if request.answer_offsets is None else "token_logprob"
    seen = visible(request.answer_offsets, device)
    if seen is not None:
        checks.check_offsets(seen, "answer_offsets", request.token_logprob.numel(), name, "answer")
    questions, matching = visible(request.question_offsets, device), visible(request.is_matching, device)
    if questions is not None:
        checks.check_offsets(questions, "question_offsets", n_answers, "is_matching")
        if matching is not None:
            checks.check_matching_sets(matching, questions)
    seen = visible(request.token_logprob, device)
    if seen is not None:
        checks.check_log_probabilities(seen, name)
    seen = visible(request.divisor, device)
    if seen is not None:
        checks.check_positive(seen, "the answer lengths of normalize")
    seen = visible(request.unconditional, device)
    if seen is not None:
        checks.check_log_probabilities(seen, "unconditional", finite=True)
