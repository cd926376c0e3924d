"""What a page shows when one looks closer: prompts as the model read them, all within a budget."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pyscore import Question
from pyscore.report.blocks import as_block, rounded
from pyscore.report.drill import DrillDown, drill_down
from pyscore.results.calibration_tables import calibration_tables
from pyscore.results.study_values import StudyValues, read_values
from pyscore.results.telling_questions import telling_questions
from pyscore.store import read_run, write_rows
from pyscore.store.studies import StudyFolder
from pyscore.sweep import run
from pyscore.sweep.study import Dataset, Study
from tests.sweep.fake_models import small_study

HOSTILE = "<script>alert('\u2028')</script>\n\x00]]> \U0001f600"


def decoded(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))


def scored(folder: Path, **changes: Any) -> Study:
    found = small_study(folder, **changes)
    run(found)
    return found


def study_asking(
    folder: Path, questions: Sequence[dict[str, Any]], names: Sequence[str] = ("d",), **changes: Any
) -> Study:
    """A study of one checkpoint whose data sets ask these questions, scored."""
    file = folder / "asked.jsonl"
    own = {"answers": [" Yes", " No"], "is_matching": [True, False]}
    file.write_text("".join(json.dumps({"id": f"q{i}", **own, **each}) + "\n" for i, each in enumerate(questions)))
    datasets = tuple(Dataset(name, (str(file),)) for name in names)
    found = replace(small_study(folder, models=1, datasets=(1,), **changes), datasets=datasets)
    run(found)
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return scored(tmp_path_factory.mktemp("study"), models=2, datasets=(14, 9))


@pytest.fixture(scope="module")
def values(study: Study) -> StudyValues:
    return read_values(study.output)


def shown(found: DrillDown) -> list[dict[str, Any]]:
    return [line for name, block in found.blocks.items() if name != "calibration" for line in block["questions"]]


def notes(found: DrillDown) -> list[str | None]:
    return [block["note"] for name, block in found.blocks.items() if name != "calibration"]


def test_blocks_are_json_and_as_large_as_said(values: StudyValues) -> None:
    found = drill_down(values)
    assert found.drill == {"0": "dataset-0", "1": "dataset-1"}
    assert list(found.blocks) == ["calibration", "dataset-0", "dataset-1"]
    texts = {name: as_block(block) for name, block in found.blocks.items()}
    assert found.size == sum(map(len, texts.values()))
    assert {name: decoded(text) for name, text in texts.items()} == found.blocks
    assert found.notes == []


def test_questions_are_the_telling_ones_as_the_model_read_them(study: Study, values: StudyValues) -> None:
    lines, expected = shown(drill_down(values)), telling_questions(values)
    order = sorted(expected, key=lambda each: values.datasets.index(each.dataset))
    asked = {(dataset.name, question.id): question for dataset in study.datasets for question in dataset.questions}
    assert len(lines) == len(order) > 10
    for line, each in zip(lines, order, strict=True):
        question = asked[str(each.dataset), each.question_id]
        assert line["prompt"] == question.prompt + (" (one word)" if each.template == "hint" else "")
        assert (line["id"], line["cluster"], line["why"]) == (each.question_id, each.cluster, list(each.why))
        assert (line["rendered"], line["cut"]) == (True, False)
        assert [(a["text"], a["is_matching"]) for a in line["answers"]] == [
            *zip(question.answers, question.is_matching, strict=True)
        ]
        assert line["probability"] == [pytest.approx(p, rel=1e-6) for p in each.probability]
        assert values.templates[line["template"]] == each.template


def test_calibration_is_that_of_the_tables(values: StudyValues) -> None:
    found, made = drill_down(values), calibration_tables(values)
    lines = [
        (name, cell)
        for name in found.blocks
        for cell in found.blocks[name].get("cells", ()) or found.blocks[name].get("calibration", ())
    ]
    assert len(lines) == len(made.tables) == 2 * 2 * 3
    for name, cell in lines:
        dataset = None if name == "calibration" else values.datasets[int(name.removeprefix("dataset-"))]
        key = values.checkpoints[cell["checkpoint"]], values.templates[cell["template"]], dataset
        (table,) = (t for t in made.tables if (t.checkpoint, t.template, t.dataset) == key)
        assert [b["n"] for b in cell["bins"]] == [b["n"] for b in table.bins]
        assert [b["rate_low"] for b in cell["bins"]] == rounded([b["observed_low"] for b in table.bins])
        assert cell["ece"] == rounded(table.estimates["ece"].value)
        assert cell["ece_low"] is None
        assert cell["ece_reason"] == table.estimates["ece"].reason
        assert cell["log_odds"]["counts"] == table.log_odds.counts.tolist()
        assert len(cell["log_odds"]["edges"]) == len(cell["log_odds"]["counts"]) + 1


def test_texts_stay_what_they_are(tmp_path: Path) -> None:
    study = study_asking(tmp_path, [{"prompt": HOSTILE, "answers": [" <b>", "\x1b[31m"]}], ["</script>"])
    found = drill_down(read_values(study.output))
    (line, _) = decoded(as_block(found.blocks["dataset-0"]))["questions"]
    assert line["prompt"] == HOSTILE
    assert [each["text"] for each in line["answers"]] == [" <b>", "\x1b[31m"]
    assert "<" not in as_block(found.blocks["dataset-0"])


def test_any_names_of_data_sets_have_their_own_prompts(tmp_path: Path) -> None:
    names = ["a/b", "q\"'", "数据 é", "d" * 250, "case", "CASE"]
    study = study_asking(tmp_path, [{"prompt": "first"}, {"prompt": "second"}], names)
    found = drill_down(read_values(study.output))
    assert list(found.drill.values()) == [f"dataset-{i}" for i in range(6)]
    assert all(line["prompt"] is not None for line in shown(found))
    assert notes(found) == [None] * 6


def test_long_prompts_and_answers_are_cut_in_the_middle(study: Study, tmp_path: Path) -> None:
    long = "a" * 400 + "middle" + "z" * 400
    asked = [
        Question(f"q{i}", long if i % 2 else "b" * 600, (long, " No"), (i % 2 == 1, i % 2 == 0)) for i in range(14)
    ]
    folder = StudyFolder(study.output)
    plain = next(each for each in folder.runs() if each.arguments["template"] == "plain")
    rows = read_run(folder.run_path(plain.name))
    texts = pa.array([long if line["answer_index"] == 0 else " No" for line in rows.to_pylist()])
    column = rows.schema.get_field_index("answer")
    write_rows(rows.set_column(column, rows.schema.field(column), texts), tmp_path / "rows.parquet")
    lines = shown(drill_down(read_values(tmp_path / "rows.parquet"), questions=asked))
    assert {line["cut"] for line in lines} == {True, False}
    for line in lines:
        if not line["cut"]:
            assert line["prompt"] == "b" * 600
            continue
        assert len(line["prompt"]) == 600
        assert line["prompt"].startswith("a" * 290)
        assert line["prompt"].endswith("z" * 290)
        assert (line["answers"][0]["cut"], line["answers"][1]) == (True, {"text": " No", "is_matching": False})


def test_a_template_that_needs_a_tokenizer_shows_the_questions_own_text_and_says_so(
    study: Study, values: StudyValues
) -> None:
    named = [{"name": "plain", "text": 'chat {"system": "s"}'}, {"name": "hint", "text": "{{ question }} (one word)"}]
    chat = replace(values, sources=[replace(values.sources[0], study={**values.sources[0].study, "templates": named})])
    found = drill_down(chat)
    for line in shown(found):
        assert line["rendered"] == (values.templates[line["template"]] == "hint")
        assert line["prompt"] is not None
    assert all("own texts" in (note or "") for note in notes(found))


def test_a_study_that_kept_no_questions_shows_answers_and_says_what_to_do(tmp_path: Path) -> None:
    study = scored(tmp_path, models=1, datasets=(4, 3))
    for file in (Path(study.output) / "questions").iterdir():
        file.unlink()
    found = drill_down(read_values(study.output))
    assert {line["prompt"] for line in shown(found)} == {None}
    assert all(
        [a["text"] for a in line["answers"]] == [" Yes", " No"]
        and line["answers"][0]["is_matching"] == (int(line["id"][1:]) % 2 == 1)
        for line in shown(found)
    )
    assert all(note and "run the sweep again" in note for note in notes(found))


def test_a_damaged_file_of_questions_is_told_where_its_prompts_would_be(tmp_path: Path) -> None:
    study = scored(tmp_path, models=1, datasets=(4, 3))
    (file,) = (Path(study.output) / "questions").glob("d1-*")
    file.write_bytes(file.read_bytes()[:50])
    found = drill_down(read_values(study.output))
    assert found.blocks["dataset-0"]["note"] is None
    assert file.name in found.blocks["dataset-1"]["note"]
    assert {line["prompt"] for line in found.blocks["dataset-1"]["questions"]} == {None}


def test_rows_of_no_study_show_the_prompts_that_are_given(study: Study) -> None:
    folder = StudyFolder(study.output)
    path = folder.run_path(folder.runs()[0].name)
    values = read_values(path)
    without = drill_down(values)
    assert {line["prompt"] for line in shown(without)} == {None}
    assert all(note and "give the files" in note for note in notes(without))
    given = [question for dataset in study.datasets for question in dataset.questions]
    found = drill_down(values, questions=given)
    texts = {question.prompt for question in given}
    template = values.templates[0]
    expected = {text if template == "plain" else f"{text} (one word)" for text in texts}
    assert {line["prompt"] for line in shown(found)} <= expected
    assert notes(found) == [None, None]


def test_questions_without_a_data_set_fit_any_but_one_that_names_it_comes_first(study: Study) -> None:
    folder = StudyFolder(study.output)
    values = read_values(folder.run_path(folder.runs()[0].name))
    given = [Question(f"q{i}", f"any {i}", (" Yes", " No"), (i % 2 == 1, i % 2 == 0)) for i in range(14)]
    given += [replace(each, prompt=f"own {i}", dataset="d1") for i, each in enumerate(given)]
    found = drill_down(values, questions=given)
    assert {line["prompt"][:3] for line in found.blocks["dataset-0"]["questions"]} == {"any"}
    assert {line["prompt"][:3] for line in found.blocks["dataset-1"]["questions"]} == {"own"}


def test_questions_with_other_answers_than_the_rows_are_not_those_that_were_asked(study: Study) -> None:
    folder = StudyFolder(study.output)
    values = read_values(folder.run_path(folder.runs()[0].name))
    right = [question for dataset in study.datasets for question in dataset.questions]
    for given in (
        [replace(each, answers=(" Yes", " no")) for each in right],
        [replace(each, is_matching=each.is_matching[::-1]) for each in right],
    ):
        found = drill_down(values, questions=given)
        assert {line["prompt"] for line in shown(found)} == {None}
        assert all(line["answers"][1]["text"] == " No" for line in shown(found))
        assert all("have other answers than the rows" in (note or "") for note in notes(found))


def test_questions_of_one_id_that_differ_are_told_apart_by_their_data_set_or_not_shown(study: Study) -> None:
    folder = StudyFolder(study.output)
    values = read_values(folder.run_path(folder.runs()[0].name))
    given = [
        replace(question, prompt=f"of {dataset.name}", dataset=dataset.name)
        for dataset in study.datasets
        for question in dataset.questions
    ]
    found = drill_down(values, questions=given)
    for name, block in (("d0", found.blocks["dataset-0"]), ("d1", found.blocks["dataset-1"])):
        assert {line["prompt"].removesuffix(" (one word)") for line in block["questions"]} == {f"of {name}"}
    found = drill_down(values, questions=[replace(each, dataset=None) for each in given])
    # The first data set is the longer one: ids of its last questions are no other's.
    assert {line["prompt"] for line in found.blocks["dataset-1"]["questions"]} == {None}
    assert "name the data set of each question" in found.blocks["dataset-1"]["note"]


def test_a_budget_is_kept_by_fewer_questions_then_none_then_no_block(values: StudyValues) -> None:
    whole = drill_down(values)
    seen = []
    for budget in range(whole.size, 0, -200):
        found = drill_down(values, budget=budget)
        assert found.size <= budget or not found.drill
        seen.append((len(found.drill), len(shown(found))))
        if found.size < whole.size:
            assert found.notes
            assert all("--drill-bytes" in note for note in found.notes)
    assert seen == sorted(seen, reverse=True)
    assert seen[0][0] == 2
    assert seen[-1] == (0, 0)
    assert len({n for blocks, n in seen if blocks == 2}) >= 3


def test_no_questions_are_shown_where_none_are_wanted(values: StudyValues) -> None:
    found = drill_down(values, n=0)
    assert shown(found) == []
    assert all("left out of this page" in (note or "") for note in notes(found))
    with pytest.raises(ValueError, match="at least 0"):
        drill_down(values, budget=-1)


def test_a_data_set_that_nothing_scored_has_a_block_that_says_so(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(3,))
    run(study)
    more = small_study(tmp_path, models=1, datasets=(3, 4))
    StudyFolder(study.output).write(more.to_dict())
    found = drill_down(read_values(study.output))
    assert found.blocks["dataset-1"] == {
        "calibration": [],
        "questions": [],
        "note": "No question of this data set was scored.",
    }


def test_a_question_that_breaks_a_template_shows_its_own_text(values: StudyValues) -> None:
    broken = [{"name": each, "text": "{{ meta.nothing }}{{ question }}"} for each in ("plain", "hint")]
    other = replace(
        values, sources=[replace(values.sources[0], study={**values.sources[0].study, "templates": broken})]
    )
    lines = shown(drill_down(other))
    assert {line["rendered"] for line in lines} == {False}
    assert all(line["prompt"].startswith("Is ") for line in lines)


def test_numbers_have_seven_digits_and_none_for_what_is_not_finite() -> None:
    found = rounded({"a": [1 / 3, float("nan"), float("-inf")], "b": (2, True, None, "x")})
    assert found == {"a": [0.3333333, None, None], "b": [2, True, None, "x"]}
