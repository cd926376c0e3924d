"""Conditions on differences, as `--fail-if` takes them: METRIC OP NUMBER, such as "preference_rate < -0.02"."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyscore.results import RunDifference, RunDifferences

__all__ = ["Condition", "Met", "read_condition"]

_METRICS = ("mean_probability", "preference_rate", "mean_log_odds")
_FIELDS = ("value", "low", "high", "p", "adjusted_p", "first", "other")
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)
_SYNTAX = re.compile(
    r"\s*(?:(?P<scope>.*\S)\s*:)?\s*(?P<metric>\w+)(?:\.(?P<field>\w+))?\s*(?P<sign><=|>=|<|>)\s*(?P<number>\S+)\s*"
)


@dataclass(frozen=True)
class Met:
    """A condition that holds, and where.

    Attributes:
        condition: as it was given.
        run: the name of the run that it holds for.
        template: of a study, under which template; None of runs.
        scope, dataset: what it holds on.
        value: what was found there.
    """

    condition: str
    run: str
    template: str | None
    scope: str
    dataset: str | None
    value: float

    def __str__(self) -> str:
        where = f"{self.scope} average" if self.dataset is None else repr(self.dataset)
        return f"{self.condition} holds for {_named(self)}, {where}: {self.value:.6g}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"value": self.value if math.isfinite(self.value) else None}


@dataclass(frozen=True)
class Condition:
    """A condition on the difference of one metric.

    Attributes:
        text: as it was given.
        scope: "pooled", "macro", "any" (any data set), or the name of a data set.
        metric: which metric.
        field: "value" of the difference, "low" or "high" of its interval, "p", "adjusted_p", or the metric in the
            "first" or the "other" run.
        sign: one of <, <=, >, >=.
        number: what the field is compared with.
    """

    text: str
    scope: str
    metric: str
    field: str
    sign: str
    number: float

    def met_by(self, found: RunDifferences) -> list[Met]:
        """Where the condition holds, run by run and, of a study, template by template: one is enough.

        Raises:
            ValueError: no data set is called like the scope, or the number can't be had; the message says why.
        """
        return [
            Met(self.text, each.run, each.template, each.scope, each.dataset, value)
            for each in self._differences(found)
            if _OPERATORS[self.sign](value := self._value(each), self.number)
        ]

    def _differences(self, found: RunDifferences) -> list[RunDifference]:
        if self.scope in ("pooled", "macro"):
            return found.find(self.scope)
        if self.scope == "any":
            return found.find("dataset")
        chosen = found.find("dataset", dataset=self.scope)
        if not chosen:
            names = ", ".join(dict.fromkeys(repr(each.dataset) for each in found.find("dataset")))
            raise ValueError(f"--fail-if {self.text!r}: no data set is called {self.scope!r} (compared: {names})")
        return chosen

    def _value(self, each: RunDifference) -> float:
        metric = getattr(each, self.metric)
        value: float = getattr(metric if hasattr(metric, self.field) else metric.difference, self.field)
        if math.isnan(value):
            why = metric.difference.reason or "it isn't defined"
            raise ValueError(f"--fail-if {self.text!r} can't be decided for {_named(each)}: {why}")
        return value


def _named(of: Met | RunDifference) -> str:
    return of.run if of.template is None else f"{of.run} under {of.template!r}"


def read_condition(text: str) -> Condition:
    """Read [SCOPE:]METRIC[.FIELD] OP NUMBER.

    Raises:
        ValueError: it isn't that; the message says what is allowed.
    """
    parsed = _SYNTAX.fullmatch(text)
    if parsed is None:
        raise ValueError(
            f"--fail-if {text!r} is not METRIC OP NUMBER, such as 'preference_rate < -0.02' or "
            "'any: mean_probability.high < 0'; OP is one of " + ", ".join(_OPERATORS)
        )
    metric, field = parsed["metric"], parsed["field"] or "value"
    if metric not in _METRICS:
        raise ValueError(f"--fail-if {text!r}: {metric!r} is not one of {', '.join(_METRICS)}")
    if field not in _FIELDS:
        raise ValueError(f"--fail-if {text!r}: {field!r} is not one of {', '.join(_FIELDS)}")
    try:
        number = float(parsed["number"])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"--fail-if {text!r}: {parsed['number']!r} is no finite number")
    return Condition(" ".join(text.split()), parsed["scope"] or "pooled", metric, field, parsed["sign"], number)
