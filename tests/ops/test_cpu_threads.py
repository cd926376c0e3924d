"""Where the compiled kernels run: beside other callers, in forked children, on as many threads as torch has."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from tests.ops.cpu_cases import assert_same_bits, linear_case, ready_case

pytestmark = pytest.mark.usefixtures("two_threads")
linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux to count threads")


def in_child(check: Callable[[], bool]) -> bool:
    """What a forked child finds; it ends without running the parent's exit handlers."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


def same(first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@linux
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_scores_on_threads_of_its_own() -> None:
    op, matrix, targets = linear_case(torch.float32, 300, 5000)
    expected = op(matrix, targets)  # the parent's threads run, and aren't there in the child

    def check() -> bool:
        first = same(op(matrix, targets), expected)
        return first and len(list(Path("/proc/self/task").iterdir())) == 2 and same(op(matrix, targets), expected)

    assert in_child(check)
    assert_same_bits(op(matrix, targets), expected)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("forked", [False, True])
def test_callers_at_once_get_the_bits_of_one(forked: bool) -> None:
    op, matrix, targets = ready_case(torch.float32, 60, 30_000)
    expected = op(matrix, targets)

    def check() -> bool:
        torch.set_num_threads(2)  # in a child torch makes its pools anew, which several threads must not do at once
        with ThreadPoolExecutor(4) as callers:
            return all(same(scores, expected) for scores in callers.map(lambda _: op(matrix, targets), range(40)))

    assert in_child(check) if forked else check()


def run(script: str) -> str:
    """What a script prints in a fresh process, because this one's tests have started many threads."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_child_scores_first_where_only_ops_of_torch_ran_before_the_fork() -> None:
    # torch's OpenMP runtime waits forever in a child for the threads that its parent had
    script = """
import os, torch, pyscore
torch.set_num_threads(2)
logits, targets = torch.randn(64, 50_000), torch.zeros(64, dtype=torch.int64)
logits.softmax(-1)
child = os.fork()
if child == 0:
    os._exit(0 if pyscore.logprobs(logits, targets).logprob.isfinite().all() else 1)
print(os.waitpid(child, 0)[1])
"""
    assert run(script).strip() == "0"


@linux
def test_kernels_start_no_threads_beside_those_of_torch() -> None:
    script = """
import torch, pyscore
from pathlib import Path
def threads():
    return len(list(Path("/proc/self/task").iterdir()))
torch.set_num_threads(3)
logits, targets = torch.randn(64, 50_000), torch.zeros(64, dtype=torch.int64)
logits.softmax(-1)
before = threads()
for _ in range(5):
    pyscore.logprobs(logits, targets)
    pyscore.linear_logprobs(torch.randn(99, 64), torch.randn(9000, 64), torch.zeros(99, dtype=torch.int64))
print(before, threads())
"""
    before, after = run(script).split()
    assert before == after
