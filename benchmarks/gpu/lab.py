"""Where a run happens: the device, its clock, its ceilings, random inputs, and what went wrong."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.clock import Call, Clock, CudaClock, HostClock

__all__ = ["CACHED", "Ceilings", "Lab", "LinearInputs", "poisoned"]

CACHED = 256 << 20
"""Bytes that rotated inputs hold together at least: several times the L2 cache."""
SPREAD = 4.0
"""Standard deviation of random logits: the largest of a billion lies near 25, within the 32 of the tolerance."""


class Ceilings(NamedTuple):
    """What the device can do at most."""

    copy: float
    """Bytes a second of a large copy on the device, bytes read plus bytes written."""
    mm: float
    """Operations a second of torch.mm in bfloat16, 8192 x 8192 x 8192, on random data."""


class LinearInputs(NamedTuple):
    """One set of arguments of a call from hidden states."""

    hidden: Tensor  # [N, D]
    weight: Tensor  # [V, D]
    targets: Tensor  # [N]


@contextmanager
def poisoned() -> Iterator[None]:
    """Memory that torch.empty returns holds NaN and the largest integers: an entry that no kernel wrote shows."""
    before = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn)


class Lab:
    """One run's device. A rehearsal is a run on the CPU at toy sizes, with the host's clock and invented ceilings."""

    def __init__(self, *, rehearsal: bool) -> None:
        self.rehearsal = rehearsal
        self.device = torch.device("cpu" if rehearsal else "cuda")
        self.clock: Clock = HostClock() if rehearsal else CudaClock()
        self.generator = torch.Generator(self.device).manual_seed(time.time_ns() % 2**63)
        self.ceilings = Ceilings(1e9, 1e9)
        self.rounds = (1, 1) if rehearsal else (5, 25)
        """Of a case, at least and at most."""
        self.in_a_graph = 2 if rehearsal else 4
        """Calls that a graph holds at least."""
        self.failures: list[str] = []
        self.say: Callable[[str], None] = print
        self.deadline = float("inf")
        self._weights: tuple[tuple[int, int, torch.dtype], list[Tensor]] | None = None

    @property
    def left(self) -> float:
        """Seconds left in the section."""
        return self.deadline - time.monotonic()

    def fail(self, message: str) -> None:
        """A wrong result of pyscore: the run goes on, and ends with exit status 1."""
        self.failures.append(message)
        self.say(f"    FAILED {message}")

    def measure_ceilings(self) -> None:
        """Measure them anew: clocks differ from one minute to the next. A rehearsal invents them."""
        if self.rehearsal:
            return
        source = self.randn(1 << 30, dtype=torch.float32)
        copied = torch.empty_like(source)
        copy = self._median([partial(copied.copy_, source)])
        del copied, source
        square = partial(self.randn, 8192, 8192, dtype=torch.bfloat16)
        product = self._median([partial(torch.mm, square(), square()) for _ in range(3)])
        self.ceilings = Ceilings(copy=2 * (4 << 30) / copy, mm=2 * 8192**3 / product)
        self.rest()

    def _median(self, calls: Sequence[Call]) -> float:
        self.clock.seconds(calls)
        return statistics.median(self.clock.seconds(calls) / len(calls) for _ in range(9))

    def randn(self, *size: int, dtype: torch.dtype, scale: float = 1.0) -> Tensor:
        """Normal values with a standard deviation of ``scale``."""
        values = torch.randn(*size, generator=self.generator, device=self.device, dtype=dtype)
        return values.mul_(scale)

    def targets(self, n: int, v: int, k: int | None = None) -> Tensor:
        """Uniform target ids [N] or [N, K]."""
        size = (n,) if k is None else (n, k)
        return torch.randint(v, size, generator=self.generator, device=self.device)

    def weight(self, v: int, d: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """A random unembedding; standard normal hidden states give logits with a standard deviation of SPREAD."""
        return self.randn(v, d, dtype=dtype, scale=SPREAD / d**0.5)

    def fresh(self, n: int, d: int, v: int, dtype: torch.dtype = torch.bfloat16) -> LinearInputs:
        """Inputs that no call has seen."""
        return LinearInputs(self.randn(n, d, dtype=dtype), self.weight(v, d, dtype), self.targets(n, v))

    def rotated(self, n: int, d: int, v: int, dtype: torch.dtype = torch.bfloat16) -> list[LinearInputs]:
        """Sets of inputs that outgrow the L2 cache together; the weights stay for the next N of the same size."""
        key = (d, v, dtype)
        if self._weights is None or self._weights[0] != key:
            self.rest()
            count = self.sets(v * d * dtype.itemsize)
            self._weights = key, [self.weight(v, d, dtype) for _ in range(count)]
        return [LinearInputs(self.randn(n, d, dtype=dtype), weight, self.targets(n, v)) for weight in self._weights[1]]

    def sets(self, size: int) -> int:
        """How many sets of ``size`` bytes to rotate."""
        return 2 if self.rehearsal else min(max(-(-CACHED // size), 2), 16)

    def rest(self) -> None:
        """Drop the rotated weights and give memory back to the device."""
        self._weights = None
        self.empty_cache()

    def empty_cache(self) -> None:
        """Give memory that holds no tensor back to the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
