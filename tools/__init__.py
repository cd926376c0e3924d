"""What looks at pyscore itself: the tuner of GPU tiles, the report on what compilers make of the GPU kernels, how often
intervals cover, and how a run grows. `python -m tools.tune`, `.kernels_report`, `.coverage` and `.scale` run them.
"""
