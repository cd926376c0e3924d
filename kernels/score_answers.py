"""From token log-probabilities to compared answers, ragged tokens -> answers -> questions, in one launch.

Everything is computed in float64, whatever the inputs: float64 costs little here, with one addition a token. A
question's numbers are added in one fixed order, so that its bits depend on nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import triton
import triton.language as tl

from pyscore.kernels.launch import Launch, run

if TYPE_CHECKING:
    from pyscore.ops.request import AnswerRequest, ComparisonTensors

__all__ = ["plan_score_answers", "score_answers"]

_BLOCK_Q, _BLOCK_T = 16, 16
"""Questions and tokens that a program works on side by side."""


class _Answers(NamedTuple):
    """Device code: pointers to what is known of every answer; a divisor or unconditional that is None is left out."""

    token_logprob: Any
    offsets: Any
    is_matching: Any
    divisor: Any
    unconditional: Any


@triton.jit
def _answer(answers, answer, here, BLOCK_T: tl.constexpr):
    """Of one answer for each question [Q]: sum of its tokens, its score, and whether it is a matching one."""
    start = tl.load(answers.offsets + answer, mask=here, other=0)
    length = tl.load(answers.offsets + answer + 1, mask=here, other=0) - start
    longest = tl.max(length, axis=0)
    total = tl.zeros(here.shape, tl.float64)
    first = longest * 0
    while first < longest:
        token = first + tl.arange(0, BLOCK_T)
        inside = token[None, :] < length[:, None]
        values = tl.load(answers.token_logprob + start[:, None] + token[None, :], mask=inside, other=0.0)
        total += tl.sum(values.to(tl.float64), axis=1)
        first += BLOCK_T
    score = total
    if answers.unconditional is not None:
        score -= tl.load(answers.unconditional + answer, mask=here, other=0.0).to(tl.float64)
    if answers.divisor is not None:
        score /= tl.load(answers.divisor + answer, mask=here, other=1.0).to(tl.float64)
    return total, score, tl.load(answers.is_matching + answer, mask=here, other=0).to(tl.int32)


@triton.jit
def _log_total(total, count, all_impossible):
    """log of a set's sum of e^(score - best); where all scores of a question are -inf, as if all were 0."""
    return tl.log(tl.where(all_impossible, count.to(tl.float64), total))


@triton.jit
def _count_best(count, here, score, best):
    """How many of a set's answers are its best after one more of this score, if it is of the set; ``best`` before."""
    count = tl.where(here & (score > best), 0, count)
    return count + (here & (score >= best)).to(tl.int32)


@triton.jit(do_not_specialize=["n_questions"])
def score_answers_kernel(
    token_logprob_ptr, answer_offsets_ptr, question_offsets_ptr, is_matching_ptr, divisor_ptr, unconditional_ptr,
    n_questions, probability_ptr, probability_raw_ptr, coverage_ptr, log_odds_ptr, margin_ptr, prefers_ptr, tie_ptr,
    predicted_ptr, SUM_SETS: tl.constexpr, TIES: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_T: tl.constexpr,
) -> None:  # fmt: skip
    """One program compares the answers of BLOCK_Q questions, looping over answers and over tokens."""
    infinity = float("inf")
    answers = _Answers(token_logprob_ptr, answer_offsets_ptr, is_matching_ptr, divisor_ptr, unconditional_ptr)
    question = tl.program_id(0).to(tl.int64) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    inside = question < n_questions
    start = tl.load(question_offsets_ptr + question, mask=inside, other=0)
    size = (tl.load(question_offsets_ptr + question + 1, mask=inside, other=0) - start).to(tl.int32)
    most = tl.max(size, axis=0)

    zero = tl.zeros((BLOCK_Q,), tl.float64)
    best = zero - infinity
    best_matching = zero - infinity
    best_other = zero - infinity
    mass_matching = zero
    mass = zero
    none = tl.full((BLOCK_Q,), -1, tl.int32)
    predicted = none
    first_matching = none  # the first of the set's best answers
    first_other = none
    any_matching = none  # the first of the set's answers
    any_other = none
    n_matching = none + 1
    n_other = none + 1
    n_best_matching = none + 1  # how many of the set's answers are its best
    n_best_other = none + 1
    number = most * 0
    while number < most:
        here = number < size
        total, score, is_matching = _answer(answers, start + number, here, BLOCK_T)
        matching = here & (is_matching > 0)
        other = here & (is_matching == 0)
        predicted = tl.where(here & ((score > best) | (predicted < 0)), number, predicted)
        first_matching = tl.where(matching & ((score > best_matching) | (n_matching == 0)), number, first_matching)
        first_other = tl.where(other & ((score > best_other) | (n_other == 0)), number, first_other)
        any_matching = tl.where(matching & (n_matching == 0), number, any_matching)
        any_other = tl.where(other & (n_other == 0), number, any_other)
        if TIES == "share":
            n_best_matching = _count_best(n_best_matching, matching, score, best_matching)
            n_best_other = _count_best(n_best_other, other, score, best_other)
        best = tl.where(here & (score > best), score, best)
        best_matching = tl.where(matching & (score > best_matching), score, best_matching)
        best_other = tl.where(other & (score > best_other), score, best_other)
        answer_mass = tl.exp(total)
        mass += tl.where(here, answer_mass, 0.0)
        mass_matching += tl.where(matching, answer_mass, 0.0)
        n_matching += matching.to(tl.int32)
        n_other += other.to(tl.int32)
        number += 1

    shift_matching = tl.where(best_matching > -infinity, best_matching, 0.0)
    shift_other = tl.where(best_other > -infinity, best_other, 0.0)
    total_matching = zero
    total_other = zero
    number = most * 0
    while number < most:
        here = number < size
        total, score, is_matching = _answer(answers, start + number, here, BLOCK_T)
        total_matching += tl.where(here & (is_matching > 0), tl.exp(score - shift_matching), 0.0)
        total_other += tl.where(here & (is_matching == 0), tl.exp(score - shift_other), 0.0)
        number += 1

    # No comparison picks a NaN score as the best; only the totals show it.
    known = (total_matching + total_other) == (total_matching + total_other)
    all_impossible = known & (best == -infinity)
    log_matching = _log_total(total_matching, n_matching, all_impossible)
    log_other = _log_total(total_other, n_other, all_impossible)
    # A difference of two logsumexps would lose the logarithms' digits where both scores are large.
    log_odds = (shift_matching - shift_other) + (log_matching - log_other)
    margin = tl.where(all_impossible, 0.0, tl.where(known, best_matching - best_other, float("nan")))
    if SUM_SETS:
        lead = log_odds
        came_first = any_matching < any_other
    else:
        lead = margin
        came_first = first_matching < first_other
    tie = lead == 0.0
    if TIES == "half":
        tied = zero + 0.5
    elif TIES == "strict":
        tied = zero
    elif TIES == "share":
        if SUM_SETS:  # Sums that are equal are two candidates of which one matches.
            tied = zero + 0.5
        else:
            tied = n_best_matching.to(tl.float64) / (n_best_matching + n_best_other).to(tl.float64)
    else:
        tied = tl.where(came_first, 1.0, 0.0).to(tl.float64)
    prefers = tl.where(tie, tied, tl.where(lead > 0.0, 1.0, 0.0).to(tl.float64))

    dtype = probability_ptr.dtype.element_ty
    tl.store(probability_ptr + question, (1.0 / (1.0 + tl.exp(-log_odds))).to(dtype), mask=inside)
    tl.store(probability_raw_ptr + question, mass_matching.to(dtype), mask=inside)
    tl.store(coverage_ptr + question, mass.to(dtype), mask=inside)
    tl.store(log_odds_ptr + question, log_odds.to(dtype), mask=inside)
    tl.store(margin_ptr + question, margin.to(dtype), mask=inside)
    tl.store(prefers_ptr + question, prefers.to(dtype), mask=inside)
    tl.store(tie_ptr + question, tie, mask=inside)
    tl.store(predicted_ptr + question, tl.where(known, predicted, -1).to(tl.int64), mask=inside)


def plan_score_answers(request: AnswerRequest, out: ComparisonTensors) -> Launch:
    """The launch that fills ``out``."""
    questions = request.question_offsets.shape[0] - 1
    named = {**request._asdict(), **out._asdict()}
    sets, ties = named.pop("sets"), named.pop("ties")
    arguments = {f"{name}_ptr": tensor for name, tensor in named.items()} | {
        "n_questions": questions,
        "SUM_SETS": sets == "sum",
        "TIES": ties,
        "BLOCK_Q": _BLOCK_Q,
        "BLOCK_T": _BLOCK_T,
    }
    return Launch(score_answers_kernel, (triton.cdiv(questions, _BLOCK_Q),), arguments, {"num_warps": 4})


def score_answers(request: AnswerRequest, out: ComparisonTensors) -> None:
    """Compare each question's answers in one launch, in float64. Never waits for the device."""
    run([plan_score_answers(request, out)], request.token_logprob.device)
