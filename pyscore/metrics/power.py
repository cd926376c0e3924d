"""Power: how small a difference n questions can show, and how many questions a difference needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyscore._integers import as_int
from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.columns import METRICS, read_columns
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import Averages, estimate_difference
from pyscore.metrics.core.readers import read_values
from pyscore.metrics.core.report import Estimate, Report
from pyscore.ops import Comparison, checks

__all__ = ["minimum_detectable_effect", "power_analysis", "required_n"]


def minimum_detectable_effect(
    n: int,
    *,
    variance: float,
    answer_variances: tuple[float, float] = (0.0, 0.0),
    n_answers: tuple[int, int] = (1, 1),
    design_effect: float = 1.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float:
    """The smallest true mean difference that a two-sided test on n questions finds with the given power.

    effect = (z_(alpha/2) + z_beta) √(deff (v + v_A/K_A + v_B/K_B) / n), in the normal approximation: Miller 2024,
    "Adding Error Bars to Evals", on power analysis, where v is called omega² and v_A, v_B sigma².

    Args:
        n: questions that both models answer.
        variance: v, the variance over questions of the paired differences. For two models on n different questions
            each it is the sum of their variances, for one rate p against a fixed value p (1 - p).
        answer_variances: (v_A, v_B), the mean variance of a model's score on one question over resampled answers. Leave
            them at 0 where scores are deterministic (log-probabilities), or where ``variance`` comes from scores of as
            many sampled answers as will be drawn, which holds this variance already.
        n_answers: (K_A, K_B), the answers that are drawn and averaged for each question.
        design_effect: what clusters multiply the variance of the mean by: (se with clusters / se without)².
        power: 1 - beta, the chance to find the difference.
        alpha: the level of the test.

    Raises:
        ValueError: a size below 1, a variance that is negative or not finite, or not 0 < alpha < power < 1.
    """
    n = as_int(n, "n")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    a, b = answer_variances
    for name, value in {"variance": variance, "answer_variances[0]": a, "answer_variances[1]": b}.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be finite and not negative, got {value!r}")
    if min(n_answers) < 1:
        raise ValueError(f"n_answers must be at least 1 each, got {n_answers!r}")
    if not 0 < design_effect < math.inf:
        raise ValueError(f"design_effect must be finite and above 0, got {design_effect!r}")
    of_a_question = design_effect * (variance + a / n_answers[0] + b / n_answers[1])
    return _quantiles(power, alpha) * math.sqrt(of_a_question / n)


def required_n(
    effect: float,
    *,
    variance: float,
    answer_variances: tuple[float, float] = (0.0, 0.0),
    n_answers: tuple[int, int] = (1, 1),
    design_effect: float = 1.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """The fewest questions on which a true mean difference of ``effect`` is found with the given power.

    n = ⌈(z_(alpha/2) + z_beta)² deff (v + v_A/K_A + v_B/K_B) / effect²⌉; the other arguments and errors as in
    `minimum_detectable_effect`. An effect of 0 is refused: no number of questions shows it.
    """
    if effect == 0 or not math.isfinite(effect):
        raise ValueError(f"effect must be finite and not 0, got {effect!r}")
    of_one = minimum_detectable_effect(
        1,
        variance=variance,
        answer_variances=answer_variances,
        n_answers=n_answers,
        design_effect=design_effect,
        power=power,
        alpha=alpha,
    )
    n = (of_one / effect) ** 2
    # Without the factor, rounding could ask for n + 1 questions for the effect that exactly n questions detect.
    return max(1, math.ceil(n * (1 - 1e-12)))


def power_analysis(
    a: Comparison | Any,
    b: Comparison | Any,
    *,
    n: int | Sequence[int] | None = None,
    metric: str = "mean_probability",
    clusters: Keys = None,
    power: float = 0.8,
    alpha: float = 0.05,
) -> Report:
    """What differences between two models n questions would show, judged by a pilot in which both answered the same.

    Estimates: ``difference``, the pilot's own, with confidence 1 - alpha. Numbers: ``variance`` n se² of the paired
    differences and ``unpaired_variance`` n (se_a² + se_b²), for use with `required_n`, both with the design effect of
    the clusters in them; ``design_effect``, of the paired differences. Rows: the minimum detectable effect for each n,
    and what it would be if the two models answered different questions.

    Args:
        a, b: two `Comparison`s of the same questions in the same order, or ``[n]`` scores each.
        n: sizes to plan for; by default that of the pilot.
        metric: which mean of the comparisons: "mean_probability", "preference_rate" and so on, as in `summarize`.
        clusters: one hashable key a question; the new questions are taken to be clustered like the pilot's.
        power, alpha: as in `minimum_detectable_effect`.

    Raises:
        ValueError: as in `estimate_difference`; a pilot whose differences have no spread, or infinite ones.
    """
    _quantiles(power, alpha)
    first, second = _scores(a, metric, "a"), _scores(b, metric, "b")
    interval = Interval(1 - alpha)
    over = Averages(len(first), clusters, interval)
    difference = over.difference(first, second)
    alone = [over.mean(scores) for scores in (first, second)]
    variance, unpaired = _variance(difference), sum(_variance(mean) for mean in alone)
    if not variance > 0:
        why = difference.reason or "a - b is the same for every question"
        raise ValueError(f"the pilot has no spread to plan with ({why}): give more questions")
    unclustered = _variance(estimate_difference(first, second, interval=interval))
    sizes = np.atleast_1d(len(first) if n is None else n).tolist()
    rows = [
        {
            "n": size,
            "detectable": minimum_detectable_effect(size, variance=variance, power=power, alpha=alpha),
            "detectable_unpaired": minimum_detectable_effect(size, variance=unpaired, power=power, alpha=alpha),
        }
        for size in sizes
    ]
    return Report.of(
        "power_analysis",
        interval,
        title=f"power {power:g} at alpha {alpha:g}, from a pilot of {len(first)} paired questions, a - b",
        estimates={"difference": difference},
        numbers={"variance": variance, "unpaired_variance": unpaired, "design_effect": variance / unclustered},
        rows=rows,
        of=metric if isinstance(a, Comparison) else None,
        power=power,
        alpha=alpha,
    )


def _quantiles(power: float, alpha: float) -> float:
    """z_(alpha/2) + z_beta."""
    if not 0 < alpha < power < 1:
        raise ValueError(f"alpha and power must fulfil 0 < alpha < power < 1, got alpha {alpha!r}, power {power!r}")
    from scipy.special import ndtri

    return float(ndtri(1 - alpha / 2) + ndtri(power))


def _variance(estimate: Estimate) -> float:
    """What one question adds to the variance of a mean: n se²."""
    return estimate.n * estimate.stderr**2


def _scores(x: Comparison | Any, metric: str, name: str) -> Floats:
    if not isinstance(x, Comparison):
        return read_values(x, name)
    checks.check_choice(metric, "metric", METRICS)
    return read_columns(x, name).scores[:, list(METRICS).index(metric)]
