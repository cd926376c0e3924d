"""Triton kernels through Triton's interpreter (or on a GPU where there is one), and compiled ahead of time."""
