"""Results are written in formats that others read, with every digit, and read back, whoever wrote them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from pyscore.integrations.interchange import Result, RunResults, read_results, run_results, write_results
from pyscore.results import summarize_rows
from pyscore.store import metadata_of
from tests.results.runs import rows, run

CONDITIONS = {"template": "plain", "dtype": "float32", "pyscore_version": "0.1.0", "engine": "vllm 0.33.0"}
COMPARISON = {"normalize": "sum", "sets": "max", "ties": "half"}
DETAILS: dict[str, dict[str, str]] = {
    "every-eval-ever": {"organization": "us", "relationship": "third_party"},
    "lm-eval": {},
    "hub": {"dataset_id": "org/bench"},
}
ENDINGS = {"every-eval-ever": ".json", "lm-eval": ".json", "hub": ".yaml"}
jsonschema = pytest.importorskip("jsonschema")
HOSTILE = 'a;b: [x, 1] "q" \n—\u2028 # \U0001f600, {}|%\\'


def results_of(*runs: Any, **metadata: str) -> RunResults:
    table = rows(*runs, **{**CONDITIONS, **metadata})
    return run_results(summarize_rows(table), metadata=metadata_of(table), comparison=COMPARISON)


def several(**columns: Any) -> RunResults:
    return results_of(
        run(20, **columns), run(30, 1, dataset="e", per_cluster=3, **columns), run(12, 2, dataset=HOSTILE, **columns)
    )


def written(results: RunResults, folder: Path, format: str, **details: str) -> Path:
    path = folder / f"{format}{ENDINGS[format]}"
    write_results(results, path, format, details=DETAILS[format] | details, seconds=1_700_000_000.25)
    return path


@pytest.mark.parametrize("format", DETAILS)
def test_numbers_come_back_to_the_last_digit(tmp_path: Path, format: str) -> None:
    results = several(model=HOSTILE)
    found = read_results(written(results, tmp_path, format))
    expected = results.results if format != "hub" else [Result(**{**vars(r), "model": None}) for r in results.results]
    assert found == expected  # A file in a model's repository on the hub doesn't say whose it is.
    assert all(each.low is not None for each in found)
    assert {each.metric for each in found} == {"mean_probability", "preference_rate"}


@pytest.mark.parametrize("format", DETAILS)
def test_numbers_are_those_of_the_summary_and_averages_are_left_out(tmp_path: Path, format: str) -> None:
    table = rows(run(20, dataset="d"), run(30, 1, dataset="e"), **CONDITIONS)
    summaries = summarize_rows(table, confidence=0.9)
    results = run_results(summaries, metadata=metadata_of(table), comparison=COMPARISON)
    found = read_results(written(results, tmp_path, format))
    expected = [getattr(s.summary, m) for s in summaries[:2] for m in ("mean_probability", "preference_rate")]
    assert [(r.value, r.stderr, r.low, r.high, r.n) for r in found] == [
        (e.value, e.stderr, e.low, e.high, e.n) for e in expected
    ]
    assert {r.confidence for r in found} == {0.9}


@pytest.mark.parametrize("format", DETAILS)
def test_without_an_interval_the_reason_stands_there(tmp_path: Path, format: str) -> None:
    path = written(results_of(run(1)), tmp_path, format)
    found = read_results(path)
    assert found[0].stderr is None and found[0].low is None and found[0].confidence is None
    reason = summarize_rows(rows(run(1)))[0].summary.mean_probability.reason
    assert reason and reason.replace(";", ",") in path.read_text()


@pytest.mark.parametrize("name", ["every_eval_ever.schema.json", "PYSCORE_EEE_SCHEMA"])
def test_records_are_valid(tmp_path: Path, name: str) -> None:
    """By our own description of what is written, and by the published schema where a variable names its file."""
    path = Path(__file__).with_name(name) if name.endswith(".json") else Path(os.environ.get(name, ""))
    if not path.is_file():
        pytest.skip(f"set {name} to a copy of eval.schema.json of github.com/evaleval/every_eval_ever")
    schema = json.loads(path.read_text())
    for results in (several(), several(revision="v1", step=3), results_of(run(1))):
        for more in ({}, {"dataset_id": "org/d"}, {"dataset_url": "https://e.org/d", "developer": "them"}):
            found = json.loads(written(results, tmp_path, "every-eval-ever", **more).read_text())
            jsonschema.validate(found, schema)
    del found["model_info"]["additional_details"]["deployment_type"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, schema)


def test_a_record_says_how_its_numbers_came_about(tmp_path: Path) -> None:
    details = {"lower_is_better": "true", "deployment": "self_deployed", "model_id": "org/m", "organization": HOSTILE}
    found = json.loads(written(several(revision="v1", step=3), tmp_path, "every-eval-ever", **details).read_text())
    assert found["eval_library"]["version"] == "0.1.0"
    assert found["eval_library"]["additional_details"]["dtype"] == "float32"
    assert found["source_metadata"]["source_organization_name"] == HOSTILE
    assert found["model_info"]["id"] == "org/m" and found["model_info"]["name"] == "m"
    assert found["model_info"]["inference_engine"] == {"name": "vllm", "version": "0.33.0"}
    assert found["model_info"]["additional_details"] == {
        "deployment_type": "self_deployed",
        "model_availability": "unknown",
        "revision": "v1",
        "step": "3",
    }
    assert found["evaluation_id"] == "pyscore/org/m/1700000000.250000"
    first, *_, clustered = found["evaluation_results"][:4]
    assert first["metric_config"]["lower_is_better"] is True
    assert first["metric_config"]["metric_parameters"] == COMPARISON
    assert first["generation_config"]["generation_args"]["prompt_template"] == "plain"
    assert clustered["score_details"]["uncertainty"]["standard_error"]["method"] == "cluster-robust"
    assert clustered["score_details"]["details"]["clusters"] == "10"
    ids = [each["evaluation_result_id"] for each in found["evaluation_results"]]
    assert len(set(ids)) == len(ids) == 6


def test_the_harness_own_table_prints_both_numbers(tmp_path: Path) -> None:
    utils = pytest.importorskip("lm_eval.utils")
    results = results_of(run(20), run(30, 1, dataset="e"))
    table = utils.make_table(json.loads(written(results, tmp_path, "lm-eval").read_text()))
    for each in results.results:
        (line,) = [line for line in table.splitlines() if f"|{each.value:.4f}|" in line.replace(" ", "")]
        assert each.metric in line and f"{each.stderr:.4f}" in line
    lowered = utils.make_table(json.loads(written(results, tmp_path, "lm-eval", lower_is_better="true").read_text()))
    assert "↓" in lowered and "↑" not in lowered


def test_the_hubs_own_reader_finds_the_entries(tmp_path: Path) -> None:
    details = {"dataset_revision": "abc", "date": "2026-01-31T12:00:00Z", "source_url": "https://e.org"}
    results = several()
    path = written(results, tmp_path, "hub", **details, source_name=HOSTILE, source_user="u")
    hub = pytest.importorskip("huggingface_hub")
    if not hasattr(hub, "parse_eval_result_entries"):
        pytest.skip("this huggingface_hub knows no .eval_results")
    entries = hub.parse_eval_result_entries(yaml.safe_load(path.read_text()))
    assert [entry.value for entry in entries] == [each.value for each in results.results]
    assert {(e.dataset_id, e.dataset_revision, e.source_name, e.source_user) for e in entries} == {
        ("org/bench", "abc", HOSTILE, "u")
    }
    assert [entry.task_id for entry in entries] == [each.dataset for each in results.results]
    assert entries[0].date == details["date"] and entries[0].notes.startswith("mean_probability; interval [")
    one = written(results_of(run(20)), tmp_path, "hub", task_id="diamond")
    assert [each.dataset for each in read_results(one)] == ["diamond"] * 2


def test_text_in_conditions_is_not_taken_for_numbers(tmp_path: Path) -> None:
    path = written(results_of(run(1), template="x; interval [0.1, 0.2] at confidence 0.5"), tmp_path, "hub")
    assert [each.low for each in read_results(path)] == [None, None]


@pytest.mark.parametrize(
    ("format", "details", "message"),
    [
        ("every-eval-ever", {"organization": ""}, "needs organization, the name of who evaluated: give it"),
        ("every-eval-ever", {"relationship": ""}, "needs relationship, one of first_party, third_party"),
        ("every-eval-ever", {"relationship": "friend"}, "relationship must be one of .*, got 'friend'"),
        ("every-eval-ever", {"deployment": "cloud"}, "deployment must be one of self_deployed"),
        ("every-eval-ever", {"colour": "red"}, "has no place for 'colour': its details are lower_is_better"),
        ("lm-eval", {"organization": "us"}, "lm-eval has no place for 'organization'"),
        ("lm-eval", {"lower_is_better": "perhaps"}, "lower_is_better must be one of true, false"),
        ("hub", {"dataset_id": ""}, "hub needs dataset_id"),
        ("hub", {"task_id": "one"}, "task_id='one' is of one task, and the rows are of d, e"),
        ("hub", {"source_user": "u"}, "with its URL only: give source_url"),
        ("hub", {"date": "tomorrow"}, "date must be as ISO 8601 has it"),
    ],
)
def test_a_detail_that_is_missing_or_wrong_is_named_and_nothing_is_written(
    tmp_path: Path, format: str, details: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        written(several(), tmp_path, format, **details)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_of_no_single_model_or_data_set_are_refused() -> None:
    with pytest.raises(ValueError, match="is of one model, and these rows are of a, b: write one file for each"):
        results_of(run(4, model="a"), run(4, model="b"))
    with pytest.raises(ValueError, match="the data set 'd' was scored by several runs"):
        results_of(run(4), run(4, 1, run_id="other"))
    with pytest.raises(ValueError, match="the rows name no data set"):
        results_of(run(4, dataset=None))


def test_a_number_that_is_known_between_ends_alone_is_refused_with_them() -> None:
    questions = run(4)
    questions[1]["logprob_low"] = questions[1]["logprob"] - 1
    with pytest.raises(ValueError, match=r"mean_probability of 'd' is known between 0\.\d+ and 0\.\d+ alone"):
        results_of(questions)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(several(), tmp_path, "lm-eval")
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        written(results_of(run(4)), tmp_path, "lm-eval")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_places_are_checked(tmp_path: Path) -> None:
    results = results_of(run(4))
    with pytest.raises(ValueError, match=r"x\.yaml must end in \.json"):
        write_results(results, tmp_path / "x.yaml", "lm-eval")
    with pytest.raises(ValueError, match="format='csv' is not one of"):
        write_results(results, tmp_path / "x.csv", "csv")
    with pytest.raises(FileNotFoundError, match=r"the folder .* doesn't exist"):
        write_results(results, tmp_path / "none" / "x.json", "lm-eval")
    (tmp_path / "f.json").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_results(results, tmp_path / "f.json", "lm-eval")


HARNESS = {
    "results": {
        "arc_easy": {
            "alias": " - arc",
            "acc,none": 0.25,
            "acc_stderr,none": 0.125,
            "exact_match,strict": 1,
            "exact_match_stderr,strict": "N/A",
        },
        "old": {"acc": 0.5, "acc_stderr": 0.1, "table": [1], "flag": True},
    },
    "n-samples": {"arc_easy": {"original": 100, "effective": 10}},
    "model_name": "org/m",
}
RECORD = {
    "schema_version": "0.2.2",
    "model_info": {"name": "M", "id": "org/m"},
    "evaluation_results": [
        {
            "evaluation_name": "mmlu",
            "metric_config": {"lower_is_better": False},
            "score_details": {"score": 61.5, "uncertainty": {"standard_error": {"value": 0.5}, "num_samples": 7}},
        }
    ],
}


def test_results_of_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps(HARNESS))
    assert read_results(path) == [
        Result("org/m", "arc_easy", "acc", 0.25, 0.125, n=10),
        Result("org/m", "arc_easy", "exact_match,strict", 1.0, n=10),
        Result("org/m", "old", "acc", 0.5, 0.1),
    ]
    path.write_text(json.dumps(RECORD))
    assert read_results(path) == [Result("org/m", "mmlu", "mmlu", 61.5, 0.5, n=7)]
    entries = tmp_path / "hle.yaml"
    entries.write_text("- dataset: {id: cais/hle, task_id: default}\n  value: 20.9\n  notes: no-tools\n")
    assert read_results(entries) == [Result(None, "default", "value", 20.9)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", r"a\.json, line 1: not JSON"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "9" * 5000, "a.json: .*digits"),
        ("a.json", '{"model": 1}', "holds no results: a record of Every Eval Ever"),
        ("a.json", json.dumps(HARNESS | {"results": {"t": 1}}), "results: 't' must be an object, found int"),
        ("a.json", json.dumps({"results": {"t": {"acc,none": float("nan")}}}), "'acc,none' must be a finite number"),
        ("a.json", '{"results": {"t": {"acc,none": 1' + "0" * 400 + "}}}", "must be a finite number, found 1000"),
        ("a.json", json.dumps(RECORD | {"evaluation_results": [{}]}), "score must be a finite number, found None"),
        ("a.json", json.dumps(RECORD | {"evaluation_results": [1]}), r"evaluation_results\[0\] must be an object"),
        ("a.json", json.dumps(RECORD | {"evaluation_results": 1}), "'evaluation_results' must be a list"),
        ("a.yaml", "- dataset: {id: a}\n  value: 1\n", "entry 1: 'dataset' needs the texts 'id' and 'task_id'"),
        ("a.yaml", "- dataset: {id: a, task_id: b}\n  value: high\n", "value must be a finite number, found 'high'"),
        ("a.yaml", "a: [\n", r"a\.yaml: not YAML"),
        ("a.yaml", "!!python/object/apply:os.getcwd []\n", r"a\.yaml: not YAML"),
        ("a.yaml", "", "holds no results"),
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_named_in_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_results(tmp_path / name)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_file_of_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_results(tmp_path / "none.json")
    with pytest.raises(ValueError, match="is a folder: name one file"):
        read_results(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"b\.json: not UTF-8 \(byte 0\)"):
        read_results(tmp_path / "b.json")
