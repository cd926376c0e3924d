"""Studies: from a file that names checkpoints, templates and data sets to the runs of a grid, here or on a cluster."""
