"""Where the microseconds of a small call go: `python -m benchmarks.overhead`.

One row of eight logits, one question of two answers: nothing to compute. Each stage holds all that is below it: the
public call, the torch op, the backend's adapter to NumPy, the C++ binding. They take turns in one process; medians.
The result goes to `benchmarks/results/overhead.json`, whose table `python -m benchmarks.report` writes.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pyscore
from pyscore import compare_answers, linear_logprobs, logprobs, score_answers
from pyscore._extension import _C
from pyscore.ops.backend import CompareOptions, ScoreOptions
from pyscore.ops.cpu import CPU

__all__ = ["main", "stages"]

RESULT = Path(__file__).with_name("results") / "overhead.json"
ROUNDS, CALLS = 300, 10
OP, ADAPTER, BINDING = "torch op", "backend", "C++ binding"

Stages = dict[str, Callable[[], object]]


def _tokens() -> dict[str, Stages]:
    logits, hidden, weight = torch.randn(1, 8), torch.randn(1, 16), torch.randn(8, 16)
    targets, options = torch.tensor([3]), ScoreOptions()
    rows = (targets, None, None)
    arguments = ("auto", None, 1.0, -100, 0, False, False, False, 0)
    shared: dict[str, Any] = {
        "dtype": "float32",
        "targets": targets.numpy(),
        "target_offsets": None,
        "temperature": None,
        "softcap": None,
        "ignore_index": -100,
        "vocab_start": 0,
        "threads": torch.get_num_threads(),
    }
    outputs = {"entropy": False, "rank": False, "top_k": 0}
    projection = {"hidden": hidden.numpy(), "weight": weight.numpy(), "bias": None, "logit_scale": 1.0}
    ready = logits.numpy()

    op = torch.ops.pyscore
    return {
        "logprobs": {
            "": lambda: logprobs(logits, targets),
            OP: lambda: op.logprobs(logits, targets, None, None, *arguments),
            ADAPTER: lambda: CPU.logprobs(logits, *rows, options),
            BINDING: lambda: _C.logprobs(logits=ready, **shared, **outputs),
        },
        "linear_logprobs": {
            "": lambda: linear_logprobs(hidden, weight, targets),
            OP: lambda: op.linear_logprobs(hidden, weight, None, targets, None, None, None, *arguments),
            ADAPTER: lambda: CPU.linear_logprobs(hidden, weight, None, *rows, options, None),
            BINDING: lambda: _C.linear_logprobs(**projection, **shared, target_logit=None, **outputs),
        },
    }


def _answers() -> dict[str, Stages]:
    logprob, answers, questions = torch.tensor([-1.0, -2.0]), torch.tensor([0, 1, 2]), torch.tensor([0, 2])
    matching, options = torch.tensor([True, False]), CompareOptions()
    arrays = {
        "token_logprob": logprob.numpy(),
        "answer_offsets": answers.numpy(),
        "question_offsets": questions.numpy(),
        "is_matching": matching.numpy(),
    }
    rest: dict[str, Any] = {"divisor": None, "unconditional": None, "sets": "max", "ties": "half"}
    threads, op = torch.get_num_threads(), torch.ops.pyscore.score_answers

    def below(offsets: torch.Tensor | None) -> Stages:
        return {
            OP: lambda: op(logprob, offsets, questions, matching, None, None, "auto", "max", "half"),
            ADAPTER: lambda: CPU.score_answers(logprob, answers, questions, matching, None, None, options),
            BINDING: lambda: _C.score_answers(**arrays, **rest, threads=threads),
        }

    return {
        "compare_answers": {"": lambda: compare_answers(logprob, questions, matching), **below(None)},
        "score_answers": {"": lambda: score_answers(logprob, answers, questions, matching), **below(answers)},
    }


def stages() -> dict[str, Stages]:
    """The stages of each public call; the call itself is the stage without a name."""
    return {**_tokens(), **_answers()}


def _seconds(function: Callable[[], object]) -> float:
    function()
    start = time.perf_counter()
    for _ in range(CALLS):
        function()
    return (time.perf_counter() - start) / CALLS


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def main() -> None:
    """Time every stage, print the medians in microseconds, and write them with the machine and the versions."""
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    calls = stages()
    for _ in range(ROUNDS):
        for name, of_call in calls.items():
            for stage, function in of_call.items():
                times[name][stage].append(_seconds(function))
    entries = []
    for name, of_call in times.items():
        medians = {stage: statistics.median(values) for stage, values in of_call.items()}
        shown = ", ".join(f"{stage or 'public call'} {1e6 * median:.1f}" for stage, median in medians.items())
        print(f"{name}: {shown} microseconds")
        facts = {"kind": "call", "case": name, "seconds": {k: v for k, v in medians.items() if k}, "rates": {}}
        entries.append({"name": name, "stats": {"median": medians[""], "rounds": ROUNDS}, "extra_info": facts})
    machine = {
        "cpu": {"brand_raw": _cpu()},
        "threads": torch.get_num_threads(),
        "isa": _C.cpu_isa(),
        "torch": torch.__version__,
        "pyscore": pyscore.__version__,
        "peers": {"numpy": np.__version__},
        "python_version": platform.python_version(),
        "date": date.today().isoformat(),
    }
    RESULT.write_text(json.dumps({"machine_info": machine, "benchmarks": entries}, indent=2) + "\n")


if __name__ == "__main__":
    main()
