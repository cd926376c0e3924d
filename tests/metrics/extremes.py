"""Inputs as extreme as they come: equal and rare values, ends of ranges, one question, one cluster, one weight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyscore.metrics import Interval
from pyscore.ops.types import Comparison
from tests.metrics.cases import compare_pairs

SIZES = (1, 2, 3, 8, 30)
KINDS = ("0", "1", "equal", "rare", "rarely not", "mixed", "ties", "skewed", "ends", "near 1", "tiny", "two values")
GROUPS = ("none", "one", "own", "pairs", "unequal", "dominant")
WEIGHTS = ("none", "random", "one question", "two questions")
METHODS = ("auto", "t", "wilson", "bootstrap", "bca")


@dataclass(frozen=True)
class Inputs:
    """Columns over the same questions, each drawn anew, by one kind of values or by a kind of its own each."""

    seed: int
    n: int
    kinds: tuple[str, ...]
    group: str
    weighting: str
    method: str
    confidence: float
    ddof: int
    single: bool

    @cached_property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def interval(self, *methods: str) -> Interval:
        """Of the method drawn, or of the first of ``methods`` where that isn't among them."""
        method = self.method if not methods or self.method in methods else methods[0]
        return Interval(self.confidence, method, self.ddof, n_resamples=200)

    @property
    def clusters(self) -> Any:
        i, n = np.arange(self.n), self.n
        keys = {
            "one": i * 0,
            "own": i,
            "pairs": i // 2,
            "unequal": np.minimum(i, n // 2),
            "dominant": i // max(n - 2, 1),
        }
        return None if self.group == "none" else keys[self.group].astype(np.int8)

    @property
    def weights(self) -> Any:
        if self.weighting == "none":
            return None
        heavy = np.arange(self.n) < {"one question": 1, "two questions": 2}.get(self.weighting, 0)
        return np.where(heavy, 1e9, self.rng.random(self.n) + 0.1)

    def shares(self, n: int = 0) -> NDArray[Any]:
        """Values in [0, 1]."""
        n, rng = n or self.n, self.rng
        rare = np.arange(n) == rng.integers(n)
        kind = str(rng.choice(self.kinds))
        values = {
            "0": np.zeros(n),
            "1": np.ones(n),
            "equal": np.full(n, rng.random()),
            "rare": rare * 1.0,
            "rarely not": 1.0 - rare,
            "mixed": rng.random(n),
            "ties": rng.choice([0.0, 0.5, 1.0], n),
            "skewed": rng.beta(0.05, 0.5, n),
            "ends": rng.integers(0, 2, n) * 1.0,
            "near 1": 1 - 1e-12 * rng.random(n),
            "tiny": 1e-300 * rng.random(n),
            "two values": rng.choice([0.1, 0.3], n),
        }[kind]
        return values.astype(np.float32) if self.single else values

    def rates(self, n: int = 0) -> NDArray[Any]:
        """Values that are 0 or 1."""
        return (self.shares(n) > 0.5).astype(np.float64)

    def reals(self) -> NDArray[Any]:
        """Values of any finite size."""
        return self.shares() * self.rng.choice([-1e12, -1.0, 1.0, 3.0, 1e12]) + self.rng.choice([0.0, 0.0, 1.0, -1e6])

    def infinite(self) -> NDArray[Any]:
        """`reals`, at times with infinite ones."""
        values = self.reals()
        if self.rng.random() < 0.2:
            values[self.rng.random(self.n) < 0.3] = self.rng.choice([-inf, inf])
        return values

    def logprobs(self, n: int = 0) -> NDArray[Any]:
        """From 0 down to -inf."""
        with np.errstate(divide="ignore"):
            return np.log(self.shares(n))

    def losses(self, n: int = 0) -> NDArray[Any]:
        """Finite log-probabilities."""
        return np.maximum(self.logprobs(n), -100.0)

    def comparison(self) -> Comparison:
        m = self.logprobs()
        with np.errstate(divide="ignore"):
            return compare_pairs(m, np.log1p(-np.exp(np.asarray(m, float))))

    def words(self, n: int = 0) -> list[str]:
        return [("a", "b", "c d", "")[int(4 * x) % 4] for x in self.shares(n).tolist()]


inputs = st.builds(
    Inputs,
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from(SIZES),
    kinds=st.one_of(st.sampled_from(KINDS).map(lambda kind: (kind,)), st.just(KINDS)),
    group=st.sampled_from(GROUPS),
    weighting=st.sampled_from(WEIGHTS),
    method=st.sampled_from(METHODS),
    confidence=st.sampled_from([0.8, 0.95, 0.999]),
    ddof=st.sampled_from([1, 1, 0]),
    single=st.booleans(),
)
