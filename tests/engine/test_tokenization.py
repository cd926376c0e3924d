"""Prompt and answer tokens follow lm-evaluation-harness, and the row says where the join merged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore.engine.tokenization import (
    CLEAN,
    MERGED,
    AnswerTokenizer,
    move_trailing_space,
    split_tokens,
    tokenizer_hash,
)
from tests.engine.tiny import tiny_tokenizer

IDS = st.lists(st.integers(0, 3), max_size=6)
TEXT = st.text(st.sampled_from("Yesno AB()\n\u00e9\u200b"), min_size=1, max_size=12)


def encode(prompt: str, answer: str, **options):
    truncate = options.pop("truncate", False)
    return AnswerTokenizer(tiny_tokenizer(), **options).encode([(prompt, answer)], ["q7"], truncate=truncate)[0]


def ids(text: str) -> list[int]:
    return tiny_tokenizer().encode(text, add_special_tokens=False)


def harness_split(prompt: str, answer: str) -> tuple[list[int], list[int]]:
    """What lm-evaluation-harness documents: trailing spaces move, the answer is what follows len(encode(prompt))."""
    n_spaces = len(prompt) - len(prompt.rstrip())
    if n_spaces:
        prompt, answer = prompt[:-n_spaces], prompt[-n_spaces:] + answer
    return ids(prompt), ids(prompt + answer)[len(ids(prompt)) :]


def test_trailing_whitespace_of_the_prompt_moves_to_the_answer():
    assert move_trailing_space("He said \n ", "no") == ("He said", " \n no")
    assert move_trailing_space("He said", " no") == ("He said", " no")
    assert encode("Do you agree? ", "Yes")[:2] == encode("Do you agree?", " Yes")[:2]


@given(prompt=IDS, whole=IDS)
def test_a_split_loses_no_token_and_is_clean_exactly_when_the_prompt_is_a_prefix(prompt, whole):
    context, answer, boundary = split_tokens(prompt, whole)
    assert context + answer == whole
    assert context == prompt[: len(context)]
    assert (boundary == CLEAN) == (whole[: len(prompt)] == prompt)
    assert not (answer and len(context) < len(prompt)) or answer[0] != prompt[len(context)]


@settings(max_examples=80)
@given(prompt=TEXT, answer=TEXT)
def test_tokens_are_those_of_the_harness_wherever_the_boundary_is_clean(prompt, answer):
    if not prompt.strip():
        return
    found = encode(prompt, answer)
    if found.boundary == CLEAN:
        assert (found.context, found.answer) == harness_split(prompt, answer)
    else:
        assert ids("".join(move_trailing_space(prompt, answer))) in ([*found.context, *found.answer], found.answer)


def test_a_merge_across_the_join_is_scored_from_the_first_token_that_differs():
    prompt, answer = "which do you pre", "fer"
    found = encode(prompt, answer)
    whole = ids(prompt + answer)
    assert found.boundary == MERGED
    assert found.context + found.answer == whole
    assert tiny_tokenizer().decode(found.answer) == "refer"  # " p" ends the context, "r" + "efer" differ from "r" + "e"


def test_encoding_many_pairs_equals_encoding_them_one_by_one():
    pairs = [("Do you agree?", " Yes"), ("Do you agree?", " No"), ("say", " no"), ("Do you agree? ", "No")]
    together = AnswerTokenizer(tiny_tokenizer()).encode(pairs, ["q"] * len(pairs))
    assert together == [encode(*pair) for pair in pairs]


@pytest.mark.parametrize("prompt", ["", "  "])
def test_an_empty_prompt_is_replaced_by_bos(prompt):
    found = encode(prompt, "Yes")
    assert found.context == [tiny_tokenizer().bos_token_id]
    assert tiny_tokenizer().decode(found.answer) == prompt + "Yes"


def test_bos_is_added_once_and_only_on_request():
    bos = tiny_tokenizer().bos_token_id
    assert encode("Do you agree?", " Yes").context == ids("Do you agree?")
    assert encode("Do you agree?", " Yes", add_bos=True).context == [bos, *ids("Do you agree?")]
    assert encode("<s>Do you agree?", " Yes", add_bos=True).context == [bos, *ids("Do you agree?")]
    assert encode("", "Yes", add_bos=True).context == [bos]


def test_an_answer_without_tokens_is_an_error_that_names_question_and_answer():
    with pytest.raises(ValueError, match=r"question 'q7', answer ''.*no tokens"):
        encode("Do you agree?", "")


def test_a_prompt_that_is_too_long_is_an_error_unless_truncated_from_the_left():
    prompt, answer = "Question: which of these do you prefer? Answer:", " certainly not"
    full = encode(prompt, answer)
    limit = len(full.context) + len(full.answer) - 1
    assert not encode(prompt, answer, max_length=limit).truncated
    with pytest.raises(ValueError, match=r"'q7'.*truncate=True"):
        encode(prompt, answer, max_length=limit - 1)
    cut = encode(prompt, answer, max_length=limit - 3, truncate=True)
    assert cut.truncated
    assert (cut.context, cut.answer) == (full.context[3:], full.answer)


def test_truncation_keeps_an_added_bos():
    prompt, answer = "Question: which of these do you prefer? Answer:", " Yes"
    full = encode(prompt, answer, add_bos=True)
    cut = encode(prompt, answer, add_bos=True, max_length=len(full.context) + len(full.answer) - 5, truncate=True)
    assert cut.context == [full.context[0], *full.context[5:]]


def test_an_answer_longer_than_the_model_can_take_is_an_error_even_when_truncating():
    with pytest.raises(ValueError, match=r"the answer has .* tokens, the model takes 2"):
        encode("Do you agree?", " certainly not, perhaps", max_length=2, truncate=True)


def test_an_error_quotes_only_the_beginning_of_a_long_answer():
    with pytest.raises(ValueError, match=r"answer ' maybe") as caught:
        encode("Do you agree?", " maybe" * 500, max_length=20)
    assert len(str(caught.value)) < 300


def test_tokenizer_hash_tells_tokenizers_apart():
    other = tiny_tokenizer().__class__(tokenizer_object=tiny_tokenizer().backend_tokenizer)
    assert tokenizer_hash(tiny_tokenizer()) == tokenizer_hash(other)
    other.add_tokens(["<new>"])
    assert tokenizer_hash(tiny_tokenizer()) != tokenizer_hash(other)
