"""What pyscore's engine is compared with: lm-evaluation-harness's own model, around the same loaded weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pyscore.engine.sources.huggingface.load import load_model
from pyscore.tasks import Question

__all__ = ["BATCH_SIZES", "Scores", "harness_models", "requests_of", "score", "use_fastest_batch_size", "with_examples"]

Scores = list[tuple[float, bool]]

BATCH_SIZES = (1, 4, 8, 16, 32, 64)
_TRIED = 12_000  # characters of the requests on which batch sizes are tried; at least 16 requests


def harness_models(name: str = "smollm2-135m-instruct", dtype: str = "float32") -> tuple[Any, Any]:
    """The harness's "hf" and pyscore's model for it, with one model and tokenizer in memory."""
    loaded = load_model(name, dtype=dtype, device="cpu")
    # after load_model, which keeps a checkout's ./kernels from being taken for a package
    from lm_eval.models.huggingface import HFLM

    from pyscore.integrations.lm_eval import PyscoreLM

    options = {"pretrained": loaded.model, "tokenizer": loaded.tokenizer}
    return HFLM(**options), PyscoreLM(**options)


def requests_of(questions: Sequence[Question], n: int) -> list[Any]:
    """The first n requests, each an answer after its question's prompt as it stands there."""
    from lm_eval.api.instance import Instance

    pairs = [(question.prompt, answer) for question in questions for answer in question.answers][:n]
    if len(pairs) < n:
        raise ValueError(f"{n} requests are wanted, the questions have {len(pairs)}")
    return [Instance("loglikelihood", {}, pair, 0) for pair in pairs]


def with_examples(questions: Sequence[Question], n_shots: int) -> list[Question]:
    """All but the first questions, after those first ones with their matching answers."""
    shots = "".join(f"{q.prompt}\nAnswer:{q.answers[0]}\n\n" for q in questions[:n_shots])
    return [Question(q.id, f"{shots}{q.prompt}\nAnswer:", q.answers, q.is_matching) for q in questions[n_shots:]]


def score(lm: Any, requests: Sequence[Any]) -> Scores:
    """The log-likelihood and the greedy flag of every request."""
    scores: Scores = lm.loglikelihood(requests, disable_tqdm=True)
    return scores


def use_fastest_batch_size(hf: Any, requests: Sequence[Any]) -> int:
    """Try batch sizes on requests from all over, of all lengths, and leave ``hf`` with the one that took least time."""
    n = max(16, _TRIED * len(requests) // sum(len(request.args[0]) for request in requests))
    some = requests[:: max(1, len(requests) // n)]
    seconds: dict[int, float] = {}
    for size in BATCH_SIZES:
        if size > len(some):
            break
        hf.batch_size_per_gpu = size
        start = time.perf_counter()
        score(hf, some)
        seconds[size] = time.perf_counter() - start
    hf.batch_size_per_gpu = min(seconds, key=seconds.__getitem__)
    return int(hf.batch_size_per_gpu)
