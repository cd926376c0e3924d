"""The checkpoints of a study are compared as their rows are, within each template, and templates are one family."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from statsmodels.stats.multitest import multipletests

from pyscore.results import RunDifferences, compare_runs
from pyscore.results.sources import open_sources
from pyscore.results.study_runs import checkpoints_of, read_group
from pyscore.store import read_run
from pyscore.store.scanning import scan_run
from pyscore.store.studies import StudyFolder
from pyscore.sweep.study import ComparisonRule, Dataset, Model, NamedTemplate, Scoring, Study
from pyscore.sweep.sweeps import FailedUnits, run
from tests.results.test_tidy import rows_of_cells
from tests.sweep.fake_models import SOURCE, questions_file, small_study

METRICS = ("mean_probability", "preference_rate", "mean_log_odds")
TEMPLATES = ("plain", "hint")
STEPS = (0, 100, 200)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two data sets, clusters that both share, two templates and three checkpoints; not to be changed."""
    found = small_study(tmp_path_factory.mktemp("compared"), datasets=(13, 8))
    run(found)
    return found


@pytest.fixture(scope="module")
def found(study: Study) -> RunDifferences:
    return compare_runs(study.output, margin=0.2)


def named(differences: Any) -> dict[Any, Any]:
    return {(each.run, each.template, each.scope, each.dataset): each for each in differences}


def of_rows(study: Study, template: str, **options: Any) -> RunDifferences:
    """The comparison of the tables of rows of all checkpoints under one template."""
    rows = rows_of_cells(study)
    return compare_runs(*(rows[step, template] for step in STEPS), **options)


def made(folder: Path, checkpoints: Sequence[Model], **changes: Any) -> Study:
    """A study of these checkpoints, whose paths are names of files to write."""
    folder.mkdir(exist_ok=True)
    for each in checkpoints:
        (folder / each.path).write_text(f"weights of {each.path}")
    models = tuple(replace(each, path=str(folder / each.path), source=SOURCE) for each in checkpoints)
    return replace(small_study(folder, models=1, datasets=(6,), **changes), models=models)


def test_differences_are_those_of_the_rows_of_each_template(study: Study, found: RunDifferences) -> None:
    differences = named(found.differences)
    assert len(differences) == len(found.differences) == 2 * 2 * 4
    for template in TEMPLATES:
        for each in of_rows(study, template).differences:
            got = differences.pop((each.run, template, each.scope, each.dataset))
            assert got.against == "m, step 0"
            assert (got.n_questions, got.n_clusters) == (each.n_questions, each.n_clusters)
            assert (got.n_raised, got.n_lowered) == (each.n_raised, each.n_lowered)
            for metric in METRICS:
                one, other = getattr(got, metric), getattr(each, metric)
                assert [one.first, one.other, one.p] == pytest.approx([other.first, other.other, other.p], rel=1e-12)
                for name in ("value", "stderr", "low", "high"):
                    assert getattr(one.difference, name) == pytest.approx(getattr(other.difference, name), rel=1e-12)
    assert not differences


def test_one_template_alone_is_the_comparison_of_its_rows(study: Study) -> None:
    found = compare_runs(study.output, template="hint", margin=0.2)
    expected = of_rows(study, "hint", margin=0.2)
    assert {each.template for each in found.differences} == {"hint"}
    for got, each in zip(found.differences, expected.differences, strict=True):
        assert (got.run, got.scope, got.dataset) == (each.run, each.scope, each.dataset)
        for metric in METRICS:
            one, other = getattr(got, metric), getattr(each, metric)
            assert one.adjusted_p == pytest.approx(other.adjusted_p, rel=1e-12)
            assert one.verdict == other.verdict
            assert (one.template_min, one.template_max) == (None, None)
    assert [(each.question_id, each.change) for each in found.changes] == [
        (each.question_id, pytest.approx(each.change, rel=1e-12)) for each in expected.changes
    ]


def test_templates_are_corrected_for_together_with_data_sets_and_checkpoints(found: RunDifferences) -> None:
    for metric in METRICS:
        for scope, n in (("dataset", 8), ("pooled", 4), ("macro", 4)):
            own = [getattr(each, metric) for each in found.differences if each.scope == scope]
            assert len(own) == n
            expected = multipletests([each.p for each in own], method="holm")[1]
            assert [each.adjusted_p for each in own] == pytest.approx(list(expected))
            if metric != "mean_log_odds":
                expected = multipletests([each.equivalence.p for each in own], method="holm")[1]
                assert [each.equivalence.adjusted_p for each in own] == pytest.approx(list(expected))


def test_beside_each_difference_stands_its_range_over_the_templates(found: RunDifferences) -> None:
    for each in found.differences:
        for metric in METRICS:
            values = [
                getattr(other, metric).difference.value
                for other in found.differences
                if (other.run, other.scope, other.dataset) == (each.run, each.scope, each.dataset)
            ]
            assert metric == "preference_rate" or len(set(values)) == 2
            got = getattr(each, metric)
            assert len(values) == 2
            assert (got.template_min, got.template_max) == (min(values), max(values))
    document = found.to_dict()["differences"][0]
    assert document["preference_rate"]["template_min"] == found.differences[0].preference_rate.template_min
    assert "template_min" in str(found)


def test_averages_of_other_data_sets_are_no_neighbours(tmp_path: Path) -> None:
    study = small_study(tmp_path / "a", datasets=(6, 5, 4))
    first, second, third = study.datasets
    study = replace(study, datasets=(first, second, replace(third, templates=("plain",))))
    run(study)
    found = compare_runs(study.output)
    for each in found.differences:
        alone = each.scope != "dataset" or each.dataset == "d2"
        assert (each.mean_probability.template_min is None) == alone
        assert each.n_datasets == (1 if each.scope == "dataset" else 3 if each.template == "plain" else 2)


def test_the_study_says_how_answers_are_compared_unless_told_otherwise(tmp_path: Path) -> None:
    rule = ComparisonRule(normalize="char", sets="sum", ties="strict")
    study = small_study(tmp_path / "a", comparison=rule, confidence=0.8)
    run(study)
    found = compare_runs(study.output)
    assert (found.normalize, found.sets, found.ties, found.confidence) == ("char", "sum", "strict", 0.8)
    as_study: dict[str, Any] = rule.__dict__ | {"confidence": 0.8}
    told: dict[str, Any] = {"normalize": "byte", "sets": "max", "ties": "half", "confidence": 0.9}
    options: dict[str, Any]
    for options, expected in (({}, as_study), (told, told)):
        got = compare_runs(study.output, template="hint", **options)
        for one, other in zip(got.differences, of_rows(study, "hint", **expected).differences, strict=True):
            for name in ("value", "low", "high"):
                values = [getattr(each.mean_probability.difference, name) for each in (one, other)]
                assert values[0] == pytest.approx(values[1], rel=1e-12)


CHECKPOINTS = [
    Model("small", "s100", step=100, size=1e6, family="f"),
    Model("small", "s0", step=0, size=1e6, family="f"),
    Model("large", "l5", step=5, size=1e9, family="f"),
    Model("large", "l9", step=9, size=1e9, family="f"),
    Model("base", "base", family="g"),
    Model("sft", "sft", family="g", tags={"loss": "sft"}),
    Model("dpo", "dpo", family="g", tags={"loss": "dpo"}),
    Model("seed", "one", step=1, family="h", tags={"seed": "1"}),
]


def test_each_curve_has_a_first_checkpoint_of_its_own(tmp_path: Path) -> None:
    study = made(tmp_path / "a", CHECKPOINTS, templates=(NamedTemplate("plain"),))
    run(study)
    found = compare_runs(study.output)
    assert [(each.run, each.against) for each in found.differences] == [
        ("small, step 100", "small, step 0"),
        ("large, step 9", "large, step 5"),
        ("sft", "base"),
        ("dpo", "base"),
    ]
    (note,) = found.notes
    assert note.startswith("seed, step 1 is compared with none: it is the only checkpoint of its family, size and")
    assert [(each.name, each.against) for each in found.runs[:2]] == [
        ("small, step 0", None),
        ("small, step 100", "small, step 0"),
    ]
    against = compare_runs(study.output, against="base")
    assert {each.against for each in against.differences} == {"base"}
    assert [each.run for each in against.differences] == [x.label for x in study.models if x.label != "base"]
    assert against.notes == []
    with pytest.raises(
        ValueError, match=r"against='bass' is no checkpoint of the study, which has small, step 100; .*"
    ):
        compare_runs(study.output, against="bass")
    reverse = compare_runs(study.output, against="sft").find(run="base")[0].mean_probability.difference
    assert reverse.value == pytest.approx(-found.find(run="sft")[0].mean_probability.difference.value)


def test_checkpoints_have_the_names_that_a_sweep_gives_them(tmp_path: Path) -> None:
    checkpoints = [
        Model("m", "a", revision="step3", step=3),
        Model("m", "b", revision="main", step=4),
        Model("m", "c", revision="main"),
        Model("m", "d"),
    ]
    study = made(tmp_path / "a", checkpoints)
    run(study)
    (source,) = open_sources(study.output)
    assert [each.name for each in checkpoints_of(source.groups, None)] == [each.label for each in checkpoints]


def test_two_checkpoints_at_one_step_of_a_curve_are_refused(tmp_path: Path) -> None:
    study = made(tmp_path / "a", [Model(name, name, step=3, family="f") for name in "ab"])
    run(study)
    with pytest.raises(ValueError, match="a, step 3 and b, step 3 have one step, family, size and tags"):
        compare_runs(study.output)
    assert compare_runs(study.output, against="b, step 3").differences[0].run == "a, step 3"


def test_data_sets_with_questions_that_cant_be_scored_are_refused_or_compared_in_common(tmp_path: Path) -> None:
    study = small_study(tmp_path / "a", models=2)
    path = Path(study.datasets[0].files[0])
    path.write_text(path.read_text().replace("Is 3 odd?", "x" * 1000))
    with pytest.raises(FailedUnits):
        run(study)
    with pytest.raises(ValueError, match="m, step 0, template plain, data set 'd0': 1 questions can't be scored"):
        compare_runs(study.output)
    assert {each.dataset for each in compare_runs(study.output, match="common").differences} == {"d1"}
    run(replace(study, scoring=Scoring(on_error="skip")))
    found = compare_runs(study.output)
    assert {(each.dataset, each.n_questions) for each in found.find("dataset")} == {("d0", 6), ("d1", 5)}
    note = "1 questions are not among its rows, for they couldn't be scored"
    assert f"m, step 100, template hint: {note}" in found.notes


@pytest.fixture
def unfinished(tmp_path: Path) -> Study:
    """Of three data sets step 100 lacks one under all templates; step 200 lacks all."""
    before = small_study(tmp_path / "a", datasets=(9, 6))
    run(replace(before, models=before.models[:2]))
    more = Dataset("d2", (questions_file(tmp_path / "a", "d2", 5),))
    after = replace(before, datasets=(*before.datasets, more))
    run(replace(after, models=after.models[:1]))
    StudyFolder(after.output).write(after.to_dict())
    return after


def test_a_checkpoint_that_lacks_a_data_set_is_refused_by_name(unfinished: Study) -> None:
    with pytest.raises(ValueError, match="m, step 100, template plain, data set 'd2': not scored") as raised:
        compare_runs(unfinished.output)
    assert "`pyscore sweep`" in str(raised.value) and "--match common" in str(raised.value)


def test_what_checkpoints_have_in_common_is_compared_if_told_so(unfinished: Study) -> None:
    found = compare_runs(unfinished.output, match="common")
    assert {(each.run, each.dataset) for each in found.find("dataset")} == {("m, step 100", d) for d in ("d0", "d1")}
    assert {(each.n_questions, each.n_datasets) for each in found.find("pooled")} == {(15, 2)}
    assert "m, step 100, template plain lacks data sets, which are left out: 'd2': not scored" in found.notes
    assert any(note.startswith("m, step 200, template hint lacks data sets") for note in found.notes)
    with pytest.raises(ValueError, match="no data set that two checkpoints to compare have scored under one template"):
        compare_runs(unfinished.output, match="common", against="m, step 200")


def test_in_memory_are_the_first_checkpoint_and_one_other(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[int] = []
    known: list[weakref.ref[Any]] = []

    def counted(*arguments: Any) -> Any:
        alive.append(sum(each() is not None for each in known))
        found = read_group(*arguments)
        known.append(weakref.ref(found.scores))
        assert found.scores is not None and found.scores.answers is None
        return found

    monkeypatch.setattr("pyscore.results.study_differences.read_group", counted)
    compare_runs(study.output)
    assert len(alive) == 6 and max(alive) <= len(TEMPLATES) + 1


def test_rows_that_are_read_in_many_batches_say_the_same(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = compare_runs(study.output)
    monkeypatch.setattr("pyscore.results.sources.scan_run", partial(scan_run, batch_rows=1))
    found = compare_runs(study.output)
    assert [each.to_dict() for each in found.differences] == [each.to_dict() for each in expected.differences]


def test_what_is_no_comparison_of_a_study_is_refused(study: Study, tmp_path: Path) -> None:
    runs = [StudyFolder(study.output).run_path(each.name) for each in StudyFolder(study.output).runs()]
    with pytest.raises(ValueError, match="is a study, which is compared by itself"):
        compare_runs(study.output, runs[0])
    with pytest.raises(ValueError, match="names are of runs"):
        compare_runs(study.output, names=["x"])
    with pytest.raises(ValueError, match=r"template 'x' is none of the study's, which are 'plain', 'hint'"):
        compare_runs(study.output, template="x")
    tables = read_run(runs[0]), read_run(runs[1])
    with pytest.raises(ValueError, match=r"template \(--template\) is of a study's folder"):
        compare_runs(*tables, template="x")
    with pytest.raises(ValueError, match=r"against \(--against\) is of a study's folder"):
        compare_runs(*tables, against="x")
    single = small_study(tmp_path / "one", models=1)
    run(single)
    with pytest.raises(
        ValueError, match="the study has no two checkpoints to compare: m, step 0 is compared with none"
    ):
        compare_runs(single.output)
