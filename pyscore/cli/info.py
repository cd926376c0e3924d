"""`pyscore info`: what this machine and this installation can do."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyscore._version import __version__
from pyscore.cli.options import Json
from pyscore.cli.output import print_json
from pyscore.cli.text import visible, write_out
from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL, bundled_model_path

if TYPE_CHECKING:
    import torch

__all__ = ["info"]

_PACKAGES = ("torch", "triton", "numpy", "scipy", "transformers", "pyarrow", "gguf")


def info(json: Json = False) -> None:
    """Show backends, instruction sets, devices and versions."""
    facts = _facts()
    if json:
        print_json(facts)
    else:
        _print(facts)


def _facts() -> dict[str, Any]:
    import torch

    from pyscore._extension import _C
    from pyscore.ops.dispatch import objections

    devices = [torch.device("cpu"), *(torch.device("cuda", i) for i in range(torch.cuda.device_count()))]
    return {
        "pyscore": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "threads": torch.get_num_threads(),
        "devices": {str(device): _device_name(device) for device in devices},
        "backends": {str(device): objections(device, torch.float32) for device in devices},
        "cpu_isas": {"chosen": _C.cpu_isa(), "available": dict(_C.cpu_isas())},
        "bundled_model": _bundled_model(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    listed = Path("/proc/cpuinfo")  # Linux; platform.processor() is empty there
    lines = listed.read_text().splitlines() if listed.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _bundled_model() -> dict[str, str | None]:
    try:
        return {"name": BUNDLED_MODEL, "path": str(bundled_model_path()), "reason": None}
    except ImportError as error:
        return {"name": BUNDLED_MODEL, "path": None, "reason": str(error)}


def _print(facts: dict[str, Any]) -> None:
    lines = [("pyscore", facts["pyscore"]), ("python", f"{facts['python']} on {facts['platform']}")]
    lines += [(name, installed or "not installed") for name, installed in facts["packages"].items()]
    lines += [("threads", str(facts["threads"]))]
    lines += [(f"device {device}", name) for device, name in facts["devices"].items()]
    isas = facts["cpu_isas"]
    listed = [isa if has else f"{isa} (not on this machine)" for isa, has in isas["available"].items()]
    lines += [("CPU kernels", f"{isas['chosen']}, of {', '.join(listed)}")]
    for device, backends in facts["backends"].items():
        for backend, reason in backends.items():
            state = "available" if reason is None else f"not available: {reason}"
            lines.append((f"backend {backend} on {device}", state))
    bundled = facts["bundled_model"]
    lines += [(f"model {bundled['name']}", bundled["path"] or f"not available: {bundled['reason']}")]
    width = max(len(name) for name, _ in lines)
    write_out("".join(f"{name:<{width}}  {visible(value)}\n" for name, value in lines))
