"""One run at a time under a model, from whatever thread, Scorer or half-read stream the next one comes."""

from __future__ import annotations

import copy
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pyscore import Scorer
from pyscore.engine import forward_kl, score_documents, score_to
from pyscore.engine.rows import RunInfo
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.turns import turn
from pyscore.store import read_rows
from tests.engine.tiny import question, some_questions, tiny_configs, tiny_model, tiny_tokenizer

PREFIX = "which of these do you prefer? Is the following statement something you would say? " * 2
QUESTIONS = {name: [question(f"{name}{i}", f"{PREFIX} {name} {i} Answer:") for i in range(24)] for name in "abc"}
RUN = (ScoreSettings(), RunInfo("r", "m", None))


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


@pytest.fixture(scope="module")
def scorer(model: Any) -> Scorer:
    return Scorer(model, tiny_tokenizer(), batch_tokens=128)


def values(table: Any) -> list[float]:
    return table["logprob"].to_pylist()


def in_threads(*calls: Any) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=300) for future in [pool.submit(call) for call in calls]]


def test_threads_that_share_a_scorer_get_what_each_would_get_alone(scorer: Scorer) -> None:
    alone = {name: values(scorer.score(questions)) for name, questions in QUESTIONS.items()}

    def repeat(name: str) -> list[Any]:
        return [values(scorer.score(QUESTIONS[name])) for _ in range(5)]

    for name, tables in zip("abc", in_threads(*(lambda name=name: repeat(name) for name in "abc")), strict=True):
        assert tables == [alone[name]] * 5


def test_scorers_that_share_a_model_take_turns(model: Any, scorer: Scorer) -> None:
    alone, other = values(scorer.score(QUESTIONS["a"])), Scorer(model, tiny_tokenizer(), batch_tokens=128)
    model.train()
    modes = []
    handle = model.register_forward_pre_hook(lambda module, args: modes.append(module.training))
    body = model.model.register_forward_pre_hook(lambda module, args: modes.append(module.training))
    try:
        tables = in_threads(*(lambda own=own: [own.score(QUESTIONS["a"]) for _ in range(5)] for own in (scorer, other)))
    finally:
        handle.remove()
        body.remove()
        was = model.training
        model.eval()
    assert was and not any(modes)
    assert [values(table) for each in tables for table in each] == [alone] * 10


def test_every_entry_point_waits_for_its_turn(model: Any, scorer: Scorer, tmp_path: Path) -> None:
    pairs = [([3, 4, 5], [6]), ([3, 4], [7, 8])]
    calls = {
        "score": lambda: scorer.score(QUESTIONS["a"][:2]),
        "explain": lambda: scorer.explain(QUESTIONS["a"][:2]),
        "score_tokens": lambda: scorer.score_tokens(pairs),
        "score_documents": lambda: score_documents(scorer, ["Yes No maybe"]),
        "score_to": lambda: score_to(scorer, str(tmp_path / "run"), QUESTIONS["a"][:2]),
        "forward_kl": lambda: forward_kl(scorer, scorer, ["Yes No maybe", "No Yes"]),
    }
    done: list[str] = []
    threads = []
    with turn(scorer.source):
        for name, call in calls.items():
            threads.append(threading.Thread(target=lambda name=name, call=call: (call(), done.append(name))))
            threads[-1].start()
            threads[-1].join(0.05)
        early = list(done)
    for thread in threads:
        thread.join(300)
    assert early == []
    assert sorted(done) == sorted(calls)


def test_a_half_read_stream_is_named_instead_of_waited_for_and_stays_right(scorer: Scorer) -> None:
    whole = [values(rows) for _, rows in scorer.stream(QUESTIONS["a"], *RUN, chunk_questions=8)]
    stream = scorer.stream(QUESTIONS["a"], *RUN, chunk_questions=8)
    found = [values(next(stream)[1])]
    with pytest.raises(RuntimeError, match="stream of this model's rows is open: exhaust it or close"):
        scorer.score(QUESTIONS["b"])
    with pytest.raises(RuntimeError, match="stream of this model's rows is open"):
        in_threads(lambda: scorer.score(QUESTIONS["b"]))
    with pytest.raises(RuntimeError, match="stream of this model's rows is open"):
        next(scorer.stream(QUESTIONS["b"], *RUN))
    assert found + [values(rows) for _, rows in stream] == whole


def test_a_stream_that_is_closed_dropped_or_never_begun_lets_the_next_call_go_on(scorer: Scorer) -> None:
    expected = values(scorer.score(QUESTIONS["b"]))
    never = scorer.stream(QUESTIONS["a"], *RUN)
    assert values(scorer.score(QUESTIONS["b"])) == expected
    never.close()
    stream = scorer.stream(QUESTIONS["a"], *RUN, chunk_questions=8)
    next(stream)
    stream.close()
    assert values(scorer.score(QUESTIONS["b"])) == expected
    stream = scorer.stream(QUESTIONS["a"], *RUN, chunk_questions=8)
    next(stream)
    del stream
    gc.collect()
    assert values(scorer.score(QUESTIONS["b"])) == expected


def test_a_stream_may_be_read_and_closed_by_another_thread(scorer: Scorer) -> None:
    stream = scorer.stream(QUESTIONS["a"], *RUN, chunk_questions=8)
    in_threads(lambda: next(stream))
    in_threads(lambda: next(stream))
    stream.close()
    assert len(scorer.score(QUESTIONS["b"])) == 48


def test_a_run_that_fails_gives_its_turn_back(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="model's context"):
        scorer.score([question("long", PREFIX * 20)])
    assert len(in_threads(lambda: scorer.score(some_questions()))[0]) > 0


def test_runs_in_threads_store_what_each_would_store_alone(scorer: Scorer, tmp_path: Path) -> None:
    expected = {name: values(scorer.score(QUESTIONS[name])) for name in "ab"}
    in_threads(*(lambda name=name: score_to(scorer, str(tmp_path / name), QUESTIONS[name]) for name in "ab"))
    assert {name: values(read_rows(str(tmp_path / name))) for name in "ab"} == expected


def test_a_scorer_can_still_be_copied(scorer: Scorer) -> None:
    assert values(copy.deepcopy(scorer).score(QUESTIONS["a"])) == values(scorer.score(QUESTIONS["a"]))
