"""What the machine can do at most: read bandwidth and multiply-adds, measured by ceilings.cpp."""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["multiply_add_rate", "read_rate"]


@cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "ceilings.so"
        source = Path(__file__).with_suffix(".cpp")
        flags = [
            "-std=c++17",
            "-O3",
            "-march=native",
            "-ffp-contract=fast",
            "-Wno-psabi",
            "-shared",
            "-fPIC",
            "-pthread",
        ]
        subprocess.run([os.environ.get("CXX", "c++"), *flags, str(source), "-o", str(built)], check=True)
        library = ctypes.CDLL(str(built))
    for function in (library.read_rate, library.multiply_add_rate):
        function.restype = ctypes.c_double
    return library


def _rested(measure: Callable[[], float]) -> float:
    time.sleep(0.02)  # Threads of the OpenMP runtimes spin for a while after a call, and would take the cores.
    return statistics.median(measure() for _ in range(3))


def read_rate(tensor: Tensor) -> float:
    """Bytes a second of one read of a contiguous tensor, with torch's number of threads; the median of three."""
    data, size = ctypes.c_void_p(tensor.data_ptr()), ctypes.c_int64(tensor.nbytes)
    return _rested(lambda: float(_library().read_rate(data, size, torch.get_num_threads())))


def multiply_add_rate(dtype: torch.dtype) -> float:
    """Operations a second of multiply-adds in registers; 0 for bfloat16 where the machine multiplies no pairs."""
    return _rested(lambda: float(_library().multiply_add_rate(dtype == torch.bfloat16, torch.get_num_threads())))
