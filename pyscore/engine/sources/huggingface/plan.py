"""Which tokens to run: the prefix tree of all sequences as batches of packed rows, after stems that are cached.

A packed row holds a part of the tree depth first, every token once, and token i attends to token j where j is its
ancestor or itself: ``j <= i < ends[j]``. What many packed rows begin with is a stem, run once and kept as keys and
values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyscore.engine.sources.huggingface.tree import SHARINGS, Limits, PackedRow, Span, spans
from pyscore.engine.sources.prefixes import Tree
from pyscore.engine.sources.source import ScoreRequest, TokenCounts

__all__ = ["SHARINGS", "Batch", "Limits", "PackedRow", "Plan", "count_passes", "is_same_stem", "plan_batches"]

_KEPT = 8  # the keys and values of one batch are at most so many times those of ``batch_tokens`` tokens


@dataclass(frozen=True, eq=False)
class Batch:
    """Packed rows of one forward pass, the longest first, after the keys and values of their stems (outermost first).

    There are no rows where every sequence ends within its stems.
    """

    stems: tuple[PackedRow, ...]
    rows: list[PackedRow]

    @property
    def n_tokens(self) -> int:
        """Tokens run, padding counted, stems not."""
        return len(self.rows) * len(self.rows[0].tokens) if self.rows else 0

    @property
    def reach(self) -> int:
        """How many keys a token of it may see."""
        return sum(len(stem.tokens) for stem in self.stems) + (len(self.rows[0].tokens) if self.rows else 0)


@dataclass(frozen=True)
class Plan:
    """Batches, and for each request the slots of its tokens' results.

    Attributes:
        sharing: one of `SHARINGS`.
        batches: in the order in which to run them; those with a stem in common stand together.
        slots: one list a request, one slot a token of its continuation.
        n_slots: results of the whole plan.
        counts: what it runs.
    """

    sharing: str
    batches: list[Batch]
    slots: list[list[int]]
    n_slots: int
    counts: TokenCounts

    def counts_after(self, last: Plan | None) -> TokenCounts:
        """What it runs after another plan, whose last stems stay cached."""
        kept = 0
        if last is not None and last.batches and self.batches:
            for theirs, ours in zip(last.batches[-1].stems, self.batches[0].stems, strict=False):
                if ours.targets or ours.tokens != theirs.tokens:
                    break
                kept += len(ours.tokens)
        return replace(self.counts, distinct=self.counts.distinct - kept, run=self.counts.run - kept)


def is_same_stem(kept: PackedRow, stem: PackedRow) -> bool:
    """Whether a stem in the cache serves as this one, perhaps of another plan; one with targets has to run again."""
    return stem is kept or (not stem.targets and (stem.depths[0], stem.tokens) == (kept.depths[0], kept.tokens))


def count_passes(plans: Sequence[Plan]) -> int:
    """How many times the model is called to run these plans one after the other, with nothing cached before."""
    passes, cached = 0, list[PackedRow]()
    for batch in (batch for plan in plans for batch in plan.batches):
        kept = 0
        while kept < min(len(batch.stems), len(cached)) and is_same_stem(cached[kept], batch.stems[kept]):
            kept += 1
        cached[kept:] = batch.stems[kept:]
        passes += len(batch.stems) - kept + bool(batch.rows)
    return passes


def plan_batches(requests: Sequence[ScoreRequest], limits: Limits, sharing: str = "tree") -> Plan:
    """Plan the forward passes that score these requests.

    A continuation's last token is predicted but never run. A position is scored once, with all tokens that may follow
    it. Batches don't depend on the order of the requests.
    """
    sequences = [(*request.context, *request.continuation[:-1]) for request in requests]
    users: dict[tuple[int, ...], list[int]] = {}
    for i, sequence in enumerate(sequences):
        users.setdefault(sequence, []).append(i)
    tree = Tree(sorted(users))
    slots: list[list[int]] = [[] for _ in requests]
    n_slots = 0
    rows: dict[tuple[PackedRow, ...], list[PackedRow]] = {}
    for span in spans(tree, limits, sharing):
        packer = _Packer(span)
        for i in range(span.lo, span.hi):
            packer.add(tree.paths[i], tree.shared[i])
            for user in sorted(users[tree.paths[i]], key=lambda i: requests[i].continuation):
                slots[user] = packer.slots(requests[user], n_slots)
                n_slots = max(n_slots, max(slots[user]) + 1)
        if packer.row.tokens:
            rows.setdefault(span.stems, []).append(packer.finish())
        elif span.stems:
            rows.setdefault(span.stems, [])
    batches = [batch for stems, own in rows.items() for batch in _batches(stems, own, limits)]
    counts = _count(batches, len(tree), sum(map(len, sequences)))
    return Plan(sharing, batches, slots, n_slots, counts)


class _Packer:
    """Lays paths into a packed row, depth first."""

    def __init__(self, span: Span) -> None:
        self.row = PackedRow()
        self._stems, self._base = span.stems, span.base
        self._open: list[int] = []  # indices in the row of the last path's tokens, from depth ``base`` on

    def add(self, path: Sequence[int], shared: int) -> None:
        """Append what a path doesn't share with the one before it."""
        row, base = self.row, self._base
        kept = shared - base if row.tokens else 0
        self._close(kept)
        row.depths.extend(range(base + kept, len(path)))
        self._open.extend(range(len(row.tokens), len(row.tokens) + len(path) - base - kept))
        row.tokens.extend(path[base + kept :])
        row.ends.extend([0] * (len(path) - base - kept))

    def _close(self, kept: int) -> None:
        for index in self._open[kept:]:
            self.row.ends[index] = len(self.row.tokens)
        del self._open[kept:]

    def finish(self) -> PackedRow:
        self._close(0)
        return self.row

    def slots(self, request: ScoreRequest, count: int) -> list[int]:
        """A slot for each token of a continuation after the last path, the same for the same token after the same ones.

        Args:
            request: whose context and continuation the last path holds, without its last token.
            count: slots in use; new ones follow them.
        """
        found = []
        for depth, token in enumerate(request.continuation, len(request.context) - 1):
            found.append(self._targets(depth).setdefault(token, count))
            count += found[-1] == count
        return found

    def _targets(self, depth: int) -> dict[int, int]:
        """What may follow the last path's token at a depth, with the slots of the results."""
        if depth >= self._base:
            return self.row.targets.setdefault(self._open[depth - self._base], {})
        stem = next(stem for stem in reversed(self._stems) if stem.depths[0] <= depth)
        return stem.targets.setdefault(depth - stem.depths[0], {})


def _batches(stems: tuple[PackedRow, ...], rows: list[PackedRow], limits: Limits) -> list[Batch]:
    """Rows of similar length together, the longest first, so that no batch is padded more than one more pass costs.

    Nor does it hold many times its tokens as keys and values: a cache may keep those of its stems for each row.
    """
    batches: list[Batch] = []
    padding = 0
    past = sum(len(stem.tokens) for stem in stems)
    for row in sorted(rows, key=lambda row: -len(row.tokens)):
        batch = batches[-1] if batches else None
        if batch is not None:
            width = len(batch.rows[0].tokens)
            padding += width - len(row.tokens)
            n = len(batch.rows) + 1
            kept = (past + width) * n <= _KEPT * limits.batch_tokens
            if width * n <= limits.batch_tokens and kept and padding <= limits.pass_tokens:
                batch.rows.append(row)
                continue
        batches.append(Batch(stems, [row]))
        padding = 0
    return batches or [Batch(stems, [])]


def _count(batches: list[Batch], distinct: int, naive: int) -> TokenCounts:
    stems = {id(stem): len(stem.tokens) for batch in batches for stem in batch.stems}
    run = sum(batch.n_tokens for batch in batches)
    padding = run - sum(len(row.tokens) for batch in batches for row in batch.rows)
    return TokenCounts(distinct, run + sum(stems.values()), padding, naive)
