"""What a result must say of the machine that it was measured on; never the machine's name."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import pyscore
from pyscore._extension import _C

__all__ = ["cpu_facts", "gpu_facts", "slug"]

_GPU_PEERS = ("cut-cross-entropy", "liger-kernel", "quack-kernels", "verl")
_ROOT = Path(__file__).parents[1]


def cpu_facts(*peers: str) -> dict[str, Any]:
    """Versions, threads, the instruction set and the day, for pytest-benchmark's facts of the machine."""
    return {
        "torch": torch.__version__,
        "pyscore": pyscore.__version__,
        "threads": torch.get_num_threads(),
        "isa": _C.cpu_isa(),
        "peers": {name: version(name) for name in peers},
        "date": date.today().isoformat(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _output(*command: str) -> str | None:
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_ROOT, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = found.stdout.strip().splitlines()
    return lines[0] if lines else None


def _device() -> dict[str, Any]:
    if not torch.cuda.is_available():
        return {"name": "CPU", "multiprocessors": 0}
    found = torch.cuda.get_device_properties(0)
    return {
        "name": found.name,
        "multiprocessors": found.multi_processor_count,
        "capability": f"{found.major}.{found.minor}",
        "memory": found.total_memory,
        "l2": getattr(found, "L2_cache_size", None),
        "driver": _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
    }


def _kernels() -> str:
    digest = hashlib.sha256()
    for path in sorted((_ROOT / "kernels").glob("*.*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def gpu_facts() -> dict[str, Any]:
    """Device, versions, the day, the commit and a hash of the kernels: results of one file share all of them."""
    versions = {
        "pyscore": pyscore.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "triton": _version("triton"),
        **{name: found for name in _GPU_PEERS if (found := _version(name))},
    }
    return {
        "device": _device(),
        "versions": versions,
        "date": date.today().isoformat(),
        "commit": _output("git", "rev-parse", "HEAD"),
        "kernels": _kernels(),
    }


def slug(name: str) -> str:
    """A device's name as part of a file's name."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
