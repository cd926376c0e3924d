"""pyscore: the scoring engine for language-model evaluations."""
