"""Compiled kernels of pyscore. Arguments are checked by pyscore.ops; call that.

Matrices of bfloat16 and float16 come as uint16 bits with the dtype's name; matrices may have any strides, all else is
contiguous. Nothing is copied, and the GIL is released while a kernel runs. A vector of the token and answer functions
is the tensor, its address and its number of entries. ``out`` holds the address and the size in bytes of each result's
memory, in the order of the fields in pyscore.ops.request; a size that the request does not ask for is a ValueError.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Vector = tuple[Any, int, int]
_Floats = NDArray[np.float32]
_Ids = NDArray[np.int64]
_Scores = _Floats | NDArray[np.float64]
_Matrix = _Floats | NDArray[np.uint16]
_Memory = tuple[int, int]

__version__: str
source_hash: str

def cpu_isas() -> list[tuple[str, bool]]:
    """Instruction sets that the kernels were compiled for, best first, and whether this machine has each."""

def cpu_isa() -> str:
    """The instruction set that kernels use: the best that this machine has, or PYSCORE_CPU_ISA."""

class TokenRequest:
    """What the token functions are asked; see pyscore.ops.request."""

    def __init__(
        self,
        targets: _Vector | None,
        target_offsets: _Vector | None,
        temperature: _Vector | None,
        softcap: float | None,
        logit_scale: float,
        ignore_index: int,
        vocab_start: int,
        wanted: tuple[bool, bool, int],
    ) -> None: ...

def logprobs(logits: _Matrix, dtype: str, request: TokenRequest, out: list[_Memory], threads: int) -> None:
    """Fills the fields of TokenTensors under ready logits."""

def target_logits(
    hidden: _Matrix,
    weight: _Matrix,
    bias: _Vector | None,
    dtype: str,
    request: TokenRequest,
    out: _Memory,
    threads: int,
) -> None:
    """Fills the final logits of the targets alone."""

def linear_logprobs(
    hidden: _Matrix,
    weight: _Matrix,
    bias: _Vector | None,
    dtype: str,
    request: TokenRequest,
    target_logit: _Vector | None,
    out: list[_Memory],
    threads: int,
) -> None:
    """Fills the fields of TokenTensors under hidden @ weight.T."""

class AnswerRequest:
    """How score_answers compares; see pyscore.ops.request."""

    def __init__(
        self,
        answer_offsets: _Vector | None,
        question_offsets: _Vector | None,
        is_matching: _Vector | None,
        divisor: _Vector | None,
        unconditional: _Vector | None,
        sets: str,
        ties: str,
    ) -> None: ...

def score_answers(token_logprob: _Scores, request: AnswerRequest, out: list[_Memory], threads: int) -> None:
    """Fills the fields of ComparisonTensors."""

def encode_clusters(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes of integer keys in order of first appearance, and the key of each; none where keys lie far apart."""

def cluster_totals(
    probability: _Scores,
    prefers: _Scores,
    probability_raw: _Scores,
    log_odds: _Scores,
    coverage: _Scores,
    tie: NDArray[np.bool_],
    keys: NDArray[np.int64],
    low: int,
    clusters: int,
    threads: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each cluster its questions and sums of scores, [clusters, 8], and of calibration bins, [clusters, 16]."""

def cluster_spread(
    scores: NDArray[np.float64], means: NDArray[np.float64], n: int
) -> tuple[int, float, NDArray[np.float64], NDArray[np.float64]]:
    """Clusters, Σ of squared sizes, of squared effects of leaving out each, of size times squared deviations."""

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
