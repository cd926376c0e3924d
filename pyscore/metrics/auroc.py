"""auroc: how well a score tells positives from negatives, whatever the threshold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys, Mask, cluster_sums
from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.intervals import (
    Interval,
    check_interval,
    effective_size,
    t_interval,
    t_quantile,
    wilson_interval,
)
from pyscore.metrics.core.readers import check_same_length, read_binary, read_values
from pyscore.metrics.core.report import Estimate

__all__ = ["auroc"]

_ROUNDING = 8 * np.finfo(np.float64).eps
"""Areas and placements lie in [0, 1]: a standard error below this is rounding."""


def auroc(score: Any, positive: Any, *, clusters: Keys = None, interval: Interval = Interval()) -> Estimate:
    """The area under the ROC curve: P(a positive's score > a negative's) + ½ P(both are equal).

    With m positives and n negatives it is Mann-Whitney's U / mn, from midranks in O(N log N). The standard error is
    that of DeLong, DeLong & Clarke-Pearson 1988, "Comparing the Areas under Two or More Correlated Receiver Operating
    Characteristic Curves"; with clusters that of Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve Data".

    The interval is Wilson's on the effective size A(1-A)/se², kept at most 3mn/(m+n+1), with the t quantile of
    min(m, n) - 1 degrees of freedom. That bound is the effective size of a score worth nothing, whose variance is
    known. Near 1 DeLong's variance rests on the few pairs in the wrong order, and without the bound Wilson's interval,
    like A ± t · se and the one on the logit scale, holds the true area far too rarely. At exactly 0 or 1 no pair is in
    the wrong order and the standard error is 0: there the size is min(m, n), since so many pairs share no question and
    are independent trials of the area.

    With few positives or few negatives it is wide, and has to be: how far the scores of 5 positives spread is hardly
    known. Method 5 of Newcombe 2006, "Confidence Intervals for an Effect Size Measure Based on the Mann-Whitney
    Statistic. Part 2", is narrower, since it takes the variance from the area alone, and that holds where positives and
    negatives spread alike. With 5 positives whose scores spread three times as far as those of 295 negatives (all
    normal, area 0.6) it held the area in 81.0 % of 2,000 samples at a width of 0.41, this one in 96.5 % at 0.70.

    Args:
        score: ``[N]`` floats, higher for more positive; ±inf are scores like others.
        positive: ``[N]`` bools or 0/1.
        clusters: one hashable key a question; m and n are then the clusters that hold positives and negatives in the
            degrees of freedom, and at 0 and 1 in the size.
        interval: confidence and ``ddof``; method "auto" or "wilson" as above, "t" for A ± t · se, which has no interval
            where se is 0.

    Raises:
        ValueError: a NaN, a label that is neither 0 nor 1, lengths that differ, no positives or no negatives; a method
            that resamples.
    """
    if check_interval(interval).resamples:
        raise ValueError(f"method {interval.method!r} is not offered for auroc: give 'auto' or 't'")
    s, labels = read_values(score, "score"), read_binary(positive, "positive")
    check_same_length("questions", score=s, positive=labels)
    if labels.all() or not labels.any():
        raise ValueError(f"positive holds no {'negatives' if labels.any() else 'positives'}: auroc needs both")
    return _estimate(s, labels > 0, read_design(len(s), clusters), interval)


def _estimate(s: Floats, positive: Mask, design: Design, interval: Interval) -> Estimate:
    m, n = int(positive.sum()), int((~positive).sum())
    placements = _placements(s, positive)
    area = float(placements[positive].sum() / m)
    units = tuple(len(np.unique(design.codes[kind])) for kind in (positive, ~positive))
    fewest = min(units)
    if fewest < 2:
        kind = "positive" if units[0] < 2 else "negative"
        one = f"one cluster with a {kind}" if design.clustered else f"one {kind}"
        return Estimate.without_interval(area, len(s), f"{one}: no spread to estimate from")
    a, b = (
        cluster_sums(np.where(kind, placements - area, 0.0), design.codes, design.sample.units)
        for kind in (positive, ~positive)
    )
    # The variance of Obuchowski 1997. Where every question is a cluster of its own, a @ b is 0, and it is DeLong's.
    of_positives, of_negatives, of_both = (u / (u - interval.ddof) for u in (*units, design.sample.units))
    variance = of_positives * (a @ a) / m**2 + of_negatives * (b @ b) / n**2 + 2 * of_both * (a @ b) / (m * n)
    stderr = math.sqrt(max(float(variance), 0.0))  # Rounding alone can take the variance below 0.
    if interval.method == "t":
        if stderr <= _ROUNDING:
            reason = "every question is placed alike: no spread to estimate from"
            return Estimate.without_interval(area, len(s), reason)
        low, high = np.clip(t_interval(area, stderr, fewest - 1, interval.confidence), 0.0, 1.0).tolist()
    else:
        # How many pairs of clusters share no cluster: half of all clusters, where each holds both kinds.
        disjoint = min(fewest, design.sample.units // 2)
        trials = effective_size(area, stderr, 3 * m * n // (m + n + 1), disjoint)
        low, high = wilson_interval(area, trials, t_quantile(interval.confidence, fewest - 1))
    return Estimate(area, stderr, low, high, len(s))


def _placements(s: Floats, positive: Mask) -> Floats:
    """For each question the share of the other class that its score is in the right order with, equals counting half.

    From midranks, after Sun & Xu 2014, "Fast Implementation of DeLong's Algorithm".
    """
    from scipy.stats import rankdata

    ranks, share = rankdata(s), np.empty_like(s)
    share[positive] = (ranks[positive] - rankdata(s[positive])) / (~positive).sum()
    share[~positive] = 1 - (ranks[~positive] - rankdata(s[~positive])) / positive.sum()
    return share
