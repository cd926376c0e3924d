"""The one validation layer: everything public passes here once, kernels trust what they get."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from pyscore.ops.types import TokenScores

__all__ = [
    "OUTPUTS",
    "check_choice",
    "check_log_probabilities",
    "check_matching_sets",
    "check_not_meta",
    "check_offsets",
    "check_one_temperature",
    "check_outputs",
    "check_positive",
    "check_same",
    "check_scalars",
    "check_targets",
    "check_temperature",
    "check_values_dtype",
]

OUTPUTS = tuple(field.name for field in fields(TokenScores) if field.name != "shard")
_KNOWN = frozenset(OUTPUTS)
_TOP = ("top_ids", "top_logprobs")
_FEW = 64
"""Up to so many values are looked at one by one: tensor ops take 5 to 40 microseconds a check, however few they are."""
_INF = float("inf")
# Sizes of numbers that logits are multiplied or divided with: normal ones whose reciprocals are normal too. A kernel
# sees what was checked: nothing that rounds to 0 or to infinity.
_RANGES = {torch.float32: (2.0**-126, 2.0**126), torch.float64: (2.0**-1022, 2.0**1022)}
_FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def check_values_dtype(tensor: Tensor, name: str) -> None:
    """Raise TypeError unless the tensor holds a floating dtype that some backend computes."""
    if tensor.dtype not in _FLOATS:
        raise TypeError(f"{name} must be float32, bfloat16 or float16, got {tensor.dtype}")


def check_same(tensor: Tensor, name: str, other: Tensor, other_name: str, *, dtype: bool = True) -> None:
    """Raise unless both tensors have one dtype (TypeError) and one device (ValueError)."""
    if dtype and tensor.dtype != other.dtype:
        raise TypeError(f"{name} is {tensor.dtype} but {other_name} is {other.dtype}: cast one of them")
    if tensor.device != other.device:
        raise ValueError(f"{name} is on {tensor.device} but {other_name} is on {other.device}: move one of them")


def check_not_meta(device: torch.device, **tensors: Tensor | None) -> None:
    """Raise ValueError at a tensor of the meta device unless the work is traced there: it has no values."""
    for name, tensor in tensors.items():
        if tensor is not None and tensor.is_meta and device.type != "meta":
            raise ValueError(f"{name} is on meta, a device without values, and the others are on {device}")


def check_choice(value: str, name: str, choices: Iterable[str]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name}={value!r} is not one of {', '.join(map(repr, choices))}")


def check_outputs(outputs: Iterable[str], top_k: int, vocab_size: int) -> frozenset[str]:
    """The names in ``outputs``, after checking them and ``top_k``, which asks for the top entries."""
    if isinstance(outputs, str):
        raise TypeError(f"outputs must be a sequence of names, got the string {outputs!r}: write ({outputs!r},)")
    try:
        wanted = frozenset(outputs)
    except TypeError:  # no iterable, or of what can't be hashed
        raise TypeError(f"outputs must be a sequence of names, got {outputs!r:.60}") from None
    if not wanted <= _KNOWN:
        if not all(isinstance(name, str) for name in wanted):
            raise TypeError(f"outputs must be a sequence of names, got {outputs!r:.60}")
        raise ValueError(f"outputs names {min(wanted - _KNOWN)!r}, which is not one of {', '.join(OUTPUTS)}")
    if not 0 <= top_k <= vocab_size:
        raise ValueError(f"top_k={top_k} must lie between 0 and the vocabulary size {vocab_size}")
    if top_k == 0 and not wanted.isdisjoint(_TOP):
        raise ValueError("outputs names the top entries but top_k is 0: say how many with top_k=")
    return wanted | set(_TOP) if top_k else wanted


def _range_of(dtype: torch.dtype) -> str:
    least, greatest = _RANGES[dtype]
    return f"must lie between {least:.3g} and {greatest:.3g}, because logits are computed in {dtype} here"


def check_scalars(softcap: float | None, logit_scale: float, dtype: torch.dtype) -> None:
    """Raise ValueError unless softcap is None or positive, logit_scale finite, and ``dtype`` can hold both."""
    least, greatest = _RANGES[dtype]
    if softcap is not None and not least <= softcap <= greatest:
        if not 0 < softcap < _INF:
            raise ValueError(f"softcap={softcap} must be positive and finite, or None for no cap")
        raise ValueError(f"softcap={softcap} {_range_of(dtype)}; None for no cap")
    if logit_scale != 0 and not least <= abs(logit_scale) <= greatest:
        if not -_INF < logit_scale < _INF:
            raise ValueError(f"logit_scale={logit_scale} must be finite")
        raise ValueError(f"logit_scale={logit_scale} {_range_of(dtype)} in size, or be 0")


def _first(mask: Tensor) -> int | None:
    """Flat index of the first true entry, None if there is none."""
    return int(mask.flatten().nonzero()[0, 0]) if bool(mask.any()) else None


def _few_pass(values: Tensor, passes: Callable[[Any], bool]) -> bool:
    """Whether there are few values and each of them passes; otherwise tensor ops have to find out."""
    return values.numel() <= _FEW and all(map(passes, values.tolist()))


def _refuse_temperature(row: int, value: float, dtype: torch.dtype) -> None:
    if not 0 < value < _INF:
        raise ValueError(f"temperature must be positive and finite, row {row} has {value} (greedy: ask for is_greedy)")
    raise ValueError(f"temperature {_range_of(dtype)}; row {row} has {value}")


def check_temperature(temperature: Tensor) -> None:
    """Raise ValueError unless every row's temperature [N], float32 or float64, is positive and in its dtype's range."""
    least, greatest = _RANGES[temperature.dtype]
    if _few_pass(temperature, lambda value: least <= value <= greatest):
        return
    row = _first(~((temperature >= least) & (temperature <= greatest)))
    if row is not None:
        _refuse_temperature(row, float(temperature[row]), temperature.dtype)


def check_one_temperature(temperature: float, dtype: torch.dtype) -> None:
    """`check_temperature` of a number that all rows share and that becomes ``dtype``."""
    least, greatest = _RANGES[dtype]
    if not least <= temperature <= greatest:
        _refuse_temperature(0, temperature, dtype)


def check_offsets(offsets: Tensor, name: str, total: int, of: str, what: str | None = None) -> None:
    """Raise ValueError unless offsets run from 0 to ``total``, the length of the array ``of``, without falling.

    Where it is said ``what`` has the entries between two neighbouring offsets, each needs at least one.
    """
    if offsets.numel() <= _FEW:
        few = offsets.tolist()
        if few[0] == 0 and few[-1] == total and few == sorted(few if what is None else set(few)):
            return
    if int(offsets[0]) != 0:
        raise ValueError(f"{name} must start at 0, it starts at {int(offsets[0])}")
    row = _first(offsets[1:] < offsets[:-1])
    if row is not None:
        raise ValueError(f"{name} must not fall, it does from entry {row} to entry {row + 1}")
    if int(offsets[-1]) != total:
        raise ValueError(f"{name} must end at {total}, the length of {of}; it ends at {int(offsets[-1])}")
    row = None if what is None else _first(offsets[1:] == offsets[:-1])
    if row is not None:
        raise ValueError(f"{name} gives {what} {row} nothing: every {what} needs at least one entry")


def check_targets(targets: Tensor, offsets: Tensor | None, n_rows: int, vocab_size: int, ignore_index: int) -> None:
    """Raise ValueError unless every target [M] is a token id below ``vocab_size`` or ``ignore_index``.

    Without ``offsets`` every row has as many targets.
    """
    if _few_pass(targets, lambda target: 0 <= target < vocab_size or target == ignore_index):
        return
    bad = _first(((targets < 0) | (targets >= vocab_size)) & (targets != ignore_index))
    if bad is not None:
        even = bad * n_rows // targets.numel()
        row = even if offsets is None else int(torch.searchsorted(offsets.cpu(), bad, right=True)) - 1
        raise ValueError(
            f"targets holds {int(targets[bad])} in row {row}, outside of the vocabulary of {vocab_size}: "
            f"ids run from 0 to {vocab_size - 1}, or {ignore_index} to ignore the target"
        )


def check_log_probabilities(values: Tensor, name: str, *, finite: bool = False) -> None:
    """Raise ValueError at a NaN, a positive value or, with ``finite``, -inf."""
    if _few_pass(values, lambda value: (-_INF < value <= 0) if finite else value <= 0):
        return
    row = _first(~(values <= 0) | values.isinf() if finite else ~(values <= 0))
    if row is not None:
        wanted = "finite" if finite else "not NaN"
        raise ValueError(f"{name} must be at most 0 and {wanted}; row {row} is {float(values[row])}")


def check_positive(values: Tensor, name: str) -> None:
    """Raise ValueError at a value that is not above 0."""
    if _few_pass(values, lambda value: value > 0):
        return
    row = _first(~(values > 0))
    if row is not None:
        raise ValueError(f"{name} must be positive; row {row} is {float(values[row])}")


def check_matching_sets(is_matching: Tensor, question_offsets: Tensor) -> None:
    """Raise ValueError unless every question has a matching and another answer."""
    if is_matching.numel() <= _FEW and question_offsets.numel() <= _FEW:
        flags, ends = is_matching.tolist(), question_offsets.tolist()
        if all([0 < sum(flags[first:last]) < last - first for first, last in pairwise(ends)]):
            return
    running = torch.cat([is_matching.new_zeros(1, dtype=torch.int64), is_matching.long().cumsum(0)])
    matching = running[question_offsets].diff()
    row = _first((matching == 0) | (matching == question_offsets.diff()))
    if row is not None:
        missing = "matching" if int(matching[row]) == 0 else "other"
        raise ValueError(f"is_matching gives question {row} no {missing} answer: a comparison needs both kinds")
