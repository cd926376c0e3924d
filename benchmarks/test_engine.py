"""Answers through the engine beside lm-evaluation-harness's own model: the same weights, requests and results.

PYSCORE_BENCH_REQUESTS sets how many requests a case has (1,200). The case with examples has a twentieth of them: "hf"
runs all examples again for every answer, so that more take hours on a CPU, and favour pyscore further.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from benchmarks.clock import side_by_side
from benchmarks.peers_engine import harness_models, requests_of, score, use_fastest_batch_size, with_examples
from pyscore import load_questions
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


@pytest.mark.parametrize("name", CASES)
def test_lm_eval(benchmark: Any, models: tuple[Any, Any], name: str) -> None:
    file, n_shots, n, rounds = CASES[name]
    hf, ours = models
    requests = requests_of(with_examples(load_questions(DATA / file), n_shots), n)
    batch_size = use_fastest_batch_size(hf, requests)
    found, expected = score(ours, requests), score(hf, requests)
    assert [value for value, _ in found] == pytest.approx([value for value, _ in expected], rel=0, abs=1e-4)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    side_by_side(
        benchmark,
        lambda requests: score(ours, requests),
        {"lm-eval hf": lambda requests: score(hf, requests)},
        {},
        [(requests,)],
        rounds=rounds,
        warm_up=False,
        kind="lm-eval", case=f"{len(requests):,} requests, {name}", dtype="float32", batch_size=batch_size,
    )  # fmt: skip
