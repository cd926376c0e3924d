"""The prefix tree of sequences, cut into stems and into spans that fit into a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from pyscore.engine.sources.prefixes import Tree

__all__ = ["SHARINGS", "Limits", "PackedRow", "Span", "chain_of", "spans"]

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
