"""What looks at pyscore itself: the tuner of GPU tiles, the report on what compilers make of the GPU kernels, and the
simulation of how often intervals cover. `python -m tools.tune`, `tools.kernels_report` and `tools.coverage` run them.
"""
