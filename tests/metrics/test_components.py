"""Variance components: published mean squares, statsmodels, and what more of each factor would buy."""

from __future__ import annotations

import json
from math import sqrt
from typing import Any

import numpy as np
import pytest
from statsmodels.formula.api import mixedlm, ols
from statsmodels.stats.anova import anova_lm

from pyscore import metrics
from pyscore.metrics import Interval, variance_components
from pyscore.metrics.core.mean_squares import mean_squares

# A gauge study of 10 parts, 3 appraisers and 3 trials: AIAG, "Measurement Systems Analysis", 4th edition, ch. 3, whose
# table has the mean squares 9.81799 (parts), 1.58363 (appraisers), 0.01994 (both) and 0.04598 (equipment).
GAUGE = np.array(
    [
        [0.29, 0.41, 0.64, 0.08, 0.25, 0.07, 0.04, -0.11, -0.15],
        [-0.56, -0.68, -0.58, -0.47, -1.22, -0.68, -1.38, -1.13, -0.96],
        [1.34, 1.17, 1.27, 1.19, 0.94, 1.34, 0.88, 1.09, 0.67],
        [0.47, 0.50, 0.64, 0.01, 1.03, 0.20, 0.14, 0.20, 0.11],
        [-0.80, -0.92, -0.84, -0.56, -1.20, -1.28, -1.46, -1.07, -1.45],
        [0.02, -0.11, -0.21, -0.20, 0.22, 0.06, -0.29, -0.67, -0.49],
        [0.59, 0.75, 0.66, 0.47, 0.55, 0.83, 0.02, 0.01, 0.21],
        [-0.31, -0.20, -0.17, -0.63, 0.08, -0.34, -0.46, -0.56, -0.49],
        [2.26, 1.99, 2.01, 1.80, 2.12, 2.19, 1.77, 1.45, 1.87],
        [-1.36, -1.25, -1.31, -1.68, -1.62, -1.50, -1.49, -1.77, -2.16],
    ]
).reshape(10, 3, 1, 3)
"""Parts stand for questions, appraisers for templates, trials for answers."""


def crossed(seed: int, *levels: int) -> Any:
    """``[questions, templates, seeds, answers]`` with an effect of each factor and of each pair."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.5, levels)
    for axes, sd in {(0,): 1.0, (1,): 0.4, (2,): 0.3, (0, 1): 0.6, (0, 2): 0.3, (1, 2): 0.2}.items():
        values = values + rng.normal(0, sd, [n if axis in axes else 1 for axis, n in enumerate(levels)])
    return values


pandas = pytest.importorskip("pandas", reason="statsmodels needs it")


def labelled(values: Any) -> Any:
    """Columns of labels q, t, s and of values y, a row a value."""
    labels = dict(zip("qtsa", np.indices(values.shape).reshape(4, -1), strict=True))
    return pandas.DataFrame(labels | {"y": values.ravel()})


def test_mean_squares_are_the_published_ones() -> None:
    found = mean_squares(GAUGE[:, :, 0], ("question", "template")).values
    assert found.tolist() == pytest.approx([9.81799, 1.58363, 0.01994, 0.04598], abs=5e-6)


def test_components_are_those_of_the_published_mean_squares() -> None:
    found = variance_components(GAUGE).components
    unbiased = {row["component"]: row["unbiased"] for row in found.rows}
    assert unbiased == pytest.approx(
        {
            "question": (9.81799 - 0.01994) / 9,
            "template": (1.58363 - 0.01994) / 30,
            "question x template": (0.01994 - 0.04598) / 3,
            "answer": 0.04598,
        },
        abs=5e-6,
    )
    assert found["question x template"].value == 0
    assert found.title.endswith("estimated below 0 and shown as 0: question x template")
    assert sum(row["share"] for row in found.rows) == pytest.approx(1)


def test_three_crossed_factors_have_the_mean_squares_of_statsmodels() -> None:
    values = crossed(0, 6, 3, 4, 2)
    table = anova_lm(ols("y ~ C(q) * C(t) * C(s)", labelled(values)).fit())
    ours = mean_squares(values, ("question", "template", "seed"))
    assert ours.values.tolist() == pytest.approx(table["mean_sq"].tolist(), rel=1e-9)


def test_components_equal_those_of_reml_where_all_are_positive() -> None:
    values = crossed(1, 12, 4, 1, 3)
    frame = labelled(values)
    parts = {"q": "0 + C(q)", "t": "0 + C(t)", "qt": "0 + C(q):C(t)"}
    fitted = mixedlm("y ~ 1", frame, groups=np.ones(len(frame)), vc_formula=parts, re_formula="0").fit(reml=True)
    reml = dict(zip(sorted(parts), fitted.vcomp, strict=True)) | {"a": fitted.scale}
    ours = {row["component"]: row["unbiased"] for row in variance_components(values).components.rows}
    assert min(ours.values()) > 0
    assert list(ours.values()) == pytest.approx([reml[name] for name in ("q", "t", "qt", "a")], rel=1e-3)


def test_estimates_are_unbiased() -> None:
    found = [variance_components(crossed(seed, 8, 3, 3, 2), interval=FEW).components for seed in range(400)]
    truth = {"question": 1, "template": 0.16, "seed": 0.09, "question x template": 0.36, "question x seed": 0.09}
    truth |= {"template x seed": 0.04, "question x template x seed": 0, "answer": 0.25}
    for i, (name, value) in enumerate(truth.items()):
        raw = np.array([each.rows[i]["unbiased"] for each in found])
        assert found[0].rows[i]["component"] == name
        assert abs(raw.mean() - value) < 4 * raw.std() / sqrt(len(raw))


FEW = Interval(n_resamples=10)


def test_labels_in_any_order_make_the_same_array() -> None:
    values = crossed(2, 5, 3, 2, 2)
    mixed, frame = np.random.default_rng(0).permutation(values.size), labelled(values)
    columns: dict[str, Any] = {
        name: [f"no. {i}" for i in frame[name[0]].to_numpy()[mixed]] for name in ("question", "template", "seed")
    }
    found = variance_components(frame["y"].to_numpy()[mixed], **columns)
    whole = variance_components(values)
    assert [row["component"] for row in found.components.rows] == [row["component"] for row in whole.components.rows]
    for ours, theirs in zip(found.components.rows, whole.components.rows, strict=True):
        assert ours["unbiased"] == pytest.approx(theirs["unbiased"])


def test_the_error_on_new_questions_is_the_usual_clustered_one() -> None:
    values = crossed(2, 40, 3, 3, 3)
    found = variance_components(values)
    assert min(row["unbiased"] for row in found.components.rows) > 0
    usual = metrics.estimate_mean(values.ravel(), clusters=np.repeat(np.arange(40), 27))
    ours = found.means["new questions, these templates and seeds"]
    assert (ours.value, ours.stderr) == pytest.approx((usual.value, usual.stderr))
    assert (ours.low, ours.high) == pytest.approx((usual.low, usual.high), abs=0.05 * (usual.high - usual.low))


def test_twice_as_many_of_a_factor_halves_its_part_of_the_variance() -> None:
    found = variance_components(GAUGE)
    part, appraiser, trial = (found.components[name].value for name in ("question", "template", "answer"))
    these, new = found.means.rows
    assert new["target"] == "new questions and templates"
    assert new["stderr"] == pytest.approx(sqrt(part / 10 + appraiser / 3 + trial / 90))
    assert new["twice_questions"] == pytest.approx(sqrt(part / 20 + appraiser / 3 + trial / 180))
    assert new["twice_templates"] == pytest.approx(sqrt(part / 10 + appraiser / 6 + trial / 180))
    assert new["twice_answers"] == pytest.approx(sqrt(part / 10 + appraiser / 3 + trial / 180))
    assert these["target"] == "new questions, these templates"
    assert these["stderr"] == pytest.approx(sqrt(part / 10 + trial / 90))
    assert these["twice_templates"] is None


def test_every_target_is_told() -> None:
    targets = list(variance_components(crossed(0, 4, 3, 2, 1), interval=FEW).means.estimates)
    assert targets == [
        "new questions, these templates and seeds",
        "new questions and templates, these seeds",
        "new questions and seeds, these templates",
        "new questions, templates and seeds",
    ]
    assert list(variance_components(crossed(0, 4, 1, 1, 3), interval=FEW).means.estimates) == ["new questions"]


def test_one_answer_a_cell_is_told_with_the_highest_interaction() -> None:
    names = list(variance_components(crossed(0, 4, 3, 1, 1), interval=FEW).components.estimates)
    assert names == ["question", "template", "question x template + answer"]


def test_intervals_of_normal_values_hold_the_truth() -> None:
    rng, samples = np.random.default_rng(0), 200
    truth = {"question": 1.0, "template": 0.16, "question x template": 0.36, "answer": 1.0}
    held = dict.fromkeys((*truth, "mean"), 0)
    for _ in range(samples):
        values = rng.normal(0, 1, (15, 4, 1, 3)) + rng.normal(0, 1, (15, 1, 1, 1))
        values += rng.normal(0, 0.4, (1, 4, 1, 1)) + rng.normal(0, 0.6, (15, 4, 1, 1))
        found = variance_components(values, interval=Interval(n_resamples=2000))
        for name, value in truth.items():
            each = found.components[name]
            held[name] += each.low <= value <= each.high
        mean = found.means["new questions and templates"]
        held["mean"] += mean.low <= 0 <= mean.high
    # 95 % of 200, within three standard errors of the simulation
    assert all(count >= 0.9 * samples for count in held.values()), held


def test_values_that_do_not_vary_have_no_intervals() -> None:
    found = variance_components(np.full((4, 3, 1, 2), 1.1))
    assert {each.reason for each in found.components.estimates.values()} == {"no spread at all"}
    assert all(each.reason for each in found.means.estimates.values())
    assert found.components.rows[0]["share"] is None
    assert {row["low"] for row in found.means.rows} == {None}
    # Four questions that always have 0.1 leave open what others have, but say nothing of new templates.
    alike = variance_components(np.full((4, 3, 1, 2), 0.1)).means
    assert alike["new questions, these templates"].high > 0.5
    assert alike["new questions and templates"].reason == "the values don't vary"


def test_rounding_is_no_component() -> None:
    values = np.broadcast_to(np.array([0.1, 0.2, 0.3])[:, None, None, None], (3, 3, 2, 2))
    found = variance_components(values / 3 * 3).components
    assert [name for name, each in found.estimates.items() if not each.reason] == ["question"]
    assert [row["unbiased"] for row in found.rows[1:]] == [0] * 7


def test_means_of_shares_stay_between_0_and_1() -> None:
    values = np.zeros((3, 2, 1, 2))
    values[0, 0] = 1
    found = variance_components(values)
    for each in found.means.estimates.values():
        assert 0 <= each.low <= each.value <= each.high <= 1
    # Two templates leave their variance all but unknown; that of values in [0, 1] is at most 1/4.
    assert max(each.high for each in found.components.estimates.values() if not each.reason) == 0.25
    assert max(row["high"] for row in found.means.rows) <= 0.5 / sqrt(2) + 1e-12


def test_it_prints_and_is_json_ready() -> None:
    found = variance_components(GAUGE)
    text = str(found)
    assert text.startswith("variance components: 10 questions, 3 templates, 3 answers")
    assert "twice_templates" in text and "draws:10000:0" in text
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["means"]["rows"][0]["twice_templates"] is None


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.ones((1, 2, 1, 2)), {}, "one question"),
        (np.ones((3, 1, 1, 1)), {}, "one value a question"),
        (np.ones((3, 2)), {}, "4 dimensions"),
        (np.full((3, 2, 1, 1), np.inf), {}, r"values\[0, 0, 0, 0\] = inf must be finite"),
        ([1.0, 2.0], {"template": [1, 2]}, "template needs question beside it"),
        ([1.0, 2.0], {"question": [1]}, "question must have one entry a value: 2 values, 1 labels"),
        ([1.0, 2.0], {"question": [1, None]}, r"question\[1\] is missing"),
        ([1.0, 2.0, 3.0], {"question": [*"aab"]}, "question 'b' has 1 values and others have 2"),
        ([1.0, 2.0], {"question": [*"ab"], "template": [*"xy"]}, "question 'a', template 'y' has 0 values"),
        (np.ones((3, 2, 1, 1)), {"interval": Interval(method="bootstrap")}, "method 'auto'"),
        ([], {"question": []}, "values is empty"),
    ],
)
def test_what_cannot_be_separated_is_refused(values: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        variance_components(values, **options)


def test_a_label_that_cannot_be_hashed_is_named() -> None:
    with pytest.raises(TypeError, match=r"question\[0\] can't be hashed"):
        variance_components([1.0, 2.0], question=[[1], [2]])  # type: ignore[list-item]
