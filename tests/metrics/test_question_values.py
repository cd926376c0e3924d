"""One value a question: exact oracles, both ends of the number line, ties under every policy."""

from __future__ import annotations

from fractions import Fraction
from math import inf, log

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import brier_score_loss, log_loss

from pyscore.metrics import Answers
from pyscore.metrics.core.logprob_math import log1mexp
from pyscore.metrics.question_values import SHIFTS, VALUES, Rule, compare, logodds_shift, per_question

NORMALIZATIONS = ("sum", "token", "char", "byte", "pmi")
LOGPROBS = st.sampled_from([0.0, -1e-9, -0.5, -1.0, -1.0, -3.25, -40.0, -374.0, -750.0, -1e4, -inf])


@st.composite
def questions(draw: st.DrawFn, one_right: bool = False) -> Answers:
    """One to six questions of two to five answers, with exact ties, underflow and impossible answers."""
    logprob: list[float] = []
    is_matching: list[bool] = []
    offsets = [0]
    for _ in range(draw(st.integers(1, 6))):
        n = draw(st.integers(2, 5))
        right = draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=1 if one_right else n - 1))
        logprob += draw(st.lists(LOGPROBS, min_size=n, max_size=n))
        is_matching += [k in right for k in range(n)]
        offsets.append(len(logprob))
    total = len(logprob)
    lengths = st.lists(st.integers(1, 9), min_size=total, max_size=total)
    unconditional = draw(st.lists(st.sampled_from([-0.5, -1.0, -12.0]), min_size=total, max_size=total))
    n_tokens, n_chars, n_bytes = (draw(lengths) for _ in range(3))
    return Answers(logprob, offsets, is_matching, n_tokens, n_chars, n_bytes, None, unconditional)


def split(answers: Answers, column: np.ndarray | None = None) -> list[np.ndarray]:
    """A column of the answers, one array a question; by default their log-probabilities."""
    return np.split(answers.logprob if column is None else column, answers.question_offsets[1:-1])


def masses(scores: np.ndarray, right: np.ndarray) -> tuple[mpmath.mpf, mpmath.mpf]:
    """exp of the scores, matching and other, summed in high precision; all alike where all are impossible."""
    scores = np.zeros(len(scores)) if np.all(scores == -inf) else scores
    powers = [mpmath.exp(float(score)) for score in scores]
    sides = [[p for p, r in zip(powers, right, strict=True) if r == side] for side in (True, False)]
    return mpmath.fsum(sides[0]), mpmath.fsum(sides[1])


def log_of_ratio(a: mpmath.mpf, b: mpmath.mpf) -> float:
    return inf if not b else -inf if not a else float(mpmath.log(a / b))


def log_of_sum_over(a: mpmath.mpf, b: mpmath.mpf) -> float:
    """log((a + b) / b), which is the loss of b."""
    return inf if not b else float(mpmath.log1p(a / b))


@given(questions())
def test_losses_and_masses_equal_arithmetic_of_fifty_digits(answers: Answers) -> None:
    names = ("loss", "inverted_loss", "log_odds", "probability", "coverage", "total_logprob")
    found = np.stack([per_question(answers, name) for name in names], axis=1)
    rights = split(answers, answers.is_matching)
    for row, scores, right in zip(found, split(answers), rights, strict=True):
        with mpmath.workdps(50):
            matching, others = masses(scores, right)
            losses = log_of_sum_over(others, matching), log_of_sum_over(matching, others)
            log_odds, probability = log_of_ratio(matching, others), float(matching / (matching + others))
            total, total_logprob = float(matching + others), float(mpmath.log(matching + others))
        if np.all(scores == -inf):
            total, total_logprob = 0.0, -inf
        assert row[:2] == pytest.approx(losses, rel=1e-12, abs=1e-300)
        assert row[2:] == pytest.approx([log_odds, probability, total, total_logprob], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("lead", [0.0, 1e-3, 5.0, 40.0, 374.0, -374.0, 9e3])
def test_losses_keep_their_digits_where_a_softmax_is_zero_or_one(lead: float) -> None:
    answers = Answers.with_gold([-1.0 + min(lead, 0.0), -1.0 - max(lead, 0.0)], [0, 2], [0])
    with mpmath.workdps(5000):  # exp(-9000) still has a thousand digits
        loss = mpmath.log1p(mpmath.exp(-mpmath.mpf(lead)))
        expected = float(loss), float(-mpmath.log(1 - mpmath.exp(-loss)))
    found = per_question(answers, "loss")[0], per_question(answers, "inverted_loss")[0]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-300)


@given(questions(), st.sampled_from(NORMALIZATIONS))
def test_predictions_equal_a_loop_with_exact_fractions(answers: Answers, normalize: str) -> None:
    columns = {"token": answers.n_tokens, "char": answers.n_chars, "byte": answers.n_bytes}
    rights = split(answers, answers.is_matching)
    correct, prefers = (per_question(answers, name, Rule(normalize)) for name in ("correct", "prefers"))
    for i, (scores, right) in enumerate(zip(split(answers), rights, strict=True)):
        low = Fraction(-(10**9))  # below everything, as -inf is
        exact = [Fraction(float(score)) if score != -inf else low for score in scores]
        if normalize == "pmi":
            shifts = split(answers, answers.unconditional)[i]
            exact = [e - Fraction(float(s)) if e != low else low for e, s in zip(exact, shifts, strict=True)]
        elif normalize != "sum":
            exact = [
                e / int(n) if e != low else low
                for e, n in zip(exact, split(answers, columns[normalize])[i], strict=True)
            ]
        if len({float(e) for e in exact}) < len(set(exact)):
            continue  # not equal, but equal as float64
        assert correct[i] == right[exact.index(max(exact))]
        best, other = (max(e for e, r in zip(exact, right, strict=True) if r == side) for side in (True, False))
        assert prefers[i] == (0.5 if best == other else float(best > other))


@given(questions(), st.sampled_from(["max", "sum"]), st.sampled_from(NORMALIZATIONS))
def test_the_last_wins_where_the_first_wins_in_the_opposite_order(answers: Answers, sets: str, normalize: str) -> None:
    last = per_question(answers, "prefers", Rule(normalize, sets, "last"))
    first = per_question(answers.backwards(), "prefers", Rule(normalize, sets, "first"))
    assert last.tolist() == first[::-1].tolist()
    half = compare(answers, Rule(normalize, sets))
    assert last[~half.tie].tolist() == half.prefers[~half.tie].tolist()


@pytest.mark.parametrize("level", [0.0, -1.0, -374.0, -1e4, -inf])
@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ([True, False], {"half": 0.5, "strict": 0, "first": 1, "last": 0, "share": 1 / 2}),
        ([False, True], {"half": 0.5, "strict": 0, "first": 0, "last": 1}),
        ([False, True, False], {"half": 0.5, "strict": 0, "first": 0, "last": 0, "share": 1 / 3}),
        ([True, False, True], {"half": 0.5, "strict": 0, "first": 1, "last": 1}),
    ],
)
def test_an_exact_tie_counts_by_its_policy_at_every_level(
    level: float, right: list[bool], expected: dict[str, float]
) -> None:
    if level == -374.0:
        right, level_of = [*right, False], [level] * len(right) + [-1e4]  # a lesser answer changes nothing
    else:
        level_of = [level] * len(right)
    answers = Answers(level_of, [0, len(right)], right)
    assert per_question(answers, "tie").tolist() == [1]
    for ties, value in expected.items():
        assert per_question(answers, "prefers", Rule(ties=ties)).tolist() == [value], ties
    assert per_question(answers, "correct").tolist() == [float(right[0])]


@given(questions())
def test_taking_the_others_for_right_negates_the_log_odds_and_swaps_the_losses(answers: Answers) -> None:
    swapped = Answers(answers.logprob, answers.question_offsets, ~answers.is_matching)
    for name in ("log_odds", "margin"):
        assert per_question(swapped, name) == pytest.approx(-per_question(answers, name), abs=1e-12)
    assert per_question(swapped, "loss") == pytest.approx(per_question(answers, "inverted_loss"), rel=1e-12, abs=1e-300)
    assert per_question(swapped, "probability") == pytest.approx(1 - per_question(answers, "probability"), abs=1e-12)
    assert per_question(swapped, "prefers") == pytest.approx(1 - per_question(answers, "prefers"))


@given(questions())
def test_the_order_of_answers_and_questions_changes_no_value(answers: Answers) -> None:
    for name in ("probability", "coverage", "prefers", "log_odds", "margin", "loss", "inverted_loss", "total_logprob"):
        turned = per_question(answers.backwards(), name)[::-1]
        assert turned == pytest.approx(per_question(answers, name), rel=1e-12, abs=1e-12)


@given(questions(), st.sampled_from(["sum", "char", "pmi"]))
def test_a_question_alone_has_the_value_that_it_has_among_others(answers: Answers, normalize: str) -> None:
    rule = Rule(normalize, ties="last")
    for name in ("probability", "prefers", "correct", "loss", "total_logprob"):
        together = per_question(answers, name, rule)
        for i, (start, end) in enumerate(zip(answers.question_offsets[:-1], answers.question_offsets[1:], strict=True)):
            columns = {
                c: getattr(answers, c)[start:end] for c in ("logprob", "is_matching", "n_chars", "unconditional")
            }
            alone = per_question(Answers(question_offsets=[0, end - start], **columns), name, rule)
            assert alone[0] == pytest.approx(together[i], rel=1e-13, abs=1e-15)


@given(questions(one_right=True))
def test_brier_scores_equal_a_loop_and_lie_between_zero_and_two(answers: Answers) -> None:
    found = per_question(answers, "brier")
    for i, (scores, right) in enumerate(zip(split(answers), split(answers, answers.is_matching), strict=True)):
        with np.errstate(invalid="ignore"):
            shares = np.exp(log_softmax(scores)) if scores.max() > -inf else np.full(len(scores), 1 / len(scores))
        assert found[i] == pytest.approx(
            sum((share - r) ** 2 for share, r in zip(shares, right, strict=True)), abs=1e-12
        )
        assert 0 <= found[i] <= 2


def test_losses_and_brier_scores_equal_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    scores = log_softmax(rng.normal(0, 3, (60, 4)), axis=1)
    gold = rng.integers(0, 4, 60)
    answers = Answers.with_gold(scores.ravel() - 2.5, np.arange(0, 241, 4), gold)  # the mass itself cancels
    shares = np.exp(scores)
    assert per_question(answers, "loss").mean() == pytest.approx(log_loss(gold, shares, labels=range(4)), rel=1e-12)
    pairs = Answers.with_gold(scores[:, :2].ravel(), np.arange(0, 121, 2), gold % 2)
    two = shares[:, 1] / (shares[:, 0] + shares[:, 1])
    # of two classes it is the sum over both, twice the score of one
    assert per_question(pairs, "brier").mean() == pytest.approx(2 * brier_score_loss(gold % 2, two), rel=1e-12)


def test_an_inverted_loss_is_log_one_minus_exp_of_the_loss() -> None:
    lead = np.array([-700.0, -30.0, -1.0, 0.0, 1e-3, 1.0, 30.0, 700.0])
    logprob = np.stack([np.minimum(lead, 0), np.minimum(-lead, 0)], axis=1).ravel()
    answers = Answers.with_gold(logprob, np.arange(0, 17, 2), [0] * 8)
    assert per_question(answers, "inverted_loss") == pytest.approx(-log1mexp(-per_question(answers, "loss")), rel=1e-12)
    far = Answers.with_gold([0.0, -1e4], [0, 2], [0])  # the loss underflows to 0, of which the formula makes inf
    assert (per_question(far, "loss")[0], per_question(far, "inverted_loss")[0]) == (0, 1e4)


def test_baselines_are_those_of_guessing_among_a_questions_own_answers() -> None:
    answers = Answers.with_gold([-1.0] * 7, [0, 2, 7], [0, 4])
    assert per_question(answers, "log_n_answers").tolist() == [log(2), log(5)]
    assert per_question(answers, "one_in_n_answers").tolist() == [1 / 2, 1 / 5]
    assert per_question(answers, "loss") == pytest.approx([log(2), log(5)])  # of equal answers the loss is the baseline


@pytest.mark.parametrize(("gold", "shift", "correct"), [(0, 2.5, 0), (1, -2.5, 1)])
def test_a_shift_by_hand_for_both_answer_indices(gold: int, shift: float, correct: float) -> None:
    # l0 - l1 is 2 on the prompt and -0.5 on the other one: 2.5, turned where the answer has index 1
    prompt, other = (Answers.with_gold(pair, [0, 2], [gold]) for pair in ([-1.0, -3.0], [-2.5, -2.0]))
    assert per_question(prompt, "logodds_shift", other=other).tolist() == [shift]
    assert per_question(prompt, "absolute_logodds_shift", other=other).tolist() == [2.5]
    assert per_question(prompt, "correct_on_other", other=other).tolist() == [
        correct
    ]  # on the prompt it'd be the reverse


@given(st.lists(st.tuples(*[st.floats(-500, 0)] * 4), min_size=1, max_size=8), st.data())
def test_shifts_change_their_sign_with_the_prompts(rows: list[tuple[float, ...]], data: st.DataObject) -> None:
    gold = data.draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
    offsets = np.arange(0, 2 * len(rows) + 1, 2)
    table = np.array(rows)
    prompt, other = (Answers.with_gold(table[:, columns].ravel(), offsets, gold) for columns in ([0, 1], [2, 3]))
    expected = [((a - b) - (c - d)) * (-1) ** g for (a, b, c, d), g in zip(rows, gold, strict=True)]
    assert logodds_shift(prompt, other) == pytest.approx(expected, abs=1e-9)
    assert logodds_shift(other, prompt) == pytest.approx(-logodds_shift(prompt, other), abs=1e-9)
    assert not logodds_shift(prompt, prompt).any()


PAIR = Answers([-1.0, -2.0], [0, 2], [True, False])
TRIPLE = Answers([-1.0, -2.0, -3.0], [0, 3], [True, True, False])


@pytest.mark.parametrize(
    ("answers", "value", "rule", "other", "message"),
    [
        (PAIR, "accuracy", Rule(), None, "value='accuracy' is not one of"),
        (PAIR, "prefers", Rule("char"), None, "the answers have no n_chars: give n_chars="),
        (PAIR, "prefers", Rule("pmi"), None, "the answers have no unconditional"),
        (PAIR, "sequence_loss", Rule(), None, "question 0 has 2 answers"),
        (TRIPLE, "brier", Rule(), None, "question 0 has 2 matching answers"),
        (TRIPLE, "logodds_shift", Rule(), TRIPLE, "question 0 has 3 answers"),
        (PAIR, "logodds_shift", Rule(), None, "give other="),
        (PAIR, "correct_on_other", Rule(), TRIPLE, "question 0 has other answers"),
        (PAIR, "logodds_shift", Rule(), Answers([-1.0] * 4, [0, 2, 4], [True, False] * 2), "same questions: 1 and 2"),
        (Answers([-1.0, -2.0], [0, 1, 2], [True, True]), "loss", Rule(), None, "question 0 no other answer"),
    ],
)
def test_a_value_that_is_not_defined_says_why(
    answers: Answers, value: str, rule: Rule, other: Answers | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        per_question(answers, value, rule, other=other)


@pytest.mark.parametrize("option", [{"normalize": "word"}, {"sets": "mean"}, {"ties": "random"}])
def test_an_unknown_rule_is_refused_where_it_is_made(option: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(option))}="):
        Rule(**option)


def test_every_value_is_float64_and_one_a_question() -> None:
    for name in (*VALUES, *SHIFTS):
        answers = Answers.of_sequences([-1.0]) if name == "sequence_loss" else PAIR
        found = per_question(answers, name, other=PAIR if name in SHIFTS else None)
        assert found.dtype == np.float64 and found.shape == (1,), name
