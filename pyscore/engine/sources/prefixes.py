"""The prefix tree of sequences.

Sorted sequences are the tree depth first: each adds to the one before it only what comes after their common prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["Tree", "common_prefix"]


class Tree:
    """The prefix tree of distinct sequences: their sorted list, and what each shares with the one before it."""

    def __init__(self, paths: list[tuple[int, ...]]) -> None:
        self.paths = paths
        self.shared = [0, *(common_prefix(a, b) for a, b in pairwise(paths))]
        self._added = [0]  # tokens that the first i paths add, each to the one before it
        for path, shared in zip(paths, self.shared, strict=False):
            self._added.append(self._added[-1] + len(path) - shared)

    def __len__(self) -> int:
        return self._added[-1]

    def tokens(self, base: int, lo: int, hi: int) -> int:
        """Tokens of the paths lo to hi from depth ``base`` on, in a row of their own."""
        return len(self.paths[lo]) - base + self.added(lo + 1, hi)

    def added(self, lo: int, hi: int) -> int:
        """Tokens that the paths lo to hi add to a row that ends with the path before them."""
        return self._added[hi] - self._added[lo]

    def depth(self, lo: int, hi: int) -> int:
        """How many tokens the paths lo to hi all begin with."""
        return min(self.shared[lo + 1 : hi], default=len(self.paths[lo]))


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common prefix, by bisection: comparing slices is quicker than comparing tokens."""
    same, limit = 0, min(len(a), len(b))
    while same < limit:
        middle = (same + limit + 1) // 2
        if a[same:middle] == b[same:middle]:
            same = middle
        else:
            limit = middle - 1
    return same
