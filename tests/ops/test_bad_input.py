"""Bad input: one clear error that names the argument or the row and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pyscore import compare_answers, linear_logprobs, logprobs, score_answers

X, T = torch.zeros(3, 7), torch.tensor([0, 1, 2])
H, W = torch.zeros(3, 4), torch.zeros(7, 4)
LP, Q, M = torch.full((4,), -1.0), [0, 2, 4], [True, False, True, False]
NAN = float("nan")

CASES: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (TypeError, "logits must be a torch.Tensor", lambda: logprobs([[1.0]], [0])),
    (TypeError, "logits must be float32, bfloat16 or float16, got torch.int64", lambda: logprobs(X.long(), T)),
    (ValueError, r"logits must be \[..., V\] with V >= 1", lambda: logprobs(torch.zeros(3, 0), T)),
    (TypeError, "targets must hold integers, got torch.float32", lambda: logprobs(X, T.float())),
    (TypeError, "targets must hold integers, got torch.bool", lambda: logprobs(X, T > 0)),
    (ValueError, r"targets must be \[3\], \[3, K\], or flat with target_offsets; got shape \[2\]", lambda: logprobs(X, T[:2])),
    (ValueError, "targets holds 7 in row 1.*ids run from 0 to 6", lambda: logprobs(X, torch.tensor([0, 7, 2]))),
    (ValueError, "targets holds -1 in row 2", lambda: logprobs(X, torch.tensor([0, 1, -1]))),
    (ValueError, "targets holds 9 in row 2", lambda: logprobs(X, [0, 1, 9], target_offsets=[0, 1, 1, 3])),
    (ValueError, r"target_offsets must be \[4\] for 3 rows", lambda: logprobs(X, T, target_offsets=[0, 3])),
    (ValueError, "target_offsets must end at 3, the length of targets", lambda: logprobs(X, T, target_offsets=[0, 1, 2, 2])),
    (ValueError, "target_offsets must start at 0", lambda: logprobs(X, T, target_offsets=[1, 1, 2, 3])),
    (ValueError, "target_offsets must not fall", lambda: logprobs(X, T, target_offsets=[0, 2, 1, 3])),
    (ValueError, "temperature must be positive and finite, row 0 has 0.0", lambda: logprobs(X, T, temperature=0)),
    (ValueError, "temperature .* row 1", lambda: logprobs(X, T, temperature=torch.tensor([1.0, NAN, 1.0]))),
    (ValueError, r"temperature must be a scalar or \(3,\)", lambda: logprobs(X, T, temperature=torch.ones(2))),
    (ValueError, "softcap=-1.0 must be positive", lambda: logprobs(X, T, softcap=-1.0)),
    (ValueError, "outputs names 'perplexity'", lambda: logprobs(X, T, outputs=("perplexity",))),
    (TypeError, r"write \('logprob',\)", lambda: logprobs(X, T, outputs="logprob")),
    (ValueError, "top_k=8 must lie between 0 and the vocabulary size 7", lambda: logprobs(X, T, top_k=8)),
    (ValueError, "say how many with top_k=", lambda: logprobs(X, T, outputs=("top_ids",))),
    (ValueError, "backend='gpu' is not a backend", lambda: logprobs(X, T, backend="gpu")),
    (ValueError, r"hidden must be \[..., D\] and weight \[V, D\]", lambda: linear_logprobs(H, W[:, :3], T)),
    (TypeError, "weight is torch.bfloat16 but hidden is torch.float32", lambda: linear_logprobs(H, W.bfloat16(), T)),
    (ValueError, "weight is on meta but hidden is on cpu", lambda: linear_logprobs(H, W.to("meta"), T)),
    (ValueError, r"bias must be \[7\]", lambda: linear_logprobs(H, W, T, bias=torch.zeros(6))),
    (ValueError, "logit_scale=inf must be finite", lambda: linear_logprobs(H, W, T, logit_scale=float("inf"))),
    (ValueError, "targets holds 7 in row 0", lambda: linear_logprobs(H, W, torch.tensor([7, 0, 0]))),
    (ValueError, "answer_logprob must be at most 0 and not NaN; row 2 is nan", lambda: compare_answers(torch.tensor([-1, -1, NAN, -1]), Q, M)),
    (ValueError, "answer_logprob .* row 1 is 0.5", lambda: compare_answers(torch.tensor([-1, 0.5, -1, -1]), Q, M)),
    (ValueError, "is_matching gives question 1 no matching answer", lambda: compare_answers(LP, Q, [True, False, False, False])),
    (ValueError, "is_matching gives question 0 no other answer", lambda: compare_answers(LP, Q, [True, True, True, False])),
    (ValueError, r"is_matching must be \[4\]", lambda: compare_answers(LP, Q, M[:3])),
    (TypeError, "is_matching must hold bool, got torch.int64", lambda: compare_answers(LP, Q, [1, 0, 1, 0])),
    (ValueError, "question_offsets must end at 4, the length of is_matching", lambda: compare_answers(LP, [0, 2], M)),
    (ValueError, "question_offsets must not fall", lambda: compare_answers(LP, [0, 3, 2, 4], M)),
    (ValueError, "question_offsets must be 1-d", lambda: compare_answers(LP, [[0, 2, 4]], M)),
    (ValueError, "is_matching gives question 1 no matching answer", lambda: compare_answers(LP, [0, 2, 2, 4], M)),
    (ValueError, "answer_logprob must be flat", lambda: compare_answers(LP.reshape(2, 2), Q, M)),
    (ValueError, "sets='best' is not one of 'max', 'sum'", lambda: compare_answers(LP, Q, M, sets="best")),
    (ValueError, "ties='coin' is not one of", lambda: compare_answers(LP, Q, M, ties="coin")),
    (ValueError, "answer_offsets gives answer 1 nothing", lambda: score_answers(LP, [0, 2, 2, 3, 4], Q, M)),
    (ValueError, "answer_offsets must end at 4, the length of token_logprob", lambda: score_answers(LP, [0, 1, 2, 3, 5], Q, M)),
    (ValueError, "token_logprob must be at most 0", lambda: score_answers(-LP, [0, 1, 2, 3, 4], Q, M)),
    (ValueError, "n_chars is needed", lambda: score_answers(LP, [0, 1, 2, 3, 4], Q, M, normalize="char")),
    (ValueError, "must be positive; row 1 is 0", lambda: score_answers(LP, [0, 1, 2, 3, 4], Q, M, normalize="byte", n_bytes=[1, 0, 1, 1])),
    (ValueError, "unconditional is needed", lambda: score_answers(LP, [0, 1, 2, 3, 4], Q, M, normalize="pmi")),
    (ValueError, "unconditional must be at most 0 and finite; row 1 is -inf", lambda: score_answers(LP, [0, 1, 2, 3, 4], Q, M, normalize="pmi", unconditional=torch.tensor([-1, -float("inf"), -1, -1]))),
    (ValueError, "normalize='chars' is not one of", lambda: score_answers(LP, [0, 1, 2, 3, 4], Q, M, normalize="chars")),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "call"), CASES, ids=[message[:60] for _, message, _ in CASES])
def test_bad_input_gives_one_clear_error(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def _many(value: Any, bad: Any) -> torch.Tensor:
    """Two hundred entries of which the last but one is bad: so many are looked at by tensor ops."""
    values = torch.full((200,), value)
    values[198] = bad
    return values


MANY, PAIRS = torch.arange(201), torch.arange(101) * 2
FLAGS = torch.arange(200) % 2 == 0
MANY_CASES: list[tuple[str, Callable[[], Any]]] = [
    ("targets holds 7 in row 198", lambda: logprobs(torch.zeros(200, 7), _many(0, 7))),
    ("temperature .* row 198 has 0.0", lambda: logprobs(torch.zeros(200, 7), _many(0, 1), temperature=_many(1.0, 0))),
    ("question_offsets must not fall", lambda: compare_answers(_many(-1.0, -2.0), PAIRS - 3 * (PAIRS == 198), FLAGS)),
    ("row 198 is nan", lambda: compare_answers(_many(-1.0, NAN), PAIRS, FLAGS)),
    ("question 99 no matching", lambda: compare_answers(_many(-1.0, -2.0), PAIRS, FLAGS & (MANY[:-1] != 198))),
    ("answer 198 nothing", lambda: score_answers(_many(-1.0, -2.0), MANY + (MANY == 198), PAIRS, FLAGS)),
    ("row 198 is 0", lambda: score_answers(_many(-1.0, -2.0), MANY, PAIRS, FLAGS, normalize="char", n_chars=_many(1, 0))),
]  # fmt: skip


@pytest.mark.parametrize(("message", "call"), MANY_CASES, ids=[message for message, _ in MANY_CASES])
def test_a_bad_value_among_many_gives_the_same_error(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=message):
        call()
