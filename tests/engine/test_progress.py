"""Progress in a log is a line every so often, a bar on a terminal, and nothing where it isn't wanted."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from pyscore.engine.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that a test moves on by itself."""
    now = [0.0]
    monkeypatch.setattr("pyscore.engine.progress.time.monotonic", lambda: now[0])

    def wait(seconds: Any) -> None:
        now[0] += seconds

    return wait


def run(clock: Any, seconds_each: Any, total: int = 100, step: int = 10, **options: Any) -> None:
    with Progress("scoring", total, "questions", **{"enabled": True, **options}) as bar:
        for _ in range(total // step):
            clock(seconds_each)
            bar.share(step)(1.0)


def test_a_log_gets_a_line_every_half_minute_and_one_at_the_end(clock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, 10.0)
    assert capsys.readouterr().err.splitlines() == [
        "scoring: 30/100 questions, 1 a second, about 1:10 left",
        "scoring: 60/100 questions, 1 a second, about 0:40 left",
        "scoring: 90/100 questions, 1 a second, about 0:10 left",
        "scoring: 100/100 questions, 1 a second, 1:40 taken",
    ]


def test_the_end_is_told_once(clock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, 50.0, total=20)
    assert [line[:14] for line in capsys.readouterr().err.splitlines()] == ["scoring: 10/20", "scoring: 20/20"]


def test_hours_are_told_as_hours(clock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, 720.0)
    assert capsys.readouterr().err.splitlines()[0] == "scoring: 10/100 questions, 0.0139 a second, about 1:48:00 left"


def test_a_run_that_is_over_soon_says_nothing(clock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, 2.0)
    assert capsys.readouterr().err == ""


def test_nothing_is_shown_where_nothing_is_wanted(clock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, 60.0, enabled=False)
    assert capsys.readouterr().err == ""


def test_a_run_that_fails_does_not_say_that_it_ended(clock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError), Progress("scoring", 100, "questions", True) as bar:
        clock(40.0)
        bar.share(10)(1.0)
        raise OSError
    assert capsys.readouterr().err.splitlines() == ["scoring: 10/100 questions, 0.25 a second, about 6:00 left"]


@pytest.mark.parametrize("log", [None, "closed"])
def test_a_log_that_can_not_be_written_ends_no_run(
    monkeypatch: pytest.MonkeyPatch, clock: Any, log: str | None
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", None if log is None else Closed())
    run(clock, 60.0)


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Progress("scoring", 100, "questions", True) as bar:
        bar.share(30)(1.0)
    assert "30/100 questions" in terminal.getvalue()
    assert "a second" not in terminal.getvalue()
