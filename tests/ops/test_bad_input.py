"""Bad input: one clear error that names the argument or the row and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
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
    (ValueError, "temperature must lie between 1.18e-38 and 8.51e[+]37.*float32.*row 0 has 1e[+]39", lambda: logprobs(X, T, temperature=1e39)),
    (ValueError, "temperature must lie between .* row 0 has 1e-46", lambda: logprobs(X, T, temperature=1e-46)),
    (ValueError, "temperature must be positive .* row 1 has 0.0", lambda: logprobs(X, T, temperature=torch.tensor([1, 1e-46, 1], dtype=torch.float64))),
    (ValueError, "temperature must lie between .* row 2 has 9.999.*e-41", lambda: logprobs(X, T, temperature=torch.tensor([1, 1, 1e-40]))),
    (ValueError, "temperature must lie between 2.23e-308 and .*float64.* has 1e-310", lambda: logprobs(X.double(), T, temperature=1e-310)),
    (TypeError, "temperature must be a number, got str '1'", lambda: logprobs(X, T, temperature="1")),
    (TypeError, "temperature must be a number, got bool True", lambda: logprobs(X, T, temperature=True)),
    (TypeError, "temperature must be a number or an array.*got a list", lambda: logprobs(X, T, temperature=[1.0, 1.0, 1.0])),
    (TypeError, "temperature must hold numbers, got torch.complex64", lambda: logprobs(X, T, temperature=torch.ones(3, dtype=torch.complex64))),
    (ValueError, "softcap=1e-46 must lie between 1.18e-38 and 8.51e[+]37.*float32", lambda: logprobs(X, T, softcap=1e-46)),
    (ValueError, "softcap=1e[+]39 must lie between", lambda: linear_logprobs(H, W, T, softcap=1e39)),
    (ValueError, "softcap=1e-40 must lie between", lambda: linear_logprobs(H, W, T, softcap=1e-40)),
    (TypeError, "softcap must be a number, got list", lambda: logprobs(X, T, softcap=[5.0])),  # type: ignore[arg-type]
    (ValueError, "softcap is beyond every float", lambda: logprobs(X, T, softcap=10**400)),
    (ValueError, "logit_scale=1e-46 must lie between .* or be 0", lambda: linear_logprobs(H, W, T, logit_scale=1e-46)),
    (ValueError, "logit_scale=-1e[+]39 must lie between", lambda: linear_logprobs(H, W, T, logit_scale=-1e39)),
    (TypeError, "logit_scale must be a number, got NoneType None", lambda: linear_logprobs(H, W, T, logit_scale=None)),
    (TypeError, "top_k must be an integer, got float 2.0", lambda: logprobs(X, T, top_k=2.0)),  # type: ignore[arg-type]
    (TypeError, "top_k must be an integer, got bool True", lambda: linear_logprobs(H, W, T, top_k=True)),
    (TypeError, r"top_k must be an integer, got Tensor of torch.int64, shape \(1,\)", lambda: logprobs(X, T, top_k=torch.tensor([2]))),  # type: ignore[arg-type]
    (TypeError, r"top_k must be an integer, got Tensor of torch.float32, shape \(\)", lambda: logprobs(X, T, top_k=torch.tensor(2.0))),  # type: ignore[arg-type]
    (TypeError, r"top_k must be an integer, got Tensor of torch.int64, shape \(\)", lambda: logprobs(X, T, top_k=torch.tensor(2, device="meta"))),  # type: ignore[arg-type]
    (TypeError, "ignore_index must be an integer, got NoneType None", lambda: logprobs(X, T, ignore_index=None)),
    (ValueError, "ignore_index=9223372036854775808 must fit into 64 bits", lambda: linear_logprobs(H, W, T, ignore_index=2**63)),
    (TypeError, "vocab_start must be an integer, got float 1.5", lambda: logprobs(X, T, vocab_start=1.5)),  # type: ignore[arg-type]
    (ValueError, "vocab_start=-1 must be at least 0", lambda: logprobs(X, T, vocab_start=-1)),
    (ValueError, "softcap=-1.0 must be positive", lambda: logprobs(X, T, softcap=-1.0)),
    (ValueError, "outputs names 'perplexity'", lambda: logprobs(X, T, outputs=("perplexity",))),
    (TypeError, "outputs must be a sequence of names, got None", lambda: logprobs(X, T, outputs=None)),
    (TypeError, "outputs must be a sequence of names, got \\[3\\]", lambda: logprobs(X, T, outputs=[3])),  # type: ignore[list-item]
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

# Tensors without a matrix of values behind them, each as one argument after the other.
UNREADABLE: list[tuple[str, Callable[[torch.Tensor], Any]]] = [
    ("torch.sparse_coo: pass a dense tensor", lambda tensor: tensor.to_sparse()),
    ("torch.sparse_csr: pass a dense tensor", lambda tensor: tensor.reshape(tensor.shape[0], -1).to_sparse_csr()),
    ("nested: pass a padded tensor", lambda tensor: torch.nested.nested_tensor([tensor, tensor], layout=torch.strided)),
    ("torch.jagged: pass a dense tensor|nested", lambda tensor: torch.nested.nested_tensor([tensor, tensor], layout=torch.jagged)),
    ("quantised: dequantize it", lambda tensor: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8)),
]  # fmt: skip
ARGUMENTS: list[tuple[str, torch.Tensor, Callable[[torch.Tensor], Any]]] = [
    ("logits", X, lambda bad: logprobs(bad, T)),
    ("targets", T, lambda bad: logprobs(X, bad)),
    ("temperature", torch.ones(3), lambda bad: logprobs(X, T, temperature=bad)),
    ("target_offsets", torch.arange(4), lambda bad: logprobs(X, T, target_offsets=bad)),
    ("hidden", H, lambda bad: linear_logprobs(bad, W, T)),
    ("weight", W, lambda bad: linear_logprobs(H, bad, T)),
    ("bias", torch.zeros(7), lambda bad: linear_logprobs(H, W, T, bias=bad)),
    ("answer_logprob", LP, lambda bad: compare_answers(bad, Q, M)),
    ("question_offsets", torch.tensor(Q), lambda bad: compare_answers(LP, bad, M)),
    ("is_matching", torch.tensor(M), lambda bad: compare_answers(LP, Q, bad)),
    ("token_logprob", LP, lambda bad: score_answers(bad, [0, 1, 2, 3, 4], Q, M)),
    ("answer_offsets", torch.arange(5), lambda bad: score_answers(LP, bad, Q, M)),
    ("unconditional", LP, lambda bad: score_answers(LP, [0, 1, 2, 3, 4], Q, M, normalize="pmi", unconditional=bad)),
    ("n_chars", torch.arange(1, 5), lambda bad: score_answers(LP, [0, 1, 2, 3, 4], Q, M, normalize="char", n_chars=bad)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*(prototype|beta state|deprecat)")
@pytest.mark.parametrize(("name", "good", "call"), ARGUMENTS, ids=[name for name, _, _ in ARGUMENTS])
def test_tensors_without_dense_values_are_refused_by_their_argument(
    name: str, good: torch.Tensor, call: Callable[[torch.Tensor], Any]
) -> None:
    for message, spoil in UNREADABLE:
        with pytest.raises(ValueError, match=f"^{name} is ({message})"):
            call(spoil(good))
    with pytest.raises(TypeError, match=f"^{name} (must|is) .*complex64"):
        call(good.to(torch.complex64))


# Scores of meta tensors are meta tensors, as of any op; what stands beside others has to have values.
BESIDE = [argument for argument in ARGUMENTS if argument[0] not in ("logits", "answer_logprob", "token_logprob")]


@pytest.mark.parametrize(("name", "good", "call"), BESIDE, ids=[name for name, _, _ in BESIDE])
def test_a_tensor_without_values_beside_others_is_refused_by_its_argument(
    name: str, good: torch.Tensor, call: Callable[[torch.Tensor], Any]
) -> None:
    with pytest.raises(ValueError, match="^weight is on cpu but" if name == "hidden" else f"^{name} is on meta"):
        call(good.to("meta"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1, 2, 3], dtype=object), "targets must hold numbers that torch knows, got object"),
        (np.ma.array([1, 2, 3], mask=[False, True, False]), "targets is a masked array"),
    ],
    ids=["object", "masked"],
)
def test_numpy_arrays_that_torch_cannot_hold_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        logprobs(X, array)


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
