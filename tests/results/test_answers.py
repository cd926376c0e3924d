"""Rows become the answers that presets are computed on, in the order of their comparison."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from pyscore import comparison_from_rows
from pyscore.metrics import apply_preset
from pyscore.metrics.question_values import Rule, compare
from pyscore.results import answers_from_rows, clusters_from_rows
from tests.store.tables import pair, row, table

ROWS = [
    *pair(-1.0, -2.0, question_id="b"),
    *pair(-3.0, -0.5, question_id="a"),
    row(question_id="c", answer_index=0, is_matching=False, logprob=-4.0),
    row(question_id="c", answer_index=1, is_matching=True, logprob=-2.0),
    row(question_id="c", answer_index=2, is_matching=False, logprob=-9.0),
]


@pytest.mark.parametrize("normalize", ["sum", "token", "char", "byte"])
@pytest.mark.parametrize("shuffle", [None, 0, 1])
def test_answers_compare_as_their_rows_do(normalize: str, shuffle: int | None) -> None:
    rows = list(ROWS)
    if shuffle is not None:
        random.Random(shuffle).shuffle(rows)
    written = table(rows)
    ours = compare(answers_from_rows(written), Rule(normalize))
    expected = comparison_from_rows(written, normalize=normalize)
    for name, column in vars(expected).items():
        assert np.array_equal(getattr(ours, name), column)


def test_presets_read_rows() -> None:
    report = apply_preset(answers_from_rows(table(ROWS)), "model_written_evals")
    assert report["preference_rate"].value == pytest.approx(2 / 3)


def test_a_table_without_unconditionals_still_gives_the_lm_eval_metrics_that_need_none() -> None:
    report = apply_preset(answers_from_rows(table(ROWS)), "lm_eval")
    found = {name: estimate.value for name, estimate in report.estimates.items() if not estimate.reason}
    assert set(found) == {"acc", "acc_norm", "acc_bytes", "brier_score"}
    assert report["acc_mutual_info"].reason == "the answers have no unconditional"


def test_lengths_count_the_answer_as_scored_and_one_less_is_the_choice_of_lm_eval() -> None:
    # " Yes" and " No": -8 and -6.2 are -2 and -2.07 a character as scored, but -2.67 and -3.1 without the space;
    # " né" has 3 characters and 4 bytes as scored
    accented = row(answer=" né", answer_index=2, is_matching=False, logprob=-90.0, n_chars=3, n_bytes=4)
    answers = answers_from_rows(table([*pair(-8.0, -6.2), accented]))
    assert answers.n_chars.tolist() == [4, 3, 3] and answers.n_bytes.tolist() == [4, 3, 4]
    assert answers.scores("char") == pytest.approx([-8 / 4, -6.2 / 3, -90 / 3])
    choices = replace(answers, n_chars=answers.n_chars - 1, n_bytes=answers.n_bytes - 1)
    assert choices.scores("char") == pytest.approx([-8 / len("Yes"), -6.2 / len("No"), -90 / len("né")])
    assert choices.scores("byte") == pytest.approx([-8 / 3, -6.2 / 2, -90 / len("né".encode())])


def test_clusters_of_the_rows_fit_the_answers_of_the_rows() -> None:
    # the questions of a cluster agree, so that six in three clusters say as much as three
    leads = np.array([1.0, 0.4, -0.2])
    questions = [
        pair(-1.0, -1.0 - lead, question_id=f"{repeat}{lead}", cluster=str(lead)) for repeat in "ab" for lead in leads
    ]
    rows = [question[k] for k in (0, 1) for question in questions]  # first all matching answers
    written = table(rows)
    report = apply_preset(answers_from_rows(written), "model_written_evals", clusters=clusters_from_rows(written))
    probability = 1 / (1 + np.exp(-leads))
    assert report.title == "model_written_evals: 6 questions in 3 clusters"
    assert report["mean_probability"].value == pytest.approx(probability.mean())
    assert report["mean_probability"].stderr == pytest.approx(probability.std(ddof=1) / math.sqrt(3))


def test_no_rows_give_no_answers() -> None:
    assert len(answers_from_rows(table([]))) == 0


def test_an_impossible_row_is_refused_with_its_question() -> None:
    with pytest.raises(ValueError, match="question 'b' has the log-probability"):
        answers_from_rows(table(pair(0.5, -2.0, question_id="b")))
