"""Adapters to other frameworks: lm-evaluation-harness, inspect_ai, Ray Data, and training; see each module."""
