"""The GPU's benchmark suite, as far as it runs without a GPU."""
