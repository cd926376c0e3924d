"""A study's questions are read once, with what has to be said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyscore.results.comparison import comparison_from_rows
from pyscore.results.study_values import read_values
from pyscore.store import read_run
from pyscore.store.grouping import count_questions
from pyscore.store.studies import StudyFolder
from pyscore.sweep import run
from pyscore.sweep.study import Study
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    found = small_study(tmp_path_factory.mktemp("study"))
    run(found)
    return found


def test_values_are_those_of_rows(study: Study) -> None:
    values = read_values(study.output)
    folder = StudyFolder(study.output)
    runs = {(cell.model["step"], cell.template["name"]): cell.run for cell in folder.cells()}
    assert len(values.groups) == len(runs) == 6
    for each in values.groups:
        rows = read_run(folder.run_path(runs[each.group.labels["step"], each.template].name))
        compared = comparison_from_rows(rows)
        np.testing.assert_array_equal(each.scores.value("probability"), np.asarray(compared.probability))
        assert sum(n.n_questions for n in each.counts.values()) == 12
        merged, same, nested = count_questions(rows)
        assert sum(n.n_merged for n in each.counts.values()) == merged
        assert sum(n.n_indistinguishable for n in each.counts.values()) == same
        assert sum(n.n_nested for n in each.counts.values()) == nested


def test_names_are_kept_once(study: Study) -> None:
    first, *others = read_values(study.output).groups
    assert all(each.scores.question_ids is first.scores.question_ids for each in others)


def test_checkpoints_of_one_name_are_told_apart(study: Study) -> None:
    values = read_values([study.output, study.output])
    assert values.checkpoints == [f"m, step {n}{again}" for again in ("", " (2)") for n in (0, 100, 200)]


def test_a_number_after_a_name_is_never_the_name_of_another(study: Study, tmp_path: Path) -> None:
    one = small_study(tmp_path, models=2, datasets=(3,))
    named = replace(one, models=(replace(one.models[0], step=None), replace(one.models[1], name="m (2)", step=None)))
    run(named)
    again = replace(named, output=str(tmp_path / "again"), models=named.models[:1])
    run(again)
    values = read_values([named.output, again.output])
    assert values.checkpoints == ["m", "m (2)", "m (3)"]
    assert len({(each.checkpoint, each.template) for each in values.groups}) == len(values.groups)


def test_studies_whose_data_sets_of_one_name_hold_other_questions_are_refused(study: Study, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "other")
    entries = {k: v for k, v in StudyFolder(study.output).read().items() if k not in ("format", "version")}
    edited = [entries["datasets"][0], entries["datasets"][1] | {"content_sha256": "0" * 64}]
    folder.write(entries | {"datasets": edited})
    with pytest.raises(ValueError, match=r"data set 'd1' holds other questions in .*other than in"):
        read_values([study.output, folder.path])
    folder.write(entries | {"datasets": [edited[0], edited[1] | {"name": "d2"}]})
    assert read_values([study.output, folder.path]).datasets == ["d0", "d1", "d2"]


def test_studies_that_compare_in_other_ways_are_refused(study: Study, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "other")
    entries = {k: v for k, v in StudyFolder(study.output).read().items() if k not in ("format", "version")}
    folder.write(entries | {"confidence": 0.9})
    with pytest.raises(ValueError, match="compare answers in other ways"):
        read_values([study.output, folder.path])
    assert read_values([study.output, folder.path], confidence=0.9).confidence == 0.9
