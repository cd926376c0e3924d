"""Prompt and answer tokens follow lm-evaluation-harness, and the row says where the join merged."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, normalizers, pre_tokenizers

from pyscore.engine.prefix import added_tokens
from pyscore.engine.tokenization import (
    CLEAN,
    MERGED,
    SPLIT,
    AnswerTokenizer,
    AnswerTokens,
    move_trailing_space,
    split_tokens,
    tokenizer_hash,
)
from tests.engine.tiny import tiny_tokenizer, tokenizer_adding

IDS = st.lists(st.integers(0, 3), max_size=6)
TEXT = st.text(st.sampled_from("Yesno AB()\n\u00e9\u200b"), min_size=1, max_size=12)


def encode(prompt: str, answer: str, **options: Any) -> Any:
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


def test_trailing_whitespace_of_the_prompt_moves_to_the_answer() -> None:
    assert move_trailing_space("He said \n ", "no") == ("He said", " \n no")
    assert move_trailing_space("He said", " no") == ("He said", " no")
    assert encode("Do you agree? ", "Yes")[:2] == encode("Do you agree?", " Yes")[:2]


@given(prompt=IDS, whole=IDS)
def test_a_split_loses_no_token_and_is_clean_exactly_when_the_prompt_is_a_prefix(
    prompt: list[int], whole: list[int]
) -> None:
    context, answer, boundary = split_tokens(prompt, whole)
    assert context + answer == whole
    assert context == prompt[: len(context)]
    assert (boundary == CLEAN) == (whole[: len(prompt)] == prompt)
    assert not (answer and len(context) < len(prompt)) or answer[0] != prompt[len(context)]


@settings(max_examples=80)
@given(prompt=TEXT, answer=TEXT)
def test_tokens_are_those_of_the_harness_wherever_the_boundary_is_clean(prompt: str, answer: Any) -> None:
    if not prompt.strip():
        return
    found = encode(prompt, answer)
    if found.boundary == CLEAN:
        assert (found.context, found.answer) == harness_split(prompt, answer)
    else:
        assert ids("".join(move_trailing_space(prompt, answer))) in ([*found.context, *found.answer], found.answer)


def test_a_merge_across_the_join_is_scored_from_the_first_token_that_differs() -> None:
    prompt, answer = "which do you pre", "fer"
    found = encode(prompt, answer)
    whole = ids(prompt + answer)
    assert found.boundary == MERGED
    assert found.context + found.answer == whole
    assert tiny_tokenizer().decode(found.answer) == "refer"  # " p" ends the context, "r" + "efer" differ from "r" + "e"


def encode_question(prompt: str, *answers: str, truncate: bool = False, **options: Any) -> list[AnswerTokens]:
    tokens = AnswerTokenizer(tiny_tokenizer(), **options)
    pairs = [(prompt, answer) for answer in answers]
    return tokens.encode(pairs, ["q7"] * len(pairs), sizes=[len(pairs)], truncate=truncate)


def test_answers_of_a_question_of_which_some_merge_with_the_prompt_are_scored_after_the_prompts_own_tokens() -> None:
    merged, *others = encode_question("people pre", "fer", "-1", " No")
    assert encode("people pre", "fer").context == ids("people p")
    assert (merged.context, merged.answer, merged.boundary) == (ids("people pre"), ids("fer"), SPLIT)
    assert others == [encode("people pre", "-1"), encode("people pre", " No")]


def test_answers_whose_joins_are_alike_are_scored_as_if_each_stood_alone() -> None:
    for prompt, answers in (("Do you agree?", (" Yes", " No", " (A)")), ("people pre", ("fer", "fers"))):
        assert encode_question(prompt, *answers) == [encode(prompt, answer) for answer in answers]


@settings(max_examples=60)
@given(prompt=TEXT, answers=st.lists(TEXT, min_size=2, max_size=4, unique=True))
def test_all_answers_of_a_question_have_one_context_and_their_own_text(prompt: str, answers: Any) -> None:
    try:
        alone = [encode(prompt, answer) for answer in answers]
    except ValueError:  # an answer without tokens
        return
    found = encode_question(prompt, *answers)
    assert len({tuple(each.context) for each in found}) == 1
    for each, own, answer in zip(found, alone, answers, strict=True):
        assert tiny_tokenizer().decode([*each.context, *each.answer]).removeprefix("<s>") == prompt + answer
        assert each == own or own.boundary == MERGED


def test_an_answer_is_scored_without_the_space_that_a_tokenizer_puts_before_texts() -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    pairs = [("people pre", "fer"), ("people pre", "-1")]
    found = AnswerTokenizer(tokenizer).encode(pairs, ["q"] * 2, sizes=[2])
    assert [tokenizer.decode(each.answer) for each in found] == ["fer", "-1"]
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex("^.?fer$"), "X")
    with pytest.raises(ValueError, match=r"'q', answer 'fer': a token spans the join .* begin, with a space"):
        AnswerTokenizer(tokenizer).encode(pairs, ["q"] * 2, sizes=[2])


def test_a_prompt_is_cut_alike_for_all_answers_of_a_question() -> None:
    prompt = "Question: which of these do you prefer? Answer:"
    answers = (" Yes", " certainly not")
    long = max(len(ids(answer)) for answer in answers)
    found = encode_question(prompt, *answers, max_length=10, truncate=True)
    assert [each.context for each in found] == [ids(prompt)[-(11 - long) :]] * 2
    assert [each.truncated for each in found] == [True, True]


def test_encoding_many_pairs_equals_encoding_them_one_by_one() -> None:
    pairs = [("Do you agree?", " Yes"), ("Do you agree?", " No"), ("say", " no"), ("Do you agree? ", "No")]
    together = AnswerTokenizer(tiny_tokenizer()).encode(pairs, ["q"] * len(pairs))
    assert together == [encode(*pair) for pair in pairs]


@pytest.mark.parametrize("prompt", ["", "  "])
def test_an_empty_prompt_is_replaced_by_bos(prompt: str) -> None:
    found = encode(prompt, "Yes")
    assert found.context == [tiny_tokenizer().bos_token_id]
    assert tiny_tokenizer().decode(found.answer) == prompt + "Yes"


def test_bos_is_added_once_and_only_on_request() -> None:
    bos = tiny_tokenizer().bos_token_id
    assert encode("Do you agree?", " Yes").context == ids("Do you agree?")
    assert encode("Do you agree?", " Yes", add_bos=True).context == [bos, *ids("Do you agree?")]
    assert encode("<s>Do you agree?", " Yes", add_bos=True).context == [bos, *ids("Do you agree?")]
    assert encode("", "Yes", add_bos=True).context == [bos]


@pytest.mark.parametrize(
    ("template", "bos", "before", "after"),
    [
        ("$A", "<s>", [], []),
        ("<s> $A", "<s>", [0], []),
        ("<s> $A </s>", "<s>", [0], [1]),
        ("$A </s>", None, [], [1]),
        ("<pad> <s> $A", None, [2, 0], []),
        ("<s> <pad> $A </s>", "<s>", [0, 2], [1]),
    ],
)
def test_what_a_tokenizer_adds_is_found_by_encoding_and_what_it_puts_before_a_text_stands_there(
    template: str, bos: str | None, before: list[Any], after: list[Any]
) -> None:
    tokenizer = tokenizer_adding(template, bos=bos)
    assert added_tokens(tokenizer) == (before, after)
    (found,) = AnswerTokenizer(tokenizer, add_bos="auto").encode([("Do you agree?", " Yes")], ["q"])
    assert (found.context, found.answer) == ([*before, *ids("Do you agree?")], ids(" Yes"))
    (found,) = AnswerTokenizer(tokenizer, add_bos=False).encode([("Do you agree?", " Yes")], ["q"])
    assert (found.context, found.answer) == (ids("Do you agree?"), ids(" Yes"))


@pytest.mark.parametrize(
    ("template", "bos", "before"),
    [("$A </s>", "<s>", [0]), ("<pad> $A", "<s>", [0, 2]), ("<s> <pad> $A", "<s>", [0, 2]), ("<pad> $A", None, [2])],
)
def test_bos_on_request_comes_once_before_what_the_tokenizer_adds_by_itself(
    template: str, bos: str | None, before: list[int]
) -> None:
    assert AnswerTokenizer(tokenizer_adding(template, bos=bos), add_bos=True).prefix == before


def test_bos_on_request_is_an_error_where_there_is_nothing_to_add() -> None:
    with pytest.raises(ValueError, match="add_bos_token=True, but the tokenizer has no BOS token"):
        AnswerTokenizer(tokenizer_adding("$A </s>", bos=None), add_bos=True)


@pytest.mark.parametrize("text", ["<pad><s>Do you agree?", "</s>Do you agree?"])
def test_a_text_that_begins_with_what_stands_before_texts_gets_it_once(text: str) -> None:
    tokens = AnswerTokenizer(tokenizer_adding("<pad> <s> $A", bos=None), add_bos="auto")
    (found,) = tokens.encode([(text, " Yes")], ["q"])
    assert found.context == ids(text)


def test_a_tokenizer_that_encodes_the_text_itself_otherwise_is_refused() -> None:
    def changing(text: str, *, add_special_tokens: bool = True) -> dict[str, Any]:
        return {"input_ids": ids(text.upper() if add_special_tokens else text)}

    with pytest.raises(ValueError, match="can't be told from the text: give add_bos_token=False"):
        added_tokens(changing)


def test_truncation_keeps_all_that_stands_before_texts() -> None:
    prompt, answer = "Question: which of these do you prefer? Answer:", " Yes"
    tokenizer = tokenizer_adding("<pad> <s> $A", bos=None)
    limit = len(ids(prompt)) - 3
    (cut,) = AnswerTokenizer(tokenizer, add_bos="auto", max_length=limit).encode(
        [(prompt, answer)], ["q"], truncate=True
    )
    assert cut.context == [2, 0, *ids(prompt)[-(limit - 2) :]]


def test_an_answer_without_tokens_is_an_error_that_names_question_and_answer() -> None:
    with pytest.raises(ValueError, match=r"question 'q7', answer ''.*no tokens"):
        encode("Do you agree?", "")


def test_a_prompt_that_is_too_long_is_an_error_unless_truncated_from_the_left() -> None:
    prompt, answer = "Question: which of these do you prefer? Answer:", " certainly not"
    full = encode(prompt, answer)
    limit = len(full.context) + len(full.answer) - 1
    assert not encode(prompt, answer, max_length=limit).truncated
    with pytest.raises(ValueError, match=r"'q7'.*truncate=True"):
        encode(prompt, answer, max_length=limit - 1)
    cut = encode(prompt, answer, max_length=limit - 3, truncate=True)
    assert cut.truncated
    assert (cut.context, cut.answer) == (full.context[3:], full.answer)


def test_truncation_keeps_an_added_bos() -> None:
    prompt, answer = "Question: which of these do you prefer? Answer:", " Yes"
    full = encode(prompt, answer, add_bos=True)
    cut = encode(prompt, answer, add_bos=True, max_length=len(full.context) + len(full.answer) - 5, truncate=True)
    assert cut.context == [full.context[0], *full.context[5:]]


def test_an_answer_longer_than_the_model_can_take_is_an_error_even_when_truncating() -> None:
    with pytest.raises(ValueError, match=r"the answer has .* tokens, the model takes 2"):
        encode("Do you agree?", " certainly not, perhaps", max_length=2, truncate=True)


def test_an_error_quotes_only_the_beginning_of_a_long_answer() -> None:
    with pytest.raises(ValueError, match=r"answer ' maybe") as caught:
        encode("Do you agree?", " maybe" * 500, max_length=20)
    assert len(str(caught.value)) < 300


def test_tokenizer_hash_tells_tokenizers_apart() -> None:
    other = tiny_tokenizer().__class__(tokenizer_object=tiny_tokenizer().backend_tokenizer)
    assert tokenizer_hash(tiny_tokenizer()) == tokenizer_hash(other)
    other.add_tokens(["<new>"])
    assert tokenizer_hash(tiny_tokenizer()) != tokenizer_hash(other)
