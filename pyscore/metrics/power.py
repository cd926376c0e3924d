"""Power: how small a difference n questions can show, and how many questions a difference needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore._integers import as_int
from pyscore.metrics.core.arrays import Floats, Keys, cluster_sums
from pyscore.metrics.core.columns import METRICS, read_columns
from pyscore.metrics.core.design import leave_one_out, read_design
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.mean_intervals import without_rounding
from pyscore.metrics.core.means import Averages, estimate_difference
from pyscore.metrics.core.powers import detectable_shift, mcnemar_effect, mcnemar_n, smallest_n
from pyscore.metrics.core.readers import read_values
from pyscore.metrics.core.report import NAN, Estimate, Report
from pyscore.metrics.core.scales import difference_scale
from pyscore.metrics.core.variances import estimate_variance
from pyscore.ops import Comparison, checks

__all__ = ["minimum_detectable_effect", "power_analysis", "required_n"]


def minimum_detectable_effect(
    n: int,
    *,
    variance: float | None = None,
    discordance: float | None = None,
    answer_variances: tuple[float, float] = (0.0, 0.0),
    n_answers: tuple[int, int] = (1, 1),
    design_effect: float = 1.0,
    questions_per_cluster: float = 1.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float:
    """The smallest true mean difference that a two-sided test on n questions finds with the given power.

    With ``variance``, by Student's t test: the effect is δ √(deff (v + v_A/K_A + v_B/K_B) / n), where δ is the root of
    P(|T| > t_(alpha/2)) = power for a noncentral t variable T with noncentrality δ and C - 1 degrees of freedom, C =
    n / questions_per_cluster (Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences"; the variance is
    that of Miller 2024, "Adding Error Bars to Evals", on power analysis, where v is called omega² and v_A, v_B sigma²).

    With ``discordance``, for 0/1 outcomes, by McNemar's test z = (b - c)/√(b + c): b and c count the questions in which
    only the first or only the second model's is 1. Its power P(|z| > z_(alpha/2)) is a sum over binomials and a
    sawtooth in n; the effect is the smallest that n questions, and any larger number, find.

    Args:
        n: questions that both models answer.
        variance: v, the variance over questions of the paired differences. For two models on n different questions
            each it is the sum of their variances (and C - 1 the fewest degrees of freedom that Welch's test can have),
            for one rate p against a fixed value p (1 - p).
        discordance: ψ, the share of questions on which the two outcomes differ, instead of a variance: for independent
            questions with one 0/1 outcome each.
        answer_variances: (v_A, v_B), the mean variance of a model's score on one question over resampled answers. Leave
            them at 0 where scores are deterministic (log-probabilities), or where ``variance`` comes from scores of as
            many sampled answers as will be drawn, which holds this variance already.
        n_answers: (K_A, K_B), the answers that are drawn and averaged for each question.
        design_effect: what clusters multiply the variance of the mean by: (se with clusters / se without)².
        questions_per_cluster: n / C, for the degrees of freedom; with unequal clusters n divided by Kish's effective
            number of clusters, (Σ size)² / Σ size².
        power: 1 - beta, the chance to find the difference.
        alpha: the level of the test.

    Raises:
        ValueError: fewer than 2 clusters, a variance that is negative or not finite, a discordance that is not within
            (0, 1], or for which n questions find no difference at all; not 0 < alpha < power < 1.
    """
    n = as_int(n, "n")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    plan = _read_plan(
        variance, discordance, answer_variances, n_answers, design_effect, questions_per_cluster, power, alpha
    )
    effect = plan.effect(n)
    if effect is None:
        raise ValueError(f"n = {n} finds no difference with power {power:g}, however large: {plan.why}")
    return effect


def required_n(
    effect: float,
    *,
    variance: float | None = None,
    discordance: float | None = None,
    answer_variances: tuple[float, float] = (0.0, 0.0),
    n_answers: tuple[int, int] = (1, 1),
    design_effect: float = 1.0,
    questions_per_cluster: float = 1.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """The fewest questions from which on a true mean difference of ``effect`` is found with the given power.

    It is the smallest n whose `minimum_detectable_effect` is at most \\|effect\\|; arguments and errors as there. An
    effect of 0 is refused, as no number of questions shows it, and one larger than the discordance, which can't be.
    """
    _check_effect(effect)
    if discordance is not None and abs(effect) > discordance:
        raise ValueError(f"effect must be within ±discordance, {discordance!r}, got {effect!r}")
    return _read_plan(
        variance, discordance, answer_variances, n_answers, design_effect, questions_per_cluster, power, alpha
    ).n(effect)


def power_analysis(
    a: Comparison | Any,
    b: Comparison | Any,
    *,
    n: int | Sequence[int] | None = None,
    effect: float | None = None,
    metric: str = "mean_probability",
    clusters: Keys = None,
    power: float = 0.8,
    alpha: float = 0.05,
) -> Report:
    """What differences between two models n questions would show, judged by a pilot in which both answered the same.

    Estimates: ``difference``, the pilot's own, with confidence 1 - alpha; ``variance``, n se² of the paired differences
    (interval of Bonett 2006, on what leaving out each cluster does to the mean); for 0/1 outcomes ``discordance``.
    Numbers: ``variance`` again and ``unpaired_variance``, n (se_a² + se_b²), for use with `required_n`, both with the
    design effect of the clusters in them; ``design_effect``, of the paired differences; ``questions_per_cluster``; with
    ``effect`` also ``required_n``, and ``required_n_low`` and ``required_n_high``, which the pilot's uncertainty leaves
    possible. Rows: the minimum detectable effect for each n, at the estimate and at both ends of its interval
    (``detectable_low``, ``detectable_high``), and what it would be if the two models answered different questions
    (``detectable_unpaired``, with Welch's degrees of freedom). It is None where n finds no difference at all.

    Where all scores are 0 or 1 and there are no clusters, the plan is for McNemar's test, from the discordance and its
    interval; else it is for Student's t test, from the variance and its interval.

    Args:
        a, b: two `Comparison`s of the same questions in the same order, or ``[n]`` scores each.
        n: sizes to plan for; by default that of the pilot.
        effect: a difference to plan for.
        metric: which mean of the comparisons: "mean_probability", "preference_rate" and so on, as in `summarize`.
        clusters: one hashable key a question; the new questions are taken to be clustered like the pilot's.
        power, alpha: as in `minimum_detectable_effect`.

    Raises:
        ValueError: as in `estimate_difference`; a pilot whose differences have no spread, or infinite ones; a size or
            an effect as in `minimum_detectable_effect` and `required_n`.
    """
    _check_levels(power, alpha)
    first, second = _scores(a, metric, "a"), _scores(b, metric, "b")
    interval = Interval(1 - alpha)
    over = Averages(len(first), clusters, interval)
    scale = difference_scale(first, second)
    difference = over.difference(first, second, scale=scale)
    alone = [_variance(over.mean(scores)) for scores in (first, second)]
    # Differences that are mere rounding of the scores are no spread.
    variance = without_rounding(_variance(difference), float(np.mean(first**2 + second**2)))
    if not variance > 0:
        why = difference.reason or "a - b is the same for every question"
        raise ValueError(f"the pilot has no spread to plan with ({why}): give more questions")
    design = read_design(len(first), over.codes)
    per_cluster = len(first) / design.sample.effective
    deviations = leave_one_out((first - second)[:, None], design)[:, 0]
    weights = cluster_sums(design.weights, design.codes, design.sample.units)
    # A difference of values in a finite range can vary by half of its range, and a cluster's differences all alike.
    most = per_cluster * (scale.high - scale.low) ** 2 / 4
    of_variance = estimate_variance(variance, deviations, weights, len(first), interval.confidence, most)
    estimates = {"difference": difference, "variance": of_variance}
    numbers: dict[str, float] = {
        "variance": variance,
        "unpaired_variance": sum(alone),
        "design_effect": variance / _variance(estimate_difference(first, second, interval=interval)),
        "questions_per_cluster": per_cluster,
    }
    plans: list[_TTest | _McNemar]
    if not design.clustered and all(np.isin(scores, (0, 1)).all() for scores in (first, second)):
        estimates["discordance"] = discordance = over.rate(first != second)
        plans = [_McNemar(x, power, alpha) for x in (discordance.value, discordance.low, discordance.high)]
    else:
        ends = (variance, of_variance.low, of_variance.high)
        plans = [_TTest(x, per_cluster, power, alpha) for x in ends]
    if effect is not None:
        _check_effect(effect)
        needed = [NAN if math.isnan(plan.spread) else plan.n(effect) for plan in plans]
        numbers |= dict(zip(("required_n", "required_n_low", "required_n_high"), needed, strict=True))
    # Welch's degrees of freedom of a difference, from those of the two variances, which are the same.
    welch = sum(alone) ** 2 / sum(v * v for v in alone)
    plans.append(_TTest(sum(alone), per_cluster, power, alpha, welch))
    names = ("detectable", "detectable_low", "detectable_high", "detectable_unpaired")
    sizes = [as_int(size, "n") for size in np.atleast_1d(len(first) if n is None else n)]
    if min(sizes) < 2:
        raise ValueError(f"n must hold sizes of at least 2, got {min(sizes)}")
    rows = [{"n": size} | {name: plan.effect(size) for name, plan in zip(names, plans, strict=True)} for size in sizes]
    test = plans[0].name
    return Report.of(
        "power_analysis",
        interval,
        title=f"power {power:g} at alpha {alpha:g}, from a pilot of {len(first)} paired questions, a - b, by {test}",
        estimates=estimates,
        numbers=numbers,
        rows=rows,
        of=metric if isinstance(a, Comparison) else None,
        power=power,
        alpha=alpha,
        effect=effect,
    )


@dataclass(frozen=True)
class _TTest:
    """Student's t test of a mean whose variance is ``spread`` / n, with dof = factor (n / per_cluster - 1)."""

    spread: float
    per_cluster: float
    power: float
    alpha: float
    factor: float = 1.0
    name = "Student's t test"
    why = "a t test needs two clusters, or two questions"

    def effect(self, n: int) -> float | None:
        if n < 2 * self.per_cluster or math.isnan(self.spread):
            return None
        dof = self.factor * (n / self.per_cluster - 1)
        return detectable_shift(dof, self.power, self.alpha) * math.sqrt(self.spread / n)

    def n(self, effect: float) -> int:
        return smallest_n(lambda n: (self.effect(n) or 0.0) <= abs(effect), math.ceil(2 * self.per_cluster))


@dataclass(frozen=True)
class _McNemar:
    """McNemar's test of independent pairs of 0/1, a share ``spread`` of which differ."""

    spread: float
    power: float
    alpha: float
    name = "McNemar's test"
    why = "too few will differ"

    def effect(self, n: int) -> float | None:
        effect = mcnemar_effect(n, self.spread, self.power, self.alpha) if self.spread > 0 else math.nan
        return None if math.isnan(effect) else effect

    def n(self, effect: float) -> int:
        # A difference of means can't be larger than the share of questions that differ.
        return mcnemar_n(effect, max(self.spread, abs(effect)), self.power, self.alpha)


def _read_plan(
    variance: float | None,
    discordance: float | None,
    answer_variances: tuple[float, float],
    n_answers: tuple[int, int],
    design_effect: float,
    questions_per_cluster: float,
    power: float,
    alpha: float,
) -> _TTest | _McNemar:
    _check_levels(power, alpha)
    if (variance is None) == (discordance is None):
        raise ValueError("give either variance, for a t test, or discordance, for McNemar's test")
    if discordance is not None:
        if not 0 < discordance <= 1:
            raise ValueError(f"discordance must be above 0 and at most 1, got {discordance!r}")
        others = (*answer_variances, *n_answers, design_effect, questions_per_cluster)
        if others != (0, 0, 1, 1, 1, 1):
            raise ValueError("discordance is for independent questions and one answer each: else give the variance")
        return _McNemar(discordance, power, alpha)
    a, b = answer_variances
    for name, value in {"variance": variance, "answer_variances[0]": a, "answer_variances[1]": b}.items():
        if value is None or not 0 <= value < math.inf:
            raise ValueError(f"{name} must be finite and not negative, got {value!r}")
    if min(n_answers) < 1:
        raise ValueError(f"n_answers must be at least 1 each, got {n_answers!r}")
    if not 0 < design_effect < math.inf:
        raise ValueError(f"design_effect must be finite and above 0, got {design_effect!r}")
    if not 1 <= questions_per_cluster < math.inf:
        raise ValueError(f"questions_per_cluster must be finite and at least 1, got {questions_per_cluster!r}")
    of_a_question = design_effect * ((variance or 0.0) + a / n_answers[0] + b / n_answers[1])
    return _TTest(of_a_question, questions_per_cluster, power, alpha)


def _check_levels(power: float, alpha: float) -> None:
    if not 0 < alpha < power < 1:
        raise ValueError(f"alpha and power must fulfil 0 < alpha < power < 1, got alpha {alpha!r}, power {power!r}")


def _check_effect(effect: float) -> None:
    if effect == 0 or not math.isfinite(effect):
        raise ValueError(f"effect must be finite and not 0, got {effect!r}")


def _variance(estimate: Estimate) -> float:
    """What one question adds to the variance of a mean: n se²."""
    return estimate.n * estimate.stderr**2


def _scores(x: Comparison | Any, metric: str, name: str) -> Floats:
    if not isinstance(x, Comparison):
        return read_values(x, name)
    checks.check_choice(metric, "metric", METRICS)
    return read_columns(x, name).scores[:, list(METRICS).index(metric)]
