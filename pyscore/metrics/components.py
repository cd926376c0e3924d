"""Variance components: how much questions, templates, seeds and answers vary, and what more of each would buy."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Codes, Floats, as_float64, as_list, encode
from pyscore.metrics.core.intervals import Interval, check_interval
from pyscore.metrics.core.mean_squares import ANSWER, Effect, MeanSquares, mean_squares
from pyscore.metrics.core.means import estimate_mean
from pyscore.metrics.core.readers import check_length, refuse
from pyscore.metrics.core.report import Estimate, Record, Report
from pyscore.metrics.core.scales import REAL, SHARE, Scale

__all__ = ["VarianceComponents", "variance_components"]

_FACTORS = ("question", "template", "seed")


@dataclass(frozen=True)
class VarianceComponents(Record):
    """Variance components, and the errors of the mean that follow from them.

    Attributes:
        components: a report with an estimate a component; rows with its share of their sum and its unbiased estimate.
        means: a report with an estimate of the mean for each target of generalisation, such as "new questions and
            templates, these seeds"; rows with the standard error, its interval, and what it would be with twice as many
            of each. A factor whose levels stay has None.
    """

    components: Report
    means: Report

    def __str__(self) -> str:
        return f"{self.components}\n\n{self.means}"

    def _repr_html_(self) -> str:
        return self.components._repr_html_() + self.means._repr_html_()


def variance_components(
    values: Any,
    *,
    question: Iterable[Hashable] | None = None,
    template: Iterable[Hashable] | None = None,
    seed: Iterable[Hashable] | None = None,
    interval: Interval = Interval(),
) -> VarianceComponents:
    """How much of the variance of ``values`` is between questions, templates, seeds and sampled answers.

    y_qtsa = μ + q + t + s + qt + qs + ts + qts + a: each term has mean 0 and a variance of its own, its component.
    Questions, prompt templates and seeds are crossed; answers to the same question under the same template and seed
    are nested. From the mean squares of the analysis of variance, E[MS_F] = Σ_{G ⊇ F} (N / n_G) σ²_G over sets G of
    factors, n_G their levels and N the number of values, solved for σ² (Cornfield & Tukey 1956, "Average Values of Mean
    Squares in Factorials"; Brennan 2001, "Generalizability Theory"). These estimates are unbiased whatever the values'
    distribution; a negative one is shown as 0, and told. The mean over new levels of some factors has the variance
    Σ σ²_G / n_G over the sets G with one of these or with the answers.

    Intervals take each MS for σ² χ²/dof and draw what E[MS] may be, MS · dof / χ² (Weerahandi 1993, "Generalized
    Confidence Intervals"; Hannig, Iyer & Patterson 2006, "Fiducial Generalized Confidence Intervals"), with fewer
    degrees of freedom where questions differ more in their squares than normal ones do. The interval of the mean over
    new questions is the usual one (`estimate_mean`); over new templates or seeds too it has its half-width from |Z|
    times the standard errors drawn, and is at least as wide. With values in [0, 1] no mean lies outside and no variance
    is above 1/4. docs/power.md has the coverage, by simulation.

    Args:
        values: ``[n]`` scores with a label each in the other arguments; or ``[questions, templates, seeds, answers]``
            without labels, 1 where there is only one.
        question, template, seed: one hashable label a value. The same template or seed has the same label under all
            questions. Values that share all labels are answers; a seed that only numbers the answers is left out.
        interval: confidence; ``seed`` and ``n_resamples`` of the draws.

    Raises:
        ValueError: a value that is not finite, with its row; combinations of labels with different numbers of answers;
            one question; a single value for each question; a method other than "auto".
    """
    if check_interval(interval).method != "auto" or interval.ddof != 1:
        raise ValueError("interval must have the method 'auto' and ddof 1: variance components have their own")
    array = _read(values, {"question": question, "template": template, "seed": seed})
    if array.shape[0] < 2:
        raise ValueError("values hold one question: components need two")
    if array[0].size < 2:
        raise ValueError("values hold one value a question: components need templates, seeds or several answers")
    factors = tuple(name for name, n in zip(_FACTORS, array.shape, strict=False) if n > 1)
    squares = mean_squares(array.reshape([n for n in array.shape[:3] if n > 1] + [array.shape[3]]), factors)
    drawn = squares.draws(interval.n_resamples, interval.seed)
    scale = SHARE if ((array >= 0) & (array <= 1)).all() else REAL
    counts = ", ".join(f"{n} {name}s" for name, n in squares.levels.items())
    return VarianceComponents(
        _components(squares, drawn, scale, counts, interval),
        _means(squares, drawn, array.mean(axis=(1, 2, 3)), scale, counts, interval),
    )


def _components(squares: MeanSquares, drawn: Floats, scale: Scale, counts: str, interval: Interval) -> Report:
    solve, names = squares.components, [_name(effect, squares) for effect in squares.effects]
    unbiased = solve @ squares.values
    # Rounding in the solution of equal mean squares is no component.
    unbiased[np.abs(unbiased) < 1e-12 * (np.abs(solve) @ squares.values)] = 0.0
    most = _largest_variance(scale)
    shown = np.clip(unbiased, 0.0, most)
    errors = np.sqrt(solve**2 @ (2 / squares.dofs * squares.values**2))
    estimates = {}
    for name, value, error, draws in zip(names, shown, errors, solve @ drawn, strict=True):
        low, high = np.clip(_quantiles(draws, interval), 0.0, most)
        if high > 0 and low < most:
            ends = min(float(low), float(value)), max(float(high), float(value))
            estimates[name] = Estimate(float(value), float(error), *ends, squares.levels["question"])
        else:
            why = "its estimate is so far below 0 that no positive value fits" if error > 0 else "no spread at all"
            if low >= most > 0:
                why = "it is as large as values in this range allow"
            estimates[name] = Estimate.without_interval(float(value), squares.levels["question"], why)
    below = [name for name, value in zip(names, unbiased, strict=True) if value < 0]
    total = shown.sum()
    rows = [
        {"component": name, "share": float(value / total) if total > 0 else None, "unbiased": float(raw)}
        for name, value, raw in zip(names, shown, unbiased, strict=True)
    ]
    told = f"; estimated below 0 and shown as 0: {', '.join(below)}" if below else ""
    return Report.of(
        "variance_components",
        interval,
        draws=f"{interval.n_resamples}:{interval.seed}",
        title=f"variance components: {counts}{told}",
        estimates=estimates,
        rows=rows,
    )


def _means(
    squares: MeanSquares, drawn: Floats, questions: Floats, scale: Scale, counts: str, interval: Interval
) -> Report:
    solve, most = squares.components, _largest_variance(scale)
    shown = np.clip(solve @ squares.values, 0.0, most)
    normal = np.abs(np.random.default_rng([interval.seed, 1]).standard_normal(drawn.shape[1]))
    others = [name for name in _FACTORS[1:] if name in squares.levels]
    usual = estimate_mean(questions, scale=scale, interval=interval)
    estimates, rows = {}, []
    for new in (each for size in range(len(others) + 1) for each in combinations(others, size)):
        target, random = _target(new, others), frozenset(("question", *new, ANSWER))
        weights = squares.weights(random)
        error = float(np.sqrt(weights @ shown))
        errors = np.sqrt(np.clip(weights @ solve @ drawn, 0.0, most * weights.max()))
        half = float(np.quantile(normal * errors, interval.confidence))
        estimates[target] = _wider(usual, error, half, scale) if new else usual
        low, high = _quantiles(errors, interval)
        ends = (min(low, error), max(high, error)) if error > 0 else (None, None)
        row = {"target": target, "stderr": error} | dict(zip(("low", "high"), ends, strict=True))
        rows.append(row | {f"twice_{name}s": _with_twice(name, squares, shown, random) for name in squares.levels})
    return Report.of(
        "variance_components",
        interval,
        draws=f"{interval.n_resamples}:{interval.seed}",
        title=f"mean and its standard error, by what is to be new: {counts}",
        estimates=estimates,
        rows=rows,
    )


def _wider(usual: Estimate, error: float, half: float, scale: Scale) -> Estimate:
    """The mean ± half, and at least the interval over new questions alone: new levels of more factors say no more."""
    if error == 0:
        return Estimate.without_interval(usual.value, usual.n, "the values don't vary")
    low, high = max(usual.value - half, scale.low), min(usual.value + half, scale.high)
    # The ends of the usual one are NaN where all questions have the same mean.
    return Estimate(usual.value, error, float(np.fmin(low, usual.low)), float(np.fmax(high, usual.high)), usual.n)


def _largest_variance(scale: Scale) -> float:
    """That of values at both ends of the range: no sum of components is larger."""
    return (scale.high - scale.low) ** 2 / 4


def _with_twice(factor: str, squares: MeanSquares, shown: Floats, random: Effect) -> float | None:
    """The standard error with twice as many levels of a factor.

    None for levels that stay, and for answers where there is one a cell: its variance is not told from that of the
    interaction, which more answers would leave as it is.
    """
    if factor not in random or (factor == ANSWER and squares.levels[ANSWER] == 1):
        return None
    halves = np.array([0.5 if factor in effect else 1.0 for effect in squares.effects])
    return float(np.sqrt(squares.weights(random) @ (shown * halves)))


def _quantiles(draws: Floats, interval: Interval) -> tuple[float, float]:
    tail = (1 - interval.confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def _name(effect: Effect, squares: MeanSquares) -> str:
    factors = " x ".join(name for name in _FACTORS if name in effect)
    if ANSWER not in effect:
        return factors
    return ANSWER if squares.levels[ANSWER] > 1 else f"{factors} + {ANSWER}"


def _target(new: tuple[str, ...], others: list[str]) -> str:
    words = ["questions", *(f"{name}s" for name in new)]
    these = [f"{name}s" for name in others if name not in new]
    return f"new {_and(words)}" + (f", these {_and(these)}" if these else "")


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _read(values: Any, labels: Mapping[str, Iterable[Hashable] | None]) -> Floats:
    """``[questions, templates, seeds, answers]``, checked."""
    if labels["question"] is None:
        if given := [name for name, each in labels.items() if each is not None]:
            raise ValueError(f"{given[0]} needs question beside it: one label a value")
        array = as_float64(values, "values", 4)
    else:
        array = as_float64(values, "values")
    if not array.size:
        raise ValueError("values is empty: there is nothing to measure")
    refuse("values", array, ~np.isfinite(array), "= {} must be finite: leave that question out")
    if array.ndim == 4:
        return array
    n = len(array)
    codes: list[Codes] = []
    keys: list[list[Hashable]] = []
    for name, each in labels.items():
        code, distinct = (np.zeros(n, np.int64), [""]) if each is None else _read_labels(each, name, n)
        codes.append(code)
        keys.append(list(distinct))
    sizes = tuple(len(each) for each in keys)
    cells = np.ravel_multi_index(tuple(codes), sizes)
    counts = np.bincount(cells, minlength=int(np.prod(sizes)))
    if uneven := np.flatnonzero(counts != counts[cells[0]]).tolist():
        where = zip(labels, keys, np.unravel_index(uneven[0], sizes), strict=True)
        cell = ", ".join(f"{name} {each[i]!r}" for name, each, i in where if labels[name] is not None)
        raise ValueError(
            f"{cell} has {counts[uneven[0]]} values and others have {counts[cells[0]]}: give as many answers for every "
            "combination of labels, each template and seed under each question"
        )
    return array[np.argsort(cells, kind="stable")].reshape(*sizes, -1)


def _read_labels(labels: Iterable[Hashable], name: str, n: int) -> tuple[Codes, list[Hashable]]:
    read = as_list(labels, name)
    check_length(name, read, n, unit="value", entries="labels")
    for row, label in enumerate(read):
        if not isinstance(label, Hashable):
            raise TypeError(f"{name}[{row}] can't be hashed ({type(label).__name__}): use strings or numbers")
        if label is None or label != label:
            raise ValueError(f"{name}[{row}] is missing ({label}): give every value a label")
    return encode(read)
