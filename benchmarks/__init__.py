"""Peers side by side in one process, round by round; every benchmark asserts its results before it is timed."""
