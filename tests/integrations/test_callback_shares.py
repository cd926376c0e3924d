"""Questions are divided among ranks: each in one share, those that begin alike together, and about the same work."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyscore.engine.tokenization import CLEAN, AnswerTokens
from pyscore.integrations.training.shares import share_of

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=8)
questions = st.lists(st.tuples(tokens, st.lists(tokens, min_size=2, max_size=3)), min_size=1, max_size=30)


def answers_of(asked: list[tuple[list[int], list[list[int]]]]) -> list[list[AnswerTokens]]:
    return [[AnswerTokens(context, answer, CLEAN, False) for answer in answers] for context, answers in asked]


@given(questions, st.integers(1, 7))
def test_every_question_is_in_exactly_one_share(asked: list[tuple[list[int], list[list[int]]]], count: int) -> None:
    answers = answers_of(asked)
    shares = [share_of(answers, i, count) for i in range(count)]
    assert sorted(i for share in shares for i in share) == list(range(len(asked)))
    assert all(share == sorted(share) for share in shares)


@given(questions, st.integers(1, 7))
def test_no_share_exceeds_its_part_by_more_than_a_question(
    asked: list[tuple[list[int], list[list[int]]]], count: int
) -> None:
    answers = answers_of(asked)
    # An upper bound of what a question costs: all of its tokens, and the number of those that it can't share.
    whole = [len(own[0].context) + sum(len(each.answer) for each in own) for own in answers]
    least = [sum(len(each.answer) for each in own) for own in answers]
    for i in range(count):
        assert sum(least[j] for j in share_of(answers, i, count)) <= sum(whole) / count + max(whole)


def test_questions_that_begin_alike_stay_together() -> None:
    asked = [([kind] * 20 + [i], [[1], [2]]) for i in range(6) for kind in (0, 1)]
    shares = [share_of(answers_of(asked), i, 2) for i in range(2)]
    assert shares == [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]


def test_a_long_question_outweighs_many_short_ones() -> None:
    asked = [([9] * 200, [[1], [2]]), *(([i], [[1], [2]]) for i in range(8))]
    assert sorted(share_of(answers_of(asked), i, 2) for i in range(2)) == [[0], [1, 2, 3, 4, 5, 6, 7, 8]]
