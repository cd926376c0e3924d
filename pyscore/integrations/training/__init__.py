"""Scoring within training: `pyscore.integrations.callback` has its public names."""
