"""compare_answers and score_answers: from log-probabilities to per-question comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pyscore.ops import checks, library
from pyscore.ops.arrays import as_index, as_mask, as_tensor, restorer, warn_forward_only
from pyscore.ops.dispatch import AUTO, check_backend_name
from pyscore.ops.request import AnswerRequest, float_dtype
from pyscore.ops.types import Array, Comparison

__all__ = ["NORMALIZATIONS", "SETS", "TIES", "compare_answers", "score_answers"]

NORMALIZATIONS = ("sum", "token", "char", "byte", "pmi")
SETS = ("max", "sum")
TIES = ("half", "strict", "first", "share")


def _offsets(value: Array | Sequence[int], name: str) -> Tensor:
    offsets = as_index(value, name)
    if offsets.ndim != 1 or offsets.shape[0] == 0:
        raise ValueError(f"{name} must be 1-d with at least the entry 0, got shape {tuple(offsets.shape)}")
    return offsets


def _compare(request: AnswerRequest, backend: str, like: Array) -> Comparison:
    """The comparison in arrays of the kind of ``like``."""
    checks.check_choice(request.sets, "sets", SETS)
    checks.check_choice(request.ties, "ties", TIES)
    check_backend_name(backend)
    values, answers, questions, matching, _, unconditional, _, _ = request
    n_answers = values.shape[0] if answers is None else answers.shape[0] - 1
    if matching.shape != (n_answers,):
        raise ValueError(f"is_matching must be [{n_answers}], one an answer, got shape {tuple(matching.shape)}")
    checks.check_not_meta(
        values.device,
        answer_offsets=answers,
        question_offsets=questions,
        is_matching=matching,
        unconditional=unconditional,
    )
    restore = restorer(like)
    found: tuple[Any, ...] = (*map(restore, library.score_answers(request, backend)), request.ties, questions, matching)
    return Comparison(*found)


def _log_probabilities(value: Array, name: str) -> Tensor:
    tensor = as_tensor(value, name)
    checks.check_values_dtype(tensor, name)
    if tensor.ndim != 1:
        raise ValueError(f"{name} must be flat, got shape {tuple(tensor.shape)}")
    return tensor if tensor.dtype == float_dtype(tensor) else tensor.float()


def compare_answers(
    answer_logprob: Array,
    question_offsets: Array | Sequence[int],
    is_matching: Array | Sequence[bool],
    *,
    sets: str = "max",
    ties: str = "half",
    backend: str = AUTO,
) -> Comparison:
    """Compare the matching answers of each question with its other answers.

    With l_k the log-probability of answer k, ``probability = sum_M exp(l_k) / sum_{M+N} exp(l_k)`` and
    ``prefers = 1[max_M l > max_N l]``: the two halves of the question whether an eval reports the average probability
    of the matching answer or how often it is the more probable one. See `Comparison` for every field. A question whose
    answers are all -inf counts as the limit of equal log-probabilities: a tie. Forward only: results carry no gradient,
    and an input that requires one while gradients are recorded is warned of.

    ``coverage`` and ``probability_raw`` add up answers as they are given: they are probabilities only where no answer
    is the same as another or a prefix of it (" S" and " S T"), whose mass is part of its own.

    Args:
        answer_logprob: ``[A]`` log-probabilities in nats, float64 or float32 (the dtype of the results; narrower
            dtypes are widened to float32). On the CPU all arithmetic is float64.
        question_offsets: ``[Q + 1]``: question q has the answers ``question_offsets[q]:question_offsets[q + 1]``.
        is_matching: ``[A]`` bool, true for an answer that matches the behaviour in question.
        sets: "max" compares the best matching with the best other answer, "sum" their total masses.
        ties: what ``prefers`` is where both are equal: "half" 0.5, "strict" 0, "first" 1 if the (best) matching
            answer comes first, else 0; "share" the matching answers' share of all answers that are best, as HELM counts
            ties, which is 0.25 where one of four equal answers matches. Two equal sums (``sets="sum"``) share by half.
        backend: "auto", "cpu", "triton" or "reference".

    Raises:
        TypeError: a wrong kind of array or dtype.
        ValueError: shapes or offsets that don't fit, a NaN or positive log-probability, a question without a
            matching or without another answer; the message names the row. Values on a GPU are not read back, so
            nothing waits for the device: there a NaN makes the question's results NaN. Arrays on the host are checked
            before they are moved, and with PYSCORE_CHECK_VALUES=1 every value is; see `logprobs`.
    """
    warn_forward_only("compare_answers", answer_logprob=answer_logprob)
    values = _log_probabilities(answer_logprob, "answer_logprob")
    questions, matching = _offsets(question_offsets, "question_offsets"), as_mask(is_matching, "is_matching")
    request = AnswerRequest(values, None, questions, matching, sets=sets, ties=ties)
    return _compare(request, backend, like=answer_logprob)


def _units(value: Array | Sequence[int] | None, name: str, n_answers: int, device: torch.device) -> Tensor:
    if value is None:
        raise ValueError(f"{name} is needed for this normalize: pass one number an answer")
    units = as_index(value, name)
    checks.check_not_meta(device, **{name: units})
    if units.shape != (n_answers,):
        raise ValueError(f"{name} must be [{n_answers}], one an answer, got shape {tuple(units.shape)}")
    return units


def score_answers(
    token_logprob: Array,
    answer_offsets: Array | Sequence[int],
    question_offsets: Array | Sequence[int],
    is_matching: Array | Sequence[bool],
    *,
    n_chars: Array | Sequence[int] | None = None,
    n_bytes: Array | Sequence[int] | None = None,
    unconditional: Array | None = None,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    backend: str = AUTO,
) -> Comparison:
    """Sum token log-probabilities to answers and compare the answers, in one pass.

    The answers are compared by their sum l_k, or by ``l_k / n_tokens``, ``l_k / n_chars`` (acc_norm of
    lm-evaluation-harness), ``l_k / n_bytes`` (acc_bytes) or ``l_k - unconditional_k`` (acc_mutual_info).
    ``probability_raw`` and ``coverage`` are masses, so they come from the sums l_k whatever ``normalize`` is. Forward
    only, as `compare_answers`.

    Args:
        token_logprob: ``[T]`` log-probabilities of answer tokens in nats; dtypes as in `compare_answers`.
        answer_offsets: ``[A + 1]``: answer k has the tokens ``answer_offsets[k]:answer_offsets[k + 1]``, at least one.
        question_offsets, is_matching, sets, ties, backend: as in `compare_answers`.
        n_chars: ``[A]`` characters of each answer, for ``normalize="char"``.
        n_bytes: ``[A]`` UTF-8 bytes of each answer, for ``normalize="byte"``.
        unconditional: ``[A]`` log-probability of each answer without its prompt, for ``normalize="pmi"``.
        normalize: "sum", "token", "char", "byte" or "pmi".

    Raises:
        TypeError, ValueError: as in `compare_answers`; also an answer without tokens, or a missing or
            non-positive count for the chosen ``normalize``.
    """
    checks.check_choice(normalize, "normalize", NORMALIZATIONS)
    warn_forward_only("score_answers", token_logprob=token_logprob, unconditional=unconditional)
    values = _log_probabilities(token_logprob, "token_logprob")
    offsets = _offsets(answer_offsets, "answer_offsets")
    n_answers = offsets.shape[0] - 1
    divisor = base = None
    if normalize == "token":
        divisor = offsets.diff()
    elif normalize == "char":
        divisor = _units(n_chars, "n_chars", n_answers, values.device)
    elif normalize == "byte":
        divisor = _units(n_bytes, "n_bytes", n_answers, values.device)
    elif normalize == "pmi":
        if unconditional is None:
            raise ValueError("unconditional is needed for normalize='pmi': pass one log-probability an answer")
        base = as_tensor(unconditional, "unconditional")
        checks.check_values_dtype(base, "unconditional")
        base = base.to(values.dtype)
        if base.shape != (n_answers,):
            raise ValueError(f"unconditional must be [{n_answers}], one an answer, got shape {tuple(base.shape)}")
    divisor = None if divisor is None else divisor.to(values.dtype)
    questions, matching = _offsets(question_offsets, "question_offsets"), as_mask(is_matching, "is_matching")
    request = AnswerRequest(values, offsets, questions, matching, divisor, base, sets, ties)
    return _compare(request, backend, like=token_logprob)
