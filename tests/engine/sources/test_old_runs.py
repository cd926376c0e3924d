"""Runs that version 0.1.0 wrote, under the names that entries had then, are read, summarised and gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pyscore import Scorer
from pyscore.store import metadata_of, read_rows, read_run, summarize_rows
from tests.engine.runs import Stopped, run, stopping_after, values
from tests.engine.tiny import some_questions, tiny_configs, tiny_model, tiny_tokenizer

# As 0.1.0 wrote it after two chunks of a run, but for digests, ids, times and versions, which a test puts in.
MANIFEST = """{
  "format": "pyscore run",
  "version": 1,
  "complete": false,
  "settings": {
    "template": "plain",
    "dtype": "float32",
    "device": "cpu",
    "backend": "cpu",
    "add_bos_token": "false",
    "prefix_tokens": "",
    "fingerprint": {},
    "revision": null,
    "step": null,
    "batch_tokens": 100,
    "truncate": false,
    "token_logprobs": true,
    "window_questions": 5
  },
  "sessions": [],
  "run_id": "",
  "model": "tiny",
  "batch_tokens": 100,
  "attention": {"attention": "tree", "reasons": [], "checked": {"tree branches": 98}, "used": {"tree": ""}},
  "metadata": {"head": "fused", "attention": "tree", "batch_tokens": "100"}
}
"""
ROWS = (
    *("schema_version", "pyscore_version", "template", "dtype", "device", "backend", "model_fingerprint"),
    *("tokenizer_hash", "add_bos_token", "prefix_tokens", "choices", "torch_version", "float32_matmul_precision"),
    *("template_hash", "head", "attention", "batch_tokens"),
)
"""The metadata of its rows."""


def old_manifest(now: dict[str, Any]) -> dict[str, Any]:
    old = json.loads(MANIFEST)
    old["settings"]["fingerprint"] = now["settings"]["fingerprint"]
    return old | {name: now[name] for name in ("sessions", "run_id")}


def make_old(part: Path) -> None:
    """Give a file of rows the names of then."""
    file = pq.ParquetFile(part)
    table, footer = file.read(), file.metadata.metadata
    own = {name: value for name, value in table.schema.metadata.items() if not name.startswith(b"pyscore_question")}
    own[b"attention"] = own.pop(b"sharing")
    assert {name.decode() for name in own} - {"complete", "manifest"} == set(ROWS)
    with pq.ParquetWriter(part, table.schema.with_metadata(own)) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({k: v for k, v in footer.items() if k.startswith(b"pyscore_question")})


@pytest.fixture
def scorer() -> Scorer:
    return Scorer(tiny_model(tiny_configs()["llama"]), tiny_tokenizer(), name="tiny", batch_tokens=100)


@pytest.fixture
def old_run(scorer: Scorer, tmp_path: Path) -> Path:
    with pytest.raises(Stopped):
        run(stopping_after(scorer, 2), tmp_path / "run", some_questions(23))
    file = tmp_path / "run" / "manifest.json"
    file.write_text(json.dumps(old_manifest(json.loads(file.read_text()))))
    for part in (tmp_path / "run").glob("part-*.parquet"):
        make_old(part)
    return tmp_path / "run"


def test_an_old_run_is_read_and_summarised(old_run: Path) -> None:
    table = read_run(old_run)
    assert metadata_of(table)["sharing"] == "tree" and "attention" not in metadata_of(table)
    assert summarize_rows(table)[0].summary.n_questions == 10


def test_an_old_run_goes_on_in_the_same_batches_under_the_names_of_now(
    scorer: Scorer, old_run: Path, tmp_path: Path
) -> None:
    whole = run(scorer, tmp_path / "whole", some_questions(23))
    table = run(stopping_after(scorer, 3), old_run, some_questions(23), resume=True)
    assert values(table).equals(values(whole))
    manifest = json.loads((old_run / "manifest.json").read_text())
    assert not {"attention", "batch_tokens"} & manifest.keys()
    assert manifest["settings"]["chunk_questions"] == 5 and "window_questions" not in manifest["settings"]
    assert metadata_of(table).keys() - {"complete"} == {*ROWS, "sharing"} - {"attention"}


def test_an_old_runs_settings_are_still_compared(scorer: Scorer, old_run: Path) -> None:
    with pytest.raises(ValueError, match="chunk_questions was 5 and is 4"):
        run(scorer, old_run, some_questions(23), resume=True, chunk_questions=4)


def test_an_old_finished_file_grows(scorer: Scorer, tmp_path: Path) -> None:
    file, questions = tmp_path / "rows.parquet", some_questions(23)
    first = run(scorer, file, questions[:7])
    now = json.loads(metadata_of(first)["manifest"])
    old = old_manifest(now) | {name: now[name] for name in ("complete", "finished", "stored")}
    pq.write_table(first.replace_schema_metadata({**first.schema.metadata, b"manifest": json.dumps(old)}), file)
    make_old(file)
    assert metadata_of(read_rows(file))["sharing"] == "tree"
    table = run(scorer, file, questions, resume=True)
    assert table["question_id"].to_pylist() == [q.id for q in questions for _ in q.answers]
    assert table.slice(0, first.num_rows).equals(first)
