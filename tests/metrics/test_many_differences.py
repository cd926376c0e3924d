"""Adjusted p-values beside statsmodels', and sweeps over many datasets."""

from __future__ import annotations

import json
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from pyscore import Difference, paired_difference
from pyscore.metrics.many_differences import ADJUSTMENTS, adjust_p_values, compare_many
from tests.metrics.cases import of_preferences

THEIR_NAMES = {"holm": "holm", "benjamini-hochberg": "fdr_bh"}
p_values = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.04, 1.0])), min_size=1, max_size=30)


@pytest.mark.parametrize("method", ADJUSTMENTS)
@settings(max_examples=25)  # statsmodels takes a tenth of a second for Holm's
@given(p=p_values, alpha=st.sampled_from([0.01, 0.05, 0.2]))
def test_adjusted_p_values_and_rejections_equal_statsmodels(method: str, p: list[float], alpha: float) -> None:
    rejected, expected, _, _ = multipletests(p, alpha, THEIR_NAMES[method])
    adjusted = adjust_p_values(p, method)
    assert adjusted == pytest.approx(expected, abs=1e-12)
    clear = np.abs(adjusted - alpha) > 1e-9  # at the very edge rounding decides
    assert ((adjusted <= alpha) == rejected)[clear].all()


def test_holm_equals_a_worked_example() -> None:
    # sorted .005 .01 .03 .04 times 4 3 2 1, never falling
    assert adjust_p_values([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("method", ADJUSTMENTS)
@given(p=p_values, shuffle=st.integers(0, 2**32 - 1))
def test_order_does_not_matter_and_none_gets_smaller(method: str, p: list[float], shuffle: int) -> None:
    order = np.random.default_rng(shuffle).permutation(len(p))
    adjusted = adjust_p_values(p, method)
    assert adjust_p_values(np.array(p)[order], method) == pytest.approx(adjusted[order], abs=1e-15)
    assert (adjusted >= np.array(p) - 1e-15).all() and (adjusted <= 1).all()


def test_benjamini_hochberg_rejects_all_that_holm_does() -> None:
    p = np.random.default_rng(0).random(50) ** 4
    assert (adjust_p_values(p, "benjamini-hochberg") <= adjust_p_values(p, "holm")).all()


def test_any_false_rejection_is_as_rare_as_promised() -> None:
    sweeps = np.random.default_rng(0).random((2000, 20))
    any_rejected = [(adjust_p_values(sweep) <= 0.1).any() for sweep in sweeps]
    assert np.mean(any_rejected) == pytest.approx(0.1, abs=0.02)
    assert (sweeps.min(axis=1) <= 0.1).mean() > 0.8  # without the correction


def test_names_stay_with_their_p_values() -> None:
    adjusted = adjust_p_values({"a": 0.04, "b": 0.01})
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.02})
    assert list(adjusted) == ["a", "b"]


@pytest.mark.parametrize(
    ("p", "method", "message"),
    [
        ([0.1, 1.5], "holm", r"p_values\[1\] = 1.5"),
        ([0.1, nan], "holm", r"p_values\[1\] is NaN"),
        ({"a": -0.1}, "holm", r"p_values\[0\] = -0.1"),
        ([], "holm", "p_values is empty"),
        ({}, "holm", "p_values is empty"),
        ([0.1], "bonferroni", "'holm', 'benjamini-hochberg'"),
    ],
)
def test_wrong_p_values_are_refused(p: object, method: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adjust_p_values(p, method)


def sweep() -> dict[str, Difference]:
    """One dataset where the models differ, one where they differ a little, one where they don't."""
    wins = {"far": 15, "near": 8, "same": 0}
    return {
        name: paired_difference(of_preferences([1] * n + [0] * (20 - n)), of_preferences([0] * 20))
        for name, n in wins.items()
    }


@pytest.mark.parametrize("test", ["interval", "wilcoxon", "sign_test"])
def test_a_sweep_holds_each_difference_and_its_adjusted_p_value(test: str) -> None:
    differences = sweep()
    report = compare_many(differences, test=test)
    p_values = [
        d.p_values["mean_probability"] if test == "interval" else getattr(d, test) for d in differences.values()
    ]
    _, expected, _, _ = multipletests(p_values, method="holm")
    for row, p, (name, difference), adjusted in zip(report.rows, p_values, differences.items(), expected, strict=True):
        estimate = difference.mean_probability
        assert (row["dataset"], row["p"]) == (name, p)
        ends = pytest.approx((estimate.value, estimate.low, estimate.high), nan_ok=True)
        assert (row["difference"], row["low"], row["high"]) == ends
        assert row["adjusted_p"] == pytest.approx(adjusted)
    # "near" differs by 1 on 8 of 20 questions and by 0 on 12, of which the bounds for means say less than a sign test.
    rejected = [True, test != "interval", False]
    assert [row["rejected"] for row in report.rows] == rejected
    assert report.numbers == {"datasets": 3, "rejected": sum(rejected), "untested": 0}


def test_it_prints_and_is_json_ready() -> None:
    report = compare_many(sweep(), method="benjamini-hochberg", alpha=0.1)
    assert "test:interval|adjustment:benjamini-hochberg|alpha:0.1" in report.signature
    assert str(report).splitlines()[1].split()[:2] == ["dataset", "questions"]
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["rows"][0]["rejected"] is True


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"test": "t"}, "'interval', 'wilcoxon', 'sign_test'"),
        ({}, {"method": "none"}, "'holm', 'benjamini-hochberg'"),
        ({}, {"alpha": 5}, "alpha must lie between 0 and 1"),
        ({"confidence": 0.9}, {}, "'same'.* another confidence"),
        (None, {}, "differences is empty"),
    ],
)
def test_a_users_mistake_is_named(change: dict[str, Any] | None, options: dict[str, object], message: str) -> None:
    differences = sweep()
    differences = {} if change is None else differences | {"same": replace(differences["same"], **change)}
    with pytest.raises(ValueError, match=message):
        compare_many(differences, **options)  # type: ignore[arg-type]
