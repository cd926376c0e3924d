"""The prefix tree of sequences, cut into stems and into spans that fit into a row.

Sorted sequences are the tree depth first: each adds to the one before it only what comes after their common prefix.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

__all__ = ["SHARINGS", "Limits", "PackedRow", "Span", "Tree", "chain_of", "common_prefix", "spans"]

SHARINGS = ("tree", "cache", "plain")
"""How sequences share tokens, the one that shares most first: "tree" packs branches in one row under a tree mask, after
cached stems; "cache" gives each sequence a row of its own, after cached stems; "plain" runs each sequence by itself."""

_STEM_TOKENS = 128  # of a stem where caches can be cut
_CACHE_STEMS = 2  # how deep stems may be nested where caches can't be cut, so that each keeps a whole one


@dataclass(frozen=True)
class Limits:
    """Sizes that a plan keeps to, in tokens.

    Attributes:
        batch_tokens: of a batch, padding counted; a longer row runs alone.
        row_tokens: of a row that holds branches; a longer sequence has a row of its own.
        pass_tokens: tokens that take as long as starting one more forward pass: a stem is cached only if it saves as
            many, and a batch is padded by no more.
    """

    batch_tokens: int
    row_tokens: int
    pass_tokens: int


@dataclass(frozen=True, eq=False)
class PackedRow:
    """A part of the prefix tree, depth first.

    Attributes:
        tokens: token ids, [S].
        depths: each token's position in its own sequence, [S].
        ends: one past the last token of the row that descends from each, [S].
        targets: index in the row -> token that may follow -> slot of its result.
    """

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    targets: dict[int, dict[int, int]] = field(default_factory=dict)

    @property
    def is_chain(self) -> bool:
        """Whether it is one sequence, so that ordinary causal attention is right."""
        return self.depths[-1] - self.depths[0] + 1 == len(self.tokens)


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


class Span(NamedTuple):
    """Paths lo to hi of the tree, from depth ``base`` on, where their stems end."""

    stems: tuple[PackedRow, ...]
    base: int
    lo: int
    hi: int


def spans(tree: Tree, limits: Limits, sharing: str) -> Iterator[Span]:
    """Subtrees joined with their neighbours while they fit into a row: none that fits is cut in two."""
    room = limits.row_tokens if sharing == "tree" else 0
    worth = limits.pass_tokens if sharing != "plain" else math.inf
    row: Span | None = None
    size = 0
    for span in _subtrees(tree, room, worth):
        added = tree.added(span.lo, span.hi)
        if row is not None and row.stems is span.stems and size + added <= room:
            row, size = row._replace(hi=span.hi), size + added
            continue
        if row is not None:
            yield row
        row, size = span, tree.tokens(span.base, span.lo, span.hi)
    if row is not None:
        yield row


def _subtrees(tree: Tree, room: int, worth: float) -> Iterator[Span]:
    """The largest subtrees of at most ``room`` tokens, or single paths, in order, each with its stems."""
    pending = [Span((), 0, 0, len(tree.paths))] if tree.paths else []
    while pending:
        stems, base, lo, hi = span = pending.pop()
        total = tree.tokens(base, lo, hi)
        if hi - lo == 1 or total <= room:
            yield span
            continue
        depth = tree.depth(lo, hi)
        n_rows = -(-total // room) if room else hi - lo
        deeper = room or len(stems) < _CACHE_STEMS
        if deeper and depth > base and (depth - base) * (n_rows - 1) >= worth:
            # Stems of one length each, where caches can be cut: the next plan's stems may begin alike, and the first
            # ones are then in the cache already.
            cuts = [
                base,
                *(range(base - base % _STEM_TOKENS + _STEM_TOKENS, depth, _STEM_TOKENS) if room else ()),
                depth,
            ]
            stems = (*stems, *(chain_of(tree.paths[lo][a:b], a) for a, b in pairwise(cuts)))
            base = depth
        starts = [lo, *(i for i in range(lo + 1, hi) if tree.shared[i] == depth), hi]
        pending += [Span(stems, base, a, b) for a, b in pairwise(starts)][::-1]


def chain_of(tokens: Sequence[int], start: int = 0) -> PackedRow:
    """A row of one sequence, or of its part from a depth on."""
    n = len(tokens)
    return PackedRow(list(tokens), list(range(start, start + n)), [n] * n)
