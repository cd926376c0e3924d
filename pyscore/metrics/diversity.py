"""How different texts are from one another: Self-BLEU and distinct-n, for a hundred thousand texts in seconds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from pyscore._extension import _C
from pyscore._integers import as_int
from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.corpus import Corpus, Tokenize, read_corpus, tokenizer_name
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import estimate_mean
from pyscore.metrics.core.readers import read_strings
from pyscore.metrics.core.report import Report, write_signature
from pyscore.metrics.core.scales import Scale
from pyscore.ops import checks

__all__ = ["distinct_n", "self_bleu", "sentence_self_bleu"]

_BLEU = Scale(0.0, 100.0, "beta")

MAX_ORDER = 32  # The compiled kernel takes no longer n-grams.

SMOOTHINGS = {"exp": None, "floor": 0.1, "add-k": 1.0, "none": None}
"""Ways of smoothing -> the value that each takes by default; names and values are sacrebleu's."""


def sentence_self_bleu(
    texts: Iterable[str],
    *,
    tokenize: Tokenize = "13a",
    max_order: int = 4,
    smooth: str = "exp",
    smooth_value: float | None = None,
) -> Floats:
    """Each text's BLEU with all other texts as its references, ``[n]`` float64, 0 to 100: how much of it they repeat.

    BLEU = 100 · min(1, e^(1 - r/l)) · (Π_n matched_n / total_n)^(1/N), where matched_n clips the count of every n-gram
    at the highest in any single other text, l is the text's length in tokens and r the closest length among the others
    (of two equally close ones the shorter), and N is max_order or, for a shorter text, its length. It equals
    ``sacrebleu.sentence_bleu(text, other_texts)``, but its cost grows with the number of tokens and not with its
    square. A text without tokens, or without a token in common with any other, scores 0.

    Papineni et al. 2002, "BLEU"; Zhu et al. 2018, "Texygen" (Self-BLEU).

    Args:
        texts: two or more strings.
        tokenize: "13a" (mteval-v13a, what sacrebleu does by default), "none" (split at whitespace), or a function from
            a text to a sequence of hashable tokens. Case is kept.
        max_order: of the longest n-grams, 1 to 32.
        smooth: what stands for a precision of 0. "exp": half a match, and half as much for every further order without
            one (NIST); "floor": ``smooth_value`` matches (0.1 by default; Texygen's); "add-k": ``smooth_value`` (1) is
            added to the matches and totals of all orders but the first; "none": nothing, and the score is 0. Chen &
            Cherry 2014, "A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU".
        smooth_value: for "floor" and "add-k".

    Raises:
        TypeError: a text that is no string, with its row. ValueError: fewer than two texts, an unknown option.
    """
    value = _read_smoothing(smooth, smooth_value)
    return _scores(read_corpus(read_strings(texts, "texts"), tokenize), _read_order(max_order), smooth, value)


def self_bleu(
    texts: Iterable[str],
    *,
    tokenize: Tokenize = "13a",
    max_order: int = 4,
    smooth: str = "exp",
    smooth_value: float | None = None,
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """Self-BLEU: the mean of `sentence_self_bleu`, 0 (nothing in common) to 100 (all the same); lower is more diverse.

    It rises with the number of texts, as each has more references: compare sets of the same size. The interval takes
    the references as given: it doesn't show how the score moves when another set of texts is drawn. Perez et al. 2022,
    "Red Teaming Language Models with Language Models", measure the diversity of red-team prompts with it.

    Args:
        clusters: one hashable key a text; texts that share one (a seed, a template) are not independent.
        interval: confidence, method and the rest.
        texts, tokenize, max_order, smooth, smooth_value: as in `sentence_self_bleu`, and so are the errors.
    """
    value, order = _read_smoothing(smooth, smooth_value), _read_order(max_order)
    given = read_strings(texts, "texts")
    corpus = read_corpus(given, tokenize)
    scores = _scores(corpus, order, smooth, value)
    return Report.of(
        "self_bleu",
        interval,
        title=f"Self-BLEU of {len(given)} texts",
        estimates={"self_bleu": estimate_mean(scores, clusters=clusters, interval=interval, scale=_BLEU)},
        numbers={
            "n_texts": len(given),
            "n_different": len(set(given)),
            "n_empty": int(np.count_nonzero(corpus.lengths == 0)),
        },
        tok=tokenizer_name(tokenize),
        order=order,
        smooth=smooth if SMOOTHINGS[smooth] is None else f"{smooth}[{value:g}]",
    )


def distinct_n(texts: Iterable[str], *, max_order: int = 4, tokenize: Tokenize = "13a") -> Report:
    """distinct-1 .. distinct-N: different n-grams of all texts together over all their n-grams; higher is more diverse.

    Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models", divide by the number of
    tokens instead, which is the total of the first of the ``rows``. The ratio falls as texts are added: compare sets of
    the same size. It is no mean over texts and so has no interval; it is NaN where no text has n tokens.

    Args:
        texts: one or more strings.
        max_order, tokenize: as in `sentence_self_bleu`.

    Raises:
        TypeError: a text that is no string, with its row. ValueError: no texts, an unknown option.
    """
    order, given = _read_order(max_order), read_strings(texts, "texts")
    if not given:
        raise ValueError("texts is empty: there is nothing to measure")
    corpus = read_corpus(given, tokenize)
    threads = torch.get_num_threads()
    distinct = _C.count_distinct_ngrams(corpus.tokens, corpus.offsets, corpus.vocabulary, order, threads)
    pairs = zip(distinct.tolist(), corpus.totals(order).sum(axis=0).tolist(), strict=True)
    rows = [
        {"n": n, "distinct": different, "total": total, "ratio": different / total if total else np.nan}
        for n, (different, total) in enumerate(pairs, 1)
    ]
    return Report(
        title=f"distinct-n of {len(given)} texts",
        estimates={},
        signature=write_signature("distinct_n", tok=tokenizer_name(tokenize)),
        numbers={f"distinct_{row['n']}": row["ratio"] for row in rows} | {"n_texts": len(given)},
        rows=rows,
    )


def _scores(corpus: Corpus, max_order: int, smooth: str, value: float) -> Floats:
    lengths = corpus.lengths
    if len(lengths) < 2:
        raise ValueError(f"texts holds {len(lengths)}, and Self-BLEU compares each with the others: give at least two")
    threads = torch.get_num_threads()
    matches = _C.match_ngrams(corpus.tokens, corpus.offsets, corpus.vocabulary, max_order, threads)
    precision = _log_precision(matches, corpus.totals(max_order), smooth, value)
    shortfall = np.minimum(1 - _closest_other(lengths) / np.maximum(lengths, 1), 0)
    return np.where(matches.any(axis=1), 100 * np.exp(precision + shortfall), 0.0)


def _log_precision(matches: NDArray[np.int64], totals: NDArray[np.int64], smooth: str, value: float) -> Floats:
    """The mean log precision of each text over the orders that it has n-grams of, ``[n]``."""
    matched, total = matches.astype(np.float64), totals.astype(np.float64)
    unmatched = (matches == 0) & (totals > 0)
    if smooth == "exp":
        matched = np.where(unmatched, 0.5 ** unmatched.cumsum(axis=1), matched)
    elif smooth == "floor":
        matched[unmatched] = value
    elif smooth == "add-k":
        matched[:, 1:] += value
        total[:, 1:] += value
    counted = total > 0
    with np.errstate(divide="ignore"):  # The log of 0 is -inf, and such a score is 0.
        logs = np.log(np.divide(matched, total, out=np.ones_like(total), where=counted))
    mean: Floats = logs.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return mean


def _closest_other(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of two or more lengths the closest of the others; of two equally close ones the shorter."""
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order]
    # The closest other length is a neighbour in sorted order. The first and the last length have one neighbour; the
    # missing one is put so far away that it is never the closest.
    far = 3 * int(ascending[-1]) + 1
    below, above = np.append(-far, ascending[:-1]), np.append(ascending[1:], far)
    closest = np.empty_like(lengths)
    closest[order] = np.where(ascending - below <= above - ascending, below, above)
    return closest


def _read_order(max_order: int) -> int:
    order = as_int(max_order, "max_order")
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"max_order must be from 1 to {MAX_ORDER}, got {order}")
    return order


def _read_smoothing(smooth: str, value: float | None) -> float:
    """The value of a way of smoothing; 0 where it takes none."""
    checks.check_choice(smooth, "smooth", SMOOTHINGS)
    default = SMOOTHINGS[smooth]
    if value is None:
        return default or 0.0
    if default is None:
        raise ValueError(f"smooth_value is for floor and add-k, and smooth is {smooth!r}")
    if not 0 <= value < np.inf:
        raise ValueError(f"smooth_value must be finite and not negative, got {value!r}")
    return value
