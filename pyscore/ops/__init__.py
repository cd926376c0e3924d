"""What the kernels compute: public ops, their float64 definition, and the backends that serve them."""
