"""Ranks that train together score each question once and call the model equally often; the numbers are those of one."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.multiprocessing.spawn import start_processes

from pyscore.engine.sources.huggingface.sharing import Sharing
from pyscore.integrations.training import model as in_training
from tests.integrations.training import evaluator, headline, llama, logprobs, step_once
from tests.processes import forkserver


def replicated(mesh: Any) -> nn.Module:
    return nn.parallel.DistributedDataParallel(llama())


def sharded(mesh: Any, model: Any = None, policy: Any = None, **options: Any) -> nn.Module:
    model, kept = model or llama(), {"mesh": mesh, "mp_policy": policy or MixedPrecisionPolicy()}
    for layer in model.model.layers:
        fully_shard(layer, **kept)
    fully_shard(model, **kept, **options)
    return model


def sharded_head(mesh: Any) -> nn.Module:
    model = llama()
    fully_shard([model.model.norm, model.lm_head], mesh=mesh)
    return sharded(mesh, model)


def resharded(mesh: Any) -> nn.Module:
    return sharded(mesh, reshard_after_forward=True)


def flat(mesh: Any) -> nn.Module:
    return FullyShardedDataParallel(llama(), use_orig_params=False, device_id=torch.device("cpu"))


def both(mesh: Any) -> nn.Module:
    """Cut over the vocabulary by the second dimension of the mesh, then sharded by the first."""
    return sharded(mesh["data"], vocabulary_parallel(mesh["model"], output_layouts=Shard(-1), use_local_output=False))


def vocabulary_parallel(mesh: Any, **head: Any) -> Any:
    model = llama()
    plan: dict[str, Any] = {"lm_head": ColwiseParallel(**head)}
    for i in range(len(model.model.layers)):
        mlp = f"model.layers.{i}.mlp"
        plan |= {f"{mlp}.gate_proj": ColwiseParallel(), f"{mlp}.up_proj": ColwiseParallel()}
        plan |= {f"{mlp}.down_proj": RowwiseParallel()}
    return parallelize_module(model, mesh, plan)


def gathered_logits(mesh: Any) -> nn.Module:
    return vocabulary_parallel(mesh, output_layouts=Replicate())


def cut_logits(mesh: Any) -> nn.Module:
    return vocabulary_parallel(mesh, output_layouts=Shard(-1), use_local_output=False)


KINDS: dict[str, Callable[[Any], nn.Module]] = {
    each.__name__: each
    for each in (replicated, sharded, sharded_head, resharded, flat, vocabulary_parallel, gathered_logits, cut_logits)
}
PARALLEL = ("vocabulary_parallel", "gathered_logits", "cut_logits")


class Counted:
    """The calls of a module, by its hooks, evaluation by evaluation."""

    def __init__(self, module: nn.Module) -> None:
        self.calls: list[int] = []
        module.register_forward_pre_hook(self.count)

    def count(self, *_: Any) -> None:
        self.calls[-1] += 1


def shrink(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(0.9)


def learn(module: nn.Module) -> None:
    step_once(module, torch.optim.SGD(module.parameters(), 0.5), 0)


# What FullyShardedDataParallel gathered for a pass stays until one with a backward.
CHANGES = {"flat": learn}


def evaluated(module: nn.Module, n: int, change: Callable[[nn.Module], None] = shrink) -> dict[str, Any]:
    """Two evaluations with other weights between them."""
    runs, counted = evaluator(n, token_logprobs=True), Counted(module)
    found = []
    for step in range(2):
        counted.calls.append(0)
        found.append(runs.run(module, step))
        counted.calls.append(0)  # of the change
        change(module)
        del counted.calls[-1]
    rows = found[0].rows
    return {
        "share": [i for chunk in runs._model.chunks for i in chunk.indices],
        "calls": counted.calls,
        "log": [{k: v for k, v in each.to_log().items() if not k.endswith("seconds")} for each in found],
        "headline": headline(found[1]),
        "findings": found[0].findings,
        "rows": None if rows is None else rows.drop_columns(["run_id", "logprob", "token_logprobs", "model"]),
        "logprobs": None if rows is None else [*logprobs(rows), *logprobs(found[1].rows)],
    }


def of_kinds(mesh: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = {kind: evaluated(make(mesh), 13, CHANGES.get(kind, shrink)) for kind, make in KINDS.items()}
    return found | {n: evaluated(sharded(mesh), n) for n in (1, 7)}


def of_training(mesh: Any) -> list[Any]:
    """What FSDP's ranks learn without and with evaluations, and what they hold after one."""
    learnt = []
    for runs in (None, evaluator(every=1)):
        model: Any = sharded(mesh)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
        losses = []
        for step in range(4):
            if runs is not None:
                runs.run(model, step)
                # Parameters first: to ask for the state shards what is gathered.
                kinds = [type(parameter.data) for parameter in model.parameters()]
                kinds += [type(value) for value in model.state_dict().values()]
                assert set(kinds) == {DTensor}
            losses.append(step_once(model, optimizer, step))
        states = [value for state in optimizer.state.values() for value in state.values()]
        tensors = [*model.state_dict().values(), *states]
        learnt.append(
            ([value.to_local().tolist() if hasattr(value, "to_local") else value for value in tensors], losses)
        )
    return learnt


def of_failures(mesh: Any) -> list[str]:
    """Errors that every rank raises where one fails, in its head and in its rows, and that it goes on afterwards."""
    model, runs, told = sharded(mesh), evaluator(), []
    first = runs.run(model, 0)
    for name in ("token_scores", "tokenized"):
        made = getattr(in_training, name)

        def broken(*args: Any, made: Any = made) -> Any:
            if dist.get_rank() == 1:
                raise ValueError("out of paper")
            return made(*args)

        setattr(in_training, name, broken)
        try:
            (runs if name == "token_scores" else evaluator()).run(model, 1)
        except RuntimeError as error:
            told.append(str(error))
        setattr(in_training, name, made)
    again = runs.run(model, 2)
    assert again.change.mean_probability.value == 0
    assert first.summary.mean_probability == again.summary.mean_probability
    return told


def of_fallback(mesh: Any) -> str:
    """How all ranks score where one finds that its model can't share tokens."""
    difference = Sharing._difference
    Sharing._difference = lambda self, *args: (
        difference(self, *args) or ("is off here" if dist.get_rank() == 1 else None)
    )
    try:
        return evaluator().run(sharded(mesh), 0).findings["sharing"]
    finally:
        Sharing._difference = difference


class Range(nn.Module):
    """A model with a plain output embedding of this rank's range of the vocabulary, and logits of that range."""

    def __init__(self) -> None:
        super().__init__()
        model, rank = llama(), dist.get_rank()
        self.layers, (start, end) = model.model, ((0, 100), (100, 320))[rank]
        self.output = nn.Linear(model.lm_head.in_features, end - start, bias=False)
        self.output.weight.data = model.lm_head.weight.data[start:end]

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.output(self.layers(input_ids=tokens).last_hidden_state)


def of_group(mesh: Any) -> tuple[str, list[int], Any]:
    """How ranks score that hold ranges of the vocabulary which only ``group=`` tells of."""
    runs = evaluator(group=dist.group.WORLD)
    found = runs.run(Range(), 0)
    share = [i for chunk in runs._model.chunks for i in chunk.indices]
    return found.findings["head"], sorted(share), None if found.rows is None else logprobs(found.rows)


def of_rounding(mesh: Any) -> tuple[str, Any]:
    """What rows say of a model that is kept in float32 and computed in bfloat16."""
    model = sharded(mesh, policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16))
    found = evaluator().run(model, 0)
    return found.findings["head"], None if found.rows is None else found.rows.schema.metadata[b"dtype"].decode()


def on_two_ranks() -> dict[str, Any]:
    mesh = init_device_mesh("cpu", (2,))
    parts = (of_kinds, of_training, of_failures, of_fallback, of_rounding, of_group)
    return {part.__name__: part(mesh) for part in parts}


def on_four_ranks() -> dict[str, Any]:
    return evaluated(both(init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "model"))), 7)


def _on_a_rank(rank: int, world: int, folder: str, work: Callable[[], Any]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    Path(folder, f"{rank}.pkl").write_bytes(pickle.dumps(work()))
    dist.destroy_process_group()


def found_by(world: int, folder: Path, work: Callable[[], Any]) -> list[dict[str, Any]]:
    """What each rank found."""
    forkserver()
    start_processes(_on_a_rank, (world, str(folder), work), nprocs=world, start_method="forkserver")
    return [pickle.loads((folder / f"{rank}.pkl").read_bytes()) for rank in range(world)]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return found_by(2, tmp_path_factory.mktemp("ranks"), on_two_ranks)


@pytest.mark.parametrize("kind", KINDS)
def test_two_ranks_give_the_numbers_of_one(ranks: list[dict[str, Any]], kind: str) -> None:
    one = evaluated(llama(), 13, CHANGES.get(kind, shrink))
    first, second = (each["of_kinds"][kind] for each in ranks)
    assert first["findings"]["head"] == "fused" and first["findings"]["sharing"] == "tree"
    assert first["rows"].equals(one["rows"]) and second["rows"] is None
    assert first["logprobs"] == pytest.approx(one["logprobs"], abs=2e-5)
    assert first["headline"] == pytest.approx(one["headline"], abs=1e-5)
    assert first["log"] == second["log"] and first["findings"] == second["findings"]


@pytest.mark.parametrize("kind", [*KINDS, 1, 7])
def test_no_question_is_scored_twice_and_calls_are_equal(ranks: list[dict[str, Any]], kind: Any) -> None:
    found = [each["of_kinds"][kind] for each in ranks]
    n = kind if isinstance(kind, int) else 13
    shares = [each["share"] for each in found]
    if kind in PARALLEL:  # both ranks hold one model, and score its questions together
        assert shares[0] == shares[1] and sorted(shares[0]) == list(range(n))
    else:
        assert sorted(shares[0] + shares[1]) == list(range(n))
        assert n == 1 or min(map(len, shares)) >= n // 3
    assert found[0]["calls"] == found[1]["calls"] and min(found[0]["calls"]) > 0
    assert found[0]["calls"][1] < found[0]["calls"][0]  # self-checks run once


@pytest.mark.parametrize("n", [1, 7])
def test_few_questions_on_two_ranks_give_the_numbers_of_one(ranks: list[dict[str, Any]], n: int) -> None:
    one, two = evaluated(llama(), n), ranks[0]["of_kinds"][n]
    assert two["rows"].equals(one["rows"])
    assert two["logprobs"] == pytest.approx(one["logprobs"], abs=2e-5)


def test_four_ranks_that_hold_two_models_give_the_numbers_of_one(tmp_path: Path) -> None:
    found, one = found_by(4, tmp_path, on_four_ranks), evaluated(llama(), 7)
    assert found[0]["logprobs"] == pytest.approx(one["logprobs"], abs=2e-5)
    assert found[0]["rows"].equals(one["rows"]) and found[0]["findings"]["head"] == "fused"
    shares = [each["share"] for each in found]
    assert shares[0] == shares[1] and shares[2] == shares[3] and sorted(shares[0] + shares[2]) == list(range(7))
    assert all(each["calls"] == found[0]["calls"] and each["log"] == found[0]["log"] for each in found)


def test_fsdp_learns_bit_for_bit_the_same_and_stays_sharded(ranks: list[dict[str, Any]]) -> None:
    for each in ranks:
        without, evaluated = each["of_training"]
        assert without == evaluated and len(set(without[1])) == 4


def test_a_rank_that_fails_fails_on_all_ranks_by_name(ranks: list[dict[str, Any]]) -> None:
    expected = [
        "the evaluation at step 1 failed on rank 1 of 2: ValueError: out of paper",
        "tokenising questions failed on rank 1 of 2: ValueError: out of paper",
    ]
    assert [each["of_failures"] for each in ranks] == [expected, expected]


def test_ranks_fall_back_together(ranks: list[dict[str, Any]]) -> None:
    for each in ranks:
        assert each["of_fallback"] == "plain: cache sharing is off here"


def test_a_group_says_who_holds_a_model_together(ranks: list[dict[str, Any]]) -> None:
    (head, share, values), (_, others, nothing) = (each["of_group"] for each in ranks)
    assert head == "fused" and share == others == list(range(13)) and nothing is None
    assert values == pytest.approx(logprobs(evaluator().run(llama(), 0).rows), abs=2e-5)


def test_rows_say_what_fsdp_computes_in(ranks: list[dict[str, Any]]) -> None:
    assert [each["of_rounding"] for each in ranks] == [("fused", "bfloat16"), ("fused", None)]
