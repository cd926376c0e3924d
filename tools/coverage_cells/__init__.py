"""Cells of the coverage table: one module a family of estimators, each a list of simulated rows."""
