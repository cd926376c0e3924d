"""A page's differences are those of compare_runs, to a hundred-thousandth."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pyscore.report import differences as module
from pyscore.report.curves import curve_entries
from pyscore.report.differences import chosen_pairs, differences_block
from pyscore.results import compare_runs, curve
from pyscore.results.all_curves import curves_of_study
from pyscore.results.all_pairs import pair_differences
from pyscore.results.study_values import StudyValues, read_values
from pyscore.store.studies import StudyFolder
from pyscore.sweep import run
from pyscore.sweep.study import Study
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    found = small_study(tmp_path_factory.mktemp("study"))
    run(found)
    return found


@pytest.fixture(scope="module")
def values(study: Study) -> StudyValues:
    return read_values(study.output)


def test_each_pair_is_what_compare_runs_says_of_the_two(study: Study, values: StudyValues) -> None:
    block = differences_block(values, pair_differences(values))
    folder = StudyFolder(study.output)
    runs = {(f"m, step {c.model['step']}", c.template["name"]): folder.run_path(c.run.name) for c in folder.cells()}
    assert len(block["pairs"]) == 3 * 2
    for pair in block["pairs"]:
        template = values.templates[pair["template"]]
        first, other = (values.checkpoints[pair[which]] for which in ("first", "other"))
        expected = compare_runs(runs[first, template], runs[other, template]).differences
        cells = pair["cells"]
        assert cells["scope"] == [each.scope for each in expected]
        for i, each in enumerate(expected):
            assert cells["n"][i] == each.n_questions
            for metric in ("mean_probability", "preference_rate"):
                _same(
                    {name: cells[metric][name][i] for name in ("difference", "below", "above")}, getattr(each, metric)
                )
                assert block["verdicts"][cells[metric]["verdict"][i]] == getattr(each, metric).verdict


def _same(found: dict[str, Any], expected: Any) -> None:
    estimate = expected.difference
    assert found["difference"] == round(1e5 * estimate.value)
    if math.isnan(estimate.low):
        assert found["below"] is found["above"] is None
        return
    assert (found["difference"] - found["below"]) / 1e5 == pytest.approx(estimate.low, abs=1.01e-5)
    assert (found["difference"] + found["above"]) / 1e5 == pytest.approx(estimate.high, abs=1.01e-5)


def test_where_pairs_are_too_many_those_of_curves_are_kept(
    study: Study, values: StudyValues, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = values.checkpoints
    assert chosen_pairs(values) == ([(names[0], names[1]), (names[0], names[2]), (names[1], names[2])], "")
    twice = read_values([study.output, study.output])
    monkeypatch.setattr(module, "_CELLS", 10)
    pairs, note = chosen_pairs(twice)
    assert (twice.checkpoints[0], twice.checkpoints[1]) in pairs
    assert len(pairs) < 15
    assert "Of 15 pairs" in note and "pyscore compare" in note


def test_bands_are_those_of_curve(study: Study, values: StudyValues) -> None:
    entries = curve_entries(values, curves_of_study(values).curves)
    assert len(entries) == 2 * 2 * 4
    for entry in entries:
        scope = entry["scope"]
        options = {"dataset": values.datasets[entry["dataset"]]} if scope == "dataset" else {"scope": scope}
        template = values.templates[entry["template"]]
        expected = curve(study.output, entry["metric"], template=template, **options).to_pydict()
        assert entry["band_low"] == pytest.approx(
            [math.nan if v is None else v for v in expected["band_low"]], nan_ok=True
        )
        assert [values.checkpoints[i] for i in entry["checkpoints"]] == [f"m, step {s}" for s in expected["step"]]
