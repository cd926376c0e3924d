"""Model size and training step: tables of a metric, its trend with size, agreement on the side of a baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys, as_float64
from pyscore.metrics.core.intervals import Interval, check_interval
from pyscore.metrics.core.means import Averages, estimate_mean, estimate_rate
from pyscore.metrics.core.readers import (
    check_length,
    check_same_length,
    cluster_keys,
    read_positive,
    read_values,
    refuse,
)
from pyscore.metrics.core.report import Estimate, Report, write_signature
from pyscore.metrics.core.scales import REAL, mass_scale
from pyscore.metrics.core.trends import EXACT, find_turns, fit_slope, join_equal, name_trends, spearman
from pyscore.metrics.summary import Summary

__all__ = ["ScalingPoint", "scaling_table", "scaling_trend", "sign_agreement"]

_RATES = ("preference_rate", "tie_rate", "accuracy")
_MASSES = ("mean_probability", "mean_probability_raw", "mean_coverage")


class ScalingPoint(NamedTuple):
    """What a model of a size scored at a training step on a dataset.

    Attributes:
        model: name of the family or the run.
        size: parameters.
        step: training step, or None.
        dataset: its name.
        value: an `Estimate`, a `Summary`, a `Report`, one number a question, or one question's number.
        clusters: one key a question, for values a question.
    """

    model: str
    size: float
    step: float | None
    dataset: str
    value: Any
    clusters: Any = None


def scaling_table(
    points: Iterable[ScalingPoint | tuple[Any, ...]],
    *,
    metric: str = "preference_rate",
    interval: Interval = Interval(),
) -> Report:
    """A metric with its interval for each (model, size, step, dataset): the data of a chart over size or training.

    Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations".

    Args:
        points: `ScalingPoint` or tuples in its order. Numbers a question of the same (model, size, step, dataset) are
            put together; an `Estimate`, `Summary` or `Report` must be the only one there, and keeps its own interval.
        metric: which of a `Summary` or `Report` to read, and what the numbers are: of a question's, preference_rate,
            tie_rate and accuracy get Wilson's interval, mean probabilities and coverage that of shares (`SHARE`), any
            other Student's t.
        interval: confidence and method for values a question.

    Returns:
        Report whose ``rows`` hold model, size, step, dataset, value, stderr, low, high, n and reason, in the order of
        dataset, model, size, step.

    Raises:
        ValueError: no points, a size that isn't positive, a second result for one row, a NaN.
        TypeError, KeyError: a Summary or Report without that metric.
    """
    cells: dict[tuple[str, str, float, float, Any], list[ScalingPoint]] = {}
    for i, point in enumerate(points):
        p = ScalingPoint(*point)
        if not 0 < p.size < np.inf:
            raise ValueError(f"points[{i}] has size {p.size}: give the number of parameters, above 0")
        at = -np.inf if p.step is None else float(p.step)
        if np.isnan(at):
            raise ValueError(f"points[{i}] has step NaN: give a number, or None where there is none")
        cells.setdefault((p.dataset, p.model, float(p.size), at, p.step), []).append(p)
    if not cells:
        raise ValueError("points is empty: there is nothing to tabulate")
    rows = []
    for key in sorted(cells, key=lambda k: k[:4]):
        dataset, model, size, _, step = key
        where = {"model": model, "size": size, "step": step, "dataset": dataset}
        rows.append(where | vars(_cell(cells[key], metric, interval)))
    counts = {f"n_{name}s": len({row[name] for row in rows}) for name in ("model", "size", "step", "dataset")}
    return Report.of(
        "scaling_table",
        interval,
        title=f"{metric.replace('_', ' ')} by model, size, step and dataset",
        estimates={},
        numbers={"n_rows": len(rows), **counts, "n_without_interval": sum(bool(row["reason"]) for row in rows)},
        rows=rows,
        of=metric,
    )


def scaling_trend(
    sizes: Any, values: Any, *, stderr: Any = None, higher_is_better: bool = True, interval: Interval = Interval()
) -> Report:
    """Does a metric rise or fall with model size? Spearman's rho, the slope on log10(size), and a verdict.

    ``spearman``: rho between size and value; p-value from all orders up to 8 points (ties included), else Student's t
    (scipy); interval tanh(atanh(rho) ± z √((1 + rho²/2)/(m - 3))), Bonett & Wright 2000, "Sample Size Requirements for
    Estimating Pearson, Kendall and Spearman Correlations". The interval is the more cautious of the two: without 0 at
    95 %, p is below 0.05; with 0, p may be as low as 0.03 (over all orders of 4 to 8 points, and t for 9 to 40).

    ``slope``: change for a tenfold size by least squares, Student's t on m - 2 degrees of freedom. Without ``stderr``
    its error comes from the scatter about the line. With it points weigh 1/stderr², and the error is the known one
    times the scatter, where that exceeds what the stderrs explain (`fit_slopes` in core/trends.py has the equations;
    Knapp & Hartung 2003); two points have the normal interval of their known errors.

    The verdict in ``rows``, on goodness = value, or -value if lower is better, is one decision at alpha = 1 -
    confidence, which its two tests halve. "U-shaped" or "inverted-U" if some interior size is worse, or better, than
    the smallest and the largest size both: ``shape_p``, by z tests with the known errors, Bonferroni over interior
    sizes and the two shapes (`find_turns`), decided at ``turning_size``. Else "positive" or "inverse" if ``slope_p`` is
    small enough, else "flat or unclear"; the names are those of McKenzie et al. 2023, "Inverse Scaling: When Bigger
    Isn't Better", the rule is ours. Without ``stderr``, or with two sizes, no shape can be told, ``shape_p`` is NaN,
    and the slope has all of alpha: ``level`` in the row is what each test had. A shape is one of these models on new
    questions; how much another model of the same size would differ isn't in ``stderr``, unless it was put there. A
    curve that saturates is no U: docs/studies.md has the share of false verdicts and the power, by simulation.

    Args:
        sizes: ``[m]`` parameters, above 0; several points may share a size.
        values: ``[m]`` finite.
        stderr: ``[m]``, above 0: the values' standard errors.
        higher_is_better: False for a loss, or for a behaviour that one doesn't want.
        interval: its confidence.

    Raises:
        ValueError: no points, lengths that differ, a size or stderr that isn't positive, a value that isn't finite.
    """
    check_interval(interval)
    x, y = join_equal(np.log10(read_positive(sizes, "sizes"))), read_values(values, "values")
    check_length("values", y, len(x))
    refuse("values", y, np.isinf(y), "= {}: a trend needs finite values; leave that point out")
    y, errors = join_equal(y), None if stderr is None else read_positive(stderr, "stderr")
    if errors is not None:
        check_length("stderr", errors, len(x))
    distinct = np.unique(x)
    rho, rho_p = spearman(x, y, interval.confidence)
    slope, slope_p, scatter = fit_slope(x, y, errors, interval.confidence)
    turns = None if errors is None else find_turns(x, y, errors)
    level = (1 - interval.confidence) / (1 if turns is None else 2)
    verdict = str(name_trends(slope.value, slope_p, turns, level, higher_is_better))
    return Report(
        title=f"{verdict}: {len(x)} points at {len(distinct)} sizes",
        estimates={"spearman": rho, "slope": slope},
        signature=write_signature(
            "scaling_trend",
            better="higher" if higher_is_better else "lower",
            fit="ols" if errors is None else "wls",
            slope="z" if errors is not None and len(x) == 2 else "t",
            spearman_p="exact" if len(x) <= EXACT else "t",
            confidence=f"{interval.confidence:g}",
        ),
        confidence=interval.confidence,
        numbers={
            "spearman_p": rho_p,
            "slope_p": slope_p,
            "scatter": scatter,
            "shape_p": math.nan if turns is None else float(turns.p),
            "turning_size": float(10.0 ** distinct[turns.at]) if turns is not None and turns.p < level else math.nan,
        },
        rows=[{"verdict": verdict, "level": level, "n_points": len(x), "n_sizes": len(distinct)}],
    )


def sign_agreement(
    a: Any,
    b: Any,
    *,
    stderr_a: Any = None,
    stderr_b: Any = None,
    baseline: float = 0.5,
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """The share of datasets on which two models, or two effects, lie on the same side of a baseline.

    ``agreement`` is about other datasets, and takes the sides as they are seen. With standard errors,
    ``agreement_on_new_questions`` is about the true sides on these datasets. A dataset is known to agree if both values
    lie beyond the baseline on one side: p = max of the two one-sided z tests (intersection-union; Berger 1982,
    "Multiparameter Hypothesis Testing and Acceptance Sampling"), known to disagree likewise, each by Holm's method over
    all datasets at half of 1 - confidence. The interval goes from the share known to agree to 1 - the share known to
    disagree, whatever the two models' errors have in common. It is wide where sides are uncertain, and must be: the
    expected agreement under normal errors, or a bootstrap, held the true one in as little as 3 % of simulated studies
    of 40 datasets, where all sides are weak and related.

    Args:
        a, b: ``[n]``, one value a dataset, in the same order.
        stderr_a, stderr_b: ``[n]``, above 0: their standard errors; both or neither.
        baseline: 0.5 for preference rates, 0 for slopes and differences. A dataset where either is exactly there has no
            side: it is left out and counted in ``n_ties``.
        clusters: one hashable key a dataset.
        interval: confidence and method.

    Returns:
        Report with ``agreement`` and the counts it is made of; with standard errors also how many datasets are known to
        agree and to disagree, and ``agreement_on_new_questions``, whose stderr is that of the agreement under normal
        errors about the values. Two models that both lie mostly above the baseline agree mostly, with no relation
        between them: read the four counts.

    Raises:
        ValueError: no datasets, lengths that differ, a NaN with its row, a standard error that isn't positive, or one
            model's alone.
    """
    if not math.isfinite(baseline):
        raise ValueError(f"baseline must be finite, got {baseline!r}")
    first, second = read_values(a, "a") - baseline, read_values(b, "b") - baseline
    check_same_length("datasets", a=first, b=second)
    sided = (first != 0) & (second != 0)
    over = Averages(len(first), clusters, interval)
    agreement = over.rate((first > 0) == (second > 0), sided, "every dataset is at the baseline")
    estimates = {"agreement": agreement}
    known: dict[str, int] = {}
    if stderr_a is not None or stderr_b is not None:
        if stderr_a is None or stderr_b is None:
            raise ValueError("stderr_a and stderr_b go together: give both or neither")
        errors = read_positive(stderr_a, "stderr_a"), read_positive(stderr_b, "stderr_b")
        for name, each in zip(("stderr_a", "stderr_b"), errors, strict=True):
            check_length(name, each, len(first), "dataset")
        z = np.stack([first / errors[0], second / errors[1]])[:, sided]
        estimates["agreement_on_new_questions"], known = _true_agreement(z, agreement, interval.confidence)
    return Report.of(
        "sign_agreement",
        interval,
        title=f"same side of {baseline:g}: {len(first)} datasets",
        estimates=estimates,
        numbers={
            "n_both_above": int(((first > 0) & (second > 0)).sum()),
            "n_both_below": int(((first < 0) & (second < 0)).sum()),
            "n_only_a_above": int(((first > 0) & (second < 0)).sum()),
            "n_only_b_above": int(((first < 0) & (second > 0)).sum()),
            "n_ties": int((~sided).sum()),
            **known,
        },
        baseline=f"{baseline:g}",
    )


def _true_agreement(z: Floats, seen: Estimate, confidence: float) -> tuple[Estimate, dict[str, int]]:
    """The agreement of the true sides, from ``z [2, n]``, how many standard errors each value lies off the baseline."""
    from scipy.special import ndtr

    n = z.shape[1]
    if not n:
        return seen, {}
    same, p = (z[0] > 0) == (z[1] > 0), ndtr(-np.abs(z).min(axis=0))
    level = (1 - confidence) / 2
    steps = np.arange(n, 0, -1)  # Holm's: the smallest p-value times n, the next times n - 1, until one is too large.
    agree, disagree = (
        int(np.cumprod(np.sort(np.where(side, p, 1.0)) * steps <= level).sum()) for side in (same, ~same)
    )
    chance = ndtr(z).prod(axis=0) + ndtr(-z).prod(axis=0)
    stderr = math.sqrt(float((chance * (1 - chance)).sum())) / n
    known = {"n_known_to_agree": agree, "n_known_to_disagree": disagree, "n_unknown": n - agree - disagree}
    share = float(same.mean())
    if agree + disagree == n:
        return Estimate.without_interval(share, n, "every side is known: no other agreement is possible"), known
    return Estimate(share, stderr, agree / n, 1 - disagree / n, n), known


def _cell(points: list[ScalingPoint], metric: str, interval: Interval) -> Estimate:
    """One row's estimate: a result as it is, or the numbers of its questions averaged."""
    where = f"{points[0].model}, size {points[0].size:g}, step {points[0].step}, {points[0].dataset}"
    results = [p.value for p in points if isinstance(p.value, Estimate | Summary | Report)]
    if results:
        if len(points) > 1:
            raise ValueError(f"{len(points)} results for {where}: give one, or the numbers a question of all")
        return _read_result(results[0], metric)
    columns = [as_float64([p.value] if np.ndim(p.value) == 0 else p.value, where) for p in points]
    given = [p.clusters for p in points]
    if any(c is None for c in given) and not all(c is None for c in given):
        raise ValueError(f"clusters are given for some points of {where}: give them for all, or none")
    keys = [k for c, column in zip(given, columns, strict=True) if c is not None for k in cluster_keys(c, len(column))]
    values = np.concatenate(columns)
    if metric in _RATES:
        return estimate_rate(values, clusters=keys or None, interval=interval, name=where)
    scale = mass_scale(values) if metric in _MASSES else REAL
    return estimate_mean(values, clusters=keys or None, interval=interval, scale=scale, name=where)


def _read_result(result: Any, metric: str) -> Estimate:
    if isinstance(result, Report):
        result = result[metric]
    elif isinstance(result, Summary):
        result = getattr(result, metric, None)
    if not isinstance(result, Estimate):
        raise TypeError(f"metric {metric!r} is no estimate of a Summary: give mean_probability, preference_rate, ...")
    return result
