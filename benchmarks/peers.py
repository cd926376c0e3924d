"""What pyscore is compared with on the CPU and on a GPU: functions of the same arguments, and how to get them.

Every `load` imports what it needs, so that a peer that isn't installed is a reason in the result.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "ALL_OUTPUTS", "CUBLAS", "MM", "ROWS", "VERL", "Contestant", "compiled", "cpu_linear_peers", "gpu_linear_peers",
    "gpu_ready_peers", "harness_models", "matrix_product", "score_requests", "torch_all", "torch_logprob",
    "use_fastest_batch_size",
]  # fmt: skip

Function = Callable[..., Any]
ALL_OUTPUTS = ("logprob", "logsumexp", "entropy", "rank", "is_greedy", "argmax")
CUBLAS = "cuBLAS + pass"
CHUNKED = "chunked cuBLAS + pass"
MM = "torch.mm"
VERL = "verl"
ROWS = "a program a row"
_CHUNK_BYTES = 32 << 20
"""Of logits that stay in the L2 cache between the product and the pass."""
_PRODUCT_BYTES = 8 << 30
"""Of a product's output; beyond it torch.mm is timed in chunks along V."""
_BATCH_SIZES = (1, 4, 8, 16, 32, 64)
_TRIED_CHARACTERS = 12_000
"""Of the requests on which the harness's batch sizes are tried; at least 16 requests."""


@dataclass(frozen=True)
class Contestant:
    """A name, and how to get its function of one set of inputs; ImportError and others say why there is none."""

    name: str
    load: Callable[[], Function]
    captures: bool = True
    """Whether a CUDA graph can hold its calls: none that waits for the device can be captured."""


def torch_logprob(logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """The log-prob as one writes it in PyTorch."""
    return (logits.float().log_softmax(-1).gather(1, targets[:, None])[:, 0],)


def torch_all(logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """Every output as one writes it in PyTorch, in the order of ALL_OUTPUTS."""
    z = logits.float()
    logprob = z.log_softmax(-1)
    target = z.gather(1, targets[:, None])
    entropy = -(logprob.exp() * logprob).sum(-1)
    rank = (z > target).sum(-1)
    return logprob.gather(1, targets[:, None])[:, 0], z.logsumexp(-1), entropy, rank, rank == 0, z.argmax(-1)


def _linear(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return torch_logprob(F.linear(hidden, weight), targets)[0]


def _linear_cross_entropy(chunked: bool) -> Function:
    if not hasattr(F, "linear_cross_entropy"):
        raise NotImplementedError(f"torch {torch.__version__} has no F.linear_cross_entropy")
    options: dict[str, Any] = {}
    if chunked:
        if not hasattr(torch.nn, "LinearCrossEntropyOptions"):
            raise NotImplementedError(f"torch {torch.__version__} has no LinearCrossEntropyOptions")
        options["options"] = torch.nn.LinearCrossEntropyOptions()
    function: Function = partial(F.linear_cross_entropy, reduction="none", **options)
    return lambda hidden, weight, targets: -function(hidden, weight, targets)


def compiled(function: Function, backend: str = "inductor") -> Function:
    """torch.compile for the shapes of the next call."""
    torch._dynamo.reset()  # Past eight shapes of one function, dynamo would run it uncompiled.
    return torch.compile(function, dynamic=False, backend=backend)


def cpu_linear_peers() -> dict[str, Function]:
    """Peers from hidden states on the CPU, which has no others.

    The bare product isn't one: it has no log-prob, and is the first part of the others.
    """
    peers = {"torch eager": _linear, "torch.compile": compiled(_linear)}
    with suppress(NotImplementedError):
        peers["linear_cross_entropy"] = _linear_cross_entropy(chunked=False)
    return peers


def _offsets(targets: Tensor) -> Tensor:
    return torch.arange(targets.shape[0] + 1, device=targets.device)


def _cublas_and_pass(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """torch.mm into logits, then pyscore's one pass over them, by the launcher: nothing waits for the device."""
    from benchmarks.gpu.launchers import logprobs

    return logprobs(torch.mm(hidden, weight.T), targets, _offsets(targets)).logprob


def _chunked(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """The same in chunks of the vocabulary whose logits stay in the L2 cache; statistics are merged at the end."""
    from benchmarks.gpu.launchers import logprobs

    rows, offsets = hidden.shape[0], _offsets(targets)
    width = max(_CHUNK_BYTES // (rows * hidden.element_size()) // 256, 1) * 256
    buffer = hidden.new_empty(rows * min(width, weight.shape[0]))
    sums, scores, start = [], [], 0
    for piece in weight.split(width):
        logits = torch.mm(hidden, piece.T, out=buffer[: rows * piece.shape[0]].view(rows, -1))
        found = logprobs(logits, targets, offsets, vocab_start=start)
        sums.append(found.logsumexp)
        scores.append(found.logprob + found.logsumexp)
        start += piece.shape[0]
    return torch.stack(scores).amax(0) - torch.stack(sums).logsumexp(0)


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

    # Releases of verl differ in the order of the parameters behind hidden, weight and labels.
    names = list(inspect.signature(LinearCrossEntropy.forward).parameters)[4:]
    values = [{"reduction": "none", "temperature": 1.0}.get(name) for name in names]
    return lambda hidden, weight, targets: LinearCrossEntropy.apply(hidden, weight, targets, *values)[0]


def gpu_linear_peers(*, backend: str, chunks: bool) -> list[Contestant]:
    """Every peer from hidden states, those that targets name first; ``backend`` is torch.compile's."""
    peers = [Contestant(CUBLAS, lambda: _cublas_and_pass), Contestant(VERL, _verl, captures=False)]
    if chunks:
        peers.append(Contestant(CHUNKED, lambda: _chunked))
    return [
        *peers,
        Contestant("torch eager", lambda: _linear),
        Contestant("linear_cross_entropy", partial(_linear_cross_entropy, False)),
        *([Contestant("chunked linear_cross_entropy", partial(_linear_cross_entropy, True), False)] if chunks else []),
        Contestant("cut-cross-entropy", _cut_cross_entropy, captures=False),
        Contestant("Liger", _liger, captures=False),
        Contestant("Liger scaled", _liger_scaled, captures=False),
        Contestant("quack", _quack, captures=False),
        Contestant("quack unfused", _quack_unfused, captures=False),
        Contestant("torch.compile", lambda: compiled(_linear, backend)),
    ]


def matrix_product(n: int, v: int, itemsize: int) -> tuple[Contestant, int]:
    """torch.mm alone, and in how many chunks along V: one, unless its output would be very large."""
    chunks = -(-n * v * itemsize // _PRODUCT_BYTES)

    def call(hidden: Tensor, weight: Tensor, targets: Tensor) -> None:
        for piece in weight.chunk(chunks):
            torch.mm(hidden, piece.T)

    return Contestant(MM, lambda: call), chunks


def gpu_ready_peers(every_output: bool, *, backend: str) -> list[Contestant]:
    """Every peer from ready logits: functions of (logits, targets) to a tuple that begins with the log-probability."""
    by_torch = torch_all if every_output else torch_logprob

    def program_a_row() -> Function:
        from benchmarks.gpu.row_kernel import row_logprobs

        return partial(row_logprobs, every_output=every_output)

    return [
        Contestant(ROWS, program_a_row),
        Contestant("torch.compile", lambda: compiled(by_torch, backend)),
        Contestant("torch eager", lambda: by_torch),
    ]


def harness_models(name: str = "smollm2-135m-instruct", dtype: str = "float32") -> tuple[Any, Any]:
    """The harness's "hf" and pyscore's model for it, with one model and tokenizer in memory."""
    from lm_eval.models.huggingface import HFLM

    from pyscore.engine.sources.huggingface.load import load_model
    from pyscore.integrations.lm_eval import PyscoreLM

    loaded = load_model(name, dtype=dtype, device="cpu")
    options = {"pretrained": loaded.model, "tokenizer": loaded.tokenizer}
    return HFLM(**options), PyscoreLM(**options)


def score_requests(lm: Any, requests: Sequence[Any]) -> list[tuple[float, bool]]:
    """The log-likelihood and the greedy flag of every request."""
    return list(lm.loglikelihood(requests, disable_tqdm=True))


def use_fastest_batch_size(hf: Any, requests: Sequence[Any]) -> int:
    """Try batch sizes on requests from all over, of all lengths, and leave ``hf`` with the one that took least time."""
    n = max(16, _TRIED_CHARACTERS * len(requests) // sum(len(request.args[0]) for request in requests))
    some = requests[:: max(1, len(requests) // n)]
    seconds: dict[int, float] = {}
    for size in _BATCH_SIZES:
        if size > len(some):
            break
        hf.batch_size_per_gpu = size
        start = time.perf_counter()
        score_requests(hf, some)
        seconds[size] = time.perf_counter() - start
    hf.batch_size_per_gpu = min(seconds, key=seconds.__getitem__)
    return int(hf.batch_size_per_gpu)
