"""What is given as an interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyscore import metrics

CALLS: dict[str, Callable[[Any], object]] = {
    "auroc": lambda interval: metrics.auroc([0.1, 0.9], [False, True], interval=interval),
    "calibration": lambda interval: metrics.calibration([0.1, 0.9], [0, 1], interval=interval),
    "forward_kl": lambda interval: metrics.forward_kl([[-1.0]], [[-2.0]], interval=interval),
    "ratings": lambda interval: metrics.ratings(["a"], ["b"], [1.0], interval=interval),
    "scaling_trend": lambda interval: metrics.scaling_trend([1e6, 1e7], [0.1, 0.2], interval=interval),
    "squad": lambda interval: metrics.squad(["a"], ["a"], interval=interval),
}


@pytest.mark.parametrize("given", [None, 0.95, "wilson"], ids=repr)
@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_interval_is_refused_by_name(name: str, given: object) -> None:
    with pytest.raises(TypeError, match=r"interval must be a pyscore\.metrics\.Interval, got .*: leave it out"):
        CALLS[name](given)
