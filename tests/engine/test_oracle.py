"""SmolLM2-135M-Instruct through the engine equals one unbatched float32 forward a pair, with a float64 log-softmax."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import Any

import pytest

from pyscore import Scorer, load_questions
from tests.paths import DATA, ORACLES, needs_data, needs_oracles

pytestmark = [needs_data, needs_oracles]
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def oracle() -> Any:
    """Rows of the oracle by (file, template), and in them by question id and answer."""
    path = ORACLES / "smollm2_135m_instruct_logprobs.csv"
    found: dict[tuple[str, str], dict[tuple[str, str], Any]] = defaultdict(dict)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            stem = row["file"].rsplit("/", 1)[-1].removesuffix(".jsonl")
            found[row["file"], row["template"]][f"{stem}:{row['row']}", row["answer"]] = row
    return found


def check(scorer: Scorer, oracle: Any, file: Any, template: Any, every: int = 1) -> None:
    """Score a part of a file's oracle questions and compare every column that both have."""
    expected = oracle[file, template]
    ids = sorted({id for id, _ in expected})[::every]
    questions = [question for question in load_questions(DATA / file) if question.id in set(ids)]
    rows = scorer.score(questions, template=template, token_logprobs=True).to_pylist()
    assert len(rows) == sum(id in set(ids) for id, _ in expected)
    for row in rows:
        theirs = expected[row["question_id"], row["answer"]]
        assert row["logprob"] == pytest.approx(float(theirs["sum_logprob"]), abs=TOLERANCE)
        tokens = [float(value) for value in theirs["token_logprobs"].split()]
        assert row["token_logprobs"] == pytest.approx(tokens, abs=TOLERANCE)
        assert row["prompt_tokens"] == int(theirs["n_prompt_tokens"])
        assert row["n_tokens"] == len(tokens)
        assert row["is_greedy"] == bool(int(theirs["is_greedy"]))
        assert row["is_matching"] == bool(int(theirs["matching"]))


FILES = [
    ("sycophancy/sycophancy_on_political_typology_quiz.jsonl", "plain"),
    ("persona/agreeableness.jsonl", "plain"),
    ("persona/agreeableness.jsonl", "human-assistant"),
    ("advanced-ai-risk/human_generated_evals/survival-instinct.jsonl", "human-assistant"),
]


@pytest.mark.parametrize(("file", "template"), FILES)
def test_every_answer_agrees_with_the_oracle(bundled_scorer: Scorer, oracle: Any, file: Any, template: Any) -> None:
    check(bundled_scorer, oracle, file, template, every=4)


@pytest.mark.parametrize("batch_tokens", [1, 300, 1_000_000])
def test_answers_agree_whatever_the_batches(bundled_scorer: Scorer, oracle: Any, batch_tokens: int) -> None:
    scorer = Scorer(bundled_scorer.model, bundled_scorer.tokenizer, batch_tokens=batch_tokens)
    check(scorer, oracle, *FILES[0], every=20)


def test_the_oracle_is_scored_by_the_fused_head(bundled_scorer: Scorer, oracle: Any) -> None:
    (question,) = load_questions(DATA / FILES[1][0], limit=1)
    assert bundled_scorer.score([question]).schema.metadata[b"head"] == b"fused"
