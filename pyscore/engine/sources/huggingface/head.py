"""A causal LM taken apart into its body and its head (the unembedding), as its configuration describes it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

from torch import Tensor, nn

__all__ = ["Head", "NoHead", "find_body", "find_heads", "text_config"]


class NoHead(Exception):
    """Why a model's head can't be run apart from its body."""


@dataclass(frozen=True)
class Head:
    """Logits are ``softcap * tanh(s / softcap)`` of ``s = logit_scale * (hidden @ weight.T + bias)``."""

    weight: Tensor
    bias: Tensor | None
    logit_scale: float
    softcap: float | None


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
    layer = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if not isinstance(layer, nn.Linear):
        raise NoHead(f"the output embedding is {type(layer).__name__}, not a linear layer")
    if not layer.weight.is_floating_point():
        raise NoHead(f"the output embedding is quantised ({layer.weight.dtype})")
    if layer.weight.is_meta:
        raise NoHead("the output embedding is offloaded")
    bias = None if layer.bias is None else layer.bias.detach()
    config = text_config(model)
    softcap = _number(config, "final_logit_softcapping")
    return [Head(layer.weight.detach(), bias, scale, softcap) for scale in _logit_scales(config)]


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
