"""A run that stops, in whatever way and wherever, goes on to the same rows."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from pyscore import Question, Scorer
from pyscore.engine.run import score_to
from pyscore.store import RunStore, metadata_of, read_rows, read_run, write_rows
from pyscore.store.files import locate
from tests.engine.fake_source import fake_scorer
from tests.engine.runs import Stopped, run, stopping_after, telling, values
from tests.engine.tiny import question, some_questions, tiny_configs, tiny_model, tiny_tokenizer


@pytest.fixture
def scorer() -> Scorer:
    return fake_scorer("tiny")


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


@pytest.fixture(params=["fake", "huggingface"])
def any_scorer(request: pytest.FixtureRequest) -> tuple[Scorer, tuple[str, str]]:
    """A scorer of each kind of source, and an entry of its rows' metadata."""
    if request.param == "fake":
        return fake_scorer("tiny"), ("how", "by a hash")
    scorer = Scorer(request.getfixturevalue("model"), tiny_tokenizer(), name="tiny", batch_tokens=100)
    return scorer, ("sharing", "tree")


def test_a_run_has_the_rows_of_score_in_the_order_of_the_questions(
    any_scorer: tuple[Scorer, tuple[str, str]], tmp_path: Path
) -> None:
    scorer, finding = any_scorer
    questions = random.Random(1).sample(some_questions(23), 23)
    table = run(scorer, tmp_path / "run", questions)
    scored = scorer.score(questions, token_logprobs=True)
    names = [name for name in scored.column_names if name not in ("run_id", "logprob", "token_logprobs")]
    assert table.select(names).equals(scored.select(names))
    assert table["logprob"].to_pylist() == pytest.approx(scored["logprob"].to_pylist(), abs=1e-5)
    assert len(set(table["run_id"].to_pylist())) == 1
    assert metadata_of(table)["complete"] == "true"
    assert finding in metadata_of(table).items()


@pytest.mark.parametrize("chunks", [0, 1, 2, 4])
@pytest.mark.parametrize("name", ["run", "rows.parquet"])
def test_a_run_that_broke_off_goes_on_to_the_same_bits_and_runs_nothing_twice(
    any_scorer: tuple[Scorer, tuple[str, str]], tmp_path: Path, chunks: int, name: str
) -> None:
    scorer, _ = any_scorer
    questions = some_questions(23)
    whole = run(scorer, tmp_path / "whole", questions)
    with pytest.raises(Stopped):
        run(stopping_after(scorer, chunks), tmp_path / name, questions)
    folder = tmp_path / (f"{name}.run" if "." in name else name)
    if chunks:
        assert read_run(folder)["question_id"].to_pylist() != []
    else:
        assert not folder.exists()
    left = 5 - chunks
    table = run(stopping_after(scorer, left), tmp_path / name, questions, resume=True)
    assert values(table).equals(values(whole))
    assert len(set(table["run_id"].to_pylist())) == 1
    assert folder.exists() == (name == "run")


def test_a_finished_run_is_not_run_again(scorer: Scorer, tmp_path: Path) -> None:
    questions = some_questions(7)
    for name in ("run", "rows.parquet"):
        first = run(scorer, tmp_path / name, questions)
        assert run(stopping_after(scorer, 0), tmp_path / name, questions, resume=True).equals(first)


def test_more_questions_are_added_to_a_finished_run(scorer: Scorer, tmp_path: Path) -> None:
    questions = some_questions(17)
    run(scorer, tmp_path / "run", questions[:7])
    table = run(scorer, tmp_path / "run", questions, resume=True)
    assert table["question_id"].to_pylist() == [q.id for q in questions for _ in q.answers]


def test_a_finished_file_grows_as_a_folder_does_and_scores_only_what_is_missing(scorer: Scorer, tmp_path: Path) -> None:
    questions = some_questions(17)
    ran: list[int] = []
    for name in ("run", "rows.parquet"):
        run(scorer, tmp_path / name, questions[3:10])
        with pytest.raises(Stopped):
            run(stopping_after(scorer, 1), tmp_path / name, questions, resume=True)
        if name == "rows.parquet":
            assert read_rows(tmp_path / name).num_rows == sum(len(q.answers) for q in questions[3:10])
        stored = read_run(tmp_path / (f"{name}.run" if "." in name else name)).num_rows
        table = run(telling(scorer, ran.append), tmp_path / name, questions, resume=True)
        assert stored + sum(ran) == table.num_rows == sum(len(q.answers) for q in questions)
        ran.clear()
    folder, file = (read_rows(tmp_path / name) for name in ("run", "rows.parquet"))
    assert values(file).equals(values(folder))
    assert len(set(file["run_id"].to_pylist())) == 1
    own = {"manifest": metadata_of(file)["manifest"]}
    assert metadata_of(file) == metadata_of(folder) | own and metadata_of(file)["complete"] == "true"
    assert len(json.loads(own["manifest"])["sessions"]) == 3
    assert sorted(os.listdir(tmp_path)) == ["rows.parquet", "run"]


def test_a_finished_file_keeps_its_run_id(scorer: Scorer, tmp_path: Path) -> None:
    run(scorer, tmp_path / "rows.parquet", some_questions(3), run_id="first")
    for n in (3, 5):
        with pytest.raises(ValueError, match=r"rows\.parquet has the run_id 'first', not 'second'"):
            run(scorer, tmp_path / "rows.parquet", some_questions(n), run_id="second", resume=True)
    assert os.listdir(tmp_path) == ["rows.parquet"]


def test_a_file_grows_behind_a_url(scorer: Scorer) -> None:
    questions = some_questions(9)
    run(scorer, "memory://growing/rows.parquet", questions[:4])
    table = run(scorer, "memory://growing/rows.parquet", questions, resume=True)
    assert table["question_id"].to_pylist() == [q.id for q in questions for _ in q.answers]
    assert locate("memory://growing").names() == ["rows.parquet"]


def test_a_file_that_was_growing_when_it_was_asked_for_less_is_refused_and_nothing_is_lost(
    scorer: Scorer, tmp_path: Path
) -> None:
    path, questions = tmp_path / "rows.parquet", some_questions(17)
    small = run(scorer, path, questions[:7])
    with pytest.raises(Stopped):
        run(stopping_after(scorer, 1), path, questions, resume=True)
    with pytest.raises(ValueError, match=r"rows\.parquet\.run holds \d questions that are not asked for now"):
        run(scorer, path, questions[:7], resume=True)
    assert read_rows(path).equals(small)
    run(scorer, path, questions, resume=True)


def test_a_file_that_something_else_wrote_meanwhile_is_not_written_over(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, questions = tmp_path / "rows.parquet", some_questions(7)
    other, finish = scorer.score(some_questions(2)), RunStore.finish
    for before in (3, 0):
        if before:
            run(scorer, path, questions[:before])

        def late(store: RunStore, target: Path, entries: Any) -> None:
            write_rows(other, target)
            finish(store, target, entries)

        with (
            monkeypatch.context() as patch,
            pytest.raises(FileExistsError, match="something else wrote"),
        ):
            patch.setattr(RunStore, "finish", late)
            run(scorer, path, questions, resume=True)
        assert read_rows(path).equals(other)
        path.unlink()
        table = run(stopping_after(scorer, 0), path, questions, resume=True)
        assert table["question_id"].to_pylist() == [q.id for q in questions for _ in q.answers]
        path.unlink()


def test_a_finished_file_beside_the_folder_of_another_run_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    path, questions = tmp_path / "rows.parquet", some_questions(7)
    finished = run(scorer, tmp_path / "other.parquet", questions[:3])
    with pytest.raises(Stopped):
        run(stopping_after(scorer, 1), path, questions)
    os.rename(tmp_path / "other.parquet", path)
    with pytest.raises(ValueError, match="hold two runs: remove one of them"):
        run(scorer, path, questions, resume=True)
    assert read_rows(path).equals(finished) and read_run(f"{path}.run").num_rows > 0


@pytest.mark.parametrize("name", ["run", "rows.parquet"])
def test_what_was_removed_and_what_was_edited_is_told_apart(scorer: Scorer, tmp_path: Path, name: str) -> None:
    questions = some_questions(9)
    run(scorer, tmp_path / name, questions, dataset="d")
    edited = [replace(questions[1], answers=(" (A)", " (B)", " (D)")), replace(questions[2], cluster="c")]
    with pytest.raises(ValueError, match="holds 3 questions that are not asked for now") as refused:
        run(scorer, tmp_path / name, [*edited, *questions[3:]], dataset="d", resume=True)
    assert "(removed: 'q0' of 'd'; edited: 'q1' of 'd' (answers), 'q2' of 'd' (cluster))" in str(refused.value)
    prompt = replace(questions[1], prompt="Another one")
    message = {
        "run": r"holds 1 questions .*edited: 'q1' of 'd' \(prompt\)",
        "rows.parquet": "the prompts of some were edited",
    }
    with pytest.raises(ValueError, match=message[name]):
        run(scorer, tmp_path / name, [questions[0], prompt, *questions[2:]], dataset="d", resume=True)


@pytest.mark.parametrize("entry", ["run_id", "model", "state"])
def test_a_manifest_whose_state_was_edited_is_refused_by_the_entry(scorer: Scorer, tmp_path: Path, entry: str) -> None:
    run(scorer, tmp_path / "run", some_questions(3))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest | {entry: [1]}))
    with pytest.raises(ValueError, match=rf"manifest in .*run is damaged: its entry {entry} is of type list, not"):
        run(scorer, tmp_path / "run", some_questions(5), resume=True)


def test_questions_may_be_put_before_those_that_are_stored(scorer: Scorer, tmp_path: Path) -> None:
    questions = some_questions(17)
    for name in ("run", "rows.parquet"):
        if name == "run":
            run(scorer, tmp_path / name, questions[5:])
        else:
            with pytest.raises(Stopped):
                run(stopping_after(scorer, 2), tmp_path / name, questions[5:])
        table = run(scorer, tmp_path / name, questions, resume=True)
        assert table["question_id"].to_pylist() == [q.id for q in questions for _ in q.answers]


@pytest.mark.parametrize("value", [0, -3, True, 2.0])
def test_chunks_hold_a_whole_number_of_questions(scorer: Scorer, tmp_path: Path, value: int | bool | float) -> None:
    with pytest.raises((TypeError, ValueError), match="chunk_questions"):
        run(scorer, tmp_path / "run", some_questions(3), chunk_questions=value)
    assert not (tmp_path / "run").exists()


def test_chunks_may_be_counted_by_an_integer_of_any_kind(scorer: Scorer, tmp_path: Path) -> None:
    expected = run(scorer, tmp_path / "int", some_questions(12))
    found = run(scorer, tmp_path / "NumPy", some_questions(12), chunk_questions=np.int64(5))
    assert values(found).equals(values(expected))


def test_a_file_is_not_overwritten_without_being_asked(scorer: Scorer, tmp_path: Path) -> None:
    run(scorer, tmp_path / "rows.parquet", some_questions(3))
    with pytest.raises(FileExistsError, match="pass resume"):
        run(scorer, tmp_path / "rows.parquet", some_questions(5))


def test_a_run_of_other_questions_or_settings_is_refused_and_stays_as_it_was(scorer: Scorer, tmp_path: Path) -> None:
    questions = some_questions(7)
    for name in ("run", "rows.parquet"):
        first = run(scorer, tmp_path / name, questions)
        with pytest.raises(ValueError, match=r"questions that are not asked for|of other questions"):
            run(scorer, tmp_path / name, questions[1:], resume=True)
        with pytest.raises(ValueError, match="template was 'plain' and is 'human-assistant'"):
            run(scorer, tmp_path / name, questions, resume=True, template="human-assistant")
        assert values(read_rows(tmp_path / name)).equals(values(first))


def test_a_run_is_not_overwritten_without_being_asked(scorer: Scorer, tmp_path: Path) -> None:
    run(scorer, tmp_path / "run", some_questions(3))
    with pytest.raises(FileExistsError, match="pass resume"):
        run(scorer, tmp_path / "run", some_questions(3))


def test_a_file_of_rows_that_is_no_run_is_not_resumed(scorer: Scorer, tmp_path: Path) -> None:
    write_rows(scorer.score(some_questions(3)), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="rows of no run"):
        run(scorer, tmp_path / "rows.parquet", some_questions(3), resume=True)


def test_a_run_that_another_process_took_over_leaves_that_ones_rows(scorer: Scorer) -> None:
    url, questions = "memory://taken-over", some_questions(7)
    other = fake_scorer("tiny")
    tables: list[pa.Table] = []

    def overtaken(_: int) -> None:
        if not tables:
            tables.append(run(other, url, questions, resume=True))

    with pytest.raises(BlockingIOError, match="another process opened the run"):
        run(telling(scorer, overtaken), url, questions)
    assert read_rows(url).equals(tables[0], check_metadata=True)


def test_a_bad_question_keeps_what_was_scored_before_it(scorer: Scorer, tmp_path: Path) -> None:
    questions = [*some_questions(10), question("zz", "which of these do you prefer? " * 60 + "Answer:")]
    with pytest.raises(ValueError, match=r"question 'zz'.*truncate=True"):
        run(scorer, tmp_path / "run", questions)
    assert read_run(tmp_path / "run").num_rows == sum(len(q.answers) for q in questions[:10])
    fixed = run(scorer, tmp_path / "run", questions[:10], resume=True)
    assert values(fixed).equals(values(run(scorer, tmp_path / "other", questions[:10])))


def test_the_template_is_part_of_a_questions_content(scorer: Scorer, tmp_path: Path) -> None:
    def asked(word: str) -> list[Question]:
        return [Question(q.id, q.prompt, q.answers, q.is_matching, meta={"w": word}) for q in some_questions(5)]

    template = "{{ meta.w }} {{ question }}"
    run(scorer, tmp_path / "run", asked("One"), template=template)
    with pytest.raises(ValueError, match="holds 5 questions that are not asked for"):
        run(scorer, tmp_path / "run", asked("Two"), template=template, resume=True)


def test_a_run_may_lie_behind_a_url(scorer: Scorer) -> None:
    questions = some_questions(12)
    table = run(scorer, "memory://runs-of-the-engine", questions)
    assert values(table).equals(values(run(scorer, "memory://runs-of-the-engine.parquet", questions)))


def test_integers_of_numpy_and_torch_are_integers(scorer: Scorer, tmp_path: Path) -> None:
    for i, number in enumerate([5, np.int64(5), torch.tensor(5), np.array(5)]):
        table = run(scorer, tmp_path / "run", some_questions(2 + i), step=number, chunk_questions=number, resume=True)
        assert set(table["step"].to_pylist()) == {5}
    for bad, error in [(2.0, TypeError), (True, TypeError), (0, ValueError)]:
        with pytest.raises(error, match="chunk_questions"):
            run(scorer, tmp_path / "other", some_questions(2), chunk_questions=bad)


def test_a_path_object_and_a_suffix_in_capitals_are_a_file(scorer: Scorer, tmp_path: Path) -> None:
    score_to(scorer, tmp_path / "rows.PARQUET", some_questions(2), progress=False)
    assert os.listdir(tmp_path) == ["rows.PARQUET"]


@pytest.mark.parametrize("entry", ["run_id", "model"])
@pytest.mark.parametrize("edited", ["other", None], ids=["changed", "removed"])
def test_an_edited_manifest_does_not_give_the_rows_of_one_run_two_names(
    scorer: Scorer, tmp_path: Path, entry: str, edited: str | None
) -> None:
    run(scorer, tmp_path / "run", some_questions(5))
    file = tmp_path / "run" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest[entry] = edited
    file.write_text(json.dumps({name: value for name, value in manifest.items() if value is not None}))
    with pytest.raises(ValueError, match=f"is damaged: its entry {entry} is "):
        run(scorer, tmp_path / "run", some_questions(10), resume=True)
    assert read_run(tmp_path / "run").num_rows == len([a for q in some_questions(5) for a in q.answers])
