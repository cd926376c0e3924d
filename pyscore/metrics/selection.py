"""What was selected by its own result: the best of several, those that stood out, and ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Keys
from pyscore.metrics.core.candidates import Candidates, candidates_of_values, candidates_with_covariance, scale_of
from pyscore.metrics.core.intervals import Interval, check_interval, z_quantile
from pyscore.metrics.core.joint import pair_statistics, read_joint, stepdown_pairs
from pyscore.metrics.core.means import estimate_mean
from pyscore.metrics.core.readers import read_values
from pyscore.metrics.core.report import Estimate, Report, in_clusters
from pyscore.metrics.core.scales import Scale
from pyscore.metrics.core.winners import deviation, first_best, max_quantile, room
from pyscore.ops import checks

__all__ = ["best_of", "rank_intervals", "selected_intervals"]

METHODS = ("hybrid", "conditional", "projection")
DEPENDENCE = ("positive", "any")


def best_of(
    scores: Any,
    *,
    clusters: Keys = None,
    weights: Any = None,
    covariance: Any = None,
    higher_is_better: bool = True,
    method: str = "hybrid",
    scale: Scale | None = None,
    interval: Interval = Interval(),
) -> Report:
    """The best of k checkpoints or prompts, scored on the same questions, without the winner's curse.

    The best one's own mean is too good on average, because its luck helped to select it, and the usual interval misses
    its true mean too often: with 20 equally good and independent candidates in 40 % of samples, 1 - 0.975^20. Here are
    an estimate that is too high as often as too low, and an interval, both of the true mean of the one that was
    selected. Andrews, Kitagawa & McCloskey 2024, "Inference on Winners"; with X ~ N(μ, Σ) the k means and b the best of
    them:

    - "conditional": given that b was best, and what is independent of X_b, X_b is normal and cut off at [L, U]
      (`room` in core/winners.py). The estimate is the μ for which P(X_b <= x | μ) = 1/2, and the ends are those for
      which it is 1 - alpha/2 and alpha/2. It holds its confidence for every b that may win, but has no bound: where
      two are nearly equal, its lower end may lie very far away.
    - "projection": X_b ± c s_b, with c the quantile of max_j |X_j - μ_j| / s_j: all k intervals hold at once, so that
      of the best does. It is as wide where one wins clearly.
    - "hybrid", the default: the conditional interval, given also that the projection interval of confidence 1 - beta
      holds, with beta = alpha/10 and level (alpha - beta)/(1 - beta). It never leaves that projection interval, is
      about the usual interval where one wins clearly, and holds its confidence over all samples, not for every b. With
      the lead it shrinks to the end of that interval; where it would be under half as wide as the usual one, the
      projection interval takes its place.

    All three find how many standard errors the ends lie from X_b; at that many, they are those of the usual interval of
    such values: within [0, 1] for values in [0, 1]. Σ is from leaving out one cluster at a time. For 0/1 values half a
    step, 1/(2n), is added to each lead, since the best of them often ties.

    Args:
        scores: ``[n, k]``, a column a candidate, or name -> ``[n]``; with ``covariance`` ``[k]`` or name -> number.
        clusters: one hashable key a question.
        weights: one non-negative number a question.
        covariance: ``[k, k]`` of the estimates in ``scores``, whose errors are normal. Estimates then have n = 0.
        higher_is_better: False where the smallest mean is the best.
        method: "hybrid", "conditional" or "projection".
        scale: what scores can be, as in `estimate_mean`; by default 0/1 scores are rates, and scores within [0, 1]
            shares.
        interval: its confidence; n_resamples and seed are of the simulated quantile c.

    Returns:
        Report: ``best`` is corrected, with the standard error of the plain mean; ``best_not_corrected`` has the usual
        interval. ``rows`` hold every candidate, and `numbers` which of them is best, counted from 0.

    Raises:
        ValueError: no scores, a value that isn't finite, columns of unlike length, a covariance that is none.
    """
    checks.check_choice(method, "method", METHODS)
    if check_interval(interval).resamples:
        raise ValueError(f"interval.method {interval.method!r} has no ends as far out as a winner's: use 'auto' or 't'")
    if covariance is None:
        candidates = candidates_of_values(read_joint(scores, clusters, weights), interval, scale)
    elif clusters is None and weights is None and scale is None:
        candidates = candidates_with_covariance(scores, covariance)
    else:
        raise ValueError("covariance is of estimates: clusters, weights and scale are of values a question")
    sign = 1 if higher_is_better else -1
    best = first_best(sign * candidates.means)
    plain, name = candidates.interval(best, interval.confidence), candidates.names[best]
    corrected = plain if plain.reason else _correct(candidates, best, sign, method, interval)
    return Report.of(
        "best_of",
        interval,
        title=f"best of {len(candidates.means)}: {name}{in_clusters(candidates.n_clusters)}",
        estimates={"best": corrected, "best_not_corrected": plain},
        numbers={"k": len(candidates.means), "best": best},
        rows=[
            {"name": each, "mean": float(mean), "stderr": float(stderr), "best": i == best}
            for i, (each, mean, stderr) in enumerate(
                zip(candidates.names, candidates.means, candidates.stderr, strict=True)
            )
        ],
        method=method,
        best=name,
        direction=None if higher_is_better else "lowest",
        resamples=None if method == "conditional" else interval.n_resamples,
        simulation_seed=None if method == "conditional" else interval.seed,
    )


def selected_intervals(
    estimates: Mapping[str, Any],
    selected: Iterable[str],
    *,
    clusters: Any = None,
    dependence: str = "positive",
    scale: Scale | None = None,
    interval: Interval = Interval(),
) -> Report:
    """Intervals for what was selected because of its result: for R of m, each at confidence 1 - R alpha / m.

    Of the intervals that are shown, then, a share of at most alpha is expected to miss (the false coverage rate); of
    the usual ones many more may. Benjamini & Yekutieli 2005, "False Discovery Rate-Adjusted Multiple Confidence
    Intervals for Selected Parameters". It holds

    - for rules by which the number selected doesn't change if one of the selected had come out otherwise and were still
      selected: a threshold, the R largest, Bonferroni, Holm, Benjamini-Hochberg. Not for a rule such as "all if any is
      large"; nor if some were looked at and then left out of ``estimates``;
    - for independent estimates, as of datasets with questions of their own, and with ``dependence="any"``,
      at 1 - R alpha / (m Σ_j≤m 1/j), for any. For estimates on the same questions the former is usual, and
      held in all simulations (docs/selection.md), but proven only for one-sided rules and positive dependence.

    Args:
        estimates: name -> values a question, ``[n]``, or name -> a function of the confidence that returns an
            `Estimate`; every candidate, not only those selected.
        selected: the names of those selected, at least one.
        clusters: one hashable key a question, if all are on the same questions, or name -> such keys.
        dependence: "positive" or "any".
        scale: what values can be, as in `estimate_mean`; by default 0/1 values are rates, and values within [0, 1]
            shares.
        interval: 1 - alpha is its confidence; how the intervals of values are made.

    Returns:
        Report: an estimate a selected name. Its ``confidence`` is that of each interval, 1 - R alpha / m.

    Raises:
        ValueError: nothing selected, a name that isn't among the estimates or stands twice, values as for
            `estimate_mean`. TypeError: selected is one string.
    """
    checks.check_choice(dependence, "dependence", DEPENDENCE)
    check_interval(interval)
    if isinstance(selected, str):
        raise TypeError(f"selected must be a sequence of names, got the single string {selected!r}")
    names = list(selected)
    unknown = [name for name in names if name not in estimates]
    if unknown:
        raise ValueError(f"selected has {unknown[0]!r}, which is not among the estimates")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"selected must hold at least one name, and each once; got {names}")
    share = len(names) / len(estimates)
    if dependence == "any":
        share /= sum(1 / j for j in range(1, len(estimates) + 1))
    each = 1 - (1 - interval.confidence) * share
    own = replace(interval, confidence=each)
    return replace(
        Report.of(
            "selected_intervals",
            interval,
            title=f"{len(names)} selected of {len(estimates)}: false coverage rate {1 - interval.confidence:.3g}",
            estimates={name: _interval_of(estimates[name], name, clusters, own, scale) for name in names},
            numbers={"n_selected": len(names), "n_candidates": len(estimates), "confidence_of_each": each},
            dependence=dependence,
        ),
        confidence=each,
    )


def rank_intervals(
    scores: Any,
    *,
    clusters: Keys = None,
    weights: Any = None,
    higher_is_better: bool = True,
    interval: Interval = Interval(),
) -> Report:
    """The ranks of k candidates on the same questions, 1 the best, with intervals that hold all at once.

    rank_low = 1 + how many are certainly better, rank_high = k - how many are certainly worse. Certain is what a test
    of all ordered pairs finds that is wrong anywhere with a chance of at most alpha: t of the paired difference against
    the quantile of the largest t of all, from their joint covariance, stepwise (`stepdown_pairs`). Mogstad, Romano,
    Shaikh & Wilhelm 2024, "Inference for Ranks with Applications to Mobility across Neighbourhoods and Academic
    Achievement across Countries".

    Args:
        scores: ``[n, k]``, a column a candidate, or name -> ``[n]``.
        clusters: one hashable key a question.
        weights: one non-negative number a question.
        higher_is_better: False where rank 1 is the smallest mean.
        interval: its confidence; n_resamples and seed are of the simulated quantile.

    Returns:
        Report whose ``rows``, in the order of the ranks, hold name, value, rank, rank_low and rank_high.

    Raises:
        ValueError: as `best_of`; fewer than two clusters, or questions without any.
    """
    check_interval(interval)
    joint = read_joint(scores, clusters, weights)
    sample, k = joint.design.sample, len(joint.names)
    if sample.reason():
        raise ValueError(f"scores hold {sample.reason()}")
    t, stderr = pair_statistics(joint)
    t = t if higher_is_better else -t
    certain = stepdown_pairs(
        t, stderr, joint.covariance, sample.dof, interval.confidence, interval.n_resamples, interval.seed
    )
    ranks = 1 + (t < 0).sum(axis=1)
    low, high = 1 + certain.sum(axis=0), k - certain.sum(axis=1)
    rows = [
        {
            "name": joint.names[i],
            "value": float(joint.means[i]),
            "rank": int(ranks[i]),
            "rank_low": int(low[i]),
            "rank_high": int(high[i]),
        }
        for i in np.lexsort((np.arange(k), ranks))
    ]
    return Report.of(
        "rank_intervals",
        interval,
        title=f"ranks of {k} on {sample.n} questions{in_clusters(joint.design.n_clusters)}",
        estimates={},
        numbers={"k": k, "certain_pairs": int(certain.sum()), "pairs": k * (k - 1) // 2},
        rows=rows,
        direction=None if higher_is_better else "lowest",
        resamples=interval.n_resamples,
        simulation_seed=interval.seed,
    )


def _correct(candidates: Candidates, best: int, sign: int, method: str, interval: Interval) -> Estimate:
    """The best one's estimate and interval, given that it was selected; sign is -1 where the smallest is the best."""
    alpha = 1 - interval.confidence
    beta = alpha / 10 if method == "hybrid" else alpha
    c = np.inf
    if method != "conditional":
        c = max_quantile(1 - beta, candidates.covariance, interval.n_resamples, interval.seed)
    # A tie goes to the one that stands first, so those before it are at least one step behind it.
    half = candidates.mean_step / 2
    steps = np.where(np.arange(len(candidates.means)) < best, -half, half)
    a, b = room(sign * candidates.means, candidates.covariance, best, steps)
    level = (alpha - beta) / (1 - beta) if method == "hybrid" else alpha
    above, middle, below = deviation(np.array([level / 2, 0.5, 1 - level / 2]), a, b, c).tolist()
    # Next to a tie the hybrid interval shrinks to a point: it is left where it is under half as wide as the usual one.
    if method == "projection" or (method == "hybrid" and abs(below - above) < z_quantile(1 - alpha)):
        above, below = -c, c
    if np.isinf(above) and np.isinf(below):
        reason = "two are best: given that one of them was selected, nothing is known"
        return Estimate.without_interval(float(candidates.means[best]), candidates.n, reason)
    low, high = sorted(candidates.at(best, sign * u) for u in (above, below))
    if low == high:
        reason = f"two are nearly equal: only the end {low:g} of the range agrees with the selection"
        return Estimate.without_interval(float(candidates.means[best]), candidates.n, reason)
    stderr = float(candidates.stderr[best])
    value = float(candidates.means[best] - sign * middle * stderr)
    return Estimate(min(max(value, low), high), stderr, low, high, candidates.n)


def _interval_of(estimate: Any, name: str, clusters: Any, interval: Interval, scale: Scale | None) -> Estimate:
    """The interval of values a question, or of a function of the confidence."""
    if callable(estimate):
        made = estimate(interval.confidence)
        if not isinstance(made, Estimate):
            raise TypeError(f"estimates[{name!r}] must return an Estimate for a confidence, got {type(made).__name__}")
        return made
    values = read_values(estimate, name)
    keys = clusters[name] if isinstance(clusters, Mapping) else clusters
    return estimate_mean(values, clusters=keys, interval=interval, scale=scale or scale_of(values), name=name)
