"""Questions that can't be scored end the run, or are left out, named with the reason, and change no other value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore import Scorer
from pyscore.engine import Skipped, score_to, skipped_questions
from pyscore.store import read_rows, remove_run
from tests.engine.fake_source import fake_scorer
from tests.engine.tiny import question, some_questions, tiny_configs, tiny_model, tiny_tokenizer

TOO_LONG = question("long", "value other people " * 100)
NO_HINT = "{% if question == 'Explode' %}{{ meta.missing.more }}{% endif %}{{ question }}"


@pytest.fixture
def scorer() -> Scorer:
    return fake_scorer()


def logprobs(table: Any) -> dict[tuple[str, int], float]:
    return dict(
        zip(
            zip(*(table[c].to_pylist() for c in ("question_id", "answer_index")), strict=True),
            table["logprob"].to_pylist(),
            strict=True,
        )
    )


def test_a_question_that_is_too_long_ends_the_run_unless_it_may_be_skipped(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="'long'"):
        scorer.score([*some_questions(4), TOO_LONG], progress=False)
    with pytest.raises(ValueError, match="on_error='ignore' is not one of raise, skip"):
        scorer.score([TOO_LONG], on_error="ignore", progress=False)


@pytest.mark.parametrize("places", [[0], [3], [5], [0, 1, 4], range(6)], ids=str)
def test_what_is_skipped_is_named_and_the_other_values_stay(scorer: Scorer, places: Sequence[int]) -> None:
    good = some_questions(6)
    bad = [replace(TOO_LONG, id=f"long {i}") for i in places]
    asked = list(good)
    for place, one in zip(sorted(places, reverse=True), reversed(bad), strict=True):
        asked.insert(place, one)
    table = scorer.score(asked, on_error="skip", dataset="mine", progress=False)
    assert logprobs(table) == pytest.approx(logprobs(scorer.score(good, progress=False)), abs=1e-5)
    found = skipped_questions(table)
    assert {(each.dataset, each.question_id) for each in found} == {("mine", one.id) for one in bad}
    assert all("more than the model's context of 256" in each.reason for each in found)


def test_a_template_that_fails_on_one_question_skips_that_one(scorer: Scorer) -> None:
    table = scorer.score([question("a"), question("b", "Explode")], template=NO_HINT, on_error="skip", progress=False)
    assert set(table["question_id"].to_pylist()) == {"a"}
    (skipped,) = skipped_questions(table)
    assert skipped.question_id == "b" and "missing" in skipped.reason


def test_rows_of_a_run_without_bad_questions_name_none(scorer: Scorer) -> None:
    table = scorer.score([question("a")], on_error="skip", progress=False)
    assert skipped_questions(table) == []
    assert b"skipped" not in table.schema.metadata


@pytest.mark.parametrize("good", [0, 3])
def test_progress_counts_what_is_skipped(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], good: int
) -> None:
    monkeypatch.setattr("pyscore.engine.progress._SECONDS", 0.0)
    scorer.score([*some_questions(good), TOO_LONG], on_error="skip")
    assert f"scoring: {good + 1}/{good + 1} questions" in capsys.readouterr().err.splitlines()[-1]


def test_where_every_question_is_bad_there_are_no_rows_and_every_reason(scorer: Scorer) -> None:
    table = scorer.score([TOO_LONG], on_error="skip", progress=False)
    assert table.num_rows == 0
    assert skipped_questions(table) == [Skipped(None, "long", skipped_questions(table)[0].reason)]


def test_explain_counts_what_a_run_would_take_without_them() -> None:
    scorer = Scorer(tiny_model(tiny_configs()["llama"]), tiny_tokenizer(), name="tiny", batch_tokens=100)
    assert scorer.explain([*some_questions(4), TOO_LONG], on_error="skip") == scorer.explain(some_questions(4))


@pytest.mark.parametrize("name", ["run", "rows.parquet"])
def test_a_run_names_what_it_left_out_in_a_file_and_goes_on_without_it(
    scorer: Scorer, tmp_path: Path, name: str
) -> None:
    path, good = tmp_path / name, some_questions(6)
    asked = [*good[:3], TOO_LONG, question("exploding", "Explode"), *good[3:]]
    how: dict[str, Any] = {"template": NO_HINT, "progress": False, "chunk_questions": 2}
    with pytest.raises(ValueError, match="'exploding'"):
        score_to(scorer, str(path), asked, **how)
    score_to(scorer, str(path), asked[:5], on_error="skip", **how)
    score_to(scorer, str(path), asked, on_error="skip", resume=True, **how)
    table = read_rows(path)
    assert list(dict.fromkeys(table["question_id"].to_pylist())) == [each.id for each in good]
    file = path / "skipped.jsonl" if name == "run" else tmp_path / "rows.parquet.skipped.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [Skipped(**line) for line in lines] == skipped_questions(table)
    assert {line["question_id"] for line in lines} == {"long", "exploding"}


def test_what_was_skipped_and_can_be_scored_later_is_no_longer_named(scorer: Scorer, tmp_path: Path) -> None:
    path = tmp_path / "run"
    asked = [question("a"), TOO_LONG]
    score_to(scorer, str(path), asked, on_error="skip", progress=False)
    score_to(fake_scorer(context_length=3000), str(path), asked, on_error="skip", resume=True, progress=False)
    assert skipped_questions(read_rows(path)) == []
    assert not (path / "skipped.jsonl").exists()
    assert set(read_rows(path)["question_id"].to_pylist()) == {"a", "long"}


def test_a_removed_run_leaves_nothing_of_what_it_left_out(scorer: Scorer, tmp_path: Path) -> None:
    score_to(scorer, str(tmp_path / "run"), [question("a"), TOO_LONG], on_error="skip", progress=False)
    remove_run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
