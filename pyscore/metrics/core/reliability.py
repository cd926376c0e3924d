"""What probabilities in bins show of outcomes: the errors of calibration, and the reliability table, with intervals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Codes, Floats
from pyscore.metrics.core.calibration_error import BinSums, estimate_calibration_error, estimate_ece
from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.report import Estimate

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
    wilson, rows = Averages(len(p), over.codes, replace(over.interval, method="wilson")), []
    for b in np.unique(codes).tolist():
        inside = codes == b
        observed = wilson.rate(y, inside)
        low, high = (b / widths, (b + 1) / widths) if widths else (float(p[inside].min()), float(p[inside].max()))
        rows.append(
            {
                "low": low,
                "high": high,
                "n": int(inside.sum()),
                "mean_probability": float(p[inside].mean()),
                "observed": observed.value,
                "observed_low": observed.low,
                "observed_high": observed.high,
                "reason": observed.reason,
            }
        )
    return rows
