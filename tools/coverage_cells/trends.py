"""Trends over model size, and contrasts and bands over checkpoints that share their questions.

Verdicts of `scaling_trend` (``wrong``: those that are false), its slopes with known standard errors and without, the
contrast that is a slope beside the slope from the scatter of the means, and simultaneous bands of `curve`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.contrasts import curve, slope_coefficients, study_slope
from pyscore.metrics.core.intervals import Interval, t_quantile
from pyscore.metrics.core.report import Report
from pyscore.metrics.core.trends import find_turns, fit_slopes, name_trends

__all__ = ["MONOTONE", "SHARES", "TRUTHS", "band_cells", "cells", "contrast_cells", "slope_cells", "verdict_cells"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

SEED = 20_260_101
ALPHA = 0.05
SIZES = (4, 6, 8)
NOISES = (0.02, 0.1, 0.3)
VERDICTS = ("positive", "inverse", "U-shaped", "inverted-U", "flat or unclear")
SHARES = (*VERDICTS, "covered, scatter", "covered, others", "covered, t", "covered, alone", "found")

MONOTONE: dict[str, Callable[[Floats], Floats]] = {
    "flat": np.zeros_like,
    "linear": lambda x: x,
    "saturating": lambda x: -np.expm1(-5 * x),
    "logistic": lambda x: 1 / (1 + np.exp(-12 * (x - 0.5))),
    "hinge": lambda x: np.maximum(0, 2 * x - 1),
    "hinge, then flat": lambda x: np.minimum(1, 2 * x),
}
"""Curves over log size from 0 to 1 that rise by 1 or not at all: "positive" and "flat or unclear" are true of them."""

TRUTHS = MONOTONE | {
    "U": lambda x: (2 * x - 1) ** 2,
    "U, half as deep on one side": lambda x: np.where(x < 0.5, (2 * x - 1) ** 2 / 2, (2 * x - 1) ** 2),
}


def cells(replicates: int) -> list[Row]:
    """All tables of this module; of bands, which take the longest, an eighth of the samples."""
    tables = {
        "Verdicts on model size": verdict_cells(replicates),
        "Slopes over models that scatter about the line": slope_cells(replicates),
        "The slope of checkpoints that share questions": contrast_cells(replicates),
        "Bands over checkpoints that share questions": band_cells(max(replicates // 8, 1)),
    }
    return [{"table": title, **row} for title, rows in tables.items() for row in rows]


def verdict_cells(replicates: int) -> list[Row]:
    """The share of each verdict over noisy curves with known, equal standard errors, at 95 % confidence.

    Keys: truth, sizes (their number), noise (the standard error, where the curve's range is 1), a share for each of
    `VERDICTS`, and wrong: any verdict of a flat truth, any but "positive" and "flat or unclear" of the other monotone
    ones; of a U, which may also be "U-shaped", too.
    """
    rows = []
    for i, (truth, m, noise) in enumerate(product(TRUTHS, SIZES, NOISES)):
        x, errors = np.linspace(0.0, 1.0, m), np.full(m, noise)
        rng = np.random.default_rng((SEED, i))
        y = TRUTHS[truth](x) + noise * rng.standard_normal((replicates, m))
        slope = fit_slopes(x, y, errors)
        named = name_trends(slope.value, slope.p, find_turns(x, y, errors), ALPHA / 2)
        shares = {verdict: float(np.mean(named == verdict)) for verdict in VERDICTS}
        right = {"flat or unclear"} | ({"positive"} - {truth if truth != "flat" else "positive"})
        right |= set() if truth in MONOTONE else {"U-shaped"}
        wrong = sum(share for verdict, share in shares.items() if verdict not in right)
        rows.append({"truth": truth, "sizes": m, "noise": noise} | shares | {"wrong": wrong})
    return rows


def slope_cells(replicates: int) -> list[Row]:
    """How often 95 % intervals hold a slope where models scatter about the line, and their mean width.

    Keys: sizes, largest (the known standard errors grow from 1 to that, from the smallest size to the largest), scatter
    (the models' standard deviation), covered and width with the known errors, and the same by the scatter alone.
    """
    rows = []
    for i, (m, largest, scatter) in enumerate(product((3, *SIZES), (1, 3), (0.0, 0.5, 1.0, 3.0))):
        rng = np.random.default_rng((SEED, 1, i))
        x, errors = np.linspace(0.0, 1.0, m), np.geomspace(1.0, largest, m)
        y = x + np.sqrt(errors**2 + scatter**2) * rng.standard_normal((replicates, m))
        row: Row = {"sizes": m, "largest": largest, "scatter": scatter}
        rows.append(row | _slope_columns(x, y, errors, 1.0) | _slope_columns(x, y, None, 1.0, ", scatter"))
    return rows


def _slope_columns(x: Floats, y: Floats, errors: Floats | None, truth: float, suffix: str = "") -> Row:
    slope = fit_slopes(x, y, errors)
    return _held(slope.value, t_quantile(1 - ALPHA, slope.dof) * slope.stderr, truth, suffix)


def _held(values: Floats, half: Floats, truth: Floats | float, suffix: str = "") -> Row:
    """Coverage and mean width of values ± half, over those that have an interval; NaN where none has."""
    known = ~np.isnan(half)
    if not known.any():
        return {f"covered{suffix}": math.nan, f"width{suffix}": math.nan}
    covered = (np.abs(values - truth) <= half)[known]
    return {f"covered{suffix}": float(covered.mean()), f"width{suffix}": float(2 * half[known].mean())}


DESIGNS: dict[str, list[int]] = {
    "30 questions": [1] * 30,
    "300 questions": [1] * 300,
    "30 clusters of 10": [10] * 30,
    "50 clusters, Zipf": [int(size) for size in np.ceil(100 / np.arange(1, 51))],
    "30 clusters, one dominant": [150] + [5] * 29,
}
X = np.linspace(0.0, 1.0, 6)
"""Where the checkpoints lie."""
MODELS = 0.15
"""The standard deviation of the checkpoints about their line, as logits."""
THRESHOLDS = {"0/1": 0.0, "0/1, rare": -2.6}
KINDS = ("share", *THRESHOLDS)


def _scores(rng: np.random.Generator, codes: NDArray[np.int64], models: Floats, kind: str) -> Floats:
    """``[n, K, R]``: scores of R samples of questions; ``models [K, R]`` is how far the checkpoints lie off the line.

    A question has a level of its own, and a slope of its own about 0.5; half of their variance is its cluster's. A
    share is the logistic function of the logit, 0/1 whether that is above a threshold: for "rare" 98 to 99 % are.
    """
    n, units, samples = len(codes), int(codes.max()) + 1, models.shape[1]

    def half_shared(spread: float) -> Floats:
        own, shared = rng.standard_normal((n, 1, samples)), rng.standard_normal((units, 1, samples))
        return math.sqrt(0.5) * spread * (own + shared[codes])

    logit = models + half_shared(1.2) + (0.5 + half_shared(0.4)) * X[:, None]
    logit += 0.4 * rng.standard_normal(logit.shape)
    return np.asarray(1 / (1 + np.exp(-logit)) if kind == "share" else logit > THRESHOLDS[kind], np.float64)


def _true_means(models: Floats, kind: str, spread: float = 0.0) -> Floats:
    """``[K, R]``: the mean over all questions of `_scores`, and over models of another ``spread``; by integration."""
    from scipy.special import ndtr

    mean, deviation = models + 0.5 * X[:, None], np.sqrt(1.2**2 + (0.4 * X) ** 2 + 0.4**2 + spread**2)[:, None]
    if kind != "share":
        return np.asarray(ndtr((mean - THRESHOLDS[kind]) / deviation))
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    means: Floats = 1 / (1 + np.exp(-(mean[..., None] + deviation[..., None] * nodes))) @ weights / weights.sum()
    return means


def contrast_cells(replicates: int) -> list[Row]:
    """How often the two slopes of `study_slope` hold what each is about: these checkpoints, or the line of all models.

    Keys: scores, questions, covered, width and samples (of those that have an interval) of the slope of these
    checkpoints, where they lie off the line in every sample anew; the same of the slope of other models, and how often
    the scatter alone would hold that.
    """
    rows, c = [], slope_coefficients(X)
    for i, (kind, name) in enumerate(product(KINDS, DESIGNS)):
        rng, codes = np.random.default_rng((SEED, 2, i)), _codes(name)
        line = _true_means(np.zeros((len(X), 1)), kind, MODELS)[:, 0] @ c
        found = []
        for samples in _chunks(replicates, len(codes)):
            models = MODELS * rng.standard_normal((len(X), samples))
            scores = _scores(rng, codes, models, kind)
            truth = c @ _true_means(models, kind)
            scatter = fit_slopes(X, scores.mean(axis=0).T).stderr
            for r in range(samples):
                report = study_slope(scores[..., r], X, clusters=codes)
                these, others = report.estimates.values()
                halves = these.high - these.value, others.high - others.value
                found.append((these.value, truth[r], *halves, t_quantile(0.95, len(X) - 2) * scatter[r]))
        value, true, these_half, others_half, scatter_half = np.array(found).T
        row: Row = {"scores": kind, "questions": name} | _held(value, these_half, true)
        row["samples"] = int(np.count_nonzero(~np.isnan(these_half)))
        row |= _held(value, others_half, line, ", others") | _held(value, scatter_half, line, ", scatter")
        rows.append(row)
    return rows


def band_cells(replicates: int) -> list[Row]:
    """How often the band of `curve` holds the means of all checkpoints at once, and adjusted p-values find nothing.

    Keys: scores, questions, covered and width of the band; the same of the band of Student's t intervals, as published;
    covered, alone: how often the 95 % intervals of the single checkpoints all hold; found: how often any difference to
    the first checkpoint has an adjusted p ≤ 0.05 where each question's scores are in a random order, so that no
    checkpoint differs; samples.
    """
    rows = []
    for i, (kind, name) in enumerate(product(KINDS[:2], DESIGNS)):
        rng, codes, models = np.random.default_rng((SEED, 3, i)), _codes(name), np.zeros((len(X), 1))
        truth, ends, differ = _true_means(models, kind)[:, 0], [], []
        for r in range(replicates):
            scores, interval = _scores(rng, codes, models, kind)[..., 0], Interval(n_resamples=1000, seed=r)
            usual, plain = (
                curve(scores, clusters=codes, interval=each) for each in (interval, replace(interval, method="t"))
            )
            ends.append(
                [
                    *_ends(usual, "band_low", "band_high"),
                    *_ends(plain, "band_low", "band_high"),
                    *_ends(usual, "low", "high"),
                ]
            )
            mixed = curve(rng.permuted(scores, axis=1), against=0, clusters=codes, interval=interval)
            differ.append(any(row["adjusted_p"] <= ALPHA for row in mixed.rows))
        band, plain_band, alone = np.moveaxis(np.array(ends).reshape(replicates, 3, 2, len(X)), (1, 2), (0, 1))
        row: Row = {"scores": kind, "questions": name} | _all_held(band, truth) | _all_held(plain_band, truth, ", t")
        row |= {"covered, alone": _all_held(alone, truth)["covered"]}
        rows.append(row | {"found": float(np.mean(differ)), "samples": replicates})
    return rows


def _ends(report: Report, *names: str) -> list[list[float]]:
    return [[row[name] for row in report.rows] for name in names]


def _all_held(ends: Floats, truth: Floats, suffix: str = "") -> Row:
    """How often intervals ``[2, R, K]`` all hold the truth, and their mean width."""
    low, high = ends
    covered = ((low <= truth) & (truth <= high)).all(axis=1)
    return {f"covered{suffix}": float(covered.mean()), f"width{suffix}": float((high - low).mean())}


def _codes(name: str) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(DESIGNS[name])), DESIGNS[name])


def _chunks(replicates: int, n: int) -> list[int]:
    """Samples that are held in memory at once, 8 MB of scores each time."""
    at_once = max(1, 1_000_000 // (n * len(X)))
    return [min(at_once, replicates - start) for start in range(0, replicates, at_once)]
