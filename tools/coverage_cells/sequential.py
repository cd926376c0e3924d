"""Sequences that are looked at while values come in, and means from some of a benchmark's questions.

**sequences**: "covered" is the share of samples whose sequence holds the mean at every one of 3,000 values, "20 looks"
at 20 looks in equal ratios from 10 to 3,000, "t" that of Student's t intervals at the same looks. "benchmark" is a
fixed set of 3,000 questions, a fifth of which score 1, in random order: the mean is its own. **widths**: of the
sequence with such looks, of one t interval, and of two sequences of Waudby-Smith & Ramdas 2024: the hedged capital and
the predictable plug-in empirical Bernstein one. **clusters**: of 1 to 20 questions, of which large ones are rare and
score lower. **asymptotic**: `asymptotic_sequence`, best at 1,000, at each value from "first" to 3,000; "/ t" is its
width over that of one t interval. **tests**: differences of 0/1 scores, a fifth of them not 0, with looks every 50
questions until 3,000. "wrong" is how often there is a decision where there is no difference, "t" how often the t test
decides at the same looks; "fixed n" is what one z test needs for 80 % power; half and 80 % of the samples are decided
by "median" and "80th". **control variates**: n of 1,000 questions. "covered" and "width" are for the mean of these
questions, "new" and "new width" for that of new ones, "change" and "change width" for the mean of y - x over new ones;
widths are over that of the t interval of the n scores alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics import Interval, confidence_sequence, control_variate, estimate_mean
from pyscore.metrics.core.intervals import t_quantile
from pyscore.metrics.sequential import multiplier

__all__ = ["SHARES", "SHORT", "capital", "cells", "hedged_ends", "plug_in_ends"]

SEED = 20_261_130
N = 3_000
AT = np.unique(np.geomspace(10, N, 20).round().astype(np.int64))
SHARES = ("20 looks", "t", "new", "change", "none", "decided at fixed n")
SHORT = """The asymptotic sequence falls short for lognormal values: a few large ones decide their mean, and the first
100 hold too few of them. At n = 30 and a rate near 0.9 about three scores are 0, and the slope rests on them."""

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]


def _rate(p: float) -> Draw:
    return lambda rng, shape: np.where(rng.random(shape) < p, 1.0, 0.0)


def _benchmark(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """A fifth of the questions scores 1, in an order of its own for each sample."""
    return np.asarray(rng.permuted(np.tile(np.where(np.arange(shape[1]) % 5, 0.0, 1.0), (shape[0], 1)), axis=1))


VALUES: dict[str, tuple[Draw, float]] = {
    "rate 0.02": (_rate(0.02), 0.02),
    "rate 0.5": (_rate(0.5), 0.5),
    "rate 0.98": (_rate(0.98), 0.98),
    "Beta(0.05, 0.5)": (lambda rng, shape: rng.beta(0.05, 0.5, shape), 1 / 11),
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "Beta(70, 30)": (lambda rng, shape: rng.beta(70, 30, shape), 0.7),
    "benchmark": (_benchmark, 0.2),
}


def cells(replicates: int) -> list[dict[str, Any]]:
    """All tables; at 1,000 replicates below a minute."""
    rows = [_sequence(name, *VALUES[name], replicates) for name in VALUES]
    rows += [row for name in VALUES if name != "benchmark" for row in _widths(name, VALUES[name][0], replicates)]
    rows += [_clustered(replicates)]
    rows += [row for name in ASYMPTOTIC for row in _asymptotic(name, replicates)]
    rows += [_test(times, replicates) for times in (0.0, 1.0, 2.0, 3.0)]
    kinds = [(kind, rho) for kind in ("uniform", "rate 0.5", "rate 0.9") for rho in (0.0, 0.8, 0.95, 0.99)]
    return rows + [row for kind, rho in kinds for row in _controls(kind, rho, replicates)]


def capital(x: Floats, mean: float, sizes: Floats | float = 1.0) -> Floats:
    """E(mean) of `SequentialTest` after each column of ``x [R, n]``, the means of units of these relative sizes."""
    total, stakes = np.zeros(x.shape), 1 / np.arange(2, 16)
    with np.errstate(over="ignore"):  # An infinite capital is above every limit.
        for ratio in (x / mean, (1 - x) / (1 - mean)):
            gains = sizes * (ratio - 1)
            for bet, stake in zip(0.9 * 0.5 ** np.arange(14), stakes / stakes.sum() / 2, strict=True):
                total += stake * np.exp(np.cumsum(np.log1p(bet * gains), axis=1))
    return total


def hedged_ends(x: Floats, n: int, alpha: float = 0.05) -> Floats:
    """``[2, R]``: ends at n of the hedged capital, theta 1/2, c 1/2, predictable plug-in bets."""
    x, lambdas = x[:, :n], _plug_in_bets(x[:, :n], alpha)

    def lower(x: Floats) -> Floats:
        out, kept = np.full(len(x), 1e-9), np.clip(x.mean(axis=1), 2e-9, 1 - 2e-9)
        for _ in range(16):
            m = (out + kept) / 2
            bets = np.minimum(lambdas, 0.5 / m[:, None])
            ruled_out = np.log1p(bets * (x - m[:, None])).sum(axis=1) >= math.log(2 / alpha)
            out, kept = np.where(ruled_out, m, out), np.where(ruled_out, kept, m)
        return out

    return np.stack([lower(x), 1 - lower(1 - x)])


def plug_in_ends(x: Floats, n: int, alpha: float = 0.05) -> Floats:
    """``[2, R]``: ends at n of the predictable plug-in empirical Bernstein sequence, bets up to 1/2."""
    x, t = x[:, :n], np.arange(1, n + 1)
    bets = np.minimum(_plug_in_bets(x, alpha), 0.5)
    before = np.concatenate([np.full((len(x), 1), 0.5), (0.5 + np.cumsum(x, axis=1)) / (t + 1)], axis=1)[:, :-1]
    spread = ((x - before) ** 2 * (-np.log1p(-bets) - bets)).sum(axis=1)
    centre, half = (bets * x).sum(axis=1), math.log(2 / alpha) + spread
    return np.asarray(np.clip(np.stack([centre - half, centre + half]) / bets.sum(axis=1), 0, 1))


def _plug_in_bets(x: Floats, alpha: float) -> Floats:
    t = np.arange(1, x.shape[1] + 1)
    means = (0.5 + np.cumsum(x, axis=1)) / (t + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2, axis=1)) / (t + 1)
    before = np.concatenate([np.full((len(x), 1), 0.25), variances[:, :-1]], axis=1)
    return np.asarray(np.sqrt(2 * math.log(2 / alpha) / (before * t * np.log1p(t))))


def _rng(*names: object) -> np.random.Generator:
    """A generator of its own for each cell, so that a cell's numbers don't depend on which others there are."""
    return np.random.default_rng([SEED, *"/".join(map(str, names)).encode()])


def _at_once(replicates: int) -> list[int]:
    return [min(100, replicates - start) for start in range(0, replicates, 100)]


def _t_out(x: Floats, mean: float, at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether t intervals at these times leave a mean out: ``[R, looks]``."""
    means = np.cumsum(x, axis=1)[:, at - 1] / at
    variances = np.maximum(np.cumsum((x - mean) ** 2, axis=1)[:, at - 1] / at - (means - mean) ** 2, 0)
    quantiles = np.array([t_quantile(0.95, n - 1) for n in at.tolist()])
    return np.asarray(np.abs(means - mean) > quantiles * np.sqrt(variances / (at - 1)) + 1e-12)


def _sequence(name: str, draw: Draw, mean: float, replicates: int) -> dict[str, Any]:
    rng, found = _rng("sequence", name), []
    for size in _at_once(replicates):
        x = draw(rng, (size, N))
        out = capital(x, mean) >= 20
        found.append(np.stack([out.any(axis=1), out[:, AT - 1].any(axis=1), _t_out(x, mean, AT).any(axis=1)]))
    covered, looks, t = (1 - np.concatenate(found, axis=1).mean(axis=1)).tolist()
    return {"table": "sequences", "values": name, "n": N, "covered": covered, "20 looks": looks, "t": t}


def _widths(name: str, draw: Draw, replicates: int) -> list[dict[str, Any]]:
    x = draw(_rng("width", name), (min(max(replicates // 25, 4), 20), N))
    at = sorted({*AT.tolist(), 100, 300, 1000})
    reports = [confidence_sequence(each, at=at) for each in x]
    rows = []
    for n in (100, 300, 1000, 3000):
        own = [row["high"] - row["low"] for report in reports for row in report.rows if row["n"] == n]
        t = 2 * t_quantile(0.95, n - 1) * x[:, :n].std(axis=1, ddof=1) / math.sqrt(n)
        row = {"table": "widths", "values": name, "n": n, "width": float(np.mean(own)), "t width": float(t.mean())}
        others = {"hedged": hedged_ends(x, n), "plug-in": plug_in_ends(x, n)}
        rows.append(row | {key: float((high - low).mean()) for key, (low, high) in others.items()})
    return rows


def _clustered(replicates: int) -> dict[str, Any]:
    """600 clusters of 1 to 20 questions, drawn in proportion to 1/size, each of the rate 0.8 - 0.03 size ± 0.1."""
    rng, sizes = _rng("clusters"), np.arange(1, 21)
    chances = 1 / sizes / (1 / sizes).sum()
    mean = float(chances @ (sizes * (0.8 - 0.03 * sizes)) / (chances @ sizes))
    held, widths = [], [(0.0, 0.0)]
    for size in _at_once(replicates):
        n = rng.choice(sizes, (size, 600), p=chances)
        x = rng.binomial(n, 0.8 - 0.03 * n + rng.choice([-0.1, 0.1], n.shape)) / n
        held.append(capital(x, mean, n / 20).max(axis=1) < 20)
        if len(held) == 1:
            widths = [_clustered_widths(one, means) for one, means in zip(n[:5], x[:5], strict=True)]
    own, t = np.mean(widths, axis=0).tolist()
    row = {"table": "clusters", "clusters": 600, "covered": float(np.concatenate(held).mean())}
    return row | {"width": own, "t width": t}


def _clustered_widths(sizes: NDArray[np.int64], means: Floats) -> tuple[float, float]:
    keys, wins = np.repeat(np.arange(len(sizes)), sizes), np.round(means * sizes)
    values = np.concatenate([np.arange(n) < k for n, k in zip(sizes, wins, strict=True)])
    own = confidence_sequence(values, clusters=keys, largest=20)["mean"]
    one = estimate_mean(values, clusters=keys, interval=Interval(method="t"))
    return own.high - own.low, one.high - one.low


ASYMPTOTIC: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "t(5)": (lambda rng, shape: rng.standard_t(5, shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "lognormal(0, 1)": (lambda rng, shape: rng.lognormal(size=shape), math.exp(0.5)),
}


def _asymptotic(name: str, replicates: int) -> list[dict[str, Any]]:
    rng, (draw, mean), steps = _rng("asymptotic", name), ASYMPTOTIC[name], np.arange(30, N + 1)
    multipliers = np.array([multiplier(n / 1000, 0.05) for n in steps.tolist()])
    found = []
    for size in _at_once(replicates):
        x = draw(rng, (size, N)) - mean
        means = np.cumsum(x, axis=1)[:, steps - 1] / steps
        variances = np.cumsum(x * x, axis=1)[:, steps - 1] / steps - means**2
        found.append(np.abs(means) <= multipliers * np.sqrt(variances / (steps - 1)))
    held = np.concatenate(found)
    wider = {f"/ t at {n:,}": multiplier(n / 1000, 0.05) / t_quantile(0.95, n - 1) for n in (100, 1000, 3000)}
    row = {"table": "asymptotic", "values": name}
    firsts = [{"first": n, "covered": float(held[:, steps >= n].all(axis=1).mean())} for n in (30, 100, 300)]
    return [row | first | wider for first in firsts]


def _test(times: float, replicates: int) -> dict[str, Any]:
    """Differences whose mean is so many times what 1,000 questions find with 80 % power."""
    rng, at = _rng("test", times), np.arange(50, N + 1, 50)
    effect = times * 2.8016 * math.sqrt(0.2 / 1000)
    stopped, wrong = [], []
    for size in _at_once(replicates):
        d = rng.choice([1.0, -1.0, 0.0], (size, N), p=[0.1 + effect / 2, 0.1 - effect / 2, 0.8])
        out = capital((d + 1) / 2, 0.5)[:, at - 1] >= 20
        stopped.append(np.where(out.any(axis=1), at[out.argmax(axis=1)], np.inf))
        wrong.append(_t_out(d, 0.0, at).any(axis=1))
    n, row = np.concatenate(stopped), {"table": "tests", "difference": effect}
    if not times:
        return row | {"wrong": float(np.isfinite(n).mean()), "t": float(np.concatenate(wrong).mean())}
    median, most = np.quantile(n, [0.5, 0.8], method="higher").tolist()
    by_then = float((n <= 1000 / times**2).mean())
    return row | {"fixed n": round(1000 / times**2), "median": median, "80th": most, "decided at fixed n": by_then}


def _controls(kind: str, rho: float, replicates: int) -> list[dict[str, Any]]:
    """Scores that are functions of two normal variables of this correlation, over 1,000 questions."""
    rng, every, sizes = _rng("control", kind, rho), 1000, (30, 100, 300)
    found: dict[int, list[list[float]]] = {n: [] for n in sizes}
    truth = 0.9 if kind == "rate 0.9" else 0.5
    for _ in range(replicates):
        one, other = rng.normal(size=(2, every))
        y, x = _scores(kind, rho * one + math.sqrt(1 - rho**2) * other), _scores(kind, one)
        for n in sizes:
            report = control_variate(y[:n], x[:n], float(x.mean()), n_all=every)
            these, new, plain = (report[name] for name in ("these_questions", "new_questions", "plain_mean"))
            change = report["change"]
            held = [e.low <= mean <= e.high for e, mean in ((these, y.mean()), (new, truth), (change, 0.0))]
            # Where all scores are equal there is no interval to compare either.
            width = 2 * t_quantile(0.95, n - 1) * (plain.stderr or math.nan)
            widths = [(e.high - e.low) / width for e in (these, new, change)]
            found[n].append([report.numbers["correlation"], *held, *widths])
    rows = []
    for n, of_n in found.items():
        all_of_n = np.array(of_n)
        printed = all_of_n[~np.isnan(all_of_n[:, 4:]).any(axis=1)]
        correlation, samples = float(np.nanmean(all_of_n[:, 0])), len(printed)
        row = {"table": "control variates", "scores": kind, "n": n, "correlation": correlation, "samples": samples}
        names = ("covered", "new", "change", "width", "new width", "change width")
        row |= dict(zip(names, printed[:, 1:].mean(axis=0).tolist(), strict=True))
        rows.append(row | {"none": 1 - samples / replicates})
    return rows


def _scores(kind: str, z: Floats) -> Floats:
    from scipy.special import ndtr

    share = np.asarray(ndtr(z))
    return share if kind == "uniform" else np.where(share < float(kind.split()[1]), 1.0, 0.0)
