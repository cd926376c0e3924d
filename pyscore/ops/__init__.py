"""What the kernels compute: public ops, their float64 definition, and the backends that serve them."""

from . import library as library
from .answers import compare_answers, score_answers
from .backend import register
from .cpu import register_cpu
from .reference import REFERENCE
from .shards import merge_vocab_shards
from .tokens import linear_logprobs, logprobs
from .triton import register_triton
from .types import Comparison, TokenScores, VocabShard

# the order in which backend="auto" asks them
register_cpu()
register_triton()
register(REFERENCE)

__all__ = [
    "Comparison",
    "TokenScores",
    "VocabShard",
    "compare_answers",
    "linear_logprobs",
    "logprobs",
    "merge_vocab_shards",
    "score_answers",
]
