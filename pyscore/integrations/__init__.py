"""Adapters: lm-evaluation-harness and Inspect, whose runs pyscore's engine scores, and Ray Data."""
