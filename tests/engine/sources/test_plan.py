"""A plan runs what sequences share once, keeps to its limits, and finds every answer's tokens again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore.engine.sources.huggingface.plan import SHARINGS, Limits, plan_batches
from pyscore.engine.sources.source import ScoreRequest, TokenCounts

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=7)
ANSWERS = st.lists(st.builds(ScoreRequest, TOKENS, TOKENS), max_size=20)
LIMITS = st.builds(Limits, st.integers(1, 40), st.integers(1, 20), st.integers(1, 8))
WIDE = Limits(1000, 100, 10)


def answer(context: list[int], *tokens: int) -> ScoreRequest:
    return ScoreRequest(context, list(tokens))


def rows_with_stems(plan: Any) -> Iterator[Any]:
    """(tokens of the stems before it, row) of every stem and row of a plan, each once."""
    seen = set()
    for batch in plan.batches:
        before: list[int] = []
        for row in batch.stems:
            if id(row) not in seen:
                yield before, row
            seen.add(id(row))
            before = before + row.tokens
        for row in batch.rows:
            yield before, row


def sequence(before: Any, row: Any, index: Any) -> tuple[Any, ...]:
    """What the token of a row may attend to, itself included: the definition of the tree mask."""
    return (*before, *(row.tokens[j] for j in range(index + 1) if index < row.ends[j]))


def scored(plan: Any) -> Any:
    """slot -> (tokens up to the scored position, candidate)."""
    found = {}
    for before, row in rows_with_stems(plan):
        for index, slots in row.targets.items():
            for token, slot in slots.items():
                assert slot not in found
                found[slot] = (sequence(before, row, index), token)
    return found


def prefixes(answers: Any) -> Any:
    """The nodes of the prefix tree of all sequences, last answer tokens left out."""
    sequences = [(*a.context, *a.continuation[:-1]) for a in answers]
    return {s[:i] for s in sequences for i in range(1, len(s) + 1)}


@settings(max_examples=300)
@given(ANSWERS, LIMITS, st.sampled_from(SHARINGS))
def test_every_answer_token_is_scored_after_exactly_the_tokens_before_it(
    answers: Any, limits: Any, sharing: Any
) -> None:
    plan = plan_batches(answers, limits, sharing)
    found = scored(plan)
    assert sorted(found) == list(range(plan.n_slots))
    for each, slots in zip(answers, plan.slots, strict=True):
        whole = (*each.context, *each.continuation)
        expected = [(whole[:i], whole[i]) for i in range(len(each.context), len(whole))]
        assert [found[slot] for slot in slots] == expected


@settings(max_examples=300)
@given(ANSWERS, LIMITS, st.sampled_from(SHARINGS))
def test_rows_hold_the_tree_with_each_tokens_own_position(answers: Any, limits: Any, sharing: Any) -> None:
    held = []
    for before, row in rows_with_stems(plan_batches(answers, limits, sharing)):
        for index in range(len(row.tokens)):
            path = sequence(before, row, index)
            assert row.depths[index] == len(path) - 1
            held.append(path)
        if sharing != "tree":
            assert row.is_chain
    assert set(held) == prefixes(answers)


@given(ANSWERS, LIMITS, st.sampled_from(SHARINGS))
def test_counts_are_those_of_the_tree_and_the_rows(answers: Any, limits: Any, sharing: Any) -> None:
    plan = plan_batches(answers, limits, sharing)
    rows = sum(len(row.tokens) for _, row in rows_with_stems(plan))
    assert plan.counts.distinct == len(prefixes(answers))
    assert plan.counts.run - plan.counts.padding == rows
    assert plan.counts.naive == sum(len(a.context) + len(a.continuation) - 1 for a in answers)


@given(ANSWERS, LIMITS, st.sampled_from(SHARINGS))
def test_batches_keep_to_their_limits(answers: Any, limits: Any, sharing: Any) -> None:
    for batch in plan_batches(answers, limits, sharing).batches:
        lengths = [len(row.tokens) for row in batch.rows]
        assert lengths == sorted(lengths, reverse=True)
        assert batch.n_tokens <= limits.batch_tokens or len(batch.rows) == 1
        assert all(row.is_chain for row in batch.rows if len(row.tokens) > limits.row_tokens)


@given(ANSWERS, LIMITS, st.randoms(use_true_random=False))
def test_what_runs_does_not_depend_on_the_order_of_the_answers(answers: Any, limits: Any, random: Any) -> None:
    shuffled = random.sample(answers, len(answers))

    def content(plan: Any) -> list[Any]:
        return [
            ([stem.tokens for stem in b.stems], [(row.tokens, row.ends, sorted(row.targets)) for row in b.rows])
            for b in plan.batches
        ]

    assert content(plan_batches(answers, limits)) == content(plan_batches(shuffled, limits))


@given(ANSWERS)
def test_with_room_enough_every_shared_token_runs_once(answers: Any) -> None:
    plan = plan_batches(answers, Limits(10_000, 10_000, 1))
    assert plan.counts.run == plan.counts.distinct


def test_answers_share_their_prompt_and_their_first_tokens_and_last_tokens_never_run() -> None:
    answers = [answer([5, 6, 7], 1, letter, 9) for letter in (2, 3, 4)]
    plan = plan_batches(answers, WIDE)
    (batch,) = plan.batches
    (row,) = batch.rows
    assert batch.stems == ()
    assert row.tokens == [5, 6, 7, 1, 2, 3, 4]
    assert row.depths == [0, 1, 2, 3, 4, 4, 4]
    assert row.ends == [7, 7, 7, 7, 5, 6, 7]
    assert plan.counts == TokenCounts(distinct=7, run=7, padding=0, naive=15)


def test_answers_of_one_token_add_nothing_to_their_prompt() -> None:
    plan = plan_batches([answer([5, 6], token) for token in (7, 8, 9)], WIDE)
    (row,) = plan.batches[0].rows
    assert row.tokens == [5, 6]
    assert row.targets == {1: {7: 0, 8: 1, 9: 2}}


def test_a_prefix_of_the_whole_data_set_is_a_stem_and_those_within_it_too() -> None:
    common, inner = list(range(100, 150)), list(range(200, 240))
    answers = [answer([*common, i, i, i], 1) for i in range(40)]
    answers += [answer([*common, *inner, i, i, i], 1) for i in range(60)]
    plan = plan_batches(answers, Limits(100, 50, 10))
    stems = {tuple(tuple(stem.tokens) for stem in batch.stems) for batch in plan.batches}
    assert stems == {(tuple(common),), (tuple(common), tuple(inner))}
    assert plan.counts.distinct == 50 + 40 + 100 * 3
    assert plan.counts.run == plan.counts.distinct + plan.counts.padding


def test_plans_whose_stems_begin_alike_have_their_first_stems_in_common() -> None:
    common = list(range(1000, 1300))
    plans = [
        plan_batches([answer([*common, *more, i, i], 1) for i in range(60)], Limits(100, 50, 10))
        for more in ([], [7], [8, 9])
    ]
    stems = [[stem.tokens for stem in plan.batches[0].stems] for plan in plans]
    assert [[len(tokens) for tokens in own] for own in stems] == [[128, 128, 44], [128, 128, 45], [128, 128, 46]]
    assert stems[0][:2] == stems[1][:2] == stems[2][:2]


def test_a_stem_that_saves_less_than_it_is_worth_is_run_again_instead() -> None:
    answers = [answer([7, 7, i, i], 1) for i in range(30)]
    assert any(batch.stems for batch in plan_batches(answers, Limits(100, 10, 5)).batches)
    plan = plan_batches(answers, Limits(100, 10, 1000))
    assert not any(batch.stems for batch in plan.batches)
    assert plan.counts.run > plan.counts.distinct


def test_a_subtree_that_fits_into_a_row_is_never_cut_in_two() -> None:
    answers = [answer([q] * 6, 1, letter, 9) for q in range(100, 120) for letter in (2, 3)]
    rows = [row for batch in plan_batches(answers, Limits(100, 25, 10)).batches for row in batch.rows]
    assert len(rows) == 10  # two questions of nine tokens in each
    for row in rows:
        assert row.tokens == [t for q in row.tokens[::9] for t in (*[q] * 6, 1, 2, 3)]


def test_plain_plans_run_each_distinct_sequence_by_itself() -> None:
    answers = [answer([5, 6], 1, 2), answer([5, 6], 1, 3), answer([5, 6], 4, 2)]
    plan = plan_batches(answers, WIDE, "plain")
    assert sorted(row.tokens for row in plan.batches[0].rows) == [[5, 6, 1], [5, 6, 4]]
    assert plan.batches[0].stems == ()


def test_a_long_chain_of_growing_prompts_is_planned() -> None:
    plan = plan_batches([answer([1] * n, 2) for n in range(1, 1500)], Limits(512, 64, 64))
    assert plan.counts.distinct == 1499


@pytest.mark.parametrize("sharing", SHARINGS)
def test_nothing_to_score_is_an_empty_plan(sharing: Any) -> None:
    plan = plan_batches([], WIDE, sharing)
    assert (plan.batches, plan.slots, plan.n_slots, plan.counts) == ([], [], 0, TokenCounts())
