"""A model in training, run through what wraps it for training and never through the module inside of that.

FSDP, DDP and compilers put their work into the call of the module that they return. To call the body alone would pass
by it, so the whole is called, and for that time the output embedding hands on what it reads instead of multiplying it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pyscore.engine.sources.huggingface.head import Head, NoHead, Parts, heads_with, plain_layer
from pyscore.engine.sources.huggingface.meshes import cut_vocabulary, observed_meshes, whole_tensor

__all__ = ["WrappedParts", "described", "unwrapped"]

_LAYERS = ("lm_head", "output", "unembed", "head")
_SHARED = ("attention_mask", "past_key_values", "use_cache")  # what a model takes whose sequences may share tokens


def unwrapped(module: nn.Module) -> nn.Module:
    """The module that a wrapper (DDP, FullyShardedDataParallel, a compiler) calls in the end."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if inner is None and isinstance(getattr(module, "module", None), nn.Module):
            inner = module.module if [*module.children()] == [module.module] else None
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def described(module: nn.Module) -> nn.Module:
    """The outermost module that says what it is, by its configuration and output embedding; else what is wrapped."""
    inner = unwrapped(module)
    known = (each for each in inner.modules() if hasattr(each, "get_output_embeddings") and hasattr(each, "config"))
    return next(known, inner)


class _Taken(NamedTuple):
    """The output embedding as a forward pass sees it."""

    weight: Tensor
    bias: Tensor | None
    group: Any
    whole: int


class WrappedParts(Parts):
    """How a wrapped model is run; its head is taken anew after `forget`.

    Args:
        module: what training calls.
        call: runs it where it isn't called by the names of Hugging Face transformers: it gets the module and token ids
            [B, S], and gives logits.
        head: the name of the output embedding within the `unwrapped` module; by default the model says which it is.
        group: the ranks that hold one model together, each a share of the vocabulary, where weights don't tell.

    Attributes:
        module: as given.
        model: the module that says what it is.
        calls: how many times it was called.
        shares_tokens: whether it takes what a plan needs that runs shared tokens once.
        objection: why its head can't be run apart from it, where that was found out.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        call: Callable[[Any, Tensor], Any] | None = None,
        head: str | None = None,
        group: Any = None,
    ) -> None:
        self.module, self.model, self.calls = module, described(module), 0
        super().__init__(self.model)
        self._custom, self._group = call, group
        self._layer = _output_layer(module, self.model, head)
        self.objection: str | None = None
        self._hidden: list[Tensor] = []
        self._computed = set[torch.dtype]()
        self._takes = set[str]() if call is not None else _parameters(unwrapped(module), self.model)
        self.shares_tokens = all(name in self._takes for name in _SHARED)
        self.forget()

    def takes(self, name: str) -> bool:
        """Whether the model is called by this name."""
        return name in self._takes

    @property
    def dtype(self) -> torch.dtype:
        """The coarsest of what it is kept in and what it was seen to compute in, by FSDP's policy or by autocast."""
        return max({super().dtype, *self._computed}, key=lambda dtype: torch.finfo(dtype).eps)

    def forget(self) -> None:
        """Take the head anew with the next run of the body: its weight is another one after a step of training."""
        self._taken: _Taken | None = None
        weight = getattr(self._layer, "weight", None)
        self._outside = weight, getattr(weight, "shape", None)

    def whole(self, **inputs: Any) -> Any:
        out = self._run(inputs)
        logits = out if isinstance(out, Tensor) else getattr(out, "logits", None)
        if not isinstance(logits, Tensor):
            raise ValueError(f"its call gives {type(out).__name__}, not logits: give forward=, which gives them")
        self._computed.add(logits.dtype)
        logits, taken = whole_tensor(logits), self._taken
        rows, columns = inputs["input_ids"].shape
        shape = [rows, len(inputs["logits_to_keep"]) if "logits_to_keep" in inputs else columns]
        if [*logits.shape[:-1]] != shape:
            raise ValueError(f"its call gives logits of shape {[*logits.shape]} for token ids {[rows, columns]}")
        if taken is not None and taken.group is not None and logits.shape[-1] == taken.weight.shape[0] < taken.whole:
            logits = _joined(logits, taken)
        return SimpleNamespace(logits=logits, past_key_values=getattr(out, "past_key_values", None))

    def body(self) -> Callable[..., Any]:
        if self.objection is not None:
            raise NoHead(self.objection)
        plain_layer(self._layer)
        return self.states

    def heads(self) -> list[Head]:
        plain_layer(self._layer)
        nothing = torch.empty(0, dtype=torch.float32, device="cpu")
        return heads_with(self.current(Head(nothing, None, 1.0, None)), self.model)

    def current(self, head: Head) -> Head:
        """The head with the weight that the last run of the body saw."""
        if self._taken is None:
            raise NoHead("the model was not run")
        weight, bias, group, whole = self._taken
        return Head(weight, bias, head.logit_scale, head.softcap, group, None if group is None else whole)

    def states(self, **inputs: Any) -> Any:
        """What the head reads, [B, S, D], as ``last_hidden_state``: the whole model runs but for the head's product.

        Raises:
            NoHead: the model doesn't run its head once, on every token.
        """
        layer: Any = plain_layer(self._layer)
        own = vars(layer).get("forward")
        layer.forward = self._pass
        try:
            out = self._run(inputs)
            read = self._hidden
        finally:
            self._hidden = []
            del layer.forward
            if own is not None:
                layer.forward = own
        if len(read) != 1 or read[0].shape[:-1] != inputs["input_ids"].shape:
            shapes = ", ".join(str([*states.shape]) for states in read) or "never"
            raise NoHead(f"the model runs its output embedding {shapes}, not once on every token")
        return SimpleNamespace(last_hidden_state=read[0], past_key_values=getattr(out, "past_key_values", None))

    @contextmanager
    def noting_meshes(self, found: set[Any]) -> Iterator[None]:
        """Add to ``found`` the device meshes that weights are cut over while the model runs."""
        with observed_meshes(self.module, found):
            yield

    def _run(self, inputs: dict[str, Any]) -> Any:
        # Counted before it runs: a call that fails has taken part in collectives all the same.
        self.calls += 1
        ids = inputs["input_ids"]
        if self._custom is not None:
            return self._custom(self.module, ids)
        if "input_ids" not in self._takes:
            return self.module(ids)
        return self.module(**{name: value for name, value in inputs.items() if name in self._takes})

    def _pass(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        """In place of the output embedding: keep what it reads, and hand that on, which costs the model nothing."""
        kind = hidden.device.type
        if torch.is_autocast_enabled(kind):
            self._computed.add(torch.get_autocast_dtype(kind))
        self._hidden.append(whole_tensor(hidden.detach()))
        if self._taken is None:
            self._taken = self._take()
            self._computed.add(self._taken.weight.dtype)
        return hidden

    def _take(self) -> _Taken:
        layer = plain_layer(self._layer)
        (weight, group), size = cut_vocabulary(layer.weight), layer.weight.shape[0]
        bias = None if layer.bias is None else cut_vocabulary(layer.bias)[0]
        if self._group is not None:
            from pyscore.ops.group import shard_sizes

            group = self._group
            size = sum(shard_sizes(group, weight.shape[0], weight.device))
        outside, shape = self._outside
        if layer.weight is not outside or layer.weight.shape != shape:
            # What gathers weights for a pass frees them after it, so that a copy is made, once in an evaluation.
            weight, bias = weight.clone(), None if bias is None else bias.clone()
        return _Taken(weight, bias, group, size)


def _output_layer(module: nn.Module, model: nn.Module, name: str | None) -> Any:
    if name is not None:
        try:
            return unwrapped(module).get_submodule(name)
        except AttributeError as error:
            raise ValueError(f"head={name!r} is no module of {type(unwrapped(module)).__name__}: {error}") from None
    known: Any = model
    found = known.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if found is not None:
        return found
    # A model of one's own, which may have a body of transformers.
    named = (getattr(unwrapped(module), name, None) for name in _LAYERS)
    return next((layer for layer in named if isinstance(layer, nn.Linear)), None)


def _parameters(outer: nn.Module, model: nn.Module) -> set[str]:
    """The names by which a module can be called; one that hands all names on has those of the model in it."""
    parameters = inspect.signature(outer.forward).parameters
    names = set(parameters)
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        known: Any = model
        inner = known.get_base_model() if hasattr(model, "get_base_model") else model  # what a PEFT wrapper hands on to
        names |= set(inspect.signature(inner.forward).parameters)
    return names


def _joined(logits: Tensor, taken: _Taken) -> Tensor:
    """Logits of the whole vocabulary, from those of each rank's share."""
    from pyscore.ops.group import shard_sizes

    sizes: Sequence[int] = shard_sizes(taken.group, logits.shape[-1], logits.device)
    own = nn.functional.pad(logits, (0, max(sizes) - logits.shape[-1]))  # gloo gathers tensors of one size
    parts = [torch.empty_like(own) for _ in sizes]
    torch.distributed.all_gather(parts, own.contiguous(), group=taken.group)
    return torch.cat([part[..., :size] for part, size in zip(parts, sizes, strict=True)], -1)
