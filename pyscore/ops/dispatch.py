"""Which backend serves a call: the first without an objection, or the one that was forced."""

from __future__ import annotations

import os

import torch

from pyscore.ops.backend import Backend, registered

__all__ = ["AUTO", "check_backend_name", "objections", "select"]

AUTO = "auto"
_VARIABLE = "PYSCORE_BACKEND"


def check_backend_name(name: str, source: str = "backend") -> None:
    """Raise ValueError unless ``name`` is "auto" or a backend's name."""
    if name != AUTO and name not in registered():
        known = ", ".join(repr(known) for known in (AUTO, *registered()))
        raise ValueError(f"{source}={name!r} is not a backend: choose one of {known}")


def objections(device: torch.device, dtype: torch.dtype) -> dict[str, str | None]:
    """Each backend's reason why it can't serve these tensors, None where it can."""
    return {name: backend.objection(device, dtype) for name, backend in registered().items()}


def select(name: str, device: torch.device, dtype: torch.dtype) -> Backend:
    """The backend that serves tensors of ``dtype`` on ``device``.

    ``name`` other than "auto" forces one, else the environment variable PYSCORE_BACKEND does. "auto" takes the first
    compiled backend that can serve, and the reference only for float64, which no compiled backend computes.

    Raises:
        ValueError: the name is unknown.
        RuntimeError: the forced backend, or every backend, can't serve; the message holds each reason.
    """
    source = "backend"
    if name == AUTO:
        name, source = os.environ.get(_VARIABLE) or AUTO, _VARIABLE
    check_backend_name(name, source)
    if name != AUTO:
        backend = registered()[name]
        reason = backend.objection(device, dtype)
        if reason is not None:
            raise RuntimeError(f"{source}={name!r} can't serve {dtype} on {device}: {reason}")
        return backend
    reasons = []
    for backend in registered().values():
        reason = backend.objection(device, dtype)
        if backend.name == "reference" and dtype != torch.float64:
            reason = "float64 and slow: used only when forced with backend='reference'"
        if reason is None:
            return backend
        reasons.append(f"{backend.name}: {reason}")
    raise RuntimeError(f"no backend serves {dtype} on {device} ({'; '.join(reasons)})")
