"""SummaryState: a summary from sums alone, so that shards and workers can be joined without their rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import torch

from pyscore._extension import _C
from pyscore.metrics.arrays import METRICS, Floats, cluster_sums, read_clusters, read_columns, read_fields
from pyscore.metrics.device_state import DeviceSums, Moments, device_of
from pyscore.metrics.means import Interval, from_stderr, infinite_mean
from pyscore.metrics.sampling import Sample
from pyscore.metrics.summary import N_BINS, RATES, Summary, summary_signature
from pyscore.ops.types import Comparison
from pyscore.ops.value_checks import capturing

__all__ = ["SummaryState"]

_CLUSTERS = "clusters were given for some questions and not for others: give them always or never"


class SummaryState:
    """Sums from which `summarize` is computed: update with comparisons, merge with other states, pickle freely.

    Its size does not depend on the number of questions; with clusters it grows by seven numbers a cluster. Merged
    states give what `summarize` gives on all rows together, in any order, to rounding.

    Comparisons whose fields are CUDA tensors are summed on their GPU, in float64, without waiting for it, so that
    `update` can be captured in a CUDA graph, each replay of which adds. `summarize`, `merge` and pickling read the
    GPU once, and only then is an invalid value found (see `update`). Merged and unpickled states are on the host.

    Args:
        device: a GPU on which to keep sums from the start, which a state needs before an update is captured.
    """

    def __init__(self, device: torch.device | str | None = None) -> None:
        self._devices: dict[torch.device, DeviceSums] = {}
        if device is not None and torch.device(device).type != "cpu":
            sums = DeviceSums.on(torch.device(device))
            self._devices[sums.device] = sums
        self._n = 0
        self._mean = np.zeros(len(METRICS))
        self._m2 = np.zeros(len(METRICS))
        self._infinite = (0, 0)
        self._ties = (0, 0, 0.0)
        self._squares = 0.0  # Σ (1 - probability)²
        self._gaps = np.zeros(N_BINS)
        self._clusters: dict[Hashable, Floats] | None = None  # key -> [count, Σ of each metric]

    def update(self, comparison: Comparison, clusters: Iterable[Hashable] | None = None) -> SummaryState:
        """Add the questions of a comparison; returns this state.

        Args:
            comparison: fields ``[n]``, torch tensors on any device, NumPy or other DLPack arrays, of any floating dtype
                (``tie`` bool).
            clusters: one hashable key a question. They are objects of the host, so a comparison on a GPU is read then.

        Raises:
            ValueError: as `summarize`, or clusters given in some updates and not in others. It changes nothing then.
                On a GPU values are not looked at here: a NaN, a share outside [0, 1] or a mass that is none raises
                whenever the state is read, with its row counted over all updates on that GPU.
            RuntimeError: the update is captured in a CUDA graph by a state that has no sums on that GPU yet.
        """
        device = device_of(comparison) if clusters is None else None
        if device is not None:
            if self._clusters is not None:
                raise ValueError(_CLUSTERS)
            self._sums_on(device).update(comparison)
            return self
        added = _moments(comparison)
        if clusters is not None:
            added._clusters = _cluster_totals(comparison, clusters, added._n)
            if any(sums.read().n for sums in self._devices.values()):
                raise ValueError(_CLUSTERS)
        self.__dict__.update(self._host_part()._join(added).__dict__, _devices=self._devices)
        return self

    def _sums_on(self, device: torch.device) -> DeviceSums:
        if device not in self._devices:
            if capturing(device):
                raise RuntimeError(f"the state has no sums on {device}, and a CUDA graph can't make them: use device=")
            self._devices[device] = DeviceSums.on(device)
        return self._devices[device]

    def merge(self, other: SummaryState) -> SummaryState:
        """A new state, on the host, that has seen what both have; neither is changed.

        Raises:
            ValueError: one state has clusters and the other has questions without; an invalid value on a GPU.
        """
        return self._read()._join(other._read())

    def _read(self) -> SummaryState:
        """This state with all sums on the host; waits for the devices."""
        read = self._host_part()
        for sums in self._devices.values():
            read = read._join(_of_moments(sums.read()))
        return read

    def _join(self, other: SummaryState) -> SummaryState:
        """`merge` of states that have no sums on devices."""
        if not other._n or not self._n:
            return (self if self._n else other)._host_part()
        if (self._clusters is None) != (other._clusters is None):
            raise ValueError(_CLUSTERS)
        merged = SummaryState()
        merged._n = self._n + other._n
        # Chan, Golub & LeVeque 1983: squares around each part's own mean don't cancel.
        delta = other._mean - self._mean
        merged._mean = self._mean + delta * (other._n / merged._n)
        merged._m2 = self._m2 + other._m2 + delta**2 * (self._n * other._n / merged._n)
        merged._infinite = (self._infinite[0] + other._infinite[0], self._infinite[1] + other._infinite[1])
        n_ties, halves, wins = (mine + theirs for mine, theirs in zip(self._ties, other._ties, strict=True))
        merged._ties = (int(n_ties), int(halves), wins)
        merged._squares = self._squares + other._squares
        merged._gaps = self._gaps + other._gaps
        if self._clusters is not None and other._clusters is not None:
            merged._clusters = dict(self._clusters)
            for key, totals in other._clusters.items():
                merged._clusters[key] = merged._clusters[key] + totals if key in merged._clusters else totals
        return merged

    def summarize(self, confidence: float = 0.95) -> Summary:
        """The summary of everything seen, with the intervals of ``method="auto"``.

        Raises:
            ValueError: nothing was added yet, or an invalid value on a GPU.
        """
        return self.summarize_with(Interval(confidence))

    def summarize_with(self, interval: Interval) -> Summary:
        """`summarize` with other intervals: every method but the bootstrap's, which needs the rows."""
        return self._read()._summarize(interval)

    def __getstate__(self) -> dict[str, Any]:
        return self._read().__dict__

    def _summarize(self, interval: Interval) -> Summary:
        if not self._n:
            raise ValueError("the state is empty: update it with a comparison first")
        clustered = self._clusters is not None
        units, effective = self._n, float(self._n)
        if self._clusters is not None:
            counts = np.array([totals[0] for totals in self._clusters.values()])
            units, effective = len(counts), float(counts.sum() ** 2 / (counts @ counts))
        sample = Sample(self._n, units, effective, "cluster" if clustered else "question")
        stderr = self._stderr(units)
        estimates = {
            name: from_stderr(float(self._mean[i]), float(stderr[i]), sample, rate=RATES[i], interval=interval)
            for i, name in enumerate(METRICS)
        }
        if any(self._infinite):
            estimates["mean_log_odds"] = infinite_mean(self._infinite, self._n, "log odds")
        return Summary(
            **estimates,
            brier=self._squares / self._n,
            ece=float(np.abs(self._gaps).sum() / self._n),
            n_questions=self._n,
            n_clusters=units if clustered else None,
            confidence=interval.confidence,
            method=interval.method,
            signature=summary_signature(self._ties, interval),
        )

    def _stderr(self, units: int) -> Floats:
        squares: Floats = self._m2
        if self._clusters is not None:
            totals = np.stack(list(self._clusters.values()))
            squares = ((totals[:, 1:] - totals[:, :1] * self._mean) ** 2).sum(axis=0)
        return np.sqrt(units / max(units - 1, 1) * squares) / self._n

    def _host_part(self) -> SummaryState:
        copy = SummaryState()
        # Arrays are never written in place, so that they can be shared; the dictionary is copied when it is merged.
        copy.__dict__.update(self.__dict__, _devices={})
        return copy


def _moments(comparison: Comparison) -> SummaryState:
    """The state of one comparison without clusters, from one compiled read of its fields."""
    fields = read_fields(comparison)
    tie = fields.pop("tie")
    dtype = np.float32 if all(column.dtype == np.float32 for column in fields.values()) else np.float64
    scores: dict[str, Any] = {field: np.ascontiguousarray(column, dtype) for field, column in fields.items()}
    found = _C.summary_moments(**scores, tie=np.ascontiguousarray(tie), threads=torch.get_num_threads())
    if not found["valid"]:
        read_columns(comparison)  # names the row
    del found["valid"]
    return _of_moments(Moments(n=len(tie), **found))


def _of_moments(found: Moments) -> SummaryState:
    state = SummaryState()
    state._n, state._mean, state._m2 = found.n, found.mean, found.m2
    state._infinite, state._squares, state._gaps = found.infinite, found.squares, found.gaps
    state._ties = found.ties
    return state


def _cluster_totals(comparison: Comparison, clusters: Iterable[Hashable], n: int) -> dict[Hashable, Floats]:
    codes, distinct = read_clusters(clusters, n)
    counted = np.column_stack([np.ones(n), read_columns(comparison).finite])
    return dict(zip(distinct, cluster_sums(counted, codes, len(distinct)), strict=True))
