"""Settings that must stand before torch and triton are imported."""

from __future__ import annotations

import os

import torch
from hypothesis import settings

# A deadline is a timed assertion: a busy or slow machine fails it, the code under test does not.
settings.register_profile("pyscore", deadline=None, print_blob=True)
settings.load_profile("pyscore")

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # Triton kernels run on CPU tensors through its interpreter
for variable in ("PYSCORE_BACKEND", "PYSCORE_CPU_ISA"):
    os.environ.pop(variable, None)
