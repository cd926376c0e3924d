"""What metrics return: an Estimate is a number and its uncertainty, a Report holds several and prints as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from pyscore._version import __version__
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.shown import Grid, Shown, as_html, as_text

__all__ = [
    "NAN",
    "BoundedEstimate",
    "Estimate",
    "Headlines",
    "Record",
    "Report",
    "in_clusters",
    "interval_header",
    "interval_text",
    "value_text",
    "write_signature",
]

NAN = math.nan


@dataclass(frozen=True)
class Record:
    """A dataclass that becomes a dictionary."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: estimates as nested objects, NaN and infinities as None."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}


@dataclass(frozen=True)
class Estimate(Record):
    """A value with its standard error and confidence interval.

    Attributes:
        value: the estimate, in the metric's own unit (a share, or nats).
        stderr: its standard error; NaN where it can't be estimated.
        low: lower end of the interval; NaN where it can't be estimated.
        high: upper end of the interval.
        n: how many questions it rests on.
        reason: why ``stderr``, ``low`` and ``high`` are NaN; empty where they aren't.
    """

    value: float
    stderr: float
    low: float
    high: float
    n: int
    reason: str = ""

    @classmethod
    def without_interval(cls, value: float, n: int, reason: str) -> Estimate:
        """A value alone, with the reason why it has no interval."""
        return cls(value, NAN, NAN, NAN, n, reason)


@dataclass(frozen=True)
class BoundedEstimate(Estimate):
    """An estimate of a value that the answers leave open between bounds, as `pyscore.results.summarize_rows` gives it.

    ``value`` is NaN, so that nobody takes a bound for it. The interval holds all that is between the bounds: it goes
    from the low end of the lower bound's interval to the high end of the upper one's. ``stderr`` is the larger one of
    the two bounds', and ``reason`` why there is no interval.

    Attributes:
        value_low: the smallest value that the bounds of the answers allow.
        value_high: the largest one.
    """

    value_low: float = NAN
    value_high: float = NAN

    @classmethod
    def between(cls, low: Estimate, high: Estimate) -> BoundedEstimate:
        """From the estimates of the smallest and of the largest value that each question can have.

        Where a true mean m lies in [m_low, m_high], the interval misses it only where that of m_low lies above m_low or
        that of m_high below m_high. Each happens in half of the cases in which such intervals miss, so that all of
        [m_low, m_high] is covered as often as the confidence says: Horowitz & Manski 2000, "Nonparametric Analysis of
        Randomized Experiments with Missing Covariate and Outcome Data".
        """
        reason = low.reason or high.reason
        ends = (NAN, NAN, NAN) if reason else (max(low.stderr, high.stderr), low.low, high.high)
        return cls(NAN, *ends, low.n, reason, low.value, high.value)


@dataclass(frozen=True)
class Report(Record):
    """The result of a metric: numbers with intervals, numbers without, and perhaps a table of rows.

    Attributes:
        title: what was measured and on how much, the first line of the printed table.
        estimates: name -> `Estimate`, in the order in which they are printed; ``report["name"]`` is a short way there.
        signature: how the numbers were made, for a paper or a log: metric, preset, ties, interval, version.
        confidence: of every interval.
        numbers: name -> a number that has no interval: a count, a p-value, a score.
        rows: a table with the same keys in every row: the bins of a reliability table, the points of a curve.
    """

    title: str
    estimates: Mapping[str, Estimate]
    signature: str
    confidence: float = 0.95
    numbers: Mapping[str, float] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(
        cls,
        metric: str,
        interval: Interval,
        *,
        title: str,
        estimates: Mapping[str, Estimate],
        numbers: Mapping[str, float] = MappingProxyType({}),
        rows: Sequence[Mapping[str, Any]] = (),
        **settings: object,
    ) -> Report:
        """A report that names, in its signature, the metric, its own settings and those of the interval."""
        signature = write_signature(metric, **settings, **interval.settings())
        return cls(title, estimates, signature, interval.confidence, numbers, rows)

    def __getitem__(self, name: str) -> Estimate:
        try:
            return self.estimates[name]
        except KeyError:
            raise KeyError(f"{name!r} is not one of {', '.join(self.estimates)}") from None

    def __str__(self) -> str:
        return as_text(self.shown())

    def _repr_html_(self) -> str:
        return as_html(self.shown())

    def shown(self) -> Shown:
        """What is printed, and what a notebook shows."""
        grids = [_grid(self.estimates, self.confidence)] if self.estimates else []
        if self.rows:
            grids.append(Grid([*self.rows[0]], [[_text(value) for value in row.values()] for row in self.rows]))
        numbers = ", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in self.numbers.items())
        return Shown(self.title, grids, [*filter(None, [numbers]), self.signature])


@dataclass(frozen=True)
class Headlines(Record):
    """What has its estimates and numbers as fields of its own: it prints as a `Report` of them."""

    def __str__(self) -> str:
        return str(self._report())

    def _repr_html_(self) -> str:
        return self._report()._repr_html_()

    def shown(self) -> Shown:
        """What is printed, and what a notebook shows."""
        return self._report().shown()

    def _report(self) -> Report:
        raise NotImplementedError

    def _estimates(self) -> dict[str, Estimate]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Estimate)}


def in_clusters(n_clusters: int | None) -> str:
    """How a title goes on where clusters were given."""
    return "" if n_clusters is None else f" in {n_clusters} clusters"


def write_signature(metric: str, **settings: object) -> str:
    """``metric:...|name:value|...|version:...``, after sacrebleu; a setting that is None is left out."""
    given = {"metric": metric} | {name: value for name, value in settings.items() if value is not None}
    return "|".join(f"{name}:{value}" for name, value in (given | {"version": __version__}).items())


def interval_header(confidence: float) -> str:
    """The header of a column of intervals."""
    return f"{100 * confidence:.4g}% interval"


def interval_text(e: Estimate) -> str:
    """An interval as it is printed, or why there is none."""
    return f"({e.reason})" if e.reason else f"[{e.low:.4f}, {e.high:.4f}]"


def value_text(e: Estimate) -> str:
    """A value as it is printed: "0.1234", or "0.1234 to 0.5678" where it is known between bounds alone."""
    if isinstance(e, BoundedEstimate):
        return f"{e.value_low:.4f} to {e.value_high:.4f}"
    return f"{e.value:.4f}"


def _grid(estimates: Mapping[str, Estimate], confidence: float) -> Grid:
    """A line an estimate: name, value, interval, standard error."""
    lines = [
        (name.replace("_", " "), value_text(e), interval_text(e), "" if e.reason else f"{e.stderr:.4f}")
        for name, e in estimates.items()
    ]
    return Grid(("", "value", interval_header(confidence), "std. error"), lines, left=(0, 2))


def _plain(value: Any) -> Any:
    """The value as JSON has it: dictionaries, lists and Python's own numbers, NaN and infinities as None."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    plain = value == 0 or 1e-3 <= abs(value) < 1e5 or not math.isfinite(value)
    return f"{value:.4f}" if plain else f"{value:.3e}"
