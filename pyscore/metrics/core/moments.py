"""Sums that a summary needs instead of rows: of a comparison on the host, and on a device without waiting for it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pyscore._extension import _C
from pyscore.metrics.core.arrays import Floats, as_float64
from pyscore.metrics.core.binning import width_bins
from pyscore.metrics.core.calibration_error import BinSums
from pyscore.metrics.core.columns import (
    METRICS,
    SHARES,
    SUMMED,
    Columns,
    check_fields,
    read_columns,
    why_refused,
)
from pyscore.metrics.core.design import Design
from pyscore.metrics.core.report import NAN
from pyscore.ops import Comparison

__all__ = [
    "NO_QUESTIONS",
    "N_BINS",
    "DeviceSums",
    "Moments",
    "bin_sums",
    "device_of",
    "join_policies",
    "read_chance",
    "read_moments",
]

N_BINS = 15
"""Bins of the calibration error, as many as in Guo et al. 2017, "On Calibration of Modern Neural Networks"."""

_FIELDS = tuple(METRICS.values())
_PROBABILITY, _LOG_ODDS, _TIE = map(_FIELDS.index, ("probability", "log_odds", "tie"))
_LAYOUT = {
    "n": 1,
    "mean": len(SUMMED),
    "m2": len(SUMMED),
    "infinite": 2,  # how many log odds are +inf, and how many -inf
    "counts": N_BINS,
    "gaps": N_BINS,
    "gap_squares": N_BINS,
    "expected": N_BINS,
    "chance": 2,  # the sum, and of how many questions
    "refused": 4,  # how many questions are invalid; of the first one its number, its field and the value
}
"""What the float64 tensor holds, in this order; its counts are exact up to 2^53."""

_OF_BINS = ("counts", "gaps", "gap_squares", "expected")
_QUESTIONS_AT_ONCE = 2**20
"""How many questions an update adds at once, which bounds the memory that it needs to some 300 MB."""


class Moments(NamedTuple):
    """Sums of n questions on the host; `pyscore._C.summary_moments` gives them the same names."""

    n: int
    mean: Floats  # [7], as `SUMMED`; infinite log odds count as 0
    m2: Floats  # [7], Σ (score - mean)²
    infinite: tuple[int, int]  # how many log odds are +inf, and how many -inf
    counts: Floats  # [15], questions in each bin of the confidence, as `bin_sums`
    gaps: Floats  # [15], Σ correct - confidence
    gap_squares: Floats  # [15], Σ (correct - confidence)²
    expected: Floats  # [15], Σ confidence (1 - confidence)
    chance: tuple[float, int] = (0.0, 0)  # the sum, and of how many questions it is known
    policies: frozenset[str | None] = frozenset()  # how ties counted, as the comparisons say

    def join(self, other: Moments) -> Moments:
        """The sums of the questions of both.

        Squares around the mean of each operand don't cancel: Chan, Golub & LeVeque 1983, "Algorithms for Computing the
        Sample Variance".

        Raises:
            ValueError: their ties counted by different policies.
        """
        if not self.n or not other.n:
            return self if self.n else other
        n = self.n + other.n
        delta = other.mean - self.mean
        return Moments(
            n=n,
            mean=self.mean + delta * (other.n / n),
            m2=self.m2 + other.m2 + delta**2 * (self.n * other.n / n),
            infinite=(self.infinite[0] + other.infinite[0], self.infinite[1] + other.infinite[1]),
            counts=self.counts + other.counts,
            gaps=self.gaps + other.gaps,
            gap_squares=self.gap_squares + other.gap_squares,
            expected=self.expected + other.expected,
            chance=(self.chance[0] + other.chance[0], self.chance[1] + other.chance[1]),
            policies=join_policies(self.policies, other.policies),
        )

    @property
    def ties(self) -> str | None:
        """The ties policy, if all comparisons name it."""
        return next(iter(self.policies)) if len(self.policies) == 1 else None

    @property
    def mean_chance(self) -> float:
        """What a random choice would score on average; NaN unless it is known of every question."""
        total, known = self.chance
        return total / known if known == self.n else NAN

    @property
    def bins(self) -> BinSums:
        counts = np.asarray(self.counts, np.float64)
        return BinSums.of_questions(counts, self.gaps, counts, self.gaps, self.gap_squares, self.expected)


_NO_BINS = np.zeros(N_BINS)
NO_QUESTIONS = Moments(0, np.zeros(len(SUMMED)), np.zeros(len(SUMMED)), (0, 0), _NO_BINS, _NO_BINS, _NO_BINS, _NO_BINS)


def join_policies(*policies: frozenset[str | None]) -> frozenset[str | None]:
    """All of them; ValueError where two that are known differ."""
    joined = frozenset[str | None]().union(*policies)
    known = sorted(each for each in joined if each is not None)
    if len(known) > 1:
        raise ValueError(
            f"ties counted as {' and as '.join(map(repr, known))}: compare all questions with the same ties="
        )
    return joined


def read_moments(comparison: Comparison, scores: dict[str, Any]) -> Moments:
    """The sums of a comparison, from one compiled read of its `read_scores`.

    Raises:
        ValueError: as `read_columns`.
    """
    found = _C.summary_moments(**scores, threads=torch.get_num_threads())
    if not found["valid"]:
        read_columns(comparison)  # This raises, naming the row.
    del found["valid"]
    chance = read_chance(comparison)
    known = (0.0, 0) if chance is None else (float(chance.sum()), len(chance))
    return Moments(n=len(scores["tie"]), **found, chance=known, policies=frozenset({comparison.ties}))


def read_chance(comparison: Comparison) -> Floats | None:
    """What a random choice among each question's answers would score, where it is known which were compared."""
    chance = comparison.chance
    return None if chance is None else as_float64(chance, "comparison.chance")


def bin_sums(columns: Columns, design: Design) -> BinSums:
    """Sums of correct - confidence over 15 equal-width bins ((m-1)/15, m/15] of the confidence max(p, 1-p).

    Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    return BinSums.of_design(
        columns.confidence, columns.correct, width_bins(columns.confidence, N_BINS), N_BINS, design
    )


def device_of(comparison: Comparison) -> torch.device | None:
    """The GPU that holds every field that a summary needs, else None: such comparisons are summed where they are."""
    fields = [getattr(comparison, field) for field in _FIELDS]
    if not all(isinstance(field, Tensor) and field.is_cuda for field in fields):
        return None
    devices = {field.device for field in fields}
    return devices.pop() if len(devices) == 1 else None


class DeviceSums:
    """Sums on one device: `update` enqueues work and returns, `read` waits for it.

    The state's tensor stays the same all its life, so an update that a CUDA graph has captured adds at every replay.
    """

    def __init__(self, state: Tensor) -> None:
        self._state = state
        self._sums = dict(zip(_LAYOUT, torch.split(state, list(_LAYOUT.values())), strict=True))
        self.policies: frozenset[str | None] = frozenset()

    @classmethod
    def on(cls, device: torch.device) -> DeviceSums:
        """The sums of no questions."""
        with torch.inference_mode(False):  # A tensor made in inference mode can't be updated outside of it.
            return cls(torch.zeros(sum(_LAYOUT.values()), dtype=torch.float64, device=device))

    @property
    def device(self) -> torch.device:
        return self._state.device

    @torch.no_grad()
    def update(self, comparison: Comparison) -> None:
        """Add the questions of a comparison whose fields are floats ``[n]`` (``tie`` bool) on this device.

        Raises:
            ValueError: no questions, or fields that differ in length. Values are looked at when the sums are read.
        """
        fields = {field: getattr(comparison, field).detach() for field in _FIELDS}
        check_fields({field: tuple(column.shape) for field, column in fields.items()}, "comparison")
        self.policies = join_policies(self.policies, frozenset({comparison.ties}))
        chance = comparison.chance
        if chance is not None:
            self._sums["chance"] += torch.stack([chance.sum(), torch.ones_like(chance).sum()])
        for columns in zip(*(column.split(_QUESTIONS_AT_ONCE) for column in fields.values()), strict=True):
            self._add(torch.stack([column.double() for column in columns]))

    def _add(self, scores: Tensor) -> None:
        """Add the columns of ``scores [6, n]`` by Chan, Golub & LeVeque 1983, as the host does."""
        sums, added = self._sums, scores.shape[1]
        self._note_refused(scores)  # It numbers questions by those before them, so it comes before n is raised.
        brier = (1 - scores[_PROBABILITY]).square()
        finite = torch.cat([scores.masked_fill(scores.isinf(), 0.0), brier[None]])
        mean = finite.mean(1)
        before, after = sums["n"].clone(), sums["n"] + added
        delta = mean - sums["mean"]
        sums["mean"] += delta * added / after
        sums["m2"] += (finite - mean[:, None]).square().sum(1) + delta.square() * (before * added / after)
        sums["infinite"] += torch.stack([scores[_LOG_ODDS] == inf for inf in (torch.inf, -torch.inf)]).sum(1)
        for name, of_bins in zip(_OF_BINS, _bin_sums(scores[_PROBABILITY]), strict=True):
            sums[name] += of_bins
        sums["n"] += added

    def _note_refused(self, scores: Tensor) -> None:
        """Count invalid questions, and remember the first of all."""
        bad = _invalid(scores).T
        first = bad.flatten().byte().argmax(0, keepdim=True)  # the first question, and its first field
        value = scores.T.flatten().gather(0, first)
        n_bad = bad.any(1).sum(0, keepdim=True).double()
        question = self._sums["n"] + first // len(_FIELDS)
        found = torch.cat([n_bad, question, (first % len(_FIELDS)).double(), value])
        held = self._sums["refused"]
        is_first = (held[:1] == 0) & (n_bad > 0)
        kept = torch.where(is_first, found, held)
        kept[:1] = held[:1] + n_bad
        held.copy_(kept)

    def read(self) -> Moments:
        """The sums on the host; waits for the device, once.

        Raises:
            ValueError: a NaN, a share outside [0, 1] or a mass that is none was added, with its row.
        """
        values = self._state.cpu().numpy()
        sums: dict[str, Any] = dict(zip(_LAYOUT, np.split(values, np.cumsum(list(_LAYOUT.values()))[:-1]), strict=True))
        n_bad, question, field, value = sums["refused"]
        n = int(sums["n"][0])
        if n_bad:
            name = _FIELDS[int(field)]
            raise ValueError(
                f"comparison.{name}[{question:.0f}] = {value} {why_refused(name, value)} (rows are counted over all "
                f"updates on {self.device}; {n_bad:.0f} of {n} are invalid)"
            )
        (positive, negative), (chance, known) = sums["infinite"], sums["chance"]
        return Moments(
            n=n,
            **{name: sums[name] for name in ("mean", "m2", *_OF_BINS)},
            infinite=(int(positive), int(negative)),
            chance=(float(chance), int(known)),
            policies=self.policies,
        )


def _invalid(scores: Tensor) -> Tensor:
    """Which scores [6, n] are no share, mass, log odds or tie, as `read_columns` refuses them."""
    bad = []
    for field, column in zip(_FIELDS, scores, strict=True):
        if field == "log_odds":
            bad.append(column.isnan())
        elif field == "tie":
            bad.append((column != 0) & (column != 1))
        else:
            upper = column <= 1 if field in SHARES else column < torch.inf
            bad.append(~((column >= 0) & upper))
    return torch.stack(bad)


def _bin_sums(probability: Tensor) -> list[Tensor]:
    """Of probabilities [n] what `Moments` has of each bin, in its order.

    A sum a bin, since adding in place by index has no fixed order on a GPU.
    """
    confidence = torch.maximum(probability, 1 - probability)
    gap = (probability > 0.5).double() + (probability == 0.5).double() * 0.5 - confidence
    above = [confidence > edge / N_BINS for edge in range(N_BINS + 1)]  # None is above the last edge, 1.
    inside = [low & ~high for low, high in pairwise(above)]
    return [
        torch.stack([values.where(each, 0.0).sum() for each in inside])
        for values in (torch.ones_like(gap), gap, gap.square(), confidence * (1 - confidence))
    ]
