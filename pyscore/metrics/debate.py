"""debate_accuracy: how often a judge finds the correct side of a debate, averaged over both orders of the sides."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Codes, Floats, Keys, Mask, encode, take
from pyscore.metrics.core.given_answers import read_known
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.logprob_math import difference, log_expit
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.readers import check_length, read_binary, read_logprobs
from pyscore.metrics.core.report import Report
from pyscore.metrics.core.scales import SHARE
from pyscore.ops import checks

__all__ = ["TIES", "debate_accuracy"]

TIES = {"half": 0.5, "first": 1.0, "last": 0.0, "strict": 0.5}
"""Ties policy -> how far a tie counts as choosing A; with "strict" it is wrong besides."""

_NO_PAIRS = "no debate was judged in both orders"


def debate_accuracy(
    logprob_a: Any,
    logprob_b: Any,
    correct_is_a: Any,
    *,
    debate_id: Iterable[Hashable] | None = None,
    ties: str = "half",
    missing: float | None = -100.0,
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """How often a judge who reads a debate answers with the letter of the correct side, averaged over both orders.

    The judge chooses A where l_A > l_B. ``accuracy`` = mean over debates of the mean of their two orders, so that a
    liking for a letter cancels; ``accuracy_a_correct`` and ``accuracy_b_correct`` are those of one order each.
    ``chose_a`` is the share of A, 1/2 without position bias; ``agreement`` the share of debates that are right, or
    wrong, in both orders; ``mean_probability`` = mean sigmoid(l_correct - l_wrong). Khan et al. 2024, "Debating with
    More Persuasive LLMs Leads to More Truthful Answers"; Michael et al. 2023, "Debate Helps Supervise Unreliable
    Experts".

    Args:
        logprob_a, logprob_b: ``[n]`` log-probabilities of the two letters, nats, one row a judgement.
        correct_is_a: ``[n]`` bools or 0/1, whether the correct side is shown as A.
        debate_id: ``[n]``, the debate of each judgement: two with the same id and opposite ``correct_is_a`` are one
            debate in both orders. ``accuracy``, ``chose_a``, ``agreement`` and ``mean_probability`` then rest on the
            debates that have both; the others are counted. Without ids every judgement counts for itself, there is no
            agreement, and ``chose_a`` also depends on where the correct side stood.
        ties: what equal log-probabilities are: "half" A and half B, "first" A, "last" B as in the code published by
            Khan et al., or "strict": wrong.
        missing: the log-probability written where a letter was not among the judge's top tokens, -100 as published. It
            counts as probability 0 and such rows are counted; both missing is a tie. None: no such convention.
        clusters: one hashable key a judgement, the same for both orders of a debate, such as the question or the story.
        interval: confidence and method.

    Raises:
        TypeError, ValueError: no judgements, lengths that differ, a NaN or positive log-probability with its row, an
            unknown policy, a debate with two rows in one order or in two clusters.
    """
    checks.check_choice(ties, "ties", TIES)
    a, a_missing = _read_letter(logprob_a, "logprob_a", missing)
    b, b_missing = _read_letter(logprob_b, "logprob_b", missing)
    check_length("logprob_b", b, len(a))
    a_correct = read_binary(correct_is_a, "correct_is_a") == 1
    check_length("correct_is_a", a_correct, len(a))
    judged = Averages(len(a), clusters, interval)
    lead = difference(a, b)
    chose_a, correct = _decide(lead, a_correct, ties)
    numbers = {
        "n_ties": int((lead == 0).sum()),
        "n_missing_a": int(a_missing.sum()),
        "n_missing_b": int(b_missing.sum()),
        "n_missing_both": int((a_missing & b_missing).sum()),
    }
    whole, agreement = np.ones(len(a), dtype=bool), {}
    if debate_id is not None:
        debates: list[Hashable] = read_known(debate_id, "debate_id", len(a))
        pairs = _pair(debates, a_correct, judged.codes)
        whole = np.isin(np.arange(len(a)), pairs)
        first, second = correct[pairs[:, 0]], correct[pairs[:, 1]]
        in_pairs = Averages(len(pairs), take(judged.codes, pairs[:, 0]), interval)
        # 1 where both orders are right or both are wrong; where they are halves, the chance of that.
        alike = first * second + (1 - first) * (1 - second)
        agreement = {"agreement": in_pairs.rate(alike, np.ones(len(pairs), dtype=bool), _NO_PAIRS)}
        n_debates = {"both_orders": len(pairs), "one_order": len(set(debates)) - len(pairs)}
        numbers = {f"n_debates_in_{order}": n for order, n in n_debates.items()} | numbers
        judged = judged if clusters is not None else Averages(len(a), encode(debates)[0], interval)
    one_order, right = "no judgement in this order", np.exp(log_expit(np.where(a_correct, lead, -lead)))
    return Report.of(
        "debate_accuracy",
        interval,
        title=f"debate: {len(a)} judgements",
        estimates={
            "accuracy": judged.rate(correct, whole, _NO_PAIRS),
            "accuracy_a_correct": judged.rate(correct, a_correct, one_order),
            "accuracy_b_correct": judged.rate(correct, ~a_correct, one_order),
            "chose_a": judged.rate(chose_a, whole, _NO_PAIRS),
            **agreement,
            "mean_probability": judged.mean(right, whole, _NO_PAIRS, scale=SHARE),
            "tie_rate": judged.rate(lead == 0),
        },
        numbers=numbers,
        ties=ties,
        missing=missing,
    )


def _decide(lead: Floats, a_correct: Mask, ties: str) -> tuple[Floats, Floats]:
    """How far each judgement chose A, and how far it is correct, from l_A - l_B."""
    tie = lead == 0
    chose_a = np.where(tie, TIES[ties], lead > 0)
    correct = np.where(a_correct, chose_a, 1 - chose_a)
    return chose_a, np.where(tie, 0.0, correct) if ties == "strict" else correct


def _read_letter(values: Any, name: str, missing: float | None) -> tuple[Floats, Mask]:
    """Log-probabilities with -inf where the letter was missing, and where that is."""
    logprobs = read_logprobs(values, name)
    absent = np.zeros(len(logprobs), dtype=bool) if missing is None else logprobs == missing
    return np.where(absent, -np.inf, logprobs), absent


def _pair(debates: list[Hashable], a_correct: Mask, codes: Codes | None) -> NDArray[np.int64]:
    """``[D, 2]``, the rows of the debates that were judged in both orders, the one where A is correct first."""
    rows: dict[tuple[Hashable, bool], int] = {}
    for row, judged in enumerate(zip(debates, a_correct.tolist(), strict=True)):
        if rows.setdefault(judged, row) != row:
            raise ValueError(
                f"debate_id[{row}] = {judged[0]!r} is judged twice in the same order (row {rows[judged]} too): "
                "give repeated judgements ids of their own, and a cluster in common"
            )
    pairs = [(row, rows[debate, False]) for (debate, first), row in rows.items() if first and (debate, False) in rows]
    if codes is not None:
        for row, other in pairs:
            if codes[row] != codes[other]:
                raise ValueError(f"clusters[{row}] and clusters[{other}] differ, but both judge {debates[row]!r}")
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
