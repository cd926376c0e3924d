"""What the kernels compute: public ops, their float64 definition, and the backends that serve them."""

from pyscore.ops import library as library
from pyscore.ops.backend import register
from pyscore.ops.compare import compare_answers, score_answers
from pyscore.ops.cpu import CPU
from pyscore.ops.reference import REFERENCE
from pyscore.ops.shards import merge_vocab_shards
from pyscore.ops.tokens import linear_logprobs, logprobs
from pyscore.ops.triton import TRITON
from pyscore.ops.types import Comparison, TokenScores, VocabShard

# the order in which backend="auto" asks them
for _backend in (CPU, TRITON, REFERENCE):
    register(_backend)

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
