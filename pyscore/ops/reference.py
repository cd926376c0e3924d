"""Every op in plain float64 PyTorch: the definition that the compiled backends are tested against."""

from __future__ import annotations

import torch
from torch import Tensor

from pyscore.ops.backend import Backend
from pyscore.ops.request import AnswerRequest, ComparisonTensors, Projection, Targets, TokenRequest, TokenTensors
from pyscore.ops.underflow import keeps_denormals

__all__ = ["REFERENCE"]

_NAN, _INF = float("nan"), float("inf")


def _segment_of(offsets: Tensor, n: int) -> Tensor:
    """Which segment (row of logits, answer, question) each of n entries is in; n spares a GPU the adding up."""
    return torch.repeat_interleave(offsets.diff(), output_size=n)


def _segment_sum(values: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Sum of the values of each segment."""
    return torch.zeros(n_segments, dtype=values.dtype, device=values.device).index_add(0, segment, values)


def _segment_max(values: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Largest value of each segment; -inf for an empty one."""
    start = torch.full((n_segments,), -_INF, dtype=values.dtype, device=values.device)
    return start.scatter_reduce(0, segment, values, "amax")


def _segment_log_total(values: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Each segment's logsumexp beyond its largest value; -inf for an empty one."""
    shift = _segment_max(values, segment, n_segments).nan_to_num(neginf=0.0)
    return _segment_sum((values - shift[segment]).exp(), segment, n_segments).log()


def _final_logits(scores: Tensor, request: TokenRequest) -> Tensor:
    softcap, temperature = request.softcap, request.targets.temperature
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return scores if temperature is None else scores / temperature.double().unsqueeze(-1)


def _project(projection: Projection, request: TokenRequest) -> Tensor:
    hidden, weight, bias = projection
    scores = hidden.double() @ weight.double().T
    return _final_logits(request.logit_scale * (scores if bias is None else scores + bias.double()), request)


def _row_of_targets(targets: Targets, n_rows: int) -> Tensor:
    return _segment_of(targets.offsets_of(n_rows), len(targets.ids))


def _ignored_rows(request: TokenRequest, n_rows: int) -> Tensor:
    """Rows that have candidates, all of them ignored."""
    counts = request.targets.offsets_of(n_rows).diff()
    is_ignored = (request.targets.ids == request.ignore_index).long()
    return (counts > 0) & (_segment_sum(is_ignored, _row_of_targets(request.targets, n_rows), n_rows) == counts)


def _held(request: TokenRequest, vocab_size: int) -> Tensor:
    """Targets that lie in this vocabulary shard; ignored ones count as held."""
    local = request.targets.ids - request.vocab_start
    return ((local >= 0) & (local < vocab_size)) | (request.targets.ids == request.ignore_index)


def _gather_targets(z: Tensor, request: TokenRequest) -> Tensor:
    """Final logit of each target: NaN where ignored or in no vocabulary, -inf where another shard holds it."""
    n_rows, vocab_size = z.shape
    local = (request.targets.ids - request.vocab_start).clamp(0, vocab_size - 1)
    found = z[_row_of_targets(request.targets, n_rows), local]
    found = found.where(_held(request, vocab_size), -_INF if request.sharded else _NAN)
    return found.masked_fill(request.targets.ids == request.ignore_index, _NAN)


def _fill(out: TokenTensors, z: Tensor, request: TokenRequest, target_logit: Tensor) -> None:
    """Every result from the final logits z [N, V], float64."""
    ids, wanted, n_rows = request.targets.ids, request.wanted, z.shape[0]
    row = _row_of_targets(request.targets, n_rows)
    z = z.masked_fill(_ignored_rows(request, n_rows)[:, None], _NAN)
    largest = z.amax(-1) if n_rows else z.new_empty(0)
    # Everything comes from logits relative to the row's largest: under a large common offset, such as 1e8, the digits
    # of log_total are lost in the logsumexp.
    shift = largest.nan_to_num(0.0, 0.0, 0.0)
    below = z - shift[:, None]
    log_total = below.logsumexp(-1)
    valid, held = log_total.isfinite(), _held(request, z.shape[1])
    ignored = ids == request.ignore_index
    if not request.sharded:  # ids of no vocabulary, which a GPU's targets may hold, as nobody looks at them
        ignored = ignored | ~held
    unscored = ~valid[row] | ignored

    logprob = (target_logit - shift[row] - log_total[row]).clamp(max=0).where(held, -_INF)
    out.logprob.copy_(logprob.masked_fill(unscored, _NAN))
    out.logsumexp.copy_(log_total + shift)
    out.max_logit.copy_(largest)
    # a stable descending sort puts the lowest id first among equals; NaN rows are overwritten below
    order = z.argsort(dim=-1, descending=True, stable=True)[:, : max(wanted.top_k, 1)]
    best = (order + request.vocab_start).masked_fill(~valid[:, None], -1)
    top = (below.gather(-1, order) - log_total[:, None]).clamp(max=0).masked_fill(~valid[:, None], _NAN)
    out.argmax.copy_(best[:, 0])
    out.top_ids.copy_(best[:, : wanted.top_k])
    out.top_logprobs.copy_(top[:, : wanted.top_k])
    if wanted.entropy:
        p = (below - log_total[:, None]).exp()
        entropy = (log_total - (p * below.where(p > 0, 0.0)).sum(-1)).clamp(min=0)
        out.entropy.copy_(entropy.masked_fill(~valid, _NAN))
    if wanted.rank:
        column = torch.arange(z.shape[1], dtype=torch.int64, device=z.device)
        others = column != (ids - request.vocab_start)[:, None]
        out.rank.copy_(((z[row] > target_logit[:, None]) & others).sum(-1).masked_fill(unscored, -1))


@keeps_denormals
def _logprobs(logits: Tensor, request: TokenRequest, out: TokenTensors) -> None:
    z = _final_logits(logits.double(), request)
    _fill(out, z, request, _gather_targets(z, request))
    if request.wanted.rank:  # the logit of another shard's target is not known here
        out.rank.masked_fill_(~_held(request, z.shape[1]), -1)


@keeps_denormals
def _target_logits(projection: Projection, request: TokenRequest) -> Tensor:
    return _gather_targets(_project(projection, request), request)


@keeps_denormals
def _linear_logprobs(
    projection: Projection, request: TokenRequest, target_logit: Tensor | None, out: TokenTensors
) -> None:
    z = _project(projection, request)
    _fill(out, z, request, _gather_targets(z, request) if target_logit is None else target_logit)


@keeps_denormals
def _score_answers(request: AnswerRequest, out: ComparisonTensors) -> None:
    request = request.with_answer_offsets()
    token_logprob, answer_offsets, question_offsets, is_matching, divisor, unconditional, sets, ties = request
    assert answer_offsets is not None
    n_answers, n_questions = len(is_matching), len(question_offsets) - 1
    question = _segment_of(question_offsets, n_answers)
    total = _segment_sum(token_logprob.double(), _segment_of(answer_offsets, len(token_logprob)), n_answers)
    score = total if unconditional is None else total - unconditional.double()
    score = score if divisor is None else score / divisor.double()
    best = _segment_max(score, question, n_questions)
    # answers that are all -inf are compared as equal scores, of which they are the limit
    score = score.masked_fill(best[question] == -_INF, 0.0)

    def over(reduce: str, member: Tensor) -> Tensor:
        values = score.where(member, -_INF)
        segment = {"max": _segment_max, "log_total": _segment_log_total}[reduce]
        return segment(values, question, n_questions)

    other, everyone = ~is_matching, torch.ones_like(is_matching)
    margin = over("max", is_matching) - over("max", other)
    log_odds = margin + (over("log_total", is_matching) - over("log_total", other))
    lead = margin if sets == "max" else log_odds
    tie = lead == 0

    def first(member: Tensor) -> Tensor:
        """Index of the first answer of each question for which member holds."""
        index = torch.arange(n_answers, dtype=torch.int64, device=score.device)
        start = torch.full((n_questions,), n_answers, dtype=torch.int64, device=score.device)
        return start.scatter_reduce(0, question, index.where(member, n_answers), "amin")

    best_here = score == over("max", is_matching)[question], score == over("max", other)[question]
    if sets == "sum":
        best_here = everyone, everyone
    came_first = first(is_matching & best_here[0]) < first(other & best_here[1])
    half = torch.full_like(lead, 0.5)
    is_best = score == over("max", everyone)[question]
    matching_best, all_best = (
        _segment_sum(each.double(), question, n_questions) for each in (is_best & is_matching, is_best)
    )
    # Sums that are equal are two candidates of which one matches.
    share = half if sets == "sum" else matching_best / all_best
    tie_value = {"half": half, "strict": torch.zeros_like(lead), "first": came_first.double(), "share": share}
    mass = total.exp()
    out.probability.copy_(torch.sigmoid(log_odds))
    out.probability_raw.copy_(_segment_sum(mass.where(is_matching, 0.0), question, n_questions))
    out.coverage.copy_(_segment_sum(mass, question, n_questions))
    out.log_odds.copy_(log_odds)
    out.margin.copy_(margin)
    out.prefers.copy_(torch.where(tie, tie_value[ties], (lead > 0).double()))
    out.tie.copy_(tie)
    best_answer = first(is_best)
    # no score equals the largest where that is NaN: such a question has no best answer
    out.predicted.copy_(torch.where(best_answer < n_answers, best_answer - question_offsets[:-1], -1))


def _objection(device: torch.device, dtype: torch.dtype) -> str | None:
    return None


REFERENCE = Backend("reference", _objection, _logprobs, _target_logits, _linear_logprobs, _score_answers)
