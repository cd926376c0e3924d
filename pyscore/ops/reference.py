"""Every op in plain float64 PyTorch: the definition that the compiled backends are tested against."""

from __future__ import annotations

import torch
from torch import Tensor

from pyscore.ops.backend import Backend, CompareOptions, ComparisonTensors, ScoreOptions, TokenTensors, offsets_of_rows
from pyscore.ops.underflow import keeps_denormals

__all__ = ["REFERENCE"]

_NAN, _INF = float("nan"), float("inf")


def _result_dtype(values: Tensor) -> torch.dtype:
    return torch.float64 if values.dtype == torch.float64 else torch.float32


def _rows_of(offsets: Tensor, n: int) -> Tensor:
    """Row number of each of n flat targets (or tokens, or answers); n spares a GPU the adding up."""
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


def _final_logits(scores: Tensor, temperature: Tensor | None, options: ScoreOptions) -> Tensor:
    if options.softcap is not None:
        scores = options.softcap * torch.tanh(scores / options.softcap)
    return scores if temperature is None else scores / temperature.double().unsqueeze(-1)


def _project(hidden: Tensor, weight: Tensor, bias: Tensor | None, options: ScoreOptions) -> Tensor:
    scores = hidden.double() @ weight.double().T
    return options.logit_scale * (scores if bias is None else scores + bias.double())


def _ignored_rows(targets: Tensor, target_offsets: Tensor, ignore_index: int) -> Tensor:
    """Rows that have candidates, all of them ignored."""
    counts = target_offsets.diff()
    ignored = _segment_sum((targets == ignore_index).long(), _rows_of(target_offsets, len(targets)), counts.numel())
    return (counts > 0) & (ignored == counts)


def _held(targets: Tensor, vocab_size: int, options: ScoreOptions) -> Tensor:
    """Targets that lie in this vocabulary shard; ignored ones count as held."""
    local = targets - options.vocab_start
    return ((local >= 0) & (local < vocab_size)) | (targets == options.ignore_index)


def _gather_targets(z: Tensor, targets: Tensor, target_offsets: Tensor, options: ScoreOptions) -> Tensor:
    """Final logit of each target: NaN where ignored or in no vocabulary, -inf where another shard holds it."""
    local = (targets - options.vocab_start).clamp(0, z.shape[1] - 1)
    row = _rows_of(target_offsets, len(targets))
    found = z[row, local].where(_held(targets, z.shape[1], options), -_INF if options.sharded else _NAN)
    return found.masked_fill(targets == options.ignore_index, _NAN)


def _statistics(
    z: Tensor, targets: Tensor, offsets: Tensor, options: ScoreOptions, target_logit: Tensor, dtype: torch.dtype
) -> TokenTensors:
    """Every result from the final logits z [N, V], float64."""
    row, count = _rows_of(offsets, len(targets)), z.shape[0]
    ignored_row = _ignored_rows(targets, offsets, options.ignore_index)
    z = z.masked_fill(ignored_row[:, None], _NAN)
    # Everything comes from logits relative to the row's largest: under a large common offset, such as 1e8, the digits
    # of log_total are lost in the logsumexp.
    shift = z.amax(-1).nan_to_num(0.0, 0.0, 0.0) if count else z.new_empty(0)
    below = z - shift[:, None]
    log_total = below.logsumexp(-1)
    lse, valid = log_total + shift, log_total.isfinite()
    held = _held(targets, z.shape[1], options)
    ignored = targets == options.ignore_index
    if not options.sharded:  # ids of no vocabulary, which a GPU's targets may hold, as nobody looks at them
        ignored = ignored | ~held

    logprob = (target_logit - shift[row] - log_total[row]).clamp(max=0).where(held, -_INF)
    logprob = logprob.masked_fill(~valid[row] | ignored, _NAN)
    entropy, rank = (torch.empty(0, dtype=kind, device=z.device) for kind in (dtype, torch.int64))
    if options.entropy:
        p = (below - log_total[:, None]).exp()
        entropy = (log_total - (p * below.where(p > 0, 0.0)).sum(-1)).clamp(min=0).masked_fill(~valid, _NAN)
    if options.rank:
        column = torch.arange(z.shape[1], dtype=torch.int64, device=z.device)
        others = column != (targets - options.vocab_start)[:, None]
        rank = ((z[row] > target_logit[:, None]) & others).sum(-1).masked_fill(~valid[row] | ignored, -1)
    # a stable descending sort puts the lowest id first among equals; NaN rows are overwritten below
    order = z.argsort(dim=-1, descending=True, stable=True)[:, : max(options.top_k, 1)]
    ids = (order + options.vocab_start).masked_fill(~valid[:, None], -1)
    top = (below.gather(-1, order) - log_total[:, None]).clamp(max=0).masked_fill(~valid[:, None], _NAN)
    return TokenTensors(
        logprob=logprob.to(dtype),
        logsumexp=lse.to(dtype),
        max_logit=z.amax(-1).to(dtype) if count else lse.to(dtype),
        argmax=ids[:, 0].clone(),  # clones, since results of an op may not share memory
        entropy=entropy.to(dtype),
        rank=rank,
        top_ids=ids[:, : options.top_k].clone(),
        top_logprobs=top[:, : options.top_k].clone().to(dtype),
    )


@keeps_denormals
def _logprobs(
    logits: Tensor, targets: Tensor, target_offsets: Tensor | None, temperature: Tensor | None, options: ScoreOptions
) -> TokenTensors:
    target_offsets = offsets_of_rows(target_offsets, len(logits), targets)
    z = _final_logits(logits.double(), temperature, options)
    target_logit = _gather_targets(z, targets, target_offsets, options)
    result = _statistics(z, targets, target_offsets, options, target_logit, _result_dtype(logits))
    if not options.rank:
        return result
    # the logit of another shard's target is not known here
    return result._replace(rank=result.rank.masked_fill(~_held(targets, z.shape[1], options), -1))


@keeps_denormals
def _target_logits(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor | None,
    temperature: Tensor | None,
    options: ScoreOptions,
) -> Tensor:
    target_offsets = offsets_of_rows(target_offsets, len(hidden), targets)
    z = _final_logits(_project(hidden, weight, bias, options), temperature, options)
    return _gather_targets(z, targets, target_offsets, options)


@keeps_denormals
def _linear_logprobs(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor | None,
    temperature: Tensor | None,
    options: ScoreOptions,
    target_logit: Tensor | None,
) -> TokenTensors:
    target_offsets = offsets_of_rows(target_offsets, len(hidden), targets)
    z = _final_logits(_project(hidden, weight, bias, options), temperature, options)
    if target_logit is None:
        target_logit = _gather_targets(z, targets, target_offsets, options)
    return _statistics(z, targets, target_offsets, options, target_logit, _result_dtype(hidden))


@keeps_denormals
def _score_answers(
    token_logprob: Tensor,
    answer_offsets: Tensor,
    question_offsets: Tensor,
    is_matching: Tensor,
    divisor: Tensor | None,
    unconditional: Tensor | None,
    options: CompareOptions,
) -> ComparisonTensors:
    n_answers, n_questions = answer_offsets.numel() - 1, question_offsets.numel() - 1
    question = _rows_of(question_offsets, n_answers)
    total = _segment_sum(token_logprob.double(), _rows_of(answer_offsets, len(token_logprob)), n_answers)
    score = total if unconditional is None else total - unconditional.double()
    score = score if divisor is None else score / divisor.double()
    best = _segment_max(score, question, n_questions)
    # a question whose answers are all -inf is the limit of equal scores
    score = score.masked_fill(best[question] == -_INF, 0.0)

    def over(reduce: str, member: Tensor) -> Tensor:
        values = score.where(member, -_INF)
        segment = {"max": _segment_max, "log_total": _segment_log_total}[reduce]
        return segment(values, question, n_questions)

    other = ~is_matching
    margin = over("max", is_matching) - over("max", other)
    log_odds = margin + (over("log_total", is_matching) - over("log_total", other))
    lead = margin if options.sets == "max" else log_odds
    tie = lead == 0

    def first(member: Tensor) -> Tensor:
        """Index of the first answer of each question for which member holds."""
        index = torch.arange(n_answers, dtype=torch.int64, device=score.device)
        start = torch.full((n_questions,), n_answers, dtype=torch.int64, device=score.device)
        return start.scatter_reduce(0, question, index.where(member, n_answers), "amin")

    best_here = score == over("max", is_matching)[question], score == over("max", other)[question]
    if options.sets == "sum":
        best_here = torch.ones_like(other), torch.ones_like(other)
    came_first = first(is_matching & best_here[0]) < first(other & best_here[1])
    tie_value = {"half": torch.full_like(lead, 0.5), "strict": torch.zeros_like(lead), "first": came_first.double()}
    mass = total.exp()
    floats = (
        torch.sigmoid(log_odds),
        _segment_sum(mass.where(is_matching, 0.0), question, n_questions),
        _segment_sum(mass, question, n_questions),
        log_odds,
        margin,
        torch.where(tie, tie_value[options.ties], (lead > 0).double()),
    )
    best_answer = first(score == over("max", torch.ones_like(other))[question])
    predicted = torch.where(best_answer < n_answers, best_answer - question_offsets[:-1], -1)  # none is, beside a NaN
    dtype = _result_dtype(token_logprob)
    probability, raw, coverage, odds, best_margin, prefers = (value.to(dtype) for value in floats)
    return ComparisonTensors(probability, raw, coverage, odds, best_margin, prefers, tie, predicted)


def _objection(device: torch.device, dtype: torch.dtype) -> str | None:
    return None


REFERENCE = Backend("reference", _objection, _logprobs, _target_logits, _linear_logprobs, _score_answers)
