"""The processes that train together: what they tell each other, and which of them score the same questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import torch.distributed as dist

__all__ = ["Duty", "Ranks"]

Result = TypeVar("Result")


class Duty(NamedTuple):
    """Which share of the questions a rank scores.

    Attributes:
        share, shares: it is the share of this number, of so many.
        first: whether this rank is the first of those that score it, whose results count.
    """

    share: int
    shares: int
    first: bool


class Ranks:
    """All processes of the default group of `torch.distributed`; one where there is no group."""

    def __init__(self) -> None:
        self._several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self.rank = dist.get_rank() if self._several else 0
        self.size = dist.get_world_size() if self._several else 1

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, in rank order, on every rank."""
        if not self._several:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def gather_first(self, value: Any) -> list[Any] | None:
        """Every rank's value on the first rank; None on the others."""
        if not self._several:
            return [value]
        found: list[Any] | None = [None] * self.size if self.rank == 0 else None
        dist.gather_object(value, found)
        return found

    def agree(self, reason: str | None) -> str | None:
        """The first rank's reason that has one."""
        return next((each for each in self.gather(reason) if each is not None), None)

    def together(self, doing: str, work: Callable[[], Result]) -> Result:
        """What ``work`` gives on this rank, if it fails on none: no rank waits for one that has given up.

        Raises:
            RuntimeError: it fails on some rank; the message names the first one and its error, on all ranks alike.
            Exception: the error itself, where there is one rank.
        """
        error: Exception | None = None
        try:
            result = work()
        except Exception as failed:
            if not self._several:
                raise
            error = failed
        told = self.gather(None if error is None else f"{type(error).__name__}: {error}")
        failed_on = [rank for rank, text in enumerate(told) if text is not None]
        if failed_on:
            others = f" (and on {len(failed_on) - 1} more)" if len(failed_on) > 1 else ""
            rank = failed_on[0]
            raise RuntimeError(f"{doing} failed on rank {rank} of {self.size}{others}: {told[rank]}") from error
        return result

    def duty(self, peers: Iterable[int]) -> Duty:
        """Which share this rank scores, given the ranks that hold one model together with it, itself among them.

        Raises:
            ValueError: ranks disagree about who holds a model together.
        """
        mine = tuple(sorted({*peers, self.rank}))
        every = self.gather(mine)
        for rank in mine:
            if every[rank] != mine:
                raise ValueError(
                    f"rank {self.rank} holds a model with the ranks {[*mine]}, but rank {rank} with {[*every[rank]]}: "
                    "give group=, the ranks that hold one model together, on every rank"
                )
        teams = sorted(set(every))
        return Duty(teams.index(mine), len(teams), self.rank == mine[0])
