"""A causal LM taken apart into its body and its head (the unembedding), and tried against its own logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pyscore import ops
from pyscore.engine.sources.huggingface.meshes import NoHead, cut_vocabulary

__all__ = [
    "Head",
    "NoHead",
    "Parts",
    "Separation",
    "find_body",
    "find_heads",
    "fixed_candidates",
    "heads_with",
    "hidden_states",
    "plain_layer",
    "score_states",
    "separate",
    "text_config",
]

_FIXED_CANDIDATES = 8


@dataclass(frozen=True)
class Head:
    """Logits are ``softcap * tanh(s / softcap)`` of ``s = logit_scale * (hidden @ weight.T + bias)``.

    Attributes:
        weight, bias: of the whole vocabulary, or of this rank's share of it.
        logit_scale, softcap: as above.
        group: the `torch.distributed` group whose ranks hold the vocabulary together, None where each holds all of it.
        whole: how many entries all of them hold; None where this one holds all.
    """

    weight: Tensor
    bias: Tensor | None
    logit_scale: float
    softcap: float | None
    group: Any = None
    whole: int | None = None

    @property
    def vocab_size(self) -> int:
        """How many logits it gives."""
        return self.weight.shape[0] if self.whole is None else self.whole


# Names that configurations give to a factor of the logits, and whether to multiply or to divide by it. Granite divides
# by logits_scaling and HyperCLOVA X multiplies by it, so both are tried: the self-check tells which one is right.
_SCALES = (("logit_scale", (1,)), ("lm_head_multiplier", (1,)), ("logits_scaling", (-1, 1)))


def find_body(model: Any) -> nn.Module:
    """The module that turns token ids into the hidden states which the head reads.

    Raises:
        NoHead: the model doesn't say which module that is.
    """
    # A PEFT wrapper's adapters live inside of the model that it wraps.
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    body = getattr(inner, "base_model", None)
    if not isinstance(body, nn.Module) or body is inner:
        raise NoHead("the model does not name its body (base_model)")
    return body


def find_heads(model: Any) -> list[Head]:
    """What the head may be, the likeliest first.

    Raises:
        NoHead: there is no plain, loaded ``nn.Linear`` of floating weights after the body.
    """
    layer = plain_layer(model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None)
    weight, group = cut_vocabulary(layer.weight)  # tensor parallelism leaves each rank some rows of it
    bias = None if layer.bias is None else cut_vocabulary(layer.bias)[0]
    return heads_with(Head(weight, bias, 1.0, None, group, None if group is None else layer.weight.shape[0]), model)


def plain_layer(layer: Any) -> nn.Linear:
    """An output embedding whose products can be computed apart from it.

    Raises:
        NoHead: it is no plain, loaded ``nn.Linear`` of floating weights.
    """
    if not isinstance(layer, nn.Linear):
        raise NoHead(f"the output embedding is {type(layer).__name__}, not a linear layer")
    if not layer.weight.is_floating_point():
        raise NoHead(f"the output embedding is quantised ({layer.weight.dtype})")
    if layer.weight.is_meta:
        raise NoHead("the output embedding is offloaded")
    return layer


def heads_with(head: Head, model: Any) -> list[Head]:
    """This head with what a model's configuration may do to its logits, the likeliest first."""
    config = text_config(model)
    softcap = _number(config, "final_logit_softcapping")
    return [replace(head, logit_scale=scale, softcap=softcap) for scale in _logit_scales(config)]


def _logit_scales(config: Any) -> list[float]:
    scales = []
    for name, exponents in _SCALES:
        value = _number(config, name)
        if value:
            scales += [value**exponent for exponent in exponents]
    return [*scales, 1.0]


def text_config(model: Any) -> Any:
    """The configuration of a model's language part; None where it has none."""
    config: Any = getattr(model, "config", None)
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def _number(config: Any, name: str) -> float | None:
    value = getattr(config, name, None)
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


class Separation(NamedTuple):
    """A model's body and head, or why its own logits are to be used.

    Attributes:
        name: "fused" or "logits: <reason>".
        body: takes the model's inputs, and gives what has ``last_hidden_state``.
        body, head: None where they can't be separated.
        vocab_size: how many logits the model gives.
    """

    name: str
    body: Callable[..., Any] | None
    head: Head | None
    vocab_size: int


class Parts:
    """How a model is run, whole and without its head, and what its head may be.

    Args:
        model: a causal LM that runs as it is: its body is a module of it, and its head holds all of its weight.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        dtype: torch.dtype = getattr(self._model, "dtype", torch.float32)
        return dtype

    def whole(self, **inputs: Any) -> Any:
        """What has ``logits``."""
        return self._model(**inputs)

    def body(self) -> Callable[..., Any]:
        """The body, as `Separation` has it; it is asked for after the whole model ran.

        Raises:
            NoHead: there is none, or no head that it could run without.
        """
        found = find_body(self._model)
        find_heads(self._model)
        return found

    def heads(self) -> list[Head]:
        """What the head may be, the likeliest first; it is asked for after the body ran.

        Raises:
            NoHead: as `find_heads`.
        """
        return find_heads(self._model)


def separate(model: Any, parts: Parts, inputs: dict[str, Any], backend: str) -> Separation:
    """Separate body and head, if together they give the model's own log-probabilities; runs without gradients.

    Args:
        model: a causal LM, in evaluation mode, by which messages name it.
        parts: how to run it.
        inputs: of two sequences, the second one the padded first half of the first.
        backend: as in `pyscore.linear_logprobs`.

    Raises:
        ValueError: the model can't be run, is not causal, or gives NaN.
    """
    logits = _own_logits(model, parts, inputs)
    own = logits.double().log_softmax(-1).cpu()
    tolerance = _tolerance(parts, logits).cpu()
    half = int(inputs["attention_mask"][1].sum())
    if own[0].isnan().any():
        dtype = _dtype(parts, logits)
        raise ValueError(f"{type(model).__name__} gives NaN logits in {dtype}: try another dtype")
    if not _close(own[1, :half], own[0, :half], tolerance[0, :half]):
        raise ValueError(
            f"{type(model).__name__} is not a causal language model: "
            "its log-probabilities change when later tokens are appended"
        )
    try:
        body, head = _find_fused(parts, inputs, own[0], tolerance[0], backend)
    except NoHead as reason:
        return Separation(f"logits: {reason}", None, None, own.shape[-1])
    return Separation("fused", body, head, own.shape[-1])


def _own_logits(model: Any, parts: Parts, inputs: dict[str, Any]) -> Tensor:
    try:
        logits: Tensor = parts.whole(**inputs).logits
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # the model's code may have come with its checkpoint, and raise anything
        text = " ".join(str(error).split())
        raise ValueError(f"{type(model).__name__} can't be run: {type(error).__name__}: {text}") from error
    return logits


def score_states(head: Head | None, states: Tensor, targets: Tensor, offsets: Tensor, backend: str) -> ops.TokenScores:
    """Log-probabilities and greedy flags of candidates, ragged by ``offsets``.

    Args:
        head: what reads hidden states, [N, D]; None where the states are logits, [N, V].
    """
    device = states.device if head is None else head.weight.device
    targets, wanted = targets.to(device), ("logprob", "is_greedy")
    how: dict[str, Any] = {"target_offsets": offsets.to(device), "outputs": wanted, "backend": backend}
    if head is None:
        return ops.logprobs(states, targets, **how)
    how |= {"bias": head.bias, "logit_scale": head.logit_scale, "softcap": head.softcap, "group": head.group}
    return ops.linear_logprobs(states.to(device=device, dtype=head.weight.dtype), head.weight, targets, **how)


def hidden_states(out: Any, body: Callable[..., Any]) -> Tensor:
    """What the head reads, of a body's output.

    Raises:
        NoHead: the output has none.
    """
    hidden = getattr(out, "last_hidden_state", None)
    if not isinstance(hidden, Tensor):
        raise NoHead(f"{type(body).__name__} returns no last_hidden_state")
    return hidden


def fixed_candidates(vocab_size: int, n: int) -> Tensor:
    """The same few tokens, spread over the vocabulary, for each of n positions."""
    # In integers: a float would round ids, perhaps up to one beyond the vocabulary.
    step = torch.arange(_FIXED_CANDIDATES, dtype=torch.int64, device="cpu")
    return (step * (vocab_size - 1) // (_FIXED_CANDIDATES - 1)).expand(n, -1)


def _find_fused(
    parts: Parts, inputs: dict[str, Any], own: Tensor, tolerance: Tensor, backend: str
) -> tuple[Callable[..., Any], Head]:
    """The body and the head that reproduce ``own``, the log-probabilities [L, V] of the first sequence."""
    body = parts.body()
    hidden = hidden_states(body(**inputs), body)[0]
    heads = parts.heads()
    vocab_size = heads[0].vocab_size
    if vocab_size != own.shape[-1]:
        raise NoHead(f"the output embedding has {vocab_size} rows, the model's logits have {own.shape[-1]}")
    ids = inputs["input_ids"][0].cpu()
    candidates = torch.cat([ids[:, None], own.argmax(-1, keepdim=True), fixed_candidates(vocab_size, len(own))], 1)
    offsets = torch.arange(len(own) + 1, dtype=torch.int64, device="cpu") * candidates.shape[1]
    expected, allowed = own.gather(-1, candidates), tolerance.gather(-1, candidates)
    worst = []
    for head in heads:
        scores = score_states(head, hidden, candidates.flatten(), offsets, backend)
        assert scores.logprob is not None  # it was asked for
        found = scores.logprob.cpu().view_as(candidates)
        if _close(found, expected, allowed):
            return body, head
        worst.append(float((found - expected).abs().max()))
    raise NoHead(f"the separated head is off by {min(worst):.3g} from the model's own log-probabilities")


def _dtype(parts: Parts, logits: Tensor) -> torch.dtype:
    """The coarser of the model's dtype and that of its logits: some models widen logits that they rounded."""
    return max(parts.dtype, logits.dtype, key=lambda dtype: torch.finfo(dtype).eps)


def _tolerance(parts: Parts, logits: Tensor) -> Tensor:
    """How far off a log-probability may be: it is the difference of two numbers that were rounded as logits."""
    size = logits.double().abs()
    size = size + size.gather(-1, logits.argmax(-1, keepdim=True))
    tolerance = 5e-4 + 2 * torch.finfo(_dtype(parts, logits)).eps * size
    return tolerance.masked_fill(tolerance.isinf(), 0.0)


def _close(found: Tensor, expected: Tensor, tolerance: Tensor) -> bool:
    """Whether no entry is further off than its tolerance; NaN never is close, and -inf only to itself."""
    return bool(((found == expected) | ((found - expected).abs() <= tolerance)).all())
