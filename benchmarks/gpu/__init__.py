"""The GPU's benchmark: `python -m benchmarks.gpu`; sections for its targets, pyscore beside peers and ceilings."""
