"""What scoring costs over a bare forward pass of the same model over the same distinct tokens.

Every case is a call as a user makes it, with everything in it: tokens, fingerprint, plan, self-checks, rows, files. The
scorer has scored a few other questions before, as in a process that scores many data sets.
`benchmarks/bare_forward.py` says what the bare forward pass is. PYSCORE_BENCH_ROUNDS sets the rounds (5), of which the
medians are reported; ``every_round`` of the JSON has wall and CPU seconds of each, the first call of a case first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.bare_forward import bare_forward, fastest_length, load_of, score_beside, seconds_by_length
from pyscore import Question, Scorer, load_questions
from pyscore._extension import _C
from pyscore.engine import score_to
from pyscore.integrations.callback import Evaluator
from pyscore.store import read_rows
from pyscore.tasks import sample_questions
from tests.paths import DATA

ROUNDS = int(os.environ.get("PYSCORE_BENCH_ROUNDS", "5"))
SYCOPHANCY = "sycophancy/sycophancy_on_political_typology_quiz.jsonl"
LETTERED = "advanced-ai-risk/human_generated_evals/survival-instinct.jsonl"
_SMALL_FILES, _FROM_EACH = 20, 100
_CHECKED = 4  # questions whose scores are compared with unbatched forward passes


def _published(file: str, n: int) -> list[Question]:
    return load_questions(DATA / file, limit=n)


def _persona(n_files: int, n: int) -> list[Question]:
    """The first n questions of each of so many files, whose names are their data sets."""
    files = sorted((DATA / "persona").glob("*.jsonl"))[:n_files]
    return [Question(**{**vars(q), "dataset": file.stem}) for file in files for q in load_questions(file, limit=n)]


CASES: dict[str, tuple[str, Callable[[], list[Question]]]] = {
    "bundled sample": ("score", sample_questions),
    "200 questions, Yes/No": ("score", lambda: _published("persona/agreeableness.jsonl", 200)),
    "200 questions, lettered": ("score", lambda: _published(LETTERED, 200)),
    "200 questions, sycophancy": ("score", lambda: _published(SYCOPHANCY, 200)),
    "2,000 questions, Yes/No": ("score", lambda: _persona(2, 1000)),
    "Evaluator.run, 200 questions, sycophancy": ("evaluate", lambda: _published(SYCOPHANCY, 200)),
    "score_to, 2,000 questions of 20 data sets": ("score_to", lambda: _persona(_SMALL_FILES, _FROM_EACH)),
}
"""Name -> what is called, and the questions."""


@lru_cache(maxsize=1)
def _scorer(dtype: str) -> tuple[Scorer, dict[int, float]]:
    """The bundled model, used once, and what its bare forward pass takes by the length of rows."""
    scorer = Scorer.from_pretrained("smollm2-135m-instruct", dtype=dtype, device="cpu")
    scorer.score(sample_questions()[:8], progress=False)
    return scorer, seconds_by_length(scorer.model, scorer.batch_tokens)


def _check(scorer: Scorer, questions: Sequence[Question], logprobs: dict[tuple[str | None, str, int], float]) -> None:
    """Some scores against those of one forward pass for each answer, without batch, cache and padding."""
    eps = torch.finfo(scorer.model.dtype).eps
    for question in questions[:: max(1, len(questions) // _CHECKED)][:_CHECKED]:
        pairs = [(question.prompt, answer) for answer in question.answers]
        for i, tokens in enumerate(scorer.tokens.encode(pairs, [question.id] * len(pairs), sizes=[len(pairs)])):
            ids = torch.tensor([[*tokens.context, *tokens.answer]])
            with torch.inference_mode():
                every = scorer.model(input_ids=ids).logits[0].double().log_softmax(-1)
            own = every[len(tokens.context) - 1 : -1].gather(1, ids[0, len(tokens.context) :, None]).sum()
            allowed = len(tokens.answer) * (2e-3 + 64 * eps)
            assert logprobs[question.dataset, question.id, i] == pytest.approx(float(own), rel=0, abs=allowed)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_score_beside_a_bare_forward_pass(benchmark: Any, tmp_path: Path, dtype: str, name: str) -> None:
    if dtype == "bfloat16" and "bf16" not in _C.cpu_isa():
        pytest.skip("this CPU has no bfloat16 arithmetic")
    if name != "bundled sample" and not DATA.is_dir():
        pytest.skip(f"model-written evals not found at {DATA}: set PYSCORE_DATA to the folder that holds them")
    called, questions = CASES[name][0], CASES[name][1]()
    scorer, seconds = _scorer(dtype)
    load, runs, tables = load_of(scorer, questions), count(), []
    length = fastest_length(seconds, load)

    evaluator = Evaluator(questions, tokenizer=scorer.tokenizer, batch_tokens=scorer.batch_tokens)

    def score() -> None:
        if called == "score_to":
            score_to(scorer, tmp_path / str(next(runs)), questions, progress=False)
        elif called == "evaluate":
            tables.append(evaluator.run(scorer.model, next(runs)).rows)
        else:
            tables.append(scorer.score(questions, progress=False))

    bare = bare_forward(scorer.model, load, scorer.batch_tokens, length)
    score_beside(
        benchmark, bare, score, rounds=ROUNDS,
        case=f"{name}: {load.tokens:,} tokens, {load.positions:,} positions", dtype=dtype, row_tokens=length,
    )  # fmt: skip
    rows = read_rows(tmp_path / "0") if called == "score_to" else tables[0]
    columns = [rows[name].to_pylist() for name in ("dataset", "question_id", "answer_index", "logprob")]
    _check(scorer, questions, {(*key,): value for *key, value in zip(*columns, strict=True)})
