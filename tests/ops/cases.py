"""What the tests of the ops share: backends, dtypes, tolerance families, and how scores are compared."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pyscore.ops.backend import registered
from pyscore.ops.types import TokenScores

OUTPUTS = ("logprob", "logsumexp", "entropy", "rank", "is_greedy", "argmax")
BACKENDS = tuple(registered())
COMPILED = tuple(name for name in BACKENDS if name != "reference")
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_compiled_backend = pytest.mark.parametrize("backend", COMPILED)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

# Families of tolerance. Ready logits: float32 rounding of z and of logsumexp, both up to 64 in magnitude.
READY = {"rtol": 2e-6, "atol": 8e-6}
# A projection adds the rounding of a float32 sum of D products.
LINEAR = {"rtol": 2e-6, "atol": 4e-5}

_INTEGERS = ("rank", "is_greedy", "argmax", "top_ids")


def scores_close(actual: TokenScores, expected: TokenScores, tolerance: dict[str, Any]) -> None:
    """Floating fields within the tolerance, NaN in the same places; other fields equal."""
    for field in fields(TokenScores):
        ours, theirs = getattr(actual, field.name), getattr(expected, field.name)
        assert (ours is None) == (theirs is None), field.name
        if field.name == "shard" or ours is None:
            continue
        limits: dict[str, Any] = {"rtol": 0.0, "atol": 0.0} if field.name in _INTEGERS else tolerance
        torch.testing.assert_close(ours, theirs, equal_nan=True, msg=f"{field.name}: {{}}".format, **limits)


def assert_same_bits(actual: TokenScores, expected: TokenScores) -> None:
    """Every field equal to the last bit, NaN equal to NaN."""
    scores_close(actual, expected, {"rtol": 0.0, "atol": 0.0})


def floats_only(scores: TokenScores) -> TokenScores:
    """Without ids and ranks: float32 can tie logits that float64 tells apart (a softcap, a division, a projection)."""
    return replace(scores, **dict.fromkeys(_INTEGERS))


def rows_of(scores: TokenScores, index: Tensor | slice) -> TokenScores:
    """The scores of some rows."""
    picked = {f.name: getattr(scores, f.name) for f in fields(TokenScores) if f.name != "shard"}
    return TokenScores(**{name: value if value is None else value[index] for name, value in picked.items()})


def random_rows(n: int, v: int, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits [n, v] in [-30, 30] and a target a row."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.rand(n, v, generator=generator) * 60 - 30
    return logits.to(dtype), torch.randint(0, v, (n,), generator=generator)


def random_projection(n: int, d: int, v: int, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states [n, d], a weight [v, d] that gives logits of a few units, and a target a row."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(n, d, generator=generator)
    weight = torch.randn(v, d, generator=generator) * (3 / d**0.5)
    return hidden.to(dtype), weight.to(dtype), torch.randint(0, v, (n,), generator=generator)
