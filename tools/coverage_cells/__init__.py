"""Simulations of coverage, one module a family of intervals."""
