"""Adapters to evaluation harnesses, lm-evaluation-harness and Inspect, and to training, whose models pyscore scores."""
