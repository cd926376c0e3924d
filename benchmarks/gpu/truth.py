"""What scores should be, in float64 on a sample of rows, and whether pyscore's agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

import pyscore
from benchmarks.gpu.lab import LinearInputs
from pyscore import TokenScores

__all__ = ["LARGEST_ERROR", "checker", "complaints", "logits_of", "logprob_error", "sample", "truth"]

LARGEST_ERROR = 1e-4
"""Of a log-probability, where no logit is beyond 32."""
ENTROPY_ERROR = 1e-3
NEAR = 2e-4
"""Logits that lie closer together may change places in rank and argmax."""
SAMPLE = 64
_PIECE = 16384
_OTHER_FUNCTION = 1.0
"""A peer whose log-probability is further off computes something else, and its time means nothing."""


def sample(n: int) -> Tensor:
    """Up to 64 rows of n, the first and the last among them."""
    return torch.linspace(0, n - 1, min(n, SAMPLE)).long()


def logits_of(inputs: LinearInputs, rows: Tensor) -> Tensor:
    """Logits [rows, V] in float64."""
    hidden = inputs.hidden[rows.to(inputs.hidden.device)].double()
    return torch.cat([hidden @ piece.double().T for piece in inputs.weight.split(_PIECE)], dim=1)


def truth(logits: Tensor, targets: Tensor, outputs: Sequence[str] = ("logprob",)) -> TokenScores:
    """The definition, from float64 logits."""
    return pyscore.logprobs(logits.double(), targets, outputs=tuple(outputs), backend="reference")


def logprob_error(found: Tensor, expected: Tensor) -> float:
    """Largest difference; infinite where one is not finite."""
    difference = (found.double() - expected.double()).abs()
    return float(difference.max()) if bool(difference.isfinite().all()) else float("inf")


def _off(found: Tensor, logits: Tensor, ids: Tensor, expected: Tensor) -> bool:
    """Whether ranks differ by more than the number of entries that may change places with the target."""
    at = logits.gather(1, ids)
    near = ((logits[:, None, :] - at[:, :, None]).abs() <= NEAR).sum(-1)
    return bool(((found.view_as(ids) - expected.view_as(ids)).abs() > near).any())


def complaints(scores: TokenScores, rows: Tensor, logits: Tensor, targets: Tensor, limit: float) -> list[str]:
    """What is wrong with scores of all rows, given the logits [rows, V] of a sample and every row's targets."""
    chosen = rows.to(targets.device)
    names = [
        name for name in ("logprob", "logsumexp", "entropy", "rank", "argmax") if getattr(scores, name) is not None
    ]
    expected = truth(logits, targets[chosen], names)
    found = []
    for name in ("logprob", "logsumexp", "entropy"):
        if name not in names:
            continue
        values, most = getattr(scores, name), ENTROPY_ERROR if name == "entropy" else limit
        if not bool(values.isfinite().all()):
            found.append(f"{name} has entries that are not finite")
        elif (error := logprob_error(values[chosen], getattr(expected, name))) > most:
            found.append(f"{name} is off by {error:.2e}")
    if "rank" in names and _off(scores.rank[chosen], logits, targets[chosen].reshape(len(chosen), -1), expected.rank):
        found.append("rank is off")
    if "argmax" in names:
        last = logits.shape[1] - 1
        reached = logits.gather(1, scores.argmax[chosen].clamp(0, last)[:, None])[:, 0]
        # An id that is none was clamped to one that may be right by chance, and lies in a row that may not be sampled.
        if bool((reached < logits.amax(-1) - NEAR).any() | ((scores.argmax < 0) | (scores.argmax > last)).any()):
            found.append("argmax is off")
    if scores.is_greedy is not None and scores.rank is not None and not torch.equal(scores.is_greedy, scores.rank == 0):
        found.append("is_greedy disagrees with rank")
    return found


def checker(
    inputs: Sequence[Tensor], rows: Tensor, logits: Tensor, targets: Tensor
) -> Callable[[Callable[..., Any]], float | None]:
    """A function that runs another one on these inputs, and returns the largest error of its log-probabilities.

    pyscore's result must keep the tolerance in all its outputs. A result of None has nothing to compare.
    """
    chosen = rows.to(targets.device)
    expected = truth(logits, targets[chosen]).logprob

    def error(function: Callable[..., Any]) -> float | None:
        found = function(*inputs)
        if found is None:
            return None
        if isinstance(found, TokenScores):
            if wrong := complaints(found, rows, logits, targets, LARGEST_ERROR):
                raise AssertionError("; ".join(wrong))
            found = found.logprob
        logprob = found[0] if isinstance(found, tuple) else found
        difference = logprob_error(logprob[chosen], expected)
        if difference > _OTHER_FUNCTION:
            raise AssertionError(f"its log-probability is off by {difference:.2g}")
        return difference

    return error
