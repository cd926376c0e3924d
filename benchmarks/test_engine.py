"""Answers through the engine beside lm-evaluation-harness's own model: the same weights, requests and results.

PYSCORE_BENCH_REQUESTS sets how many requests a case has (1,200). The case with examples has a twentieth of them: "hf"
runs all examples again for every answer, so that more take hours on a CPU, and favour pyscore further.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from benchmarks.clock import side_by_side
from benchmarks.peers import harness_models, score_requests, use_fastest_batch_size
from pyscore import Question, load_questions
from tests.paths import DATA, needs_data

pytestmark = needs_data

REQUESTS = int(os.environ.get("PYSCORE_BENCH_REQUESTS", "1200"))
LETTERED = "advanced-ai-risk/human_generated_evals/survival-instinct.jsonl"
CASES = {
    "Yes/No": ("persona/agreeableness.jsonl", 0, REQUESTS, 5),
    "lettered": (LETTERED, 0, REQUESTS, 3),
    "lettered, 20 examples": (LETTERED, 20, REQUESTS // 20, 3),
}
"""Name -> file, examples before each question, requests, rounds."""


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    return harness_models()


def requests_of(questions: Sequence[Question], n_shots: int, n: int) -> list[Any]:
    """The first n requests: each an answer after its question's prompt, behind the first questions as examples."""
    from lm_eval.api.instance import Instance

    shots = "".join(f"{q.prompt}\nAnswer:{q.answers[0]}\n\n" for q in questions[:n_shots])
    prompts = [f"{shots}{q.prompt}\nAnswer:" if n_shots else q.prompt for q in questions]
    pairs = [(prompts[i], answer) for i, q in enumerate(questions) if i >= n_shots for answer in q.answers][:n]
    assert len(pairs) == n
    return [Instance("loglikelihood", {}, pair, 0) for pair in pairs]


@pytest.mark.parametrize("name", CASES)
def test_lm_eval(benchmark: Any, models: tuple[Any, Any], name: str) -> None:
    file, n_shots, n, rounds = CASES[name]
    hf, ours = models
    requests = requests_of(load_questions(DATA / file), n_shots, n)
    batch_size = use_fastest_batch_size(hf, requests)
    found, expected = score_requests(ours, requests), score_requests(hf, requests)
    assert [value for value, _ in found] == pytest.approx([value for value, _ in expected], rel=0, abs=1e-4)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    side_by_side(
        benchmark,
        partial(score_requests, ours),
        {"lm-eval hf": partial(score_requests, hf)},
        {},
        [(requests,)],
        rounds=rounds,
        warm_up=False,
        kind="lm-eval", case=f"{len(requests):,} requests, {name}", dtype="float32", batch_size=batch_size,
    )  # fmt: skip
