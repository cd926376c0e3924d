"""What pyscore is compared with: functions of (hidden, weight, targets) to log-probabilities [N], and how to get them.

Every `load` imports what it needs, so that a peer that isn't installed is a reason in the result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import pyscore
from benchmarks.gpu.contest import OURS, Contestant
from benchmarks.peers import compiled, torch_all, torch_logprob
from pyscore import TokenScores

__all__ = [
    "CUBLAS", "MM", "ROWS", "VERL", "cublas_and_pass", "linear_peers", "matrix_product", "ours", "ready_peers",
]  # fmt: skip

Function = Callable[..., Any]
CUBLAS = "cuBLAS + pass"
CHUNKED = "chunked cuBLAS + pass"
MM = "torch.mm"
VERL = "verl"
ROWS = "a program a row"
_CHUNK_BYTES = 32 << 20
"""Of logits that stay in the L2 cache between the product and the pass."""
_PRODUCT_BYTES = 8 << 30
"""Of a product's output; beyond it torch.mm is timed in chunks along V."""


def ours(outputs: Sequence[str] = ("logprob",)) -> Contestant:
    """The public call on the Triton kernels."""

    def call(hidden: Tensor, weight: Tensor, targets: Tensor) -> TokenScores:
        return pyscore.linear_logprobs(hidden, weight, targets, outputs=tuple(outputs), backend="triton")

    return Contestant(OURS, lambda: call)


def _eager(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return torch_logprob(F.linear(hidden, weight), targets)[0]


def _offsets(targets: Tensor) -> Tensor:
    return torch.arange(targets.shape[0] + 1, device=targets.device)


def cublas_and_pass(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """torch.mm into logits, then pyscore's one pass over them, by the launcher: nothing waits for the device."""
    from pyscore.kernels.logprobs import logprobs

    logprob: Tensor = logprobs(torch.mm(hidden, weight.T), targets, _offsets(targets)).logprob
    return logprob


def _chunked(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """The same in chunks of the vocabulary whose logits stay in the L2 cache; statistics are merged at the end."""
    from pyscore.kernels.logprobs import logprobs

    rows, offsets = hidden.shape[0], _offsets(targets)
    width = max(_CHUNK_BYTES // (rows * hidden.element_size()) // 256, 1) * 256
    buffer = hidden.new_empty(rows * min(width, weight.shape[0]))
    sums, scores, start = [], [], 0
    for part in weight.split(width):
        logits = torch.mm(hidden, part.T, out=buffer[: rows * part.shape[0]].view(rows, -1))
        found = logprobs(logits, targets, offsets, vocab_start=start)
        sums.append(found.logsumexp)
        scores.append(found.logprob + found.logsumexp)
        start += part.shape[0]
    return torch.stack(scores).amax(0) - torch.stack(sums).logsumexp(0)


def _linear_cross_entropy(chunked: bool) -> Function:
    if not hasattr(F, "linear_cross_entropy"):
        raise NotImplementedError(f"torch {torch.__version__} has no F.linear_cross_entropy")
    options = {}
    if chunked:
        if not hasattr(torch.nn, "LinearCrossEntropyOptions"):
            raise NotImplementedError(f"torch {torch.__version__} has no LinearCrossEntropyOptions")
        options["options"] = torch.nn.LinearCrossEntropyOptions()
    function = partial(F.linear_cross_entropy, reduction="none", **options)
    return lambda hidden, weight, targets: -function(hidden, weight, targets)


def _cut_cross_entropy() -> Function:
    from cut_cross_entropy import linear_cross_entropy

    return lambda hidden, weight, targets: -linear_cross_entropy(hidden, weight, targets, reduction="none")


def _liger() -> Function:
    from liger_kernel.transformers.functional import liger_fused_linear_cross_entropy

    return lambda hidden, weight, targets: -liger_fused_linear_cross_entropy(hidden, weight, targets, reduction="none")


def _liger_scaled() -> Function:
    """On Hopper a fused kernel of CuTe; elsewhere chunks of 512 rows in plain PyTorch."""
    from liger_kernel.ops.fused_linear_scaled_cross_entropy import LigerFusedLinearScaledCrossEntropyFunction as Liger

    return lambda hidden, weight, targets: -Liger.apply(hidden, weight, targets)


def _quack() -> Function:
    """The product with log-sum-exp and target logit in its epilogue: no logits are stored."""
    from quack.epilogue.library import lse_target_epi

    def call(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        found = lse_target_epi(hidden, weight.mT, store_d=False, target=targets, tuned=False)
        logprob: Tensor = found["target_logit"] - found["lse"]
        return logprob

    return call


def _quack_unfused() -> Function:
    from quack.linear_cross_entropy import linear_cross_entropy_func

    return lambda hidden, weight, targets: -linear_cross_entropy_func(hidden, weight, None, targets, reduction="none")


def _verl() -> Function:
    from verl.utils.kernel.linear_cross_entropy import LinearCrossEntropy

    # releases differ in the order of what comes behind hidden, weight and labels
    names = list(inspect.signature(LinearCrossEntropy.forward).parameters)[4:]
    values = [{"reduction": "none", "temperature": 1.0}.get(name) for name in names]
    return lambda hidden, weight, targets: LinearCrossEntropy.apply(hidden, weight, targets, *values)[0]


def linear_peers(*, backend: str, chunks: bool) -> list[Contestant]:
    """Every peer from hidden states, those that targets name first; ``backend`` is torch.compile's."""
    peers = [Contestant(CUBLAS, lambda: cublas_and_pass), Contestant(VERL, _verl, captures=False)]
    if chunks:
        peers.append(Contestant(CHUNKED, lambda: _chunked))
    return [
        *peers,
        Contestant("torch eager", lambda: _eager),
        Contestant("linear_cross_entropy", partial(_linear_cross_entropy, False)),
        *([Contestant("chunked linear_cross_entropy", partial(_linear_cross_entropy, True), False)] if chunks else []),
        Contestant("cut-cross-entropy", _cut_cross_entropy, captures=False),
        Contestant("Liger", _liger, captures=False),
        Contestant("Liger scaled", _liger_scaled, captures=False),
        Contestant("quack", _quack, captures=False),
        Contestant("quack unfused", _quack_unfused, captures=False),
        Contestant("torch.compile", lambda: compiled(_eager, backend)),
    ]


def matrix_product(n: int, v: int, itemsize: int) -> tuple[Contestant, int]:
    """torch.mm alone, and in how many chunks along V: one, unless its output would be very large."""
    chunks = -(-n * v * itemsize // _PRODUCT_BYTES)

    def call(hidden: Tensor, weight: Tensor, targets: Tensor) -> None:
        for part in weight.chunk(chunks):
            torch.mm(hidden, part.T)

    return Contestant(MM, lambda: call), chunks


def ready_peers(every_output: bool, *, backend: str, rows: bool) -> list[Contestant]:
    """Every peer from ready logits: functions of (logits, targets) to a tuple that begins with the log-probability."""
    function = torch_all if every_output else torch_logprob

    def program_a_row() -> Function:
        from benchmarks.gpu.row_kernel import row_logprobs

        return partial(row_logprobs, every_output=every_output)

    return [
        *([Contestant(ROWS, program_a_row)] if rows else []),
        Contestant("torch.compile", lambda: compiled(function, backend)),
        Contestant("torch eager", lambda: function),
    ]
