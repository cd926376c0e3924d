"""Answers in free text: whether they match a reference, and who answers alike."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats, Keys, encode
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.readers import check_same_length, read_strings
from pyscore.metrics.core.report import Report
from pyscore.metrics.core.scales import SHARE

__all__ = ["exact_matches", "normalize_answer", "same_answer_matrix", "squad", "token_f1s"]

_ARTICLES = re.compile(r"\b(?:an?|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, without a, an and the, single spaces; in this order, as in SQuAD.

    Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text".
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_matches(predictions: Iterable[str], references: Iterable[str | Sequence[str]]) -> Floats:
    """1 where a prediction equals one of its references after `normalize_answer`, else 0: ``[n]`` float64.

    Args:
        predictions: one text a question.
        references: for each question its acceptable answer, or a sequence of them; an empty text or an empty sequence
            says that there is no answer, which an empty prediction matches (SQuAD 2, Rajpurkar et al. 2018).

    Raises:
        TypeError: a prediction or a reference that is no string, with its row. ValueError: lengths that differ.
    """
    return _exact_matches(_read_pairs(predictions, references))


def token_f1s(predictions: Iterable[str], references: Iterable[str | Sequence[str]]) -> Floats:
    """F1 of the words that a prediction and its best reference share after `normalize_answer`: ``[n]`` float64, 0 to 1.

    F1 = 2 · common / (words of the prediction + words of the reference), words counted as often as they occur in both;
    where either has no words it is 1 if neither has, else 0 (SQuAD 2). Arguments and errors as in `exact_matches`.
    """
    return _token_f1s(_read_pairs(predictions, references))


def squad(
    predictions: Iterable[str],
    references: Iterable[str | Sequence[str]],
    *,
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """Exact match and token F1 over questions, each with an interval; 0 to 1, where SQuAD's own script shows percent.

    Arguments and errors as in `exact_matches`; ``clusters`` one hashable key a question, ``interval`` by default
    `Interval()`.
    """
    pairs = _read_pairs(predictions, references)
    over = Averages(len(pairs), clusters, interval)
    return Report.of(
        "squad",
        interval,
        title=f"Exact match and token F1 of {len(pairs)} answers",
        estimates={
            "exact_match": over.rate(_exact_matches(pairs), name="predictions"),
            "f1": over.mean(_token_f1s(pairs), name="predictions", scale=SHARE),
        },
        numbers={"n_questions": len(pairs), "n_unanswerable": sum("" in accepted for _, accepted in pairs)},
    )


def same_answer_matrix(answers: Sequence[Sequence[Hashable]]) -> tuple[Floats, NDArray[np.int64]]:
    """On what share of the questions each two rows give the same answer, and how many answers of each are unreadable.

    Args:
        answers: ``[R, Q]`` hashable answers, a row a model or a sample; None or NaN is one that couldn't be read.

    Returns:
        ``same [R, R]`` float64, over all Q questions: an unreadable answer is a mismatch, also with another unreadable
        one and with itself, so that the diagonal is a row's readable share; ``unreadable [R]`` int64.

    Raises:
        ValueError: no rows, no questions, or rows that differ in length. TypeError: an answer that can't be hashed.
    """
    rows = [row.tolist() if hasattr(row, "tolist") else list(row) for row in answers]
    if not rows or not rows[0]:
        raise ValueError("answers is empty: there is nothing to compare")
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"answers[{index}] has {len(row)} answers and answers[0] has {len(rows[0])}")
    flat = [answer for row in rows for answer in row]
    for index, answer in enumerate(flat):
        if not isinstance(answer, Hashable):
            where = f"answers[{index // len(rows[0])}][{index % len(rows[0])}]"
            raise TypeError(f"{where} can't be hashed ({type(answer).__name__}): use strings or numbers")
    readable = np.array([answer is not None and answer == answer for answer in flat]).reshape(len(rows), -1)
    codes = encode(flat)[0].reshape(readable.shape)
    same = np.stack(
        [((row == codes) & readable & known).mean(axis=1) for row, known in zip(codes, readable, strict=True)]
    )
    return same, np.count_nonzero(~readable, axis=1)


def _read_pairs(predictions: Iterable[str], references: Iterable[str | Sequence[str]]) -> list[tuple[str, list[str]]]:
    """Each prediction with its acceptable answers, all of them normalised."""
    predicted = read_strings(predictions, "predictions")
    if isinstance(references, str | bytes):
        raise TypeError("references must have one entry a question; got a single string")
    accepted = [
        [one] if isinstance(one, str) else read_strings(one, f"references[{row}]") or [""]
        for row, one in enumerate(references)
    ]
    check_same_length("questions", predictions=predicted, references=accepted)
    return [
        (normalize_answer(prediction), [normalize_answer(reference) for reference in several])
        for prediction, several in zip(predicted, accepted, strict=True)
    ]


def _exact_matches(pairs: list[tuple[str, list[str]]]) -> Floats:
    return np.array([prediction in accepted for prediction, accepted in pairs], np.float64)


def _token_f1s(pairs: list[tuple[str, list[str]]]) -> Floats:
    return np.array([max(_f1(prediction, one) for one in accepted) for prediction, accepted in pairs], np.float64)


def _f1(prediction: str, reference: str) -> float:
    one, other = prediction.split(), reference.split()
    if not one or not other:
        return float(one == other)
    return 2 * (Counter(one) & Counter(other)).total() / (len(one) + len(other))
