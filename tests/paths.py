"""Where the development data and the published numbers lie; tests that need them skip, with the reason, elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_SHARED = ROOT.parent / "shared"
DATA = Path(os.environ.get("PYSCORE_DATA", _SHARED / "data")) / "model-written-evals"
ORACLES = Path(os.environ.get("PYSCORE_ORACLES", _SHARED / "oracles"))

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"model-written evals not found at {DATA}: set PYSCORE_DATA to the folder that holds them"
)
needs_oracles = pytest.mark.skipif(
    not ORACLES.is_dir(), reason=f"published numbers not found at {ORACLES}: set PYSCORE_ORACLES to their folder"
)
