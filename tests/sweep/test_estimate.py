"""Time is told by what was measured, and by nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from pyscore.sweep.estimate import Measured, Pace


def test_nothing_measured_is_no_estimate() -> None:
    assert Pace([]).seconds(1e6, 10) is None
    assert Pace([Measured(1e6, 0, 3.0)]).seconds(1e6, 10) is None


def test_loading_is_told_from_scoring_where_checkpoints_had_different_numbers_of_questions() -> None:
    told = [Measured(1e6, n, 5.0 + 0.1 * n + noise) for n, noise in ((10, 0.02), (100, -0.03), (400, 0.01), (50, 0.0))]
    slope, loading = np.polyfit([each.n_questions for each in told], [each.seconds for each in told], 1)
    assert Pace(told).seconds(1e6, 1000) == pytest.approx(loading + 1000 * slope)


def test_equal_numbers_of_questions_are_in_proportion() -> None:
    assert Pace([Measured(1e6, 100, 4.0), Measured(1e6, 100, 6.0)]).seconds(1e6, 50) == pytest.approx(2.5)


def test_loading_is_never_negative() -> None:
    pace = Pace([Measured(1e6, 100, 1.0), Measured(1e6, 200, 9.0)])
    assert pace.seconds(1e6, 30) == pytest.approx(30 * 10 / 300)


def test_more_questions_never_take_less() -> None:
    pace = Pace([Measured(1e6, 100, 9.0), Measured(1e6, 200, 1.0)])
    assert pace.seconds(1e6, 1000) == pace.seconds(1e6, 10) == pytest.approx(5.0)


def test_between_two_sizes_logarithms_are_interpolated_and_beyond_them_sizes_are_proportional() -> None:
    pace = Pace([Measured(1e6, 100, 1.0), Measured(1e8, 100, 16.0)])
    assert pace.seconds(1e7, 100) == pytest.approx(4.0)
    assert pace.seconds(1e8, 100) == pytest.approx(16.0)
    assert pace.seconds(2e8, 100) == pytest.approx(32.0)
    assert pace.seconds(5e5, 100) == pytest.approx(0.5)
    assert pace.is_measured(1e6) and not pace.is_measured(1e7)


def test_an_unknown_size_takes_what_all_took() -> None:
    assert Pace([Measured(1e6, 100, 1.0), Measured(None, 300, 3.0)]).seconds(None, 200) == pytest.approx(2.0)
    assert Pace([Measured(None, 100, 1.0)]).seconds(1e6, 50) == pytest.approx(0.5)
