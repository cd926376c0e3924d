"""No interval has zero width without a reason, and none leaves its parameter's range: every public estimator."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from math import isfinite, isnan
from typing import Any

import pytest
from hypothesis import given, settings

from pyscore import metrics
from pyscore.metrics import Estimate, Report, VarianceComponents
from pyscore.metrics.core.report import Headlines
from tests.metrics.calls import Estimator, Range, Row
from tests.metrics.estimators import ESTIMATORS, SHARE
from tests.metrics.extremes import Inputs, inputs

ROUNDING = 1e-9

WITHOUT_INTERVALS = {
    *("adjust_p_values", "distinct_n", "exact_matches", "extract_option", "extract_options", "interaction"),
    *("last_minus_first", "minimum_detectable_effect", "normalize_answer", "pareto", "pareto_front"),
    *("preference_probability", "required_n", "reward_ensemble", "same_answer_matrix", "sentence_self_bleu"),
    *("slope_coefficients", "token_f1s", "unlikelihood"),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=40)
@given(x=inputs)
def test_intervals_have_width_and_stay_in_range_or_say_why_not(name: str, x: Inputs) -> None:
    estimator = ESTIMATORS[name]
    for report in reports_of(estimator, x):
        estimates = {"": report} if isinstance(report, Estimate) else estimates_of(report)
        for key, estimate in estimates.items():
            check_estimate(estimate, estimator.ranges.get(key, estimator.ranges.get("", SHARE)), key, estimator.anytime)
        for entry in estimator.rows:
            for row in report.rows if isinstance(report, Report) else ():
                if entry.value in row:
                    if row[entry.low] is None:  # A standard error of 0 has no ends.
                        assert row[entry.value] == 0
                    else:
                        check_row(row, entry, estimator.anytime)
        if not isinstance(report, Estimate):
            check_p_values(numbers_of(report))


def test_every_function_that_makes_intervals_is_tried() -> None:
    functions = {name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))}
    tried = {name.split(":")[0] for name in ESTIMATORS}
    assert functions <= tried | WITHOUT_INTERVALS
    assert not tried & WITHOUT_INTERVALS
    for name in WITHOUT_INTERVALS:
        takes = {"interval", "confidence", "clusters"} & set(inspect.signature(getattr(metrics, name)).parameters)
        assert not takes, f"{name} takes {takes}: give it a call in tests/metrics/estimators.py"


def reports_of(estimator: Estimator, x: Inputs) -> Iterator[Any]:
    try:
        result = estimator.call(x)
    except ValueError as error:
        if not estimator.refuses or not re.search(estimator.refuses, str(error)):
            raise
        return
    for each in result if isinstance(result, list) else [result]:
        yield from (each.components, each.means) if isinstance(each, VarianceComponents) else (each,)


def estimates_of(report: Report | Headlines) -> Mapping[str, Estimate]:
    return (report if isinstance(report, Report) else report._report()).estimates


def numbers_of(report: Report | Headlines) -> Mapping[str, float]:
    return (report if isinstance(report, Report) else report._report()).numbers


def check_estimate(e: Estimate, within: Range, name: str, anytime: bool) -> None:
    what = f"{name}: {e} in {within}"
    if e.reason:
        assert isnan(e.stderr) and isnan(e.low) and isnan(e.high), what
        assert len(e.reason) > 5, what
    else:
        assert e.stderr >= 0 or (isnan(e.stderr) and anytime), what
        check_ends(e.value, e.low, e.high, within, what, beside=anytime)


def check_row(row: Any, entry: Row, anytime: bool) -> None:
    value, low, high = row[entry.value], row[entry.low], row[entry.high]
    what = f"{entry}: {row}"
    if isnan(low) or isnan(high):
        assert isnan(low) and isnan(high), what
        assert row["reason"], what
    else:
        assert not row.get("reason"), what
        check_ends(value, low, high, entry.range, what, beside=anytime, may_be_equal=entry.may_be_equal)


def check_ends(
    value: float, low: float, high: float, within: Range, what: str, *, beside: bool, may_be_equal: bool = False
) -> None:
    room = ROUNDING * max(1.0, abs(value))
    assert isfinite(value) and not isnan(low) and not isnan(high), what
    assert low < high or (may_be_equal and low == high), what
    assert beside or low - room <= value <= high + room, what
    assert within[0] - room <= low, what
    assert high <= within[1] + room, what


def check_p_values(numbers: Mapping[str, float]) -> None:
    for name, p in numbers.items():
        if re.search(r"(^|_)p(_|$)|sign_test", name):
            assert isnan(p) or 0 <= p <= 1, f"{name} = {p}"
