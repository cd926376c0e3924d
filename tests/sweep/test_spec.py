"""A study file is read to the study that it says, and whatever is wrong with it is named by its line."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import pyscore
from pyscore.sweep import ComparisonRule, Resources, Scoring
from pyscore.sweep.spec_yaml import read_yaml
from pyscore.tasks import ChatTemplate
from tests.docs.pages import code_blocks
from tests.paths import ROOT
from tests.sweep.checkpoints import HEAD, checkpoint, read
from tests.sweep.fake_models import small_study, stored_values

EXAMPLES = sorted((ROOT / "examples").glob("study*.yaml"))


def with_models(folder: Path, models: str) -> list[tuple[Any, ...]]:
    study = read(folder, f"output: out\ndatasets: [{{files: d0.jsonl}}]\nmodels:\n{models}")
    return [(each.name, each.step, each.size) for each in study.models]


def test_a_pattern_of_folders_gives_checkpoints_as_people_count(folder: Path) -> None:
    found = with_models(folder, "  - {path: 'runs/*/*', pattern: '{family}-{size}/step{step}'}\n")
    sizes = {"70M": 70e6, "160M": 160e6, "1.4B": 1.4e9}
    assert found == [(f"pythia-{size}", step, sizes[size]) for size in sizes for step in (2, 10, 1000)]


def test_other_fields_of_a_pattern_are_tags(folder: Path) -> None:
    text = HEAD.replace(
        "hub: owner/base", "{path: 'runs/*/step2', pattern: '{kind}-{size}/step{step}', tags: {run: 3}}"
    )
    assert {tuple(sorted(each.tags.items())) for each in read(folder, text).models} == {
        (("kind", "pythia"), ("run", "3"))
    }


def test_without_a_pattern_a_checkpoint_is_called_as_its_folder(folder: Path) -> None:
    assert with_models(folder, "  - path: runs/pythia-70M/*/\n") == [
        ("step2", None, None),
        ("step10", None, None),
        ("step1000", None, None),
    ]


def test_a_pattern_of_steps_alone_takes_the_name_of_the_folder_above(folder: Path) -> None:
    found = with_models(folder, "  - {path: 'runs/pythia-70M/*', pattern: 'step{step}'}\n")
    assert found == [("pythia-70M", step, None) for step in (2, 10, 1000)]


@pytest.mark.parametrize(
    ("revisions", "steps"),
    [
        ("[step0, step512]", [0, 512]),
        ("{steps: [0, 1, 2], range: [1000, 3000, 1000]}", [0, 1, 2, 1000, 2000, 3000]),
        ("{pattern: 'iter-{step}', steps: [7]}", [7]),
    ],
)
def test_revisions_of_a_repository_are_checkpoints(folder: Path, revisions: str, steps: list[int]) -> None:
    text = HEAD.replace("hub: owner/base", f"{{hub: owner/base, revisions: {revisions}}}")
    models = read(folder, text).models
    assert [each.step for each in models] == steps
    prefix = "iter-" if "iter" in revisions else "step"
    assert [each.revision for each in models] == [f"{prefix}{step}" for step in steps]


def test_ten_lines_are_150_checkpoints_by_135_data_sets(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "study_checkpoints.yaml").read_text()
    statements = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(statements) <= 10
    (tmp_path / "evals").mkdir()
    for i in range(135):
        (tmp_path / "evals" / f"set-{i}.jsonl").touch()
    for size in ("70M", "160M", "410M", "1B", "1.4B"):
        for step in range(1000, 30_001, 1000):
            checkpoint(tmp_path / "checkpoints" / f"pythia-{size}" / f"step{step}")
    study = read(tmp_path, text)
    assert (len(study.models), len(study.datasets)) == (150, 135)
    assert len({each.label for each in study.models}) == 150
    assert [each.step for each in study.models[:30]] == list(range(1000, 30_001, 1000))


def test_for_each_stands_for_a_product(folder: Path) -> None:
    text = HEAD.replace(
        "hub: owner/base",
        "{hub: 'owner/p-${size}', revision: 's${step}', for_each: {size: [1M, 2M], step: [0, 5]}, "
        "size: '${size}', step: '${step}'}",
    )
    assert [(m.path, m.revision, m.size, m.step) for m in read(folder, text).models] == [
        (f"owner/p-{size}M", f"s{step}", size * 1e6, step) for size in (1, 2) for step in (0, 5)
    ]


def test_variables_and_defaults_are_put_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSCORE_TEST_NAME", "d1")
    study = read(
        folder,
        "variables: {n: 5, stem: d, file: '${stem}0.jsonl', price: $$3}\n"
        "output: out\n"
        "defaults: {models: {dtype: bfloat16, tags: {a: x}}, datasets: {limit: '${n}'}}\n"
        "models: [{hub: a/b, tags: {b: '${price}'}}, {hub: c/d, dtype: float32}]\n"
        "datasets: [{files: '${file}'}, {files: '${env:PYSCORE_TEST_NAME}.jsonl', limit: 7}]\n",
    )
    assert [each.options for each in study.models] == [{"dtype": "bfloat16"}, {"dtype": "float32"}]
    assert study.models[0].tags == {"a": "x", "b": "$3"}
    assert [(each.name, each.limit) for each in study.datasets] == [("d0", 5), ("d1", 7)]


def test_all_else_arrives_where_it_belongs(folder: Path) -> None:
    study = read(
        folder,
        "name: n\noutput: s3://bucket/out\nmodels: [{hub: a/b, name: m, adapter: a/l}]\n"
        "datasets: [{files: [d0.jsonl, d1.jsonl], name: both, columns: {prompt: q, answers: [a, b], matching: m}}]\n"
        "templates: [plain, {name: hint, text: 'Q: {{ question }}'}, {file: hint.jinja, name: f},"
        " {name: c, chat: {system: s, date: 2024-07-26}}]\n"
        "scoring: {truncate: true, on_error: skip, chunk_questions: 5}\n"
        "resources: {gpus: 0.5, memory: 24GiB, custom: {h100: 1}}\n"
        "metrics: [mean_coverage, caa]\nconfidence: 0.9\ncomparison: {normalize: byte, ties: strict}\n",
    )
    assert (study.name, study.output, study.confidence) == ("n", "s3://bucket/out", 0.9)
    assert study.models[0].options == {"adapter": "a/l"}
    assert study.datasets[0].files == (str(folder / "d0.jsonl"), str(folder / "d1.jsonl"))
    assert dict(study.datasets[0].columns) == {"prompt": "q", "answers": ("a", "b"), "matching": "m"}
    assert [(each.name, each.template) for each in study.templates] == [
        ("plain", "plain"),
        ("hint", "Q: {{ question }}"),
        ("f", "Q: {{ question }}\nA:"),
        ("c", ChatTemplate(system="s", date="2024-07-26")),
    ]
    assert study.scoring == Scoring(truncate=True, on_error="skip", chunk_questions=5)
    assert study.resources == Resources(gpus=0.5, memory=24 * 2**30, custom={"h100": 1})
    assert (study.metrics, study.comparison) == (("mean_coverage", "caa"), ComparisonRule("byte", "max", "strict"))


def test_templates_may_be_a_mapping(folder: Path) -> None:
    study = read(folder, HEAD + "templates:\n  plain: plain\n  hint: |-\n    Q: {{ question }}\n    A:\n")
    assert [(each.name, each.template) for each in study.templates] == [
        ("plain", "plain"),
        ("hint", "Q: {{ question }}\nA:"),
    ]


def test_how_a_file_is_written_does_not_matter(folder: Path) -> None:
    block = HEAD + "confidence: 0.9\nscoring:\n  truncate: true\n"
    flow = json.dumps(
        {
            "scoring": {"truncate": True},
            "confidence": 9e-1,
            "datasets": [{"files": ["d0.jsonl"]}],
            "models": [{"hub": "owner/base"}],
            "output": "./out/",
        }
    )
    assert read(folder, block) == read(folder, flow)


def test_words_that_older_yaml_takes_for_flags_are_text(folder: Path) -> None:
    study = read(folder, HEAD.replace("hub: owner/base", "{hub: owner/base, name: no, family: on, tags: {a: 1_0}}"))
    assert (study.models[0].name, study.models[0].family, study.models[0].tags) == ("no", "on", {"a": "1_0"})


def test_paths_start_from_the_folder_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "study.yaml").write_text(HEAD)
    monkeypatch.chdir(folder.parent)
    study = pyscore.sweep.load(os.path.join(folder.name, "study.yaml"))
    assert (study.name, study.output) == ("study", str(folder / "out"))
    assert study.datasets[0].files == (str(folder / "d0.jsonl"),)


def test_the_schema_for_editors_is_that_of_the_fields() -> None:
    from pyscore.sweep.spec_models import schema

    shipped = (files("pyscore.sweep") / "study.schema.json").read_text()
    assert json.loads(shipped) == schema(), "write it anew: python -m tools.study_schema"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_fit_the_schema(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    yaml = pytest.importorskip("yaml")
    shipped = json.loads((files("pyscore.sweep") / "study.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(path.read_text()), shipped)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(path.read_text()), "confidense": 1}, shipped)


def test_the_studies_of_the_page_are_read(folder: Path) -> None:
    """Each block that is a whole study, or with what it lacks; paths that aren't there are all that is wrong."""
    blocks = code_blocks((ROOT / "docs" / "sweep.md").read_text(), "yaml")
    needed = {"output": "out", "models": [{"hub": "a/b"}], "datasets": [{"files": "d0.jsonl"}]}
    assert len(blocks) == 5
    for block in blocks:
        values, _ = read_yaml(block, "page")
        whole = {**needed, **values}
        if "hint" in str(whole["datasets"]):
            whole["templates"] = {"plain": "plain", "hint": "Q: {{ question }}"}
        try:
            read(folder, json.dumps(whole))
        except ValueError as error:
            wrong = [line for line in str(error).splitlines() if " no such " not in line and " match" not in line]
            assert [line for line in wrong if "more mistake" not in line] == []


def test_a_study_of_a_file_is_run(tmp_path: Path) -> None:
    made = small_study(tmp_path)
    (tmp_path / "study.yaml").write_text(
        "output: out\n"
        "models:\n"
        "  - {path: 'm[0-9]', pattern: 'm{step}', name: m, size: 1M, source: 'tests.sweep.fake_models:FileLoader'}\n"
        "datasets: [{files: d*.jsonl}]\n"
        "templates: [plain, {name: hint, text: '{{ question }} (one word)'}]\n"
        "comparison: {ties: strict}\n"
    )
    study = pyscore.sweep.load(tmp_path / "study.yaml")
    assert [(each.label, each.path) for each in study.models] == [
        (f"m, step {i}", model.path) for i, model in enumerate(made.models)
    ]
    pyscore.sweep.run(study)
    assert len(stored_values(study)) == 3 * 2 * (7 + 5) * 2
    said = json.loads((tmp_path / "out" / "study.json").read_text())
    assert said["comparison"] == {"normalize": "sum", "sets": "max", "ties": "strict"}
