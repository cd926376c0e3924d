"""A launch as data: the same record is run on tensors or compiled ahead of time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from pyscore.ops.request import TokenRequest

__all__ = ["OPTIONS", "Launch", "logit_arguments", "run", "target_arguments"]

OPTIONS = {"enable_fp_fusion": False}
"""Compiler options of every launch. Fused multiply-adds would let bits depend on which results are asked for."""


class Launch(NamedTuple):
    """One kernel launch.

    Attributes:
        kernel: the @triton.jit function; it is not specialised on the number of rows, so that one binary serves all.
        grid: number of programs along each axis; a launch without programs does nothing.
        arguments: values of the kernel's parameters, by name.
        options: compiler options such as num_warps.
    """

    kernel: Any
    grid: tuple[int, ...]
    arguments: dict[str, Any]
    options: dict[str, Any]


def run(launches: Iterable[Launch], device: torch.device) -> None:
    """Run the launches in order on ``device``, whichever device is the current one. Never waits for the device."""
    with torch.cuda.device(device if device.type == "cuda" else -1):
        for launch in launches:
            if min(launch.grid) > 0:
                launch.kernel[launch.grid](**launch.arguments, **OPTIONS, **launch.options)


def target_arguments(request: TokenRequest) -> dict[str, Any]:
    """Arguments of the kernels that look for targets."""
    targets = request.targets
    return {"targets_ptr": targets.ids, "offsets_ptr": targets.offsets, "vocab_start": request.vocab_start}


def logit_arguments(request: TokenRequest) -> dict[str, Any]:
    """Arguments of the kernels that look for targets and make final logits."""
    softcap = request.softcap
    return target_arguments(request) | {
        "temperature_ptr": request.targets.temperature,
        "softcap": float(softcap or 1.0),
        "inverse_softcap": 1.0 / (softcap or 1.0),
        "SOFTCAP": softcap is not None,
    }
