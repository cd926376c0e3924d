"""Fixtures of the tests of the kernels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def quiet_interpreter() -> Iterator[None]:
    """Infinities and NaN are ordinary values here; NumPy, which stands for the device, would warn of each."""
    with np.errstate(all="ignore"):
        yield
