"""`pyscore compare` of a study's folder: templates beside each other with their range, and conditions under each."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pyscore.cli import compare_study_output
from pyscore.results import compare_runs
from pyscore.sweep.study import ComparisonRule, NamedTemplate, Study
from pyscore.sweep.sweeps import run as run_study
from tests.cli.commands import run, run_json
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Not to be changed."""
    found = small_study(
        tmp_path_factory.mktemp("compared"), datasets=(13, 8), comparison=ComparisonRule(ties="first"), confidence=0.9
    )
    run_study(found)
    return found


def test_templates_and_their_range_stand_beside_each_other(study: Study) -> None:
    result = run("compare", study.output, "--changes", "1")
    assert result.exit_code == 0 and result.stderr == ""
    found = compare_runs(study.output)
    for each in found.differences:
        own = each.mean_probability
        assert f"{own.difference.value:+.4f} │ [{own.difference.low:+.4f}, {own.difference.high:+.4f}]" in result.stdout
        assert f"[{own.template_min:+.4f}, {own.template_max:+.4f}]" in result.stdout
    shown = re.sub(r"\s+", " ", result.stdout)
    assert "m, step 100 - m, step 0: mean probability" in shown and "90 % interval" in shown
    assert shown.count("│ range │") == 2 * 2 * 4
    assert "range: the smallest and the largest difference over the templates" in shown
    assert "m, step 0 is what other checkpoints are compared with, under each template by itself" in shown
    assert "of data sets for 8 comparisons of a metric, of averages for 4" in shown
    assert "changed most: m, step 200, template hint - m, step 0" in shown
    assert "changed most: m, step 100" not in shown
    assert max(map(len, result.stdout.splitlines()[1:20])) <= 120


def test_json_holds_what_compare_runs_returns_as_the_study_says_or_as_it_is_told(study: Study) -> None:
    found = run_json("compare", study.output)
    assert (found["ties"], found["confidence"]) == ("first", 0.9)
    expected = compare_runs(study.output).to_dict()
    assert found == {**json.loads(json.dumps(expected)), "paths": [study.output], "failed": []}
    told = run_json("compare", study.output, "--ties", "half", "--confidence", "0.95", "--template", "hint")
    expected = compare_runs(study.output, ties="half", confidence=0.95, template="hint").to_dict()
    assert told["differences"] == json.loads(json.dumps(expected["differences"]))
    against = run_json("compare", study.output, "--against", "m, step 200")
    assert {each["against"] for each in against["differences"]} == {"m, step 200"}


def test_a_condition_fails_if_it_holds_under_any_template_and_says_which(study: Study) -> None:
    averages = compare_runs(study.output).find("pooled", run="m, step 200")
    values = sorted((each.mean_probability.difference.value, each.template) for each in averages)
    assert len(values) == 2
    between = (values[0][0] + values[1][0]) / 2
    condition = f"mean_probability > {between:.6f}"
    result = run("compare", study.output, "--fail-if", condition, "--json")
    assert result.exit_code == 1
    failed = [each for each in json.loads(result.stdout)["failed"] if each["run"] == "m, step 200"]
    assert [each["template"] for each in failed] == [values[1][1]]
    assert f"{condition} holds for m, step 200 under '{values[1][1]}', pooled average: {values[1][0]:.6g}" in (
        result.stderr
    )
    limits = (f"mean_probability < {values[0][0] - 1:.6f}", f"mean_probability > {values[1][0] + 1:.6f}")
    passed = run("compare", study.output, "--fail-if", limits[0], "--fail-if", limits[1])
    assert (passed.exit_code, passed.stderr) == (0, "")


def test_of_one_data_set_checkpoints_stand_below_each_other(tmp_path: Path) -> None:
    one = small_study(tmp_path / "a", datasets=(9,))
    run_study(one)
    shown = run("compare", one.output).stdout
    assert "each - m, step 0: mean probability, d0" in shown and "pooled" not in shown
    assert [line for line in shown.splitlines() if "m, step 100" in line and "plain" in line]


def test_of_many_differences_averages_are_shown_and_the_rest_is_told(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_study_output, "_SHOWN", 5)
    shown = run("compare", study.output).stdout
    assert "each - m, step 0: mean probability, pooled average" in shown and "│ d0" not in shown.split("changed")[0]
    assert "12 of 16 differences are left out: --json has all" in shown


def test_one_template_has_no_range(tmp_path: Path) -> None:
    one = small_study(tmp_path / "a", models=2, templates=(NamedTemplate("plain"),))
    run_study(one)
    result = run("compare", one.output)
    assert result.exit_code == 0 and "range" not in result.stdout


def test_mistakes_are_one_line(study: Study, tmp_path: Path) -> None:
    part = str(next(Path(study.output).glob("runs/*/*")))
    unfinished = small_study(tmp_path / "a")
    run_study(replace(unfinished, models=unfinished.models[:1]))
    Path(unfinished.output, "study.json").write_bytes(Path(study.output, "study.json").read_bytes())
    for arguments, message in (
        ([study.output, part], "is a study, which is compared by itself"),
        ([study.output, "--template", "x"], "template 'x' is none of the study's"),
        (
            [study.output, "--against", "x"],
            "against='x' is no checkpoint of the study, which has m, step 0; m, step 100",
        ),
        ([part, "--template", "plain"], "template (--template) is of a study's folder"),
        ([study.output, "--log-arg", "cluster=x"], "no log among these runs takes it"),
        ([study.output, "--fail-if", "z: preference_rate < 0"], "no data set is called 'z' (compared: 'd0', 'd1')"),
        ([unfinished.output], "data set 'd0': not scored"),
    ):
        result = run("compare", *arguments)
        assert result.exit_code == 2 and result.stderr.count("\n") == 1
        assert message in result.stderr
