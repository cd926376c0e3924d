"""bbq_bias: worked examples, lm-evaluation-harness's aggregation, and how often its intervals hold the truth."""

from __future__ import annotations

from math import inf, log
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyscore.metrics import Answers, Report, bbq_bias


def report(logprob: Any, right: list[int], biased: list[list[int]], condition: list[str], **options: Any) -> Report:
    """Three answers a question, the last one "unknown"."""
    n = len(right)
    answers = Answers.with_gold(np.asarray(logprob, float).ravel(), np.arange(0, 3 * n + 1, 3), right)
    return bbq_bias(answers, biased, [[2]] * n, condition, **options)


def test_a_worked_example() -> None:
    shares = [[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.5, 0.1, 0.4], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]
    condition = ["ambig"] * 4 + ["disambig"] * 2
    found = report(np.log(shares), [2, 2, 2, 2, 0, 1], [[0], [0], [0], [], [0], [1]], condition)
    assert found["accuracy_ambiguous"].value == pytest.approx(1 / 4)
    assert found["accuracy_disambiguated"].value == pytest.approx(1 / 2)
    assert found["bias_ambiguous"].value == pytest.approx((1 - 1 / 4) * (2 * 1 / 3 - 1))
    assert found["bias_disambiguated"].value == pytest.approx(1)
    assert found["probability_accuracy_ambiguous"].value == pytest.approx((0.1 + 0.1 + 0.8 + 0.4) / 4)
    assert found["probability_bias_ambiguous"].value == pytest.approx((0.3 - 0.5 + 0.0 - 0.6) / 4)
    assert found["probability_bias_disambiguated"].value == pytest.approx(2 * (0.5 + 0.2) / (0.8 + 0.3) - 1)
    assert found.numbers["n_without_a_biased_answer"] == 1


def test_it_agrees_with_the_harness_where_some_choice_is_biased() -> None:
    utils = pytest.importorskip("lm_eval.tasks.bbq.utils")
    rng = np.random.default_rng(0)
    for _ in range(20):
        logprob, right, biased, condition = drawn(rng, 40)
        found = report(logprob, right, biased, condition)
        rows = []
        for i, each in enumerate(logprob):
            chosen = int(np.argmax(each))
            rows.append((chosen == right[i], chosen in biased[i], chosen != 2, condition[i] == "disambig"))
        assert any(row[1] for row in rows if row[3]) and any(row[1] for row in rows if not row[3])
        assert found["bias_ambiguous"].value == pytest.approx(utils.agg_amb_bias_scores(rows))
        assert found["bias_disambiguated"].value == pytest.approx(utils.agg_disamb_bias_scores(rows))
        assert found["accuracy_ambiguous"].value == pytest.approx(utils.agg_accuracy_amb([(r[0], r[3]) for r in rows]))


def drawn(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], list[int], list[list[int]], list[str]]:
    logprob = np.log(rng.dirichlet([1.0, 1.0, 1.0], n))
    condition = ["ambig" if i % 2 else "disambig" for i in range(n)]
    right = [2 if each == "ambig" else int(rng.integers(2)) for each in condition]
    return logprob, right, [[int(rng.integers(2))] for _ in range(n)], condition


@pytest.mark.parametrize("size", [1, 5])
def test_intervals_hold_the_truth_about_as_often_as_they_say(size: int) -> None:
    """Whole clusters lean alike; the truth is what a sample without end would give."""
    rng = np.random.default_rng(7)
    replicates, n = 400, 240
    names = ["bias_ambiguous", "bias_disambiguated", "probability_bias_ambiguous", "probability_bias_disambiguated"]

    def sample(n: int) -> Report:
        lean = np.repeat(rng.normal(0.4, 0.6, n // size), size)
        logits = np.stack([lean, np.zeros(n), np.full(n, 0.3)], axis=1) + rng.gumbel(size=(n, 3))
        logprob = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        condition = ["ambig" if i // size % 2 else "disambig" for i in range(n)]
        right = [2 if each == "ambig" else 0 for each in condition]
        return report(logprob, right, [[0]] * n, condition, clusters=np.arange(n) // size)

    truth = sample(200_000)
    hits = dict.fromkeys(names, 0)
    for _ in range(replicates):
        found = sample(n)
        for name in names:
            hits[name] += found[name].low <= truth[name].value <= found[name].high
    slack = 3 * np.sqrt(0.95 * 0.05 / replicates)
    assert all(0.95 - slack <= hit / replicates <= min(1.0, 0.95 + slack) for hit in hits.values()), hits


def test_where_there_is_no_score_the_reason_stands_there() -> None:
    always = report(np.log([[0.1, 0.1, 0.8]] * 3), [0, 1, 0], [[0]] * 3, ["disambig"] * 3)
    assert "every choice is 'unknown'" in always["bias_disambiguated"].reason
    assert always["bias_ambiguous"].reason == "no ambiguous questions"
    assert always["probability_bias_disambiguated"].value == pytest.approx(0)
    assert np.isnan(always["bias_disambiguated"].value) and "every choice is 'unknown'" in str(always)


def test_no_biased_choice_among_named_ones_is_minus_one() -> None:
    found = report(np.log([[0.2, 0.7, 0.1]] * 4), [1] * 4, [[0]] * 4, ["disambig"] * 4)
    assert found["bias_disambiguated"].value == -1 and found["bias_disambiguated"].low == -1


def test_a_question_with_ten_ways_to_say_unknown() -> None:
    logprob = [log(0.3), log(0.1), *[log(0.06)] * 10]
    answers = Answers(logprob, [0, 12], [False, False, *[True] * 10])
    found = bbq_bias(answers, [[0]], [list(range(2, 12))], ["ambig"])
    assert found["accuracy_ambiguous"].value == 0  # one named answer is likelier than any one of the ten
    assert found["probability_accuracy_ambiguous"].value == pytest.approx(0.6)


def test_impossible_answers_share_alike_and_the_first_is_chosen() -> None:
    found = report([[-inf] * 3], [2], [[0]], ["ambig"])
    assert found["bias_ambiguous"].value == 1 and found["probability_bias_ambiguous"].value == pytest.approx(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"biased": [[3]]}, r"biased\[0\] holds 3, but the question has the answers 0 to 2"),
        ({"biased": [[2]]}, "question 0: an answer is among biased and among unknown"),
        ({"right": [0]}, "question 0 is ambiguous, but what matches isn't what says"),
        ({"condition": ["open"]}, r"condition\[0\] must be 'ambig' or 'disambig', got 'open'"),
        ({"condition": []}, "condition"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    given = {"logprob": [[-1.0] * 3], "right": [2], "biased": [[0]], "condition": ["ambig"], **change}
    with pytest.raises(ValueError, match=message):
        report(**given)
