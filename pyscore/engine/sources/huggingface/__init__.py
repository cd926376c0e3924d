"""Causal language models of Hugging Face transformers: load them, plan what sequences share, run body and head."""
