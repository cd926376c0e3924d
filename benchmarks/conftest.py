"""What a result must say of the machine that it was measured on."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.machine import cpu_facts


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, Any]) -> None:
    """Adds versions, threads, the instruction set and the day; removes the machine's name."""
    machine_info.pop("node", None)
    machine_info.update(cpu_facts("numpy", "scipy", "sacrebleu", "transformers", "lm_eval"))


def pytest_benchmark_update_json(config: object, benchmarks: object, output_json: dict[str, Any]) -> None:
    """Of the checkout only its commit: the branch and the time name a workplace, not a result."""
    output_json["commit_info"] = {"id": output_json["commit_info"].get("id")}
