"""The GPU's benchmark suite and the tuner, as far as they run without a GPU."""
