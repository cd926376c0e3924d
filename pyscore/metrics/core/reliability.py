"""What probabilities in bins show of outcomes: the errors of calibration, and the reliability table, with intervals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Codes, Floats
from pyscore.metrics.core.calibration_error import BinSums, estimate_calibration_error, estimate_ece
from pyscore.metrics.core.design import Sample, read_design
from pyscore.metrics.core.intervals import wilson_interval, z_quantile
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.report import NAN, Estimate

__all__ = ["binned_errors", "reliability_table"]


def binned_errors(p: Floats, y: Floats, codes: Codes, over: Averages) -> dict[str, Estimate]:
    """``ece`` and ``calibration_error`` of probabilities p against outcomes y, over the bins that the codes name."""
    design = read_design(len(p), over.codes)
    sums = BinSums.of_design(p, y, codes, int(codes.max()) + 1, design)
    return {
        "ece": estimate_ece(sums, design.sample),
        "calibration_error": estimate_calibration_error(sums, design.sample, over.interval.confidence),
    }


def reliability_table(p: Floats, y: Floats, codes: Codes, widths: int | None, over: Averages) -> list[dict[str, Any]]:
    """One row a bin that holds any question; ``widths``: how many bins of equal width, if so."""
    rows = []
    for b, observed in _observed_rates(y, codes, over).items():
        inside = codes == b
        low, high = (b / widths, (b + 1) / widths) if widths else (float(p[inside].min()), float(p[inside].max()))
        rows.append(
            {
                "low": low,
                "high": high,
                "n": observed.n,
                "mean_probability": float(p[inside].mean()),
                "observed": observed.value,
                "observed_low": observed.low,
                "observed_high": observed.high,
                "reason": observed.reason,
            }
        )
    return rows


def _observed_rates(y: Floats, codes: Codes, over: Averages) -> dict[int, Estimate]:
    """The mean outcome of each bin that holds any question, with Wilson's interval."""
    if over.codes is not None:
        wilson = Averages(len(y), over.codes, replace(over.interval, method="wilson"))
        return {b: wilson.rate(y, codes == b) for b in np.unique(codes).tolist()}
    # Of independent questions a count and a sum are all that the interval takes. A report makes 25,000 of them for 150
    # data sets and 20 checkpoints: one estimate_rate each took four fifths of the time of the tables.
    z, counts, sums = z_quantile(over.interval.confidence), np.bincount(codes), np.bincount(codes, y)
    rates = {}
    for b in np.flatnonzero(counts).tolist():
        n, rate = int(counts[b]), float(sums[b] / counts[b])
        reason = Sample(n, n, float(n), "question").reason()
        if reason:
            rates[b] = Estimate.without_interval(rate, n, reason)
        else:
            rates[b] = Estimate(rate, NAN, *wilson_interval(rate, n, z), n)
    return rates
