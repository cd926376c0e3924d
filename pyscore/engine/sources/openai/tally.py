"""What a run asked of a server, and what that cost."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyscore.engine.sources.openai.options import Price

__all__ = ["Tally"]


@dataclass
class Tally:
    """Counts of a run, over all of its sessions.

    Attributes:
        sent: requests sent, those that failed counted.
        again: how many of them were sent because earlier ones failed.
        journal: requests that were answered by the journal.
        prompt, completion: tokens as the server counts them, of all that it answered for this run.
    """

    sent: int = 0
    again: int = 0
    journal: int = 0
    prompt: int = 0
    completion: int = 0
    _before: tuple[int, int] = (0, 0)
    _lock: Any = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> Tally:
        """That of a session's state."""
        given = state or {}
        for name, value in given.items():
            if name not in cls().counts or type(value) is not int or value < 0:
                raise ValueError(f"the run's state is damaged: its entry counts has {name}={value!r:.60}")
        return cls(**given, _before=(given.get("sent", 0), given.get("again", 0)))

    @property
    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return {name: getattr(self, name) for name in ("sent", "again", "journal", "prompt", "completion")}

    def add(self, **more: int) -> None:
        """Count more of each; for any thread."""
        with self._lock:
            for name, n in more.items():
                setattr(self, name, getattr(self, name) + n)

    def take_sent(self, sent: int, again: int) -> None:
        """Count what a session has sent so far beside what earlier ones sent."""
        self.sent, self.again = self._before[0] + sent, self._before[1] + again

    def findings(self, price: Price | None) -> dict[str, str]:
        """As a session's findings have it."""
        return {
            "requests_sent": str(self.sent),
            "requests_sent_again": str(self.again),
            "requests_from_journal": str(self.journal),
            "server_prompt_tokens": str(self.prompt),
            "server_completion_tokens": str(self.completion),
            "cost": "" if price is None else f"{price.of(self.prompt, self.completion):.6g}",
        }

    def line(self, price: Price | None) -> str:
        """For people."""
        again = f" ({self.again:,} of them again)" if self.again else ""
        cost = "" if price is None else f", {price.of(self.prompt, self.completion):.4g} by the prices given"
        return (
            f"{self.sent:,} requests sent{again}, {self.journal:,} answered by the journal, "
            f"{self.prompt:,} prompt and {self.completion:,} completion tokens{cost}"
        )
