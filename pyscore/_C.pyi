"""Compiled kernels of pyscore. Arguments are checked by pyscore.ops; call that.

Matrices of bfloat16 and float16 come as uint16 bits with the dtype's name; matrices may have any strides, all else is
contiguous. Nothing is copied, and the GIL is released while a kernel runs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]
_Ids = NDArray[np.int64]
_Scores = _Floats | NDArray[np.float64]
_TokenTensors = tuple[_Floats, _Floats, _Floats, _Ids, _Floats, _Ids, _Ids, _Floats]

__version__: str
source_hash: str

def cpu_isas() -> list[tuple[str, bool]]:
    """Instruction sets that the kernels were compiled for, best first, and whether this machine has each."""

def cpu_isa() -> str:
    """The instruction set that kernels use: the best that this machine has, or PYSCORE_CPU_ISA."""

def logprobs(
    logits: _Floats | NDArray[np.uint16],
    dtype: str,
    targets: _Ids,
    target_offsets: _Ids | None,
    temperature: _Floats | None,
    softcap: float | None,
    ignore_index: int,
    vocab_start: int,
    entropy: bool,
    rank: bool,
    top_k: int,
    threads: int,
) -> _TokenTensors:
    """The fields of TokenTensors under ready logits."""

def target_logits(
    hidden: _Floats | NDArray[np.uint16],
    weight: _Floats | NDArray[np.uint16],
    dtype: str,
    bias: _Floats | None,
    targets: _Ids,
    target_offsets: _Ids | None,
    temperature: _Floats | None,
    softcap: float | None,
    logit_scale: float,
    ignore_index: int,
    vocab_start: int,
    threads: int,
) -> _Floats:
    """Final logits of the targets alone."""

def linear_logprobs(
    hidden: _Floats | NDArray[np.uint16],
    weight: _Floats | NDArray[np.uint16],
    dtype: str,
    bias: _Floats | None,
    targets: _Ids,
    target_offsets: _Ids | None,
    temperature: _Floats | None,
    softcap: float | None,
    logit_scale: float,
    ignore_index: int,
    vocab_start: int,
    target_logit: _Floats | None,
    entropy: bool,
    rank: bool,
    top_k: int,
    threads: int,
) -> _TokenTensors:
    """The fields of TokenTensors under hidden @ weight.T."""

def score_answers(
    token_logprob: _Floats | NDArray[np.float64],
    answer_offsets: _Ids,
    question_offsets: _Ids,
    is_matching: NDArray[np.bool_],
    divisor: NDArray[np.float64] | None,
    unconditional: NDArray[np.float64] | None,
    sets: str,
    ties: str,
    threads: int,
) -> tuple[
    NDArray[np.floating],
    NDArray[np.floating],
    NDArray[np.floating],
    NDArray[np.floating],
    NDArray[np.floating],
    NDArray[np.floating],
    NDArray[np.bool_],
    _Ids,
]:
    """The fields of ComparisonTensors."""

def bootstrap_means(
    sums: NDArray[np.float64], weights: NDArray[np.float64] | None, resamples: int, seed: int, threads: int
) -> NDArray[np.float64]:
    """Means of units drawn with replacement, [resamples, columns]."""

def summary_moments(
    probability: _Scores,
    prefers: _Scores,
    probability_raw: _Scores,
    log_odds: _Scores,
    coverage: _Scores,
    tie: NDArray[np.bool_],
    threads: int,
) -> dict[str, Any]:
    """What SummaryState keeps of a comparison."""

def match_ngrams(tokens: NDArray[np.int32], offsets: _Ids, vocabulary: int, max_order: int, threads: int) -> _Ids:
    """How many n-grams of each text the other texts match, [texts, max_order]."""

def count_distinct_ngrams(
    tokens: NDArray[np.int32], offsets: _Ids, vocabulary: int, max_order: int, threads: int
) -> _Ids:
    """How many different n-grams all texts hold together, [max_order]."""
