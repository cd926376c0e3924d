"""SummaryState: a summary from sums alone, so that shards and workers can be joined without their rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import torch

from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.cluster_totals import ClusterTotals, cluster_totals
from pyscore.metrics.core.columns import read_scores
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.moments import (
    NO_QUESTIONS,
    DeviceSums,
    Moments,
    device_of,
    join_policies,
    read_moments,
)
from pyscore.metrics.core.readers import read_clusters
from pyscore.metrics.summary import Summary, summarize_moments
from pyscore.ops import Comparison
from pyscore.ops.value_checks import capturing

__all__ = ["SummaryState"]

_CLUSTERS = "clusters were given for some questions and not for others: give them always or never"


class SummaryState:
    """Sums from which `summarize` is computed: update with comparisons, merge with other states, pickle freely.

    Its size does not depend on the number of questions; with clusters it grows by 38 numbers a cluster. Merged
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
        self._moments = NO_QUESTIONS
        self._clusters: dict[Hashable, Floats] | None = None  # key -> a row of `ClusterTotals`

    def update(self, comparison: Comparison, clusters: Keys = None) -> SummaryState:
        """Add the questions of a comparison; returns this state.

        Args:
            comparison: fields ``[n]``, torch tensors on any device, NumPy or other DLPack arrays, of any floating dtype
                (``tie`` bool).
            clusters: one hashable key a question. They are objects of the host, so a comparison on a GPU is read then.

        Raises:
            ValueError: as `summarize`, clusters given in some updates and not in others, or comparisons whose ties
                counted by different policies. It changes nothing then.
                On a GPU values are not looked at here: a NaN, a share outside [0, 1] or a mass that is none raises
                whenever the state is read, with its row counted over all updates on that GPU.
            RuntimeError: the update is captured in a CUDA graph by a state that has no sums on that GPU yet.
        """
        device = device_of(comparison) if clusters is None else None
        join_policies(
            frozenset({comparison.ties}), self._moments.policies, *(s.policies for s in self._devices.values())
        )
        if device is not None:
            if self._clusters is not None:
                raise ValueError(_CLUSTERS)
            self._sums_on(device).update(comparison)
            return self
        scores = read_scores(comparison)
        added = _state_of(read_moments(comparison, scores))
        if clusters is not None:
            added._clusters = _cluster_totals(scores, clusters, added._moments.n)
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
            ValueError: one state has clusters and the other has questions without, or ties of both counted by different
                policies; an invalid value on a GPU.
        """
        return self._read()._join(other._read())

    def _read(self) -> SummaryState:
        """This state with all sums on the host; waits for the devices."""
        read = self._host_part()
        for sums in self._devices.values():
            read = read._join(_state_of(sums.read()))
        return read

    def _join(self, other: SummaryState) -> SummaryState:
        """`merge` of states that have no sums on devices."""
        if not other._moments.n or not self._moments.n:
            return (self if self._moments.n else other)._host_part()
        if (self._clusters is None) != (other._clusters is None):
            raise ValueError(_CLUSTERS)
        merged = _state_of(self._moments.join(other._moments))
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
        read = self._read()
        if not read._moments.n:
            raise ValueError("the state is empty: update it with a comparison first")
        totals = None if read._clusters is None else ClusterTotals.of_rows(list(read._clusters.values()))
        return summarize_moments(read._moments, Interval(confidence), totals)

    def __getstate__(self) -> dict[str, Any]:
        return self._read().__dict__

    def _host_part(self) -> SummaryState:
        copy = SummaryState()
        # The copy shares its arrays and its dictionary with this state: joining makes new ones and changes none.
        copy.__dict__.update(self.__dict__, _devices={})
        return copy


def _state_of(moments: Moments) -> SummaryState:
    state = SummaryState()
    state._moments = moments
    return state


def _cluster_totals(scores: dict[str, Any], clusters: Iterable[Hashable], n: int) -> dict[Hashable, Floats]:
    codes, distinct = read_clusters(clusters, n)
    return dict(zip(distinct, cluster_totals(scores, codes, len(distinct)).rows(), strict=True))
