"""Where a report's numbers come from is told by the runs' manifests, in commands that a shell takes."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pyscore.report.provenance import provenance
from pyscore.results.study_values import read_values
from pyscore.store import merge_run, read_run, write_rows
from pyscore.store.studies import StudyFolder
from pyscore.sweep import run
from pyscore.sweep.study import Study
from pyscore.sweep.sweeps import Shard
from tests.sweep.fake_models import small_study

ARGV = ["sweep", "my study's file.yaml", "--limit", "3", "$HOME", "a\nb"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    found = small_study(tmp_path_factory.mktemp("study"), models=2, datasets=(3, 2))
    run(found, argv=ARGV)
    return found


def first_run(study: Study) -> str:
    cell = next(StudyFolder(study.output).cells())
    assert cell.run is not None
    return StudyFolder(study.output).run_path(cell.run.name)


def test_commands_are_those_that_were_typed_once_each(study: Study) -> None:
    found = provenance(read_values(study.output), commands=[("this page", ["report", study.output])])
    assert [each["what"] for each in found["commands"]] == ["scored by", "this page"]
    assert shlex.split(found["commands"][0]["command"]) == ["pyscore", *ARGV]
    assert shlex.split(found["commands"][1]["command"]) == ["pyscore", "report", study.output]
    assert found["notes"] == []


def test_facts_are_those_of_the_runs(study: Study) -> None:
    values = read_values(study.output)
    found = provenance(values)
    assert [(each["checkpoint"], each["template"]) for each in found["checkpoints"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    runs = {(each.arguments["model"], each.arguments["template"]): each for each in StudyFolder(study.output).runs()}
    for each in found["checkpoints"]:
        model, template = study.models[each["checkpoint"]], study.templates[each["template"]]
        manifest = runs[study.key(model), template.text].manifest
        facts = each["facts"]
        assert all(isinstance(text, str) for text in facts.values())
        assert facts["weights"] == f"weights {each['checkpoint']}" == manifest["settings"]["fingerprint"]["weights"]
        assert (facts["path"], facts["dtype"], facts["truncate"]) == (model.path, "float64", "no")
        assert (facts["how"], facts["run"]) == ("by a hash", manifest["run_id"])
    assert found["templates"] == [{"name": each.name, "text": each.text} for each in study.templates]
    assert found["versions"] == manifest["sessions"][0]["versions"]
    json.dumps(found, allow_nan=False)


def test_the_commands_of_many_shards_are_the_last_ones_and_a_count(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=11, datasets=(2,))
    for i in range(1, 12):
        run(study, shard=Shard(i, 11), argv=["sweep", "s.yaml", "--shard", f"{i}/11"])
    found = provenance(read_values(study.output))
    assert [each["command"].split()[-1] for each in found["commands"]] == [f"{i}/11" for i in range(4, 12)]
    assert found["notes"] == ["3 earlier commands aren't listed; the manifests of the runs have them."]


def test_a_study_scored_from_python_says_so(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(2,))
    run(study)
    found = provenance(read_values(study.output))
    assert found["commands"] == []
    assert "No command is known" in found["notes"][0]


def test_runs_and_merged_files_say_what_studies_do(study: Study, tmp_path: Path) -> None:
    whole = provenance(read_values(study.output))
    merge_run(first_run(study), tmp_path / "rows.parquet")
    for path in (first_run(study), tmp_path / "rows.parquet"):
        found = provenance(read_values(path))
        assert found["commands"] == whole["commands"]
        expected = {name: text for name, text in whole["checkpoints"][0]["facts"].items() if name != "path"}
        assert found["checkpoints"][0]["facts"].items() >= expected.items()
        assert found["templates"] == [{"name": "plain", "text": "plain"}]
        assert found["versions"] == whole["versions"]


def test_rows_without_a_manifest_say_what_their_metadata_does(study: Study, tmp_path: Path) -> None:
    write_rows(read_run(first_run(study)), tmp_path / "rows.parquet")
    found = provenance(read_values(tmp_path / "rows.parquet"))
    (line,) = found["checkpoints"]
    assert (line["facts"]["dtype"], line["facts"]["how"]) == ("float64", "by a hash")
    assert "pyscore" in found["versions"]
    assert found["commands"] == []


@pytest.mark.parametrize("manifest", ["", "{", "[]", '{"format": "pyscore run"}'])
def test_a_damaged_manifest_in_a_file_leaves_what_its_rows_say(study: Study, tmp_path: Path, manifest: str) -> None:
    table = read_run(first_run(study))
    metadata = {**table.schema.metadata, b"manifest": manifest.encode()}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "rows.parquet")
    (line,) = provenance(read_values(tmp_path / "rows.parquet"))["checkpoints"]
    assert line["facts"]["dtype"] == "float64"
    assert "manifest" not in line["facts"]


def test_what_differs_between_checkpoints_is_noted(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=2, datasets=(2,))
    first, second = study.models
    run(replace(study, models=(first, replace(second, options={"dtype": "float32"}))))
    found = provenance(read_values(study.output))
    assert "Not all rows were scored with the same dtype: float64, float32." in found["notes"]


def edited(study: Study, change: Any) -> None:
    path = Path(first_run(study)) / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("argv", [None, [], "sweep", [1], {"a": 1}])
def test_commands_of_another_shape_are_passed_over(tmp_path: Path, argv: Any) -> None:
    study = small_study(tmp_path, models=1, datasets=(2,), templates=small_study(tmp_path).templates[:1])
    run(study, argv=["sweep"])
    edited(study, lambda manifest: manifest["sessions"][0]["arguments"].update(argv=argv))
    assert provenance(read_values(study.output))["commands"] == []


def test_versions_and_unfinished_runs_are_noted(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(2,))
    run(study, argv=["sweep"])

    def change(manifest: Any) -> None:
        manifest["sessions"][0]["versions"] = {"pyscore": "0.0.9"}
        manifest["complete"] = False

    edited(study, change)
    found = provenance(read_values(study.output))
    assert len(found["versions"]["pyscore"].split(", ")) == 2
    assert any("several versions of pyscore: 0.0.9, " in note for note in found["notes"])
    assert "1 runs aren't finished: these are their rows so far." in found["notes"]
