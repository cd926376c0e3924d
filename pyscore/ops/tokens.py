"""logprobs and linear_logprobs: scores of target tokens from logits, or from hidden states and an unembedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from pyscore.ops import checks, library
from pyscore.ops.arrays import as_tensor, restorer, warn_forward_only
from pyscore.ops.dispatch import AUTO, check_backend_name
from pyscore.ops.read_request import read_request, read_targets
from pyscore.ops.request import Projection, float_dtype
from pyscore.ops.scalars import as_int
from pyscore.ops.shards import scores_from_tensors
from pyscore.ops.types import Array, TokenScores

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["linear_logprobs", "logprobs"]


def logprobs(
    logits: Array,
    targets: Array | Sequence[int],
    *,
    temperature: float | Array = 1.0,
    softcap: float | None = None,
    target_offsets: Array | Sequence[int] | None = None,
    outputs: Sequence[str] = ("logprob",),
    top_k: int = 0,
    ignore_index: int = -100,
    vocab_start: int | None = None,
    backend: str = AUTO,
) -> TokenScores:
    """Score target tokens under ready logits: log p(t) = z_t - logsumexp(z), every output from one read of the row.

    The distribution is the softmax of ``z = softcap * tanh(logits / softcap) / temperature`` (no tanh without
    softcap). Arithmetic is float32 whatever the dtype of the logits; float64 logits are served by the reference.
    The bits of a row's results don't depend on the batch, the row's index in it, or the number of threads.
    Forward only: results carry no gradient, and an input that requires one while gradients are recorded is warned of.

    Logits on a GPU are scored without ever waiting for it, so that the call can be captured in a CUDA graph (with every
    array on the GPU). Targets, offsets and temperatures that are on the host are checked before they are moved. Those
    that are on the GPU are not read back: there a target outside of the vocabulary scores NaN, with rank -1 and
    ``is_greedy`` False; a temperature of 0 or NaN gives its row NaN, others are taken as they are; offsets that don't
    fit are the caller's affair. With the environment variable PYSCORE_CHECK_VALUES=1 every call (but none while a graph
    is captured) reads them back and raises as on the CPU: slow, for debugging.

    Args:
        logits: ``[..., V]`` float32, bfloat16 or float16, any strides; the leading dimensions are the N rows.
        targets: int64 token ids: ``[...]`` one a row, ``[..., K]`` K candidates a row, or flat ``[M]`` beside
            ``target_offsets``. ``ignore_index`` skips a target; a row whose targets are all ignored is not read.
        temperature: positive, a scalar or one a row; from 2**-126 to 2**126, the numbers of float32 that have a
            reciprocal (from 2**-1022 to 2**1022 for float64 logits).
        softcap: positive cap of the logits (Gemma), None for none; in the range of temperature.
        target_offsets: ``[N + 1]``: row n scores ``targets[target_offsets[n]:target_offsets[n + 1]]``.
        outputs: names of the fields of `TokenScores` to compute, which are all but ``shard``.
        top_k: how many of the largest entries to return in ``top_ids`` and ``top_logprobs``.
        ignore_index: the target id that marks an ignored target.
        vocab_start: the logits are columns ``vocab_start ...`` of a larger vocabulary; targets and ids in the result
            are ids of the whole, and a target of another shard scores -inf here. See `merge_vocab_shards`.
        backend: "auto", "cpu", "triton" or "reference"; PYSCORE_BACKEND decides where it is "auto".

    Raises:
        TypeError: a wrong kind of array or dtype.
        ValueError: shapes that don't fit, a target outside of the vocabulary (its row is named), offsets that don't
            close, a temperature or softcap that is not positive or out of range, an unknown output or backend, a
            sparse, nested, quantised or meta tensor; an array on the host while a CUDA graph is captured.
        RuntimeError: the forced backend can't serve these tensors; the message says why.

    Warns:
        UserWarning: see "Forward only" above.
    """
    check_backend_name(backend)
    warn_forward_only("logprobs", logits=logits, temperature=temperature)
    values = as_tensor(logits, "logits")
    checks.check_values_dtype(values, "logits")
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError(f"logits must be [..., V] with V >= 1, got shape {tuple(values.shape)}")
    vocab_size = values.shape[-1]
    top_k = as_int(top_k, "top_k")
    names = checks.check_outputs(outputs, top_k, vocab_size)
    flat, shapes = read_targets(targets, target_offsets, temperature, values)
    request = read_request(flat, names, top_k, softcap, 1.0, ignore_index, vocab_start, float_dtype(values))
    result = library.logprobs(values, request, backend)
    return scores_from_tensors(result, request, names, shapes, vocab_size, restorer(logits))


def _check_projection(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    checks.check_values_dtype(hidden, "hidden")
    checks.check_same(weight, "weight", hidden, "hidden")
    if hidden.ndim == 0 or weight.ndim != 2 or weight.shape[-1] != hidden.shape[-1]:
        shapes = f"{tuple(hidden.shape)} and {tuple(weight.shape)}"
        raise ValueError(f"hidden must be [..., D] and weight [V, D] with one D, got shapes {shapes}")
    if 0 in weight.shape:
        raise ValueError(f"weight must be [V, D] with V >= 1 and D >= 1, got shape {tuple(weight.shape)}")
    if bias is not None:
        checks.check_values_dtype(bias, "bias")
        checks.check_same(bias, "bias", hidden, "hidden", dtype=False)
        if bias.shape != weight.shape[:1]:
            raise ValueError(f"bias must be [{weight.shape[0]}] for this weight, got shape {tuple(bias.shape)}")


def linear_logprobs(
    hidden: Array,
    weight: Array,
    targets: Array | Sequence[int],
    *,
    bias: Array | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    temperature: float | Array = 1.0,
    target_offsets: Array | Sequence[int] | None = None,
    outputs: Sequence[str] = ("logprob",),
    top_k: int = 0,
    ignore_index: int = -100,
    vocab_start: int | None = None,
    group: ProcessGroup | None = None,
    backend: str = AUTO,
) -> TokenScores:
    """Score target tokens from hidden states, fused with the unembedding: no ``[N, V]`` tensor ever exists.

    The distribution is the softmax of ``z = softcap * tanh(s / softcap) / temperature`` with
    ``s = logit_scale * (hidden @ weight.T + bias)``. Products and sums are float32 and logits are never rounded to
    the input's dtype. What `logprobs` says of rows, targets, outputs, ignored rows, bits and GPUs holds here too:
    the host never waits for the device and checks only values that are on the host, or all with PYSCORE_CHECK_VALUES=1.
    Forward only: no gradient reaches the hidden states, the weight or the bias.

    Args:
        hidden: ``[..., D]`` float32, bfloat16 or float16.
        weight: ``[V, D]``, an ``nn.Linear`` weight of the same dtype.
        targets: as in `logprobs`.
        bias: ``[V]`` or None.
        logit_scale: factor of the logits (Cohere; 1 / logits_scaling for Granite); 0, or of a size in the range of
            temperature.
        softcap, temperature, target_offsets, outputs, top_k, ignore_index, backend: as in `logprobs`.
        vocab_start: the weight holds rows ``vocab_start ...`` of a larger unembedding; see `merge_vocab_shards`.
        group: ``torch.distributed`` group whose ranks each hold the next rows of the unembedding, in rank order;
            every rank passes the same hidden states and targets (ids of the whole vocabulary) and gets the scores
            over the whole vocabulary. Only compact statistics are exchanged. The ranks' vocabulary sizes are read,
            which waits for the device.

    Raises:
        TypeError, ValueError, RuntimeError: as in `logprobs`.
    """
    check_backend_name(backend)
    warn_forward_only("linear_logprobs", hidden=hidden, weight=weight, bias=bias, temperature=temperature)
    states, matrix = as_tensor(hidden, "hidden"), as_tensor(weight, "weight")
    added = None if bias is None else as_tensor(bias, "bias")
    _check_projection(states, matrix, added)
    dtype, top_k, vocab_size, restore = float_dtype(states), as_int(top_k, "top_k"), matrix.shape[0], restorer(hidden)
    flat, shapes = read_targets(targets, target_offsets, temperature, states)
    projection = Projection(states if states.ndim == 2 else states.reshape(-1, states.shape[-1]), matrix, added)
    if group is not None:
        if vocab_start is not None:
            raise ValueError("vocab_start and group exclude each other: group finds each rank's start by itself")
        from pyscore.ops.group import score_over_group, shard_sizes  # torch.distributed is optional in a torch build

        sizes = shard_sizes(group, vocab_size, states.device)
        names = checks.check_outputs(outputs, top_k, min(sizes))
        request = read_request(flat, names, top_k, softcap, logit_scale, ignore_index, None, dtype)
        return score_over_group(projection, request, names, shapes, group, sizes, backend, restore)
    names = checks.check_outputs(outputs, top_k, vocab_size)
    request = read_request(flat, names, top_k, softcap, logit_scale, ignore_index, vocab_start, dtype)
    result = library.linear_logprobs(projection, request, None, backend)
    return scores_from_tensors(result, request, names, shapes, vocab_size, restore)
