"""A run that is cut off asks nothing again that was answered; a run that ended leaves nothing behind."""

from __future__ import annotations

import json
import os
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from pyscore.engine import score_to
from pyscore.engine.sources.openai.journal import Journal, journal_folder, key_of
from pyscore.store import read_run
from tests.engine.sources.openai.server import Fault, Server, scorer
from tests.engine.tiny import some_questions
from tests.processes import forkserver

ASKED = some_questions(48)
ANSWERS = sum(len(each.answers) for each in ASKED)
THREADS = 4


def stored(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "answers.sqlite") as db:
        return db.execute("SELECT key, run FROM answers").fetchall()


def test_answers_go_when_the_run_ends_and_the_next_one_asks_anew(tmp_path: Path) -> None:
    with Server() as server:
        for name in ("a", "b"):
            score_to(scorer(server, journal=str(tmp_path / "j")), tmp_path / name, ASKED, progress=False)
            assert stored(tmp_path / "j") == []
        assert set(server.asked.values()) == {2}
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["state"]["counts"]["journal"] == 0 and manifest["state"]["journal"]


def test_scores_that_nobody_keeps_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Server() as server:
        scorer(server).score(ASKED[:4], progress=False)
        score_to(scorer(server, journal=False), tmp_path / "run", ASKED[:4], progress=False)
        assert not (tmp_path / "cache").exists()
        score_to(scorer(server), tmp_path / "other", ASKED[:4], progress=False)
    assert (tmp_path / "cache" / "pyscore" / "openai" / "answers.sqlite").stat().st_mode & 0o777 == 0o600
    assert journal_folder(None) == tmp_path / "cache" / "pyscore" / "openai"


def test_another_model_at_the_address_gets_no_answers_of_the_one_before(tmp_path: Path) -> None:
    options = {"journal": str(tmp_path / "j"), "concurrency": 1}
    with Server(fault=lambda n, body: Fault(404) if n == 20 else None) as server:
        with pytest.raises(ValueError, match="answers 404"):
            score_to(scorer(server, **options), tmp_path / "a", ASKED, progress=False)
        assert len(stored(tmp_path / "j")) == 19
        server.change = lambda answer: {**answer, "system_fingerprint": "another"}
        score_to(scorer(server, **options), tmp_path / "b", ASKED, progress=False)
        assert sorted(server.answered.values()) == [1] * (ANSWERS - 19) + [2] * 19


def score(url_of: int, run: str, journal: str, told: Connection) -> None:
    server = Server()
    server.port = url_of
    told.send("ready")
    options = {"journal": journal, "concurrency": THREADS}
    score_to(scorer(server, **options), run, ASKED, resume=True, progress=False, chunk_questions=16)


@pytest.mark.skipif(os.name != "posix", reason="processes are killed as on POSIX systems")
def test_a_killed_run_asks_again_only_what_was_under_way(tmp_path: Path) -> None:
    victim: list[Any] = []
    moments = [7, 61]  # requests after which the process is killed, the first within the first chunk

    def kill(n: int, body: Any) -> None:
        if moments and n == moments[0]:
            moments.pop(0)
            victim[-1].kill()

    with Server(fault=kill) as server:
        arguments = (server.port, str(tmp_path / "run"), str(tmp_path / "j"))
        kills = len(moments)
        for _ in range(kills + 1):
            known = dict(stored(tmp_path / "j")) if (tmp_path / "j" / "answers.sqlite").exists() else {}
            before, asked = len(known), server.n
            mine, told = forkserver().Pipe(duplex=False)
            process = forkserver().Process(target=score, args=(*arguments, told))
            victim.append(process)
            process.start()
            assert mine.recv() == "ready"
            process.join()
            assert before == 0 or server.n > asked
        assert process.exitcode == 0 and not moments
        again = sum(count - 1 for count in server.asked.values())
        assert len(server.asked) == ANSWERS and again <= kills * THREADS
        assert stored(tmp_path / "j") == []
        rows = read_run(tmp_path / "run")
        expected = scorer(server).score(ASKED, progress=False)
    assert rows["logprob"].to_pylist() == expected["logprob"].to_pylist()


def test_processes_share_a_journal_and_forget_only_their_own(tmp_path: Path) -> None:
    one, two = Journal(tmp_path, "one"), Journal(tmp_path, "two")
    keys = [key_of("url", {"prompt": [i]}, 1) for i in range(1200)]
    assert len(set(keys)) == 1200
    for i, key in enumerate(keys):
        (one if i % 2 else two).put(key, {"read": i})
    assert two.take_up(keys[:2]) == {keys[0]: {"read": 0}, keys[1]: {"read": 1}}  # the second was the other's
    assert len(one.take_up(keys[2:])) == 1198
    two.forget()
    assert len(stored(tmp_path)) == 1198
    one.forget()
    assert stored(tmp_path) == []
    one.close(), two.close()


def test_answers_of_a_run_that_never_went_on_are_forgotten_after_a_week(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one")
    journal.put("old", 1), journal.put("new", 2)
    journal._db.execute("UPDATE answers SET at = at - 8 * 86400 WHERE key = 'old'")
    journal.close()
    again = Journal(tmp_path, "two")
    assert again.take_up(["old", "new"]) == {"new": 2}
    again.close()


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").write_text("nothing of the kind" * 100)
    with pytest.raises(ValueError, match=r"answers.sqlite can't be used .* remove it"):
        Journal(tmp_path, "one")


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    with Server() as server:
        source = scorer(server).source
        for state in ({"journal": 3}, {"journal": "a", "more": 1}, {"journal": "a", "counts": {"sent": -1}}):
            with pytest.raises(ValueError, match="damaged"), source.session(state):
                pass
