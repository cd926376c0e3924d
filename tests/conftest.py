"""Settings that must stand before torch and triton are imported; the seed of a run."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

# Worker processes of `pytest -n` share the CPUs: the torch of each, and of its children, takes its part of them.
os.environ.setdefault(
    "OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))
)

import pytest
import torch
from hypothesis import settings

# A deadline is a timed assertion: a busy or slow machine fails it, the code under test does not.
settings.register_profile("pyscore", deadline=None, print_blob=True)
settings.load_profile("pyscore")

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # Triton kernels run on CPU tensors through its interpreter
for variable in ("PYSCORE_BACKEND", "PYSCORE_CPU_ISA"):
    os.environ.pop(variable, None)


def _patch_triton_once() -> None:
    """Halves the time of Triton's interpreter, which patches its language anew at every call of a device function.

    Once for each function is enough, since nothing is compiled in this process: the patches are never taken back.
    """
    from triton.runtime import interpreter

    patch, patched, unrestored = interpreter._patch_lang, set(), SimpleNamespace(restore=lambda: None)

    def patch_once(function: Callable[..., Any]) -> SimpleNamespace:
        if function not in patched:
            patch(function)
            patched.add(function)
        return unrestored

    interpreter._patch_lang = patch_once


if os.environ.get("TRITON_INTERPRET") == "1":
    _patch_triton_once()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", action="store_true", help="run files, and each file's tests, in a random order")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One seed for Hypothesis and for the order, the same in every worker process."""
    if config.option.hypothesis_seed is None:
        parents = getattr(config, "workerinput", {}).get("seed")
        config.option.hypothesis_seed = parents or str(random.SystemRandom().randrange(2**32))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Told to a worker of `pytest -n`, which is given the command line only."""
    node.workerinput["seed"] = node.config.option.hypothesis_seed


def pytest_report_header(config: pytest.Config) -> str:
    shuffle = "--shuffle " if config.option.shuffle else ""
    return f"to repeat this run's examples and order: pytest {shuffle}--hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.keys() & {"failed", "error"}:
        terminalreporter.write_line(pytest_report_header(config))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffled by file, so that what a file's tests share is still made once."""
    if not config.option.shuffle:
        return
    rng = random.Random(config.option.hypothesis_seed)
    files: dict[object, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    groups = list(files.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    items[:] = [item for group in groups for item in group]


def pytest_collection_finish() -> None:
    """Modules stay until the end: the garbage collector needn't look through them again."""
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()
