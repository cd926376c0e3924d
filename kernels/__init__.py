"""Triton kernels and their launchers, one file a kernel family: plain arguments in, plain tuples of tensors out.

Imports torch and triton only. `aot` compiles every launch ahead of time; `configs` holds the tile parameters.
"""

if __name__ != "pyscore.kernels":
    raise ImportError("this folder is the package pyscore.kernels: install the project, then import pyscore.kernels")
