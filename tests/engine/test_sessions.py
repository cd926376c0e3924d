"""A source that breaks a promise ends in one error that names it: nothing is stored, and no number comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from pyscore import Scorer
from pyscore.engine import score_documents, score_to, sources
from pyscore.engine.sources.source import Session, SourceFacts, TokenScore
from tests.engine.fake_source import FakeSession, FakeSource
from tests.engine.tiny import question, some_questions


class Broken(FakeSource):
    """A fake with other facts, or whose sessions give other scores, findings or states."""

    def __init__(
        self,
        *,
        facts: Mapping[str, Any] | None = None,
        scores: Callable[[list[TokenScore]], Any] = lambda scores: scores,
        findings: Callable[[int], Any] = lambda n_runs: {},
        state: Callable[[int], Any] = lambda n_runs: {},
    ) -> None:
        super().__init__()
        self.changed, self.scores, self.findings, self.state = facts or {}, scores, findings, state

    @property
    def facts(self) -> SourceFacts:
        return replace(super().facts, **self.changed)

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        yield BrokenSession(self)


class BrokenSession(FakeSession):
    def __init__(self, source: Broken) -> None:
        super().__init__(source)
        self.broken, self.n_runs = source, 0

    @property
    def findings(self) -> dict[str, str]:
        found: dict[str, str] = self.broken.findings(self.n_runs)
        return found

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.broken.state(self.n_runs)
        return found

    def run(self, work: Any, advance: Callable[[float], None]) -> list[TokenScore]:
        self.n_runs += 1
        scores: list[TokenScore] = self.broken.scores(super().run(work, advance))
        return scores


def with_logprobs(change: Callable[[list[float]], list[float]]) -> Callable[[list[TokenScore]], list[TokenScore]]:
    return lambda scores: [TokenScore(change(score.logprobs), score.is_greedy) for score in scores]


SCORES: dict[str, tuple[Callable[[list[TokenScore]], Any], str]] = {
    "one too few": (lambda scores: scores[:-1], "must give a list of 2 scores, one a request, gave 1"),
    "none": (lambda scores: None, "must give a list of 2 scores, one a request, gave NoneType"),
    "tuples": (lambda scores: [tuple(score) for score in scores], "request 0 of 2 is no TokenScore but"),
    "no tokens": (with_logprobs(lambda found: []), "has 0 log-probabilities for 4 tokens"),
    "a token too many": (with_logprobs(lambda found: [*found, -1.0]), "has 5 log-probabilities for 4 tokens"),
    "above 0": (with_logprobs(lambda found: [0.5, *found[1:]]), "has the log-probability 0.5, above 0"),
    "infinite": (with_logprobs(lambda found: [float("inf"), *found[1:]]), "has the log-probability inf, above 0"),
    "no flag": (lambda scores: [score._replace(is_greedy=None) for score in scores], "has is_greedy=None"),
}


@pytest.mark.parametrize("fault", SCORES)
def test_scores_that_do_not_fit_their_requests_are_refused(fault: str, tmp_path: Path) -> None:
    scores, message = SCORES[fault]
    scorer, asked = Scorer.from_source(Broken(scores=scores)), [question(answers=(" Yes", " Not"))]
    with pytest.raises(ValueError, match=rf"^fake.*{message}"):
        scorer.score(asked)
    with pytest.raises(ValueError, match=r"^fake"):
        score_to(scorer, tmp_path / "run", asked, progress=False)
    assert not (tmp_path / "run").exists()


def test_windows_of_documents_never_shift_into_one_another() -> None:
    scorer = Scorer.from_source(Broken(scores=with_logprobs(lambda found: [*found, -1.0])))
    with pytest.raises(ValueError, match=r"log-probabilities for"):
        score_documents(scorer, ["one", "two"], progress=False)


FINDINGS: dict[str, tuple[Callable[[int], Any], str]] = {
    "the engine's": (lambda n: {"template": "zz"}, "what fake found out can't set 'template'"),
    "the schema's": (lambda n: {"schema_version": "999"}, "what fake found out can't set schema_version"),
    "no text": (lambda n: {"batch": 3}, "what fake found out must map strings to strings"),
    "another one": (lambda n: {f"how {n}": "x"}, "findings must keep their names, 'how 0' came or went"),
}


@pytest.mark.parametrize("fault", FINDINGS)
def test_findings_stay_out_of_the_engines_metadata(fault: str) -> None:
    findings, message = FINDINGS[fault]
    with pytest.raises((TypeError, ValueError), match=message):
        Scorer.from_source(Broken(findings=findings)).score([question()])


@pytest.mark.parametrize("state", [None, [1], {"a": {1, 2}}, {"a": float("nan")}, {1: 2}], ids=repr)
def test_a_state_that_no_manifest_holds_is_refused_before_anything_runs(state: Any, tmp_path: Path) -> None:
    source = Broken(state=lambda n: state, scores=lambda scores: pytest.fail("it was run"))
    with pytest.raises(TypeError, match="fake: the state of a session must be a JSON object, got"):
        score_to(Scorer.from_source(source), tmp_path / "run", [question()], progress=False)
    assert not (tmp_path / "run").exists()


FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "metadata": ({"metadata": {"model_fingerprint": "x"}}, "the metadata of fake can't set 'model_fingerprint'"),
    "no text": ({"metadata": {"seed": 1}}, "the metadata of fake must map strings to strings"),
    "settings": ({"settings": {"template": "x"}}, "the settings of fake can't set 'template'"),
    "no fingerprint": ({"fingerprint": dict}, "the fingerprint of a source must name what its scores depend on"),
    "tokenizer": ({"fingerprint": lambda: {"tokenizer": "A"}}, "the fingerprint of fake can't set 'tokenizer'"),
    "revision": ({"revision": 3}, "SourceFacts.revision must be a string"),
}


@pytest.mark.parametrize("fault", FACTS)
def test_facts_stay_out_of_what_the_engine_says(fault: str, tmp_path: Path) -> None:
    facts, message = FACTS[fault]
    with pytest.raises((TypeError, ValueError), match=message):
        score_to(Scorer.from_source(Broken(facts=facts)), tmp_path / "run", [question()], progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", ["fake", FakeSource, None], ids=repr)
def test_what_is_no_source_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match=r"source must be a pyscore\.engine\.sources\.Source, got"):
        Scorer.from_source(given)


def test_what_turns_are_taken_on_needs_a_weak_reference() -> None:
    class Named(FakeSource):
        exclusive = "a name"

    with pytest.raises(TypeError, match=r"Source\.exclusive must have a hash and take weak references, got 'a name'"):
        Scorer.from_source(Named()).score(some_questions(1))


def test_a_registered_source_is_loaded_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*, group: str, name: str) -> list[EntryPoint]:
        value = "tests.engine.test_sessions:load_fake"
        return [EntryPoint(name, value, group)] if (group, name) == ("pyscore_sources", "fake") else []

    monkeypatch.setattr(sources, "entry_points", found)
    assert Scorer.from_pretrained("fake:a:b", dtype="float64").name == "a:b float64"
    with pytest.raises(FileNotFoundError, match="no such model folder"):
        Scorer.from_pretrained("./other:a")


def load_fake(model: str, *, dtype: str, **_: Any) -> FakeSource:
    return FakeSource(f"{model} {dtype}")
