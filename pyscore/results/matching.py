"""Which questions of two runs are the same; runs that don't hold the same ones are refused unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.results.question_scores import AnswerTexts, QuestionScores, joint_codes

__all__ = ["MATCHES", "Matched", "match_clusters", "match_questions"]

MATCHES = ("exact", "common", "id", "common-id")
"""How questions are paired: all of them, or those that both runs hold; by data set and id, or by id alone."""

_SHOWN = 3  # questions that a message gives as examples

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Matched:
    """The questions that two runs both hold.

    Attributes:
        first, other: ``[n]``, their indices in each run, in the order of the first.
    """

    first: Indices
    other: Indices


def match_questions(
    first: QuestionScores, other: QuestionScores, match: str = "exact", names: tuple[str, str] = ("A", "B")
) -> Matched:
    """Pair the questions of two runs.

    Args:
        first, other: the runs.
        match: one of `MATCHES`.
        names: of the runs, for messages.

    Raises:
        ValueError: a question stands in a run twice; the runs hold other questions, and ``match`` doesn't allow it; no
            question is in both; a question has other answers, other matching ones, or another content in each.
    """
    columns = [(first.question_ids, other.question_ids)]
    if not match.endswith("id"):
        columns.append((first.datasets, other.datasets))
    codes = joint_codes(*columns)
    for scores, code, name in zip((first, other), codes, names, strict=True):
        _check_once(scores, code, name, match)
    where = np.full(int(max(code.max() for code in codes)) + 1, -1, dtype=np.int64)
    where[codes[1]] = np.arange(len(codes[1]))
    partner = where[codes[0]]
    matched = Matched(np.flatnonzero(partner >= 0), partner[partner >= 0])
    if not match.startswith("common") or not len(matched.first):
        _check_all(first, other, matched, names)
    _check_contents(first, other, matched, names)
    _check_answers(first, other, matched, names)
    return matched


def match_clusters(
    first: QuestionScores, other: QuestionScores, matched: Matched, names: tuple[str, str] = ("A", "B")
) -> tuple[NDArray[np.int64] | None, str]:
    """The cluster of each matched question as a whole number, None where no two share one; and a remark, or "".

    A question without a cluster stands alone. Where one run names no clusters, those of the other are used.

    Raises:
        ValueError: the runs put a question into different clusters.
    """
    found = [
        None if scores.clusters is None or scores.clusters.null_count == len(scores) else scores.clusters.take(indices)
        for scores, indices in ((first, matched.first), (other, matched.other))
    ]
    of_first, of_other = found
    if of_first is not None and of_other is not None:
        codes = joint_codes((of_first, of_other))
        differ = np.flatnonzero(codes[0] != codes[1])
        if len(differ):
            i = int(differ[0])
            raise ValueError(
                f"question {first.describe(int(matched.first[i]))} is in the cluster {of_first[i].as_py()!r} in "
                f"{names[0]} and in {of_other[i].as_py()!r} in {names[1]}: score one of them again with the questions "
                "of the other, or count questions as independent (clustered=False, --no-clusters)"
            )
    clusters = of_first if of_first is not None else of_other
    if clusters is None:
        return None, ""
    remark = "" if None not in (of_first, of_other) else f"only {names[of_first is None]} names clusters: they are used"
    (code,) = joint_codes((clusters,))
    alone = np.asarray(clusters.is_null())
    code[alone] = int(code.max()) + 1 + np.arange(np.count_nonzero(alone))
    return (None, "") if len(np.unique(code)) == len(code) else (code, remark)


def _check_once(scores: QuestionScores, code: Indices, name: str, match: str) -> None:
    counts = np.bincount(code)
    twice = np.flatnonzero(counts[code] > 1)
    if not len(twice):
        return
    i, j = np.flatnonzero(code == code[twice[0]])[:2]
    if match.endswith("id") and scores.datasets[int(i)] != scores.datasets[int(j)]:
        datasets = " and ".join(repr(scores.datasets[int(k)].as_py()) for k in (i, j))
        raise ValueError(
            f"{name} has a question {scores.question_ids[int(i)].as_py()!r} in the data sets {datasets}: ids alone "
            "don't tell its questions apart, so pair them by data set and id (match='exact' or 'common')"
        )
    raise ValueError(f"{name} has question {scores.describe(int(i))} more than once: give the rows of one run")


def _check_all(first: QuestionScores, other: QuestionScores, matched: Matched, names: tuple[str, str]) -> None:
    """Raise ValueError unless both runs hold the same questions, and at least one."""
    only = [_others(len(scores), indices) for scores, indices in ((first, matched.first), (other, matched.other))]
    if not len(only[0]) and not len(only[1]):
        return
    told = [
        f"{len(rest)} only in {name}" + (f" (such as {_examples(scores, rest)})" if len(rest) else "")
        for scores, rest, name in zip((first, other), only, names, strict=True)
    ]
    common = len(matched.first)
    choices = ["score what is missing"]
    if common:
        choices.append("compare those that both hold with match='common' (--match common)")
    if {*first.datasets.unique().to_pylist()} != {*other.datasets.unique().to_pylist()}:
        choices.append("if only data sets were renamed, pair by question id alone with match='id' (--match id)")
    raise ValueError(
        f"{names[0]} and {names[1]} don't hold the same questions: {told[0]}, {told[1]}, {common} in both. "
        f"Either {', or '.join(choices)}"
    )


def _others(n: int, indices: Indices) -> Indices:
    """The questions, of n, that are not among these."""
    rest = np.ones(n, dtype=bool)
    rest[indices] = False
    return np.flatnonzero(rest)


def _examples(scores: QuestionScores, indices: Indices) -> str:
    return ", ".join(scores.describe(int(i)) for i in indices[:_SHOWN])


def _check_contents(first: QuestionScores, other: QuestionScores, matched: Matched, names: tuple[str, str]) -> None:
    differ = differing(first, other, matched, "contents")
    if len(differ):
        raise ValueError(
            f"question {first.describe(int(matched.first[differ[0]]))} is another question in {names[1]} than in "
            f"{names[0]}, for its text differs ({len(differ)} such questions): ids must name the same questions"
        )


def differing(first: QuestionScores, other: QuestionScores, matched: Matched, name: str) -> Indices:
    """Which of the matched questions differ in a field that both runs know; none where they don't."""
    import pyarrow.compute as pc

    columns = getattr(first, name), getattr(other, name)
    if first.kind != other.kind or None in columns:
        return np.zeros(0, dtype=np.int64)
    unequal = pc.not_equal(columns[0].take(matched.first), columns[1].take(matched.other)).fill_null(False)
    return np.flatnonzero(np.asarray(unequal))


def _check_answers(first: QuestionScores, other: QuestionScores, matched: Matched, names: tuple[str, str]) -> None:
    """Raise ValueError unless matched questions have the same answers, of which the same ones match, in any order."""
    if first.answers is None or other.answers is None:
        return
    import pyarrow.compute as pc

    answers = (first.answers, other.answers)
    rows = [_rows_of(own, indices) for own, indices in zip(answers, (matched.first, matched.other), strict=True)]
    differ = np.diff(answers[0].offsets)[matched.first] != np.diff(answers[1].offsets)[matched.other]
    if not differ.any():
        texts: Any = [own.texts.take(chosen) for own, (_, chosen) in zip(answers, rows, strict=True)]
        if first.kind != other.kind:  # others' logs leave out the space between prompt and answer
            texts = [pc.utf8_trim_whitespace(each) for each in texts]
        codes = [
            2 * code + own.is_matching[chosen]
            for code, own, (_, chosen) in zip(joint_codes(texts), answers, rows, strict=True)
        ]
        question = rows[0][0]
        unequal = codes[0] != codes[1]
        if unequal.any():
            # Answers may stand in another order: those of a question are compared sorted.
            in_order = [code[np.lexsort((code, question))] for code in codes]
            differ[question[in_order[0] != in_order[1]]] = True
    if differ.any():
        i = int(np.flatnonzero(differ)[0])
        listed = [_listed(own, int(at[i])) for own, at in zip(answers, (matched.first, matched.other), strict=True)]
        raise ValueError(
            f"question {first.describe(int(matched.first[i]))} has the answers {listed[0]} in {names[0]} and "
            f"{listed[1]} in {names[1]} ({np.count_nonzero(differ)} such questions): ids must name the same questions "
            "with the same answers"
        )


def _rows_of(answers: AnswerTexts, questions: Indices) -> tuple[Indices, Indices]:
    """For the answers of these questions, one after the other: whose they are, as 0, 1, ..., and their indices."""
    counts = np.diff(answers.offsets)[questions]
    ends = np.cumsum(counts)
    owner = np.repeat(np.arange(len(questions)), counts)
    return owner, np.arange(len(owner)) + np.repeat(answers.offsets[questions] - (ends - counts), counts)


def _listed(answers: AnswerTexts, question: int) -> str:
    own = range(*answers.offsets[question : question + 2].tolist())
    shown = [repr(answers.texts[i].as_py()) + (" (matching)" if answers.is_matching[i] else "") for i in own]
    return ", ".join(shown)
