"""How many tokens a batch and a packed row should have, and how many one more forward pass must save."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from pyscore._integers import as_int
from pyscore.engine.sources.huggingface.plan import Limits

__all__ = ["DEFAULT_BATCH_TOKENS", "check_batch_tokens", "fastest_batch_tokens", "limits_for"]

DEFAULT_BATCH_TOKENS = 1024
"""``batch_tokens="auto"`` where it isn't measured: tokens of one forward pass, padding counted."""

# By device type; other devices get the sizes of a CPU. There, at 384 tokens a packed row, 10 % of the time went into
# attention to other branches, which the mask then hides.
_ROW_TOKENS = {"cuda": 512, "cpu": 256}
_PASS_TOKENS = {"cuda": 1024, "cpu": 32}

_SMALLEST, _LARGEST = 2048, 131_072
_GAIN = 1.05  # what twice the tokens must gain in tokens a second to be worth their memory


def fastest_batch_tokens(run: Callable[[int], None], clock: Callable[[], float] = time.perf_counter) -> int:
    """The smallest batch, doubled from 2,048 tokens on, that is about as fast as any, and fits into memory.

    Args:
        run: runs a batch of so many tokens and waits for its end.
        clock: seconds.
    """
    best, rate, size = _SMALLEST, 0.0, _SMALLEST
    while size <= _LARGEST:
        try:
            run(size)  # not timed: the first pass of a size also allocates memory and picks kernels
            start = clock()
            run(size)
            found = size / (clock() - start)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            break
        if found < _GAIN * rate:
            break
        best, rate, size = size, found, 2 * size
    return best


def check_batch_tokens(value: int | str) -> int:
    """The number of tokens asked for, the default for "auto"."""
    if value == "auto":
        return DEFAULT_BATCH_TOKENS
    try:
        tokens = as_int(value, "batch_tokens")
    except TypeError:
        tokens = 0
    if tokens < 1:
        raise ValueError(f"batch_tokens={value!r} must be 'auto' or a positive number of tokens")
    return tokens


def limits_for(device: torch.device, batch_tokens: int) -> Limits:
    """The limits of plans for this device, with batches of so many tokens."""
    row, one_pass = (sizes.get(device.type, sizes["cpu"]) for sizes in (_ROW_TOKENS, _PASS_TOKENS))
    return Limits(batch_tokens, min(row, batch_tokens), one_pass)
