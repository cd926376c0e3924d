"""A plan runs every distinct sequence once, within its budget, and finds every answer's tokens again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore.engine.batching import plan_batches
from pyscore.engine.tokenization import CLEAN, AnswerTokens

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=5)
ANSWERS = st.lists(st.builds(AnswerTokens, TOKENS, TOKENS, st.just(CLEAN), st.just(False)), max_size=20)


def scored(batch):
    """(sequence up to the scored position, candidate) of every target of a batch."""
    found = []
    for n, (row, column) in enumerate(zip(batch.rows, batch.columns, strict=True)):
        for target in batch.targets[batch.target_offsets[n] : batch.target_offsets[n + 1]]:
            found.append((batch.sequences[row][: column + 1], target))
    return found


@settings(deadline=None)
@given(ANSWERS, st.integers(1, 30))
def test_every_answer_token_is_scored_after_exactly_the_tokens_before_it(answers, budget):
    plan = plan_batches(answers, budget)
    targets = [target for batch in plan.batches for target in scored(batch)]
    for answer, places in zip(answers, plan.places, strict=True):
        whole = (*answer.context, *answer.answer)
        expected = [(whole[:i], whole[i]) for i in range(len(answer.context), len(whole))]
        assert [targets[place] for place in places] == expected


@settings(deadline=None)
@given(ANSWERS, st.integers(1, 30))
def test_sequences_run_once_longest_first_and_within_the_budget(answers, budget):
    batches = plan_batches(answers, budget).batches
    sequences = [sequence for batch in batches for sequence in batch.sequences]
    assert len(set(sequences)) == len(sequences)
    assert [len(s) for s in sequences] == sorted((len(s) for s in sequences), reverse=True)
    for batch in batches:
        assert len(batch.sequences) == 1 or len(batch.sequences) * len(batch.sequences[0]) <= budget


@settings(deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_batches_do_not_depend_on_the_order_of_the_answers(answers, random):
    shuffled = random.sample(answers, len(answers))
    assert plan_batches(answers, 12).batches == plan_batches(shuffled, 12).batches


def test_answers_that_differ_in_their_last_token_share_one_sequence():
    answers = [AnswerTokens([5, 6], [token], CLEAN, False) for token in (7, 8, 9)]
    (batch,) = plan_batches(answers, 100).batches
    assert batch.sequences == [(5, 6)]
    assert batch.targets == [7, 8, 9]
    assert batch.target_offsets == [0, 3]
