"""Where the microseconds of a small call go: `python -m benchmarks.overhead`.

One row of eight logits, one question of two answers: nothing to compute. Each stage holds all that is below it: the
public call, the torch op, the backend's adapter to NumPy, the C++ binding. They take turns in one process; medians.
The result goes to `benchmarks/results/overhead.json`, whose table `python -m benchmarks.report` writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pytest_benchmark.plugin import pytest_benchmark_generate_machine_info

from benchmarks.clock import Call, HostClock, spread, take_turns
from benchmarks.machine import cpu_facts
from pyscore import compare_answers, linear_logprobs, logprobs, score_answers
from pyscore._extension import _C
from pyscore.ops.cpu import CPU, vector
from pyscore.ops.request import AnswerRequest, ComparisonTensors, Projection, Targets, TokenRequest, TokenTensors

__all__ = ["main", "stages"]

RESULT = Path(__file__).with_name("results") / "overhead.json"
ROUNDS = 300
OP, ADAPTER, BINDING = "torch op", "backend", "C++ binding"

Stages = dict[str, Call]


def _tokens() -> dict[str, Stages]:
    logits, hidden, weight = torch.randn(1, 8), torch.randn(1, 16), torch.randn(8, 16)
    targets, threads = torch.tensor([3]), torch.get_num_threads()
    arguments = ("auto", None, 1.0, -100, 0, False, False, False, 0)
    request, projection = TokenRequest(Targets(targets)), Projection(hidden, weight)
    out = TokenTensors.empty(logits, 1, 1, request.wanted)
    addresses = [field.data_ptr() for field in out]
    matrix, matrices = logits.numpy(), (hidden.numpy(), weight.numpy())
    bound = _C.TokenRequest(vector(targets, torch.int64), None, None, None, 1.0, -100, 0, 0)

    op = torch.ops.pyscore
    return {
        "logprobs": {
            "": lambda: logprobs(logits, targets),
            OP: lambda: op.logprobs(logits, targets, None, None, *arguments),
            ADAPTER: lambda: CPU.logprobs(logits, request, out),
            BINDING: lambda: _C.logprobs(matrix, "float32", bound, addresses, threads),
        },
        "linear_logprobs": {
            "": lambda: linear_logprobs(hidden, weight, targets),
            OP: lambda: op.linear_logprobs(hidden, weight, None, targets, None, None, None, *arguments),
            ADAPTER: lambda: CPU.linear_logprobs(projection, request, None, out),
            BINDING: lambda: _C.linear_logprobs(*matrices, None, "float32", bound, None, addresses, threads),
        },
    }


def _answers() -> dict[str, Stages]:
    logprob, answers, questions = torch.tensor([-1.0, -2.0]), torch.tensor([0, 1, 2]), torch.tensor([0, 2])
    matching, threads = torch.tensor([True, False]), torch.get_num_threads()
    request, out = AnswerRequest(logprob, answers, questions, matching), ComparisonTensors.empty(logprob, 1)
    offsets = (vector(answers, torch.int64), vector(questions, torch.int64))
    bound = _C.AnswerRequest(*offsets, vector(matching, torch.bool), None, None, "max", "half")
    array, addresses = logprob.numpy(), [field.data_ptr() for field in out]

    def below(offsets: torch.Tensor | None) -> Stages:
        op = torch.ops.pyscore.score_answers
        return {
            OP: lambda: op(logprob, offsets, questions, matching, None, None, "auto", "max", "half"),
            ADAPTER: lambda: CPU.score_answers(request, out),
            BINDING: lambda: _C.score_answers(array, bound, addresses, threads),
        }

    return {
        "compare_answers": {"": lambda: compare_answers(logprob, questions, matching), **below(None)},
        "score_answers": {"": lambda: score_answers(logprob, answers, questions, matching), **below(answers)},
    }


def stages() -> dict[str, Stages]:
    """The stages of each public call; the call itself is the stage without a name."""
    return {**_tokens(), **_answers()}


def _entry(name: str, of_call: Stages) -> dict[str, Any]:
    """Median seconds of a public call and of its stages, which take turns, as pytest-benchmark writes them."""
    times = take_turns(
        HostClock(), {stage: [call] for stage, call in of_call.items()}, budget=0, rounds=(ROUNDS, ROUNDS)
    )
    medians = {stage: spread(seconds)[0] for stage, seconds in times.items()}
    shown = ", ".join(f"{stage or 'public call'} {1e6 * median:.1f}" for stage, median in medians.items())
    print(f"{name}: {shown} microseconds")
    median = medians.pop("")
    facts = {"kind": "call", "case": name, "seconds": medians, "rates": {}}
    return {"name": name, "stats": {"median": median, "rounds": ROUNDS}, "extra_info": facts}


def main() -> None:
    """Time every stage, print the medians in microseconds, and write them with the machine and the versions."""
    info = pytest_benchmark_generate_machine_info()
    machine = {name: info[name] for name in ("cpu", "python_version")} | cpu_facts("numpy")
    entries = [_entry(name, of_call) for name, of_call in stages().items()]
    RESULT.write_text(json.dumps({"machine_info": machine, "benchmarks": entries}, indent=2) + "\n")


if __name__ == "__main__":
    main()
