"""What a result must say of the machine that it was measured on."""

from __future__ import annotations

from typing import Any

import torch

import pyscore
from pyscore._extension import _C


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, Any]) -> None:
    """Versions, threads and the instruction set; not the machine's name."""
    machine_info.pop("node", None)
    machine_info.update(
        torch=torch.__version__, pyscore=pyscore.__version__, threads=torch.get_num_threads(), isa=_C.cpu_isa()
    )
