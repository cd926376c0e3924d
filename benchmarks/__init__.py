"""Peers side by side in one process; every benchmark asserts its result before it is timed."""
