"""Sources that know a token's log-probability between bounds alone: rows keep both bounds, sums of others refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyscore import Question, Scorer
from pyscore.engine.divergence import forward_kl
from pyscore.engine.documents import score_completions, score_documents
from pyscore.engine.run import score_to
from pyscore.engine.sources.source import ScoreRequest, TokenScore
from pyscore.store import read_rows, row_schema
from tests.engine.fake_source import FakeSource, fake_scorer

CUT = -0.5  # what lies below it is known to do so, and no more
INF = math.inf


class CensoredSource(FakeSource):
    """Tells log-probabilities down to `CUT`, as a server does that lists the likeliest tokens alone."""

    def score(self, request: ScoreRequest) -> TokenScore:
        exact = super().score(request)
        return exact._replace(
            logprobs=[max(value, CUT) for value in exact.logprobs],
            lower=[value if value >= CUT else -INF for value in exact.logprobs],
        )


class RoundingSource(FakeSource):
    """Says of every log-probability between which bounds it lies, which for some are the same."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.width = width

    def score(self, request: ScoreRequest) -> TokenScore:
        exact = super().score(request)
        return exact._replace(lower=[value - self.width for value in exact.logprobs])


QUESTIONS = [Question(f"q{i}", f"Is {i} even?", (" Yes", " No"), (True, False)) for i in range(6)]


def scored(source: FakeSource, **options: Any) -> Any:
    return Scorer.from_source(source).score(QUESTIONS, progress=False, run_id="r", **options)


def test_rows_hold_both_bounds_of_every_sum() -> None:
    rows, exact = scored(CensoredSource(), token_logprobs=True), scored(FakeSource(), token_logprobs=True)
    assert rows.schema.equals(row_schema(token_logprobs=True))
    for low, high, value, tokens in zip(
        *(rows[name].to_pylist() for name in ("logprob_low", "logprob")),
        *(exact[name].to_pylist() for name in ("logprob", "token_logprobs")),
        strict=True,
    ):
        assert (low is None) == (min(tokens) >= CUT)
        assert value == high if low is None else low == -INF and high == sum(max(each, CUT) for each in tokens) > value


def test_bounds_that_are_the_value_make_exact_rows() -> None:
    assert scored(RoundingSource(0.0)).equals(scored(FakeSource()))
    rows = scored(RoundingSource(0.25))
    assert rows.drop_columns("logprob_low").equals(scored(FakeSource()).drop_columns("logprob_low"))
    columns = (rows[name].to_pylist() for name in ("logprob", "n_tokens", "logprob_low"))
    assert all(low == pytest.approx(high - 0.25 * n) for high, n, low in zip(*columns, strict=True))


def test_runs_store_bounds(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.parquet")
    score_to(Scorer.from_source(CensoredSource()), path, QUESTIONS, run_id="r", progress=False)
    found = read_rows(path)
    assert found.equals(scored(CensoredSource())) and 0 < found["logprob_low"].null_count < found.num_rows


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda scorer: score_documents(scorer, ["some text"], progress=False), "document '0'"),
        (lambda scorer: score_completions(scorer, [("some", " text")], progress=False), r"pairs\[0\]"),
        (lambda scorer: forward_kl(fake_scorer(), scorer, ["some text"] * 2, progress=False), "fake, texts"),
        (lambda scorer: forward_kl(scorer, fake_scorer(), ["some text"] * 2, progress=False), "fake, texts"),
    ],
)
def test_what_needs_exact_sums_says_so(ask: Callable[[Scorer], Any], named: str) -> None:
    with pytest.raises(ValueError, match=rf"{named}: the source gives only bounds .* of \d+ of \d+ tokens .*-inf to"):
        ask(Scorer.from_source(CensoredSource()))
    equal = Scorer.from_source(RoundingSource(0.0))
    assert str(ask(equal)) == str(ask(fake_scorer()))


def test_scored_tokens_keep_their_bounds() -> None:
    (found,) = Scorer.from_source(CensoredSource()).score_tokens([([5], [6, 7, 8])], progress=False)
    (exact,) = fake_scorer().score_tokens([([5], [6, 7, 8])], progress=False)
    assert found.lower is not None
    assert all(a <= v <= b for a, v, b in zip(found.lower, exact.logprobs, found.logprobs, strict=True))
