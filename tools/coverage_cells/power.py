"""Power: whether tests find an effect as often as was promised, and intervals of variances and their components.

"Effects found": the number of questions is `required_n` of the effect for a power of 80 %, with the true variance,
design effect and questions a cluster, or the true discordance. Then the test is Student's t with the standard error
that leaves out one cluster at a time and t(effective - 1), or McNemar's. "false" is how often it finds an effect that
isn't there. For 0/1 outcomes "t test" is how often Student's t test finds the effect on as many questions.

"A pilot's variance": of n questions, independent or in clusters. Beside the interval: chi-square's with as many degrees
of freedom as the t test has. Where no interval is printed it isn't counted in ``covered``: "none" is the share of such
samples.

"Components": questions x templates x seeds x answers. "logits" are 0/1 answers whose log odds are normal, with standard
deviations 2 (questions), 0.4 (templates), 0.1 (seeds) and 0.8 (questions x templates). A true component is the mean of
the unbiased estimates over all samples. "mean" is the mean over new questions, templates and seeds; beside it "t" is t
with Satterthwaite's degrees of freedom, and "t width" its width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.components import variance_components
from pyscore.metrics.core.arrays import cluster_sums
from pyscore.metrics.core.design import Design, leave_one_out, read_design
from pyscore.metrics.core.intervals import Interval, t_quantile, z_quantile
from pyscore.metrics.core.mean_squares import ANSWER, mean_squares
from pyscore.metrics.core.powers import mcnemar_power
from pyscore.metrics.core.variances import estimate_variance
from pyscore.metrics.power import required_n

__all__ = ["SHARES", "SHORT", "cells"]

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]

SEED = 20_261_130
SHARES = ("promised", "found", "false", "t test", "below", "above", "none", "chi-square", "t")
SHORT = """
An exponential's variance rests on few large values, which a small pilot hasn't seen; with 10 questions that of
Beta(0.05, 0.5) does so too, and where 5 % of outcomes differ 60 % of such pilots see no difference. Where one cluster
has more than a quarter of the squared weights, as in Zipf's, the variance is mostly that cluster's, and none is
printed. Answers that are nearly always 1 (logits about 4): the variances rest on the few questions that aren't.
Student's t test finds more in an exponential than was promised, and what isn't there in 7 %. Of normal values 5 find
more than was promised because 4 find less.
"""
EXPONENTIAL = "exponential"
DRAWS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 1.0),
    "t(5)": (lambda rng, shape: rng.standard_t(5, shape), 5 / 3),
    EXPONENTIAL: (lambda rng, shape: rng.standard_exponential(shape) - 1, 1.0),
    "Beta(0.05, 0.5)": (lambda rng, shape: rng.beta(0.05, 0.5, shape) - rng.beta(0.05, 0.5, shape), 0.106638),
    "-1, 0, 1, a fifth not 0": (lambda rng, shape: _signs(rng, shape, 0.2), 0.2),
    "-1, 0, 1, 5 % not 0": (lambda rng, shape: _signs(rng, shape, 0.05), 0.05),
}
"""Differences with mean 0, and their variance."""
UNEQUAL = [1, 2, 3, 4, 5, 10]
ZIPF = [max(1, round(50 / k)) for k in range(1, 51)]


def cells(replicates: int) -> list[dict[str, Any]]:
    """A row a cell; variances on half, components on an eighth of the replicates, but at least 20 samples."""
    rows = [{"table": "Effects found", **row} for row in _tests(replicates)]
    rows += [{"table": "A pilot's variance", **row} for row in _variances(replicates)]
    samples = max(replicates // 8, 20)
    return rows + [{"table": "Components", "samples": samples, **row} for row in _components(samples)]


def _tests(replicates: int) -> list[dict[str, Any]]:
    rows = []
    for i, (name, effect) in enumerate([("normal", 2.0), ("normal", 0.5), ("normal", 0.1), (EXPONENTIAL, 0.5)]):
        n = required_n(effect, variance=1.0)
        rows.append(_t_test(name, f"{n}", read_design(n), 0.0, effect, replicates, (SEED, 0, i)))
    clusters = {"100 = 10 x 10": [10] * 10, "150 = 6 x (1 … 5, 10)": UNEQUAL * 6, "223 = Zipf, 50": ZIPF}
    for i, (name, sizes) in enumerate(clusters.items()):
        design = read_design(sum(sizes), np.repeat(np.arange(len(sizes)), sizes))
        effect = _planned(sizes, 0.3)
        rows.append(_t_test("normal", name, design, 0.3, effect, replicates, (SEED, 1, i)))
    shapes = [(0.6, 0.6), (0.2, 0.5), (0.1, 0.2), (0.05, 0.05), (0.05, 0.3), (0.02, 0.1)]
    return rows + [_mcnemar(*shape, replicates, (SEED, 2, i)) for i, shape in enumerate(shapes)]


def _planned(sizes: list[int], icc: float) -> float:
    """The effect that these clusters of normal values find."""
    from pyscore.metrics.power import minimum_detectable_effect

    m = np.array(sizes, float)
    design_effect = float((m + m * (m - 1) * icc).sum() / m.sum())
    per_cluster = float((m * m).sum() / m.sum())
    return minimum_detectable_effect(
        sum(sizes), variance=1.0, design_effect=design_effect, questions_per_cluster=per_cluster
    )


def _t_test(
    values: str, questions: str, design: Design, icc: float, effect: float, replicates: int, seed: tuple[int, ...]
) -> dict[str, Any]:
    rng, found = np.random.default_rng(seed), []
    drawn = _clustered(rng, DRAWS[values][0], design, icc, replicates)
    for truth in (effect, 0.0):
        means, errors = _mean_and_error(drawn + truth, design)
        found.append(float(np.mean(np.abs(means) > t_quantile(0.95, design.sample.dof) * errors)))
    row = {"test": "t", "questions": questions, "values": values, "effect": effect}
    return row | dict(zip(("promised", "found", "false"), (0.8, *found), strict=True))


def _mcnemar(effect: float, discordance: float, replicates: int, seed: tuple[int, ...]) -> dict[str, Any]:
    n, rng = required_n(effect, discordance=discordance), np.random.default_rng(seed)
    found = []
    for truth in (effect, 0.0):
        up, down = (discordance + truth) / 2, (discordance - truth) / 2
        wins, losses, _ = rng.multinomial(n, [up, down, max(0.0, 1 - up - down)], replicates).T
        found.append(float(np.mean(np.abs(wins - losses) > z_quantile(0.95) * np.sqrt(wins + losses))))
        if truth:
            mean = (wins - losses) / n
            error = np.sqrt(((wins + losses) / n - mean**2) / (n - 1))
            by_t = float(np.mean(np.abs(mean) > t_quantile(0.95, n - 1) * error))
    promised = mcnemar_power(n, effect, discordance, 0.05)
    row = {"test": "McNemar", "questions": str(n), "values": f"{100 * discordance:g} % differ", "effect": effect}
    return row | {"promised": promised, "found": found[0], "false": found[1], "t test": by_t}


def _variances(replicates: int) -> list[dict[str, Any]]:
    rows = []
    designs: list[tuple[str, Design, float]] = [(str(n), read_design(n), 0.0) for n in (10, 30, 100, 1000)]
    clusters = {"100 = 20 x 5": [5] * 20, "300 = 100 x 3": [3] * 100, "125 = 5 x (1 … 5, 10)": UNEQUAL * 5}
    for name, sizes in (clusters | {"223 = Zipf, 50": ZIPF}).items():
        designs.append((name, read_design(sum(sizes), np.repeat(np.arange(len(sizes)), sizes)), 0.3))
    for i, (questions, design, icc) in enumerate(designs):
        for j, (name, (draw, variance)) in enumerate(DRAWS.items()):
            if icc and name not in ("normal", EXPONENTIAL, "-1, 0, 1, a fifth not 0"):
                continue
            rng = np.random.default_rng((SEED, 3, i, j))
            drawn = _clustered(rng, draw, design, icc, max(min(replicates // 2, 1_000_000 // design.sample.n), 10))
            weights = cluster_sums(design.weights, design.codes, design.sample.units)
            truth = variance * float((weights + weights * (weights - 1) * icc).sum() / weights.sum())
            row = {"questions": questions, "values": name, "samples": drawn.shape[1]}
            rows.append(row | _variance(drawn, design, weights, truth))
    return rows


def _variance(drawn: Floats, design: Design, weights: Floats, truth: float) -> dict[str, float]:
    from scipy.special import chdtri

    n, dof = design.sample.n, design.sample.dof
    deviations = leave_one_out(drawn, design)
    variances = n * _mean_and_error(drawn, design)[1] ** 2
    estimates = [
        estimate_variance(float(v), u, weights, n, 0.95) for v, u in zip(variances, deviations.T, strict=True) if v > 0
    ]
    low, high = np.array([[each.low, each.high] for each in estimates]).T
    printed = ~np.isnan(low)
    chi = np.array([dof / chdtri(dof, tail) for tail in (0.025, 0.975)])
    return {
        "covered": _share((low <= truth) & (truth <= high), printed),
        "below": _share(high < truth, printed),
        "above": _share(low > truth, printed),
        "none": 1 - int(printed.sum()) / len(variances),
        "chi-square": float(np.mean((chi[0] * variances <= truth) & (truth <= chi[1] * variances))),
    }


def _share(which: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(which[among].mean()) if among.any() else float("nan")


def _components(samples: int) -> list[dict[str, Any]]:
    rows = []
    normal = {"q": 1.0, "t": 0.3, "s": 0.1, "qt": 0.5, "a": 1.0}
    logits = {"q": 2.0, "t": 0.4, "s": 0.1, "qt": 0.8}
    designs: list[tuple[tuple[int, ...], str, dict[str, float], float]] = [
        ((50, 5, 3, 2), "normal", normal, 0.0),
        ((20, 3, 1, 4), "normal", normal, 0.0),
        ((100, 4, 1, 5), "logits about 1", logits, 1.0),
        ((100, 2, 1, 5), "logits about 1", logits, 1.0),
        ((100, 5, 1, 1), "logits about 1", logits, 1.0),
        ((30, 3, 3, 4), "logits about 0", logits, 0.0),
        ((100, 1, 1, 8), "logits about 0", logits, 0.0),
        ((200, 3, 1, 5), "logits about 4", logits, 4.0),
    ]
    for i, (levels, values, sds, centre) in enumerate(designs):
        rng = np.random.default_rng((SEED, 4, i))
        drawn = [_crossed(rng, levels, sds, centre, binary=values != "normal") for _ in range(samples)]
        rows += [{"levels": " x ".join(map(str, levels)), "values": values, **row} for row in _held(drawn)]
    return rows


def _held(drawn: list[Floats]) -> list[dict[str, Any]]:
    reports = [variance_components(values, interval=Interval(n_resamples=2000)) for values in drawn]
    rows = []
    for k, name in enumerate(reports[0].components.estimates):
        truth = max(float(np.mean([each.components.rows[k]["unbiased"] for each in reports])), 0.0)
        rows.append({"component": name, "truth": truth} | _covered([each.components[name] for each in reports], truth))
    truth = float(np.mean([values.mean() for values in drawn]))
    new = list(reports[0].means.estimates)[-1]
    means = [each.means[new] for each in reports]
    halves = np.array([_satterthwaite(values, each.stderr) for values, each in zip(drawn, means, strict=True)])
    errors = np.abs(np.array([each.value for each in means]) - truth)
    peer = {"t": float(np.mean(errors <= halves)), "t width": float(np.median(2 * halves))}
    return [*rows, {"component": "mean", "truth": truth} | _covered(means, truth) | peer]


def _satterthwaite(values: Floats, stderr: float) -> float:
    """Half the width of t's interval of the mean: dof = (Σ c MS)² / Σ ((c MS)² / dof)."""
    factors = [name for name, n in zip(("question", "template", "seed"), values.shape, strict=False) if n > 1]
    squares = mean_squares(values.reshape([n for n in values.shape[:3] if n > 1] + [values.shape[3]]), tuple(factors))
    parts = squares.weights(frozenset((*factors, ANSWER))) @ squares.components * squares.values
    dof = max(float(parts.sum() ** 2 / (parts**2 / squares.dofs).sum()), 1.0)
    return t_quantile(0.95, dof) * stderr


def _covered(estimates: list[Any], truth: float) -> dict[str, float]:
    low, high = np.array([[each.low, each.high] for each in estimates]).T
    printed = ~np.isnan(low)
    return {
        "covered": _share((low <= truth) & (truth <= high), printed),
        "below": _share(high < truth, printed),
        "above": _share(low > truth, printed),
        "none": 1 - float(printed.mean()),
        "width": float(np.nanmedian(high - low)),
    }


def _crossed(
    rng: np.random.Generator, levels: tuple[int, ...], sds: dict[str, float], centre: float, *, binary: bool
) -> Floats:
    """Values or 0/1 answers; an effect of a factor that has one level would be part of the mean, and is left out."""
    values = np.full(levels, centre)
    for factors, sd in sds.items():
        if factors != "a" and any(n == 1 for f, n in zip("qtsa", levels, strict=True) if f in factors):
            continue
        shape = levels if factors == "a" else [n if f in factors else 1 for f, n in zip("qtsa", levels, strict=True)]
        values = values + rng.normal(0, sd, shape)
    return (rng.random(levels) < 1 / (1 + np.exp(-values))).astype(np.float64) if binary else values


def _mean_and_error(values: Floats, design: Design) -> tuple[Floats, Floats]:
    """Means of the columns of ``values [n, R]`` and their leave-one-cluster-out standard errors."""
    units = design.sample.units
    return values.mean(axis=0), np.sqrt((units - 1) / units * (leave_one_out(values, design) ** 2).sum(axis=0))


def _clustered(rng: np.random.Generator, draw: Draw, design: Design, icc: float, replicates: int) -> Floats:
    """``[n, R]``: a part of the cluster, of variance icc, and one of the question."""
    own = draw(rng, (design.sample.n, replicates))
    if not icc:
        return own
    shared = draw(rng, (design.sample.units, replicates))
    mixed: Floats = np.sqrt(icc) * shared[design.codes] + np.sqrt(1 - icc) * own
    return mixed


def _signs(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Floats:
    signs: Floats = np.where(rng.random(shape) < share, np.sign(rng.random(shape) - 0.5), 0.0)
    return signs
