"""Which tokens llama.cpp runs: prefix trees of sequences, in groups whose paths are sequences of one cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pyscore.engine.sources.prefixes import common_prefix
from pyscore.engine.sources.source import ScoreRequest

__all__ = ["SHARINGS", "Group", "Node", "Plan", "Room", "plan_groups"]

SHARINGS = ("question", "tree", "plain")
"""What sequences share: "question" the context that they have in common with others, "tree" all that they begin with
alike, "plain" nothing."""


@dataclass(eq=False)
class Node:
    """A token of the tree, which runs once for all paths that go through it.

    Attributes:
        token: its id.
        depth: its position in the sequence.
        first, end: the paths through it, counted from the first path of its group.
        targets: token that may follow -> slot of its result.
    """

    token: int
    depth: int
    first: int
    end: int = 0
    targets: dict[int, int] = field(default_factory=dict)


class Group(NamedTuple):
    """Neighbouring paths that are in the cache together, the n-th of them as its sequence n.

    Attributes:
        kept: for each path, how many of its tokens are in the cache already, from the last path of the group before.
        nodes: what runs, depth first.
    """

    kept: list[int]
    nodes: list[Node]


@dataclass(frozen=True)
class Plan:
    """Groups in the order in which to run them, each request's slots, and how many results there are."""

    groups: list[Group]
    slots: list[list[int]]
    n_slots: int

    @property
    def n_tokens(self) -> int:
        """Tokens that run."""
        return sum(len(group.nodes) for group in self.groups)


class Room(NamedTuple):
    """What fits: tokens of a call, tokens and sequences of the cache."""

    batch: int
    cells: int
    sequences: int


class _Paths(NamedTuple):
    """Distinct sequences in order.

    Attributes:
        paths: their tokens, without the last one, which is predicted but never run.
        shared: how many of them are those of the sequence before, and run once for both.
        alone: the sequences that must not stand in a group with the one before.
        users: the requests of each.
    """

    paths: list[tuple[int, ...]]
    shared: list[int]
    alone: list[bool]
    users: list[list[int]]


def plan_groups(requests: Sequence[ScoreRequest], room: Room, sharing: str) -> Plan:
    """Plan the calls that score these requests; they don't depend on the requests' order.

    Args:
        requests: what to score.
        room: what fits.
        sharing: one of `SHARINGS`.

    Raises:
        ValueError: a sequence is longer than the cache.
    """
    found = _paths(requests, sharing)
    longest = max(map(len, found.paths), default=0)
    if longest > room.cells:
        raise ValueError(
            f"a sequence has {longest} tokens, more than the n_ctx={room.cells} that the model was loaded with"
        )
    slots: list[list[int]] = [[] for _ in requests]
    groups, n_slots = [], 0
    path: list[Node] = []
    for lo, hi in _ranges(found, room):
        group = Group(_kept(found.shared, lo, hi), [])
        for i in range(lo, hi):
            shared = found.shared[i]
            if i > lo:
                _close(path[shared:], group.kept[i - lo - 1], i - lo)
            path[shared:] = [
                Node(token, depth, i - lo) for depth, token in enumerate(found.paths[i]) if depth >= shared
            ]
            group.nodes.extend(path[shared:])
            for user in found.users[i]:
                slots[user], n_slots = _slots(path, requests[user], n_slots)
        _close(path, group.kept[-1], hi - lo)
        groups.append(group)
    return Plan(groups, slots, n_slots)


def _paths(requests: Sequence[ScoreRequest], sharing: str) -> _Paths:
    users: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for i, request in enumerate(requests):
        context = tuple(request.context) if sharing == "question" else ()
        users.setdefault((context, (*request.context, *request.continuation[:-1])), []).append(i)
    found = _Paths([], [], [], [])
    last = None
    for context, path in sorted(users):
        alone = not found.paths or sharing == "plain" or context != last
        found.shared.append(0 if alone else common_prefix(found.paths[-1], path))
        found.paths.append(path)
        found.alone.append(alone)
        found.users.append(sorted(users[context, path], key=lambda user: requests[user].continuation))
        last = context
    return found


def _ranges(found: _Paths, room: Room) -> Iterator[tuple[int, int]]:
    """Paths that run together: as many as fit into the calls that the first of them needs, and into the cache."""
    lo = 0
    while lo < len(found.paths):
        kept = found.shared[lo]
        new = len(found.paths[lo]) - kept
        most = min(-(-max(new, 1) // room.batch) * room.batch, room.cells - kept)
        hi = lo + 1
        while hi < len(found.paths) and hi - lo < room.sequences and not found.alone[hi]:
            new += len(found.paths[hi]) - found.shared[hi]
            if new > most:
                break
            hi += 1
        yield lo, hi
        lo = hi


def _close(nodes: list[Node], kept: int, end: int) -> None:
    """Say where the paths through these nodes end, but for kept ones, which are another group's."""
    for node in nodes:
        if node.depth >= kept:
            node.end = end


def _kept(shared: list[int], lo: int, hi: int) -> list[int]:
    found = [shared[lo]]
    for i in range(lo + 1, hi):
        found.append(min(found[-1], shared[i]))
    return found


def _slots(path: list[Node], request: ScoreRequest, count: int) -> tuple[list[int], int]:
    """A slot for each token of a continuation after this path, the same for the same token after the same ones."""
    found = []
    for node, token in zip(path[len(request.context) - 1 :], request.continuation, strict=True):
        found.append(node.targets.setdefault(token, count))
        count += found[-1] == count
    return found, count
