"""Scoring within training gives a Scorer's numbers, and leaves the training as it would have been."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pyscore
from pyscore import Scorer
from pyscore.integrations.callback import Evaluator
from pyscore.results import summarize_rows
from pyscore.store import metadata_of, read_rows
from tests.docs.pages import DOCS, code_blocks
from tests.engine.tiny import question, some_questions, tiny_configs, tiny_model, tiny_tokenizer
from tests.integrations.training import evaluator, headline, llama, logprobs, step_once


@pytest.mark.parametrize("kind", sorted(tiny_configs()))
def test_rows_are_those_of_a_scorer(kind: str) -> None:
    model = tiny_model(tiny_configs()[kind])
    found = evaluator(token_logprobs=True).run(model, 7)
    expected = Scorer(model, tiny_tokenizer(), batch_tokens=100).score(some_questions(13), token_logprobs=True, step=7)
    assert found.findings["head"] == "fused"
    values = ["run_id", "logprob", "token_logprobs", "model"]
    assert found.rows.drop_columns(values).equals(expected.drop_columns(values))
    assert logprobs(found.rows) == pytest.approx(logprobs(expected), abs=1e-5)


def test_numbers_and_changes_are_those_of_the_rows(tmp_path: Path) -> None:
    questions = [replace(each, dataset="ab"[i % 2], cluster=f"c{i // 3}") for i, each in enumerate(some_questions(24))]
    model, runs = llama(), evaluator(questions=questions, output=tmp_path / "rows", every=1)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    first = runs.run(model, 0)
    assert first.change is None
    step_once(model, optimizer, 0)
    second = runs.run(model, 1)
    before, after = (read_rows(tmp_path / "rows" / f"step-0000000{step}.parquet") for step in (0, 1))
    assert after["step"].to_pylist() == [1] * after.num_rows and after.equals(second.rows)
    a, b = pyscore.comparison_from_rows(after), pyscore.comparison_from_rows(before)
    clusters = pyscore.store.clusters_from_rows(after)
    change = pyscore.paired_difference(a, b, clusters=clusters)
    assert second.change == change and change.mean_probability.value != 0
    summaries = {each.dataset or each.scope: each.summary for each in summarize_rows(after)}
    for name, summary in {"pooled": second.summary, **{k: v.summary for k, v in second.datasets.items()}}.items():
        expected = summaries[str(name)]
        assert summary.n_clusters == expected.n_clusters
        for field in ("mean_probability", "preference_rate", "mean_log_odds", "mean_coverage"):
            ours, theirs = getattr(summary, field), getattr(expected, field)
            assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high))
    assert str(second.summary) in str(second) and str(change) in str(second) and "\n" not in str(second).split(",")[0]
    logged = second.to_log()
    assert logged["pyscore/mean_probability_change_low"] == change.mean_probability.low
    assert logged["pyscore/a/preference_rate_high"] == second.datasets["a"].summary.preference_rate.high
    assert logged["pyscore/mean_coverage"] == second.summary.mean_coverage.value
    assert not any(value != value for value in logged.values())


class Noisy(nn.Module):
    """Draws random numbers of every kind in every pass, as some models' layers do in evaluation too."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + 0 * (torch.rand(()) + random.random() + np.random.rand())


def test_the_model_and_random_states_are_left_as_they_were() -> None:
    model = llama()
    model.model.norm = nn.Sequential(model.model.norm, Noisy())
    model.train()
    model.model.layers[0].eval()  # a part that is frozen
    model.model.layers[0].requires_grad_(False)
    model.gradient_checkpointing_enable()
    model(input_ids=torch.tensor([[5, 6]]), labels=torch.tensor([[5, 6]])).loss.backward()

    def seen() -> list[Any]:
        parameters = dict(model.named_parameters())
        numpy: Any = np.random.get_state()
        return [
            {name: value.tolist() for name, value in model.state_dict().items()},
            {name: (id(each), each.requires_grad, each._version) for name, each in parameters.items()},
            {name: None if each.grad is None else each.grad.tolist() for name, each in parameters.items()},
            [(each.training, sorted(vars(each)), len(each._forward_hooks)) for each in model.modules()],
            [vars(each).get("gradient_checkpointing") for each in model.modules()],
            (random.getstate(), numpy[1].tolist(), numpy[2], torch.get_rng_state().tolist()),
            (torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), model.config.to_dict()),
        ]

    runs, before = evaluator(), seen()
    with torch.autocast("cpu", torch.bfloat16):
        runs.run(model, 0)
        assert torch.is_autocast_enabled("cpu")
    assert seen() == before


def test_it_keeps_neither_caches_nor_weights_between_evaluations() -> None:
    model, runs = llama(), evaluator(20)
    runs.run(model, 0)
    forward: Any = runs._model.forward
    assert forward._stems == [] and forward.parts._taken is None and forward.separation.head.weight.numel() == 0


def test_questions_are_tokenised_and_planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    model, runs = llama(), evaluator()
    for name in ("tokenized", "share_of"):
        made = getattr(pyscore.integrations.training.model, name)
        monkeypatch.setattr(
            pyscore.integrations.training.model,
            name,
            lambda *a, made=made, name=name: (calls.append(name), made(*a))[1],
        )
    model.register_forward_pre_hook(lambda *_: calls.append("model"))
    runs.run(model, 0)
    first, calls[:] = list(calls), []
    runs.run(model, 1)
    assert first.count("tokenized") == first.count("share_of") == 1
    assert calls == ["model"] * runs._model._calls and len(calls) < first.count("model")


class Wrapper(nn.Module):
    """Notes which calls of what it wraps passed by it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.inside, self.passed, self.inner = False, 0, 0
        (getattr(module, "model", None) or module).register_forward_pre_hook(self.note)

    def note(self, *_: Any) -> None:
        self.inner += 1
        self.passed += not self.inside

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self.inside = True
        try:
            return self.module(*args, **kwargs)
        finally:
            self.inside = False


def test_every_call_goes_through_what_wraps_the_model() -> None:
    wrapped = Wrapper(llama())
    found = evaluator().run(wrapped, 0)
    assert found.findings["head"] == "fused" and found.findings["sharing"] == "tree"
    assert wrapped.inner > 3 and wrapped.passed == 0
    assert logprobs(found.rows) == logprobs(evaluator().run(llama(), 0).rows)


class PlainModel(nn.Module):
    """As torchtitan and OLMo-core have it: token ids in, logits out."""

    def __init__(self) -> None:
        super().__init__()
        model = llama()
        self.layers, self.output = model.model, model.lm_head
        self.rows = 0

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        self.rows = max(self.rows, len(tokens))
        return self.output(self.layers(input_ids=tokens).last_hidden_state)


class Chunked(PlainModel):
    """Runs its output embedding a part of the tokens at a time."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.layers(input_ids=tokens).last_hidden_state
        return torch.cat([self.output(part) for part in hidden.chunk(2, 1)], 1)


class Nested(nn.Module):
    """A model of transformers in a module that takes batches of training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.language_model = llama()

    def forward(self, batch: dict[str, Any]) -> Any:
        return self.language_model(**batch).loss


def from_nested(module: Any, ids: torch.Tensor) -> torch.Tensor:
    return module.language_model(ids).logits


@pytest.mark.parametrize(
    ("make", "options", "head"),
    [
        (PlainModel, {}, "fused"),
        (PlainModel, {"head": "layers.norm"}, "logits: the output embedding is LlamaRMSNorm, not a linear layer"),
        (Chunked, {}, "logits: the model runs its output embedding"),
        (Nested, {"forward": from_nested}, "fused"),
        (lambda: torch.compile(llama(), backend="eager"), {}, "fused"),
    ],
)
def test_other_models_are_scored_too(make: Callable[[], Any], options: dict[str, Any], head: str) -> None:
    found = evaluator(**options).run(make(), 0)
    assert found.findings["head"].startswith(head)
    assert logprobs(found.rows) == pytest.approx(logprobs(evaluator().run(llama(), 0).rows), abs=2e-5)


def test_a_compiled_model_is_compiled_for_training_alone() -> None:
    graphs: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    layer: Any = torch.compile(llama(), backend=backend)
    ids = torch.tensor([[5, 6, 7]])
    layer(input_ids=ids)
    made, runs = len(graphs), evaluator()
    for step in range(3):
        runs.run(layer, step)
        layer(input_ids=ids)
    assert len(graphs) == made > 0


@pytest.mark.parametrize("kept", [False, True])
def test_rows_say_what_they_were_computed_in_whatever_autocast_training_has(kept: bool) -> None:
    plain, runs = evaluator().run(llama(), 0), evaluator(autocast=kept)
    model, ids = llama(), torch.tensor([[5, 6, 7]])
    with torch.autocast("cpu", torch.bfloat16):
        found = runs.run(model, 0)
        model(input_ids=ids, labels=ids).loss.backward()  # what autocast kept of the evaluation would have no gradient
    assert metadata_of(found.rows)["dtype"] == ("bfloat16" if kept else "float32")
    assert (logprobs(found.rows) == logprobs(plain.rows)) is not kept
    assert all(each.grad is not None for each in model.parameters())


def test_a_plain_loop_asks_when_it_is_due() -> None:
    runs = evaluator(every=3)
    assert [step for step in range(8) if runs.due(step)] == [0, 3, 6]
    assert [step for step in range(8) if evaluator(every=3, at_start=False).due(step)] == [3, 6]
    assert [step for step in range(8) if evaluator().due(step)] == [0]


def test_the_loop_of_the_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (loop,) = (block for block in code_blocks((DOCS / "training.md").read_text(), "python") if "due" in block)
    model, logged = llama(), list[tuple[dict[str, float], int]]()
    names: dict[str, Any] = {
        "questions": some_questions(4),
        "tokenizer": tiny_tokenizer(),
        "batches": range(501),
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), 1e-2),
        "log": lambda numbers, step: logged.append((numbers, step)),
        "train_step": lambda model, optimizer, batch: None if batch % 250 else step_once(model, optimizer, batch),
    }
    exec(loop, names)
    assert [step for _, step in logged] == [0, 500]
    assert logged[1][0]["pyscore/mean_probability_change"] != 0
    assert read_rows(tmp_path / "evals" / "step-00000500.parquet").num_rows == 9


def test_an_answer_that_the_model_gives_nan_names_the_question() -> None:
    model, runs = llama(), evaluator()
    runs.run(model, 0)
    with torch.no_grad():
        model.lm_head.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"question 'q\d+', answer '.*': the model gives NaN as its log-probability"):
        runs.run(model, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Evaluator([]), "questions is empty"),
        (lambda: Evaluator([question()], every=0), "every=0 must be at least 1 step"),
        (lambda: Evaluator([question()], batch_tokens=0), "batch_tokens=0 must be"),
        (lambda: Evaluator([question(), question()]), "'q' is used twice"),
        (lambda: Evaluator([question()]).run(llama(), 0), "tokenizer is missing: give the model's"),
        (lambda: evaluator(head="lm").run(llama(), 0), "head='lm' is no module of LlamaForCausalLM"),
        (lambda: evaluator().run(Nested(), 0), "can't be run: TypeError"),
        (lambda: evaluator(forward=lambda *_: torch.zeros(2)).run(llama(), 0), "its call gives logits of shape"),
        (lambda: evaluator(forward=lambda *_: {}).run(llama(), 0), "its call gives dict, not logits"),
    ],
)
def test_mistakes_are_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_module_is_refused() -> None:
    model: Any = [llama()]
    with pytest.raises(TypeError, match="model must be the module that training calls, got list"):
        evaluator().run(model, 0)


def test_both_headline_numbers_are_logged() -> None:
    found = evaluator().run(llama(), 0)
    logged = found.to_log()
    names = [
        f"pyscore/{name}{end}" for name in ("mean_probability", "preference_rate") for end in ("", "_low", "_high")
    ]
    assert [logged[name] for name in names] == list(headline(found))
