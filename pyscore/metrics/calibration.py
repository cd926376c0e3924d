"""Calibration: whether things happen as often as their probabilities say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pyscore._integers import as_int
from pyscore.metrics.auroc import auroc
from pyscore.metrics.core.answer_scores import read_gold, read_offsets
from pyscore.metrics.core.arrays import Floats, Keys, as_float64, take
from pyscore.metrics.core.binning import assign_bins, brier_terms, calibration_errors
from pyscore.metrics.core.columns import read_columns
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.logprob_math import difference, segment_max
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.readers import check_same_length, read_binary, read_shares
from pyscore.metrics.core.reliability import binned_errors, reliability_table
from pyscore.metrics.core.report import NAN, Estimate, Report, in_clusters
from pyscore.metrics.core.scales import NONNEGATIVE, SHARE, SQUARES
from pyscore.ops import Comparison, checks
from pyscore.ops.arrays import as_tensor

__all__ = ["calibration", "comparison_calibration", "multiclass_calibration"]


def calibration(
    probability: Any,
    outcome: Any,
    *,
    n_bins: int = 15,
    bins: str = "width",
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """Calibration of probabilities p against what happened, y = 1 or 0.

    Estimates: ``brier`` = mean (p - y)², ``nll`` = mean -log p(y) in nats, ``auroc`` of p (see `auroc`; DeLong's error
    even where ``interval`` resamples), ``base_rate`` = mean y. Over bins b of share w_b, mean probability p_b and
    observed rate y_b: ``ece`` = Σ w_b |y_b - p_b| (Guo et al. 2017, "On Calibration of Modern Neural Networks"), whose
    reason for having no interval says what it would be for a calibrated model; and ``calibration_error``, the root of
    Σ w_b (y_b - p_b)² without its bias: from each square the variance of y_b - p_b is taken off (Kumar, Liang & Ma
    2019, "Verified Uncertainty Calibration"). Its interval holds the error over these bins of all such questions, which
    is at most that of every single probability; see `estimate_calibration_error` in core/calibration_error.py.

    Numbers, over the same bins, with their bias: ``rms_calibration_error`` = √(Σ w_b (y_b - p_b)²), ``mce`` =
    max_b |y_b - p_b|. What the Brier score is made of (Murphy 1973, "A New Vector Partition of the Probability Score"):
    ``reliability`` = Σ w_b (y_b - p_b)², ``resolution`` = Σ w_b (y_b - ȳ)², ``uncertainty`` = ȳ (1 - ȳ), and the terms
    within bins (Stephenson, Coelho & Jolliffe 2008, "Two Extra Components in the Brier Score Decomposition"),
    ``within_bin_variance`` = mean (p - p_b)² and ``within_bin_covariance`` = 2 mean (y - y_b)(p - p_b), so that exactly

        brier = reliability - resolution + uncertainty + within_bin_variance - within_bin_covariance.

    The last two are 0 where each bin holds one distinct probability. Rows: one a bin that holds any question, with its
    edges, size, mean probability, and observed rate with Wilson's interval.

    Args:
        probability: ``[n]`` in [0, 1]. 0 or 1 with the wrong outcome makes ``nll`` infinite.
        outcome: ``[n]`` bools or 0/1.
        n_bins: at most so many bins.
        bins: "width": ((m-1)/n_bins, m/n_bins], the first with 0; "mass": equal counts, see `mass_bins`; the edges of
            their rows are the smallest and the largest probability within.
        clusters: one hashable key a question; intervals are then cluster-robust.
        interval: confidence, method and the rest.

    Raises:
        ValueError: a NaN, a probability outside [0, 1], an outcome that is neither 0 nor 1, with its row; lengths that
            differ; an unknown way of binning.
    """
    p, y = read_shares(probability, "probability"), read_binary(outcome, "outcome")
    check_same_length("questions", probability=p, outcome=y)
    over = Averages(len(p), clusters, interval)
    with np.errstate(divide="ignore"):
        nll = np.abs(np.where(y > 0, np.log(p), np.log1p(-p)))
    estimates = {
        "brier": over.mean((p - y) ** 2, scale=SHARE),
        "nll": over.mean(nll, scale=NONNEGATIVE),
        "auroc": _auroc(p, y, over),
        "base_rate": over.rate(y),
    }
    return _report("calibration", "calibration", p, y, n_bins, bins, over, estimates)


def comparison_calibration(
    comparison: Comparison,
    *,
    n_bins: int = 15,
    bins: str = "width",
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """Calibration of compared answers, the matching ones taken as the truth, in top-label form.

    A question's confidence is max(p, 1 - p) with p its ``probability``; it is right if p > ½. At p = ½ it counts as
    half a right and half a wrong answer, whatever the comparison's ``ties``, and is left out of ``auroc``; ``ties``
    counts such questions. ``brier`` = mean (1 - p)²; ``nll`` = mean -log p, nats; ``accuracy``; ``auroc`` of the
    confidence against being right. The last and ``nll`` are read from the log odds, which tell confidences apart where
    p rounds to 0 or 1. ``brier``, and with 15 bins of equal width ``ece`` and ``calibration_error``, are those of
    `summarize`; all else is as in `calibration`.

    Raises:
        ValueError: an empty comparison or a NaN, with its row; lengths that differ; an unknown way of binning.
    """
    columns = read_columns(comparison)
    p, right, confidence = columns.probability, columns.correct, columns.confidence
    log_odds = as_float64(comparison.log_odds, "comparison.log_odds")
    over = Averages(len(p), clusters, interval)
    estimates = {
        "brier": over.mean((1 - p) ** 2, scale=SHARE),
        "nll": over.mean(np.logaddexp(0, -log_odds), scale=NONNEGATIVE),
        "auroc": _auroc(np.abs(log_odds), right, over),
        "accuracy": over.rate(right),
    }
    title, ties = "calibration of compared answers", int(np.count_nonzero(right == 0.5))
    report = _report("comparison_calibration", title, confidence, right, n_bins, bins, over, estimates, ties="half")
    return replace(report, numbers={**report.numbers, "ties": ties})


def multiclass_calibration(
    answer_logprob: Any,
    question_offsets: Any,
    gold: Any,
    *,
    n_bins: int = 15,
    bins: str = "width",
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """Calibration over all options of a question, as many as it has: p = softmax of their log-probabilities.

    ``accuracy``: argmax is gold, the first among equals; ``nll`` = mean -log p_gold, nats; ``brier`` =
    mean Σ_k (p_k - 1[k = gold])², 0 to 2 (Brier 1950, "Verification of Forecasts Expressed in Terms of Probability");
    ``auroc`` of the confidence max_k p_k against being right. ``ece``, ``calibration_error``,
    ``rms_calibration_error``, ``mce`` and the rows are those of `calibration` for that confidence and being right.

    Args:
        answer_logprob: ``[A]`` log-probabilities, nats; -inf is one. Options that are all -inf share the mass equally.
        question_offsets: ``[Q + 1]`` ints: question q has the options ``question_offsets[q]:question_offsets[q + 1]``.
        gold: ``[Q]`` ints, the index of the right option within its question.
        n_bins, bins, clusters, interval: as in `calibration`.

    Raises:
        TypeError: offsets or gold that are no integers. ValueError: a NaN or positive log-probability, offsets that
            don't fit, a question without options, a gold that is none of its question's options, with its row.
    """
    logprob = as_float64(answer_logprob, "answer_logprob")
    checks.check_log_probabilities(as_tensor(logprob, "answer_logprob"), "answer_logprob")
    offsets = read_offsets(question_offsets, len(logprob), "answer_logprob")
    right_option = read_gold(gold, offsets)
    starts, sizes = offsets[:-1], np.diff(offsets)
    over = Averages(len(starts), clusters, interval)
    shifted = difference(logprob, np.repeat(segment_max(logprob, offsets), sizes))
    top = np.minimum.reduceat(np.where(shifted == 0, np.arange(len(logprob)), len(logprob)), starts)
    others = np.exp(shifted)
    others[top] = 0.0
    # The mass of the other options, that of the best one being 1. It tells confidences apart that round to 1.
    doubt = np.add.reduceat(others, starts)
    confidence, right = 1 / (1 + doubt), (top == right_option).astype(np.float64)
    missed = np.exp(shifted) * np.repeat(confidence, sizes)
    missed[right_option] -= 1.0
    estimates = {
        "accuracy": over.rate(right),
        "nll": over.mean(np.log1p(doubt) - shifted[right_option], scale=NONNEGATIVE),
        "brier": over.mean(np.add.reduceat(missed**2, starts), scale=SQUARES),
        "auroc": _auroc(-doubt, right, over),
    }
    title = "calibration over all options"
    report = _report("multiclass_calibration", title, confidence, right, n_bins, bins, over, estimates, ties="first")
    # Murphy's terms are those of the Brier score of one probability, not of all options.
    return replace(report, numbers={name: report.numbers[name] for name in ("rms_calibration_error", "mce")})


def _report(
    metric: str,
    title: str,
    p: Floats,
    y: Floats,
    n_bins: int,
    bins: str,
    over: Averages,
    estimates: dict[str, Estimate],
    ties: str | None = None,
) -> Report:
    """The report with what bins add: the errors over them, and the reliability table of p against y."""
    n_bins = as_int(n_bins, "n_bins")
    codes = assign_bins(p, n_bins, bins)
    return Report.of(
        metric,
        over.interval,
        title=f"{title}, {len(p)} questions{in_clusters(over.n_clusters)}",
        estimates=estimates | binned_errors(p, y, codes, over),
        numbers=calibration_errors(p, y, codes) | brier_terms(p, y, codes),
        rows=reliability_table(p, y, codes, n_bins if bins == "width" else None, over),
        bins=f"{bins}:{n_bins}",
        auroc="delong",
        ties=ties,
    )


def _auroc(score: Floats, y: Floats, over: Averages) -> Estimate:
    """AUROC of the score against y = 1 or 0, leaving out y = ½; NaN with a reason where one kind is missing."""
    decided, interval = y != 0.5, over.interval
    if not ((y == 0).any() and (y == 1).any()):
        return Estimate.without_interval(NAN, int(decided.sum()), "one kind of outcome: nothing to tell apart")
    plain = replace(interval, method="auto") if interval.resamples else interval
    return auroc(score[decided], y[decided], clusters=take(over.codes, decided), interval=plain)
