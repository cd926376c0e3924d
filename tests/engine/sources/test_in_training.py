"""A wrapped model is called as often as is said, and is as it was afterwards, whatever happened meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from pyscore.engine.sources.huggingface.in_training import TrainingForward
from pyscore.engine.sources.huggingface.plan import SHARINGS, Limits, count_passes, plan_batches
from pyscore.engine.sources.huggingface.wrapped import WrappedParts, described, unwrapped
from pyscore.engine.sources.source import ScoreRequest
from tests.engine.tiny import tiny_configs, tiny_model

LIMITS = Limits(64, 32, 8)


def forward_of(module: Any, limits: Limits = LIMITS) -> TrainingForward:
    return TrainingForward(WrappedParts(module), limits, pad=2, backend="auto", autocast=False, alone=True)


def llama() -> Any:
    return tiny_model(tiny_configs()["llama"])


def requests(start: int) -> list[ScoreRequest]:
    """Some that share a long beginning with those of every other start, among them some that end within it."""
    common = list(range(10, 50))
    own = [ScoreRequest([*common, start, i, *range(60, 60 + i)], [5 + i % 2, 6]) for i in range(9)]
    return [*own, ScoreRequest(common[:20], common[20:24]), ScoreRequest([start, 7], [8, 9, 10])]


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("limits", [Limits(64, 32, 8), Limits(20, 20, 4), Limits(1000, 200, 32)])
def test_a_model_is_called_as_often_as_its_plans_say(sharing: str, limits: Limits) -> None:
    forward = forward_of(llama(), limits)
    plans = [plan_batches(requests(start), limits, sharing) for start in (100, 100, 200)]
    calls: list[None] = []
    forward.model.register_forward_pre_hook(lambda *_: calls.append(None))
    with forward.evaluation():
        forward.begin([5, 6, 7, 8])
        for some in (plans, plans[::-1], plans[:1]):
            forward.release()
            calls.clear()
            before = forward.parts.calls
            for plan in some:
                forward(plan)
            assert len(calls) == forward.parts.calls - before == count_passes(some)


def test_a_model_that_fails_gets_its_head_and_its_modes_back() -> None:
    model = llama().train()
    forward, inner = forward_of(model), model.model.layers[1].mlp
    inner.eval()
    before = [(sorted(vars(each)), each.training) for each in model.modules()]
    hook = inner.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), forward.evaluation():
        forward.pad_call()
    hook.remove()
    assert [(sorted(vars(each)), each.training) for each in model.modules()] == before
    assert model(input_ids=torch.tensor([[5, 6]])).logits.shape == (1, 2, model.config.vocab_size)


class Outer(nn.Module):
    """Wraps as DDP does: it has the module and nothing else."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


def test_what_wraps_a_model_is_seen_through() -> None:
    model = llama()
    assert unwrapped(Outer(torch.compile(Outer(model)))) is model  # type: ignore[arg-type]
    assert described(Outer(model)) is model
    beside = nn.ModuleDict({"critic": nn.Linear(2, 2), "actor": model})
    assert unwrapped(beside) is beside and described(beside) is model


def test_the_weight_of_the_head_is_neither_copied_nor_kept() -> None:
    model = llama()
    forward = forward_of(model)
    with forward.evaluation():
        forward.begin([5, 6, 7, 8])
        forward(plan_batches(requests(100), forward.limits))
        head = forward.separation.head
        assert head is not None and head.weight.data_ptr() == model.lm_head.weight.data_ptr()
    assert forward.separation.head is not None and forward.separation.head.weight.numel() == 0
