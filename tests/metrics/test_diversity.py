"""Self-BLEU and distinct-n: sacrebleu's numbers for every text, and what must not change them."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain, pairwise
from math import exp, isnan, log
from typing import Any

import numpy as np
import pytest
import sacrebleu
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

from pyscore._extension import _C
from pyscore.metrics.core.corpus import read_corpus
from pyscore.metrics.diversity import distinct_n, self_bleu, sentence_self_bleu

# few words, so that texts share long n-grams; none at all and one alone among them
sentences = st.lists(st.sampled_from(["a", "b", "c", "d,", "e.", "1,000"]), max_size=9).map(" ".join)
sets = st.lists(sentences, min_size=2, max_size=7)
# what the tokenizer treats differently, among any other characters
marks = st.sampled_from(
    [*".,-'\"&<> \n\r\t0129ab$[]{}~`/:@!_", "&quot;", "&amp;", "&lt;", "-\n", "<skipped>", "\u2028"]
)
any_text = st.lists(marks | st.characters(exclude_categories=["Cs"]), max_size=25).map("".join)


def others(texts: list[str], i: int) -> list[str]:
    return texts[:i] + texts[i + 1 :]


def sacrebleus(texts: list[str], order: int = 4, **options: object) -> list[float]:
    """Each text against all the others; `sacrebleu.sentence_bleu` has no way to set the order."""
    metric = BLEU(max_ngram_order=order, effective_order=True, **options)  # type: ignore[arg-type]
    return [metric.sentence_score(text, others(texts, i)).score for i, text in enumerate(texts)]


@given(sets)
@example(["", ""])
@example(["", "a"])
@example(["a", "a"])
@example(["a b c d", "a b c d", "a b c d"])
@example(["a a a a a", "a a a", "a a"])
@example(["a b", "a", "a b c"])  # two references as close as one another: the shorter counts
def test_every_text_has_the_score_of_sacrebleu(texts: list[str]) -> None:
    expected = [sacrebleu.sentence_bleu(text, others(texts, i)).score for i, text in enumerate(texts)]
    np.testing.assert_allclose(sentence_self_bleu(texts), expected, rtol=0, atol=1e-9)


@settings(max_examples=60)
@given(
    sets,
    st.integers(1, 7),
    st.sampled_from(
        [
            ("exp", None),
            ("none", None),
            ("floor", None),
            ("floor", 0.5),
            ("floor", 0.0),
            ("add-k", None),
            ("add-k", 2.0),
        ]
    ),
)
def test_every_order_and_smoothing_is_that_of_sacrebleu(
    texts: list[str], order: int, smoothing: tuple[str, float | None]
) -> None:
    smooth, value = smoothing
    mine = sentence_self_bleu(texts, tokenize="none", max_order=order, smooth=smooth, smooth_value=value)
    expected = sacrebleus(texts, order, tokenize="none", smooth_method=smooth, smooth_value=value)
    np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-9)


@settings(max_examples=300)
@given(st.lists(any_text, max_size=4))
@example(["a,,5", ",.", "5.", ".5", "-\n-\n\n", "&amp;lt;", "1-2-3", "don't. (x)"])
def test_tokens_are_those_of_sacrebleu(texts: list[str]) -> None:
    expected = [BLEU()._preprocess_segment(text).split() for text in texts]
    numbers: dict[str, int] = {}
    ids = [numbers.setdefault(token, len(numbers)) for token in chain.from_iterable(expected)]
    corpus = read_corpus(texts, "13a")
    assert corpus.lengths.tolist() == [len(tokens) for tokens in expected]
    assert corpus.tokens.tolist() == ids


def test_a_worked_example() -> None:
    # "a b c": 2 of 3 words and 1 of 2 pairs are in "a b", no triple; one word longer than its reference
    # "a b": all of it is, but it is one word too short; "d" shares nothing
    scores = sentence_self_bleu(["a b c", "a b", "d"])
    assert scores == pytest.approx([100 * (2 / 3 * 1 / 2 * 1 / 2) ** (1 / 3), 100, 0])
    assert sentence_self_bleu(["a b", "a b c"])[0] == pytest.approx(100 * exp(1 - 3 / 2))
    assert sentence_self_bleu(["a b", "a c"], smooth="floor")[0] == pytest.approx(
        100 * exp((log(1 / 2) + log(0.1)) / 2)
    )


def test_a_count_is_clipped_at_the_highest_of_one_other_text_and_not_at_their_sum() -> None:
    tokens, offsets = np.array([0, 0, 0, 0, 0, 0, 1], np.int32), np.array([0, 3, 5, 7])
    assert _C.match_ngrams(tokens, offsets, 2, 2, 1).tolist() == [[2, 1], [2, 1], [1, 0]]


@given(sets, st.randoms(use_true_random=False))
def test_the_order_of_texts_does_not_matter(texts: list[str], random: object) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(sentence_self_bleu([texts[i] for i in order]), sentence_self_bleu(texts)[order])


@given(sets)
def test_a_text_that_occurs_twice_scores_100_unless_it_is_empty(texts: list[str]) -> None:
    twice = sentence_self_bleu(texts * 2)
    np.testing.assert_allclose(twice, [100.0 * bool(text) for text in texts * 2], atol=1e-9)


def flat_ids(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 30, n)
    return rng.zipf(1.3, lengths.sum()).clip(max=500).astype(np.int32), np.cumsum([0, *lengths]), 501


@pytest.mark.parametrize("function", [_C.match_ngrams, _C.count_distinct_ngrams])
def test_counts_do_not_depend_on_the_number_of_threads(function: Any) -> None:
    texts = flat_ids(0, 3000)
    one = function(*texts, 5, 1)
    assert one.any()
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(function(*texts, 5, threads), one)


def test_counts_equal_those_of_a_plain_loop() -> None:
    tokens, offsets, vocabulary = flat_ids(1, 150)
    texts = [tuple(tokens[a:b].tolist()) for a, b in pairwise(offsets)]
    for n in (1, 2, 3, 4):
        counts = [Counter(text[k : k + n] for k in range(len(text) - n + 1)) for text in texts]
        distinct = len(set().union(*counts))
        matched = [
            sum(min(c, max(other[gram] for other in counts if other is not mine)) for gram, c in mine.items())
            for mine in counts
        ]
        assert _C.count_distinct_ngrams(tokens, offsets, vocabulary, 4, 2)[n - 1] == distinct
        assert _C.match_ngrams(tokens, offsets, vocabulary, 4, 2)[:, n - 1].tolist() == matched


@pytest.mark.parametrize(
    ("tokens", "offsets", "vocabulary", "order", "message"),
    [
        ([0, 2], [0, 2], 2, 4, "tokens must be ids in"),
        ([0, -1], [0, 2], 2, 4, "tokens must be ids in"),
        ([0, 1], [0, 1], 2, 4, "offsets"),
        ([0, 1], [0, 2, 1, 2], 2, 4, "offsets"),
        ([0, 1], [0, 2], 2, 0, "max_order"),
        ([0, 1], [0, 2], 2, 33, "max_order"),
    ],
)
def test_the_kernel_reads_nothing_that_is_not_there(
    tokens: list[int], offsets: list[int], vocabulary: int, order: int, message: str
) -> None:
    for function in (_C.match_ngrams, _C.count_distinct_ngrams):
        with pytest.raises(ValueError, match=message):
            function(np.array(tokens, np.int32), np.array(offsets), vocabulary, order, 1)


def test_self_bleu_is_the_mean_with_its_interval() -> None:
    texts = ["a b c d", "a b c e", "a b", "", "a b"]
    report, scores = self_bleu(texts), sentence_self_bleu(texts)
    estimate = report["self_bleu"]
    assert estimate.value == pytest.approx(scores.mean())
    assert estimate.stderr == pytest.approx(scores.std(ddof=1) / np.sqrt(5))
    assert report.numbers == {"n_texts": 5, "n_different": 4, "n_empty": 1}
    assert report.signature.startswith("metric:self_bleu|tok:13a|order:4|smooth:exp|interval:auto|")
    assert str(report).startswith("Self-BLEU of 5 texts\n")
    json.dumps(report.to_dict(), allow_nan=False)
    one_cluster = self_bleu(texts, clusters=["x"] * 5)["self_bleu"]
    assert isnan(one_cluster.low) and one_cluster.reason.startswith("one cluster")


def test_the_signature_names_what_was_chosen() -> None:
    def letters(text: str) -> list[str]:
        return list(text)

    report = self_bleu(["ab", "abc"], tokenize=letters, max_order=2, smooth="floor")
    assert report.signature.startswith("metric:self_bleu|tok:letters|order:2|smooth:floor[0.1]|")


def test_a_function_may_make_any_hashable_tokens() -> None:
    texts = ["a b c", "b c d", "c"]
    as_ids = sentence_self_bleu(texts, tokenize=lambda text: [ord(word) for word in text.split()])
    np.testing.assert_array_equal(as_ids, sentence_self_bleu(texts, tokenize="none"))


@given(sets, st.integers(1, 6))
def test_distinct_n_equals_a_count_by_hand(texts: list[str], order: int) -> None:
    rows = distinct_n(texts, max_order=order, tokenize="none").rows
    for n, row in enumerate(rows, 1):
        grams = [tuple(w[k : k + n]) for w in map(str.split, texts) for k in range(len(w) - n + 1)]
        assert (row["n"], row["distinct"], row["total"]) == (n, len(set(grams)), len(grams))
        assert row["ratio"] == len(set(grams)) / len(grams) if grams else isnan(row["ratio"])


def test_distinct_n_prints_and_is_json_ready() -> None:
    report = distinct_n(["a b a b", "a"], max_order=5)
    assert report.numbers["distinct_2"] == pytest.approx(2 / 3)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["numbers"]["distinct_5"] is None
    assert "distinct 1 0.4000" in str(report)


def test_the_same_texts_again_halve_distinct_n() -> None:
    texts = ["a b c", "d e"]
    once, twice = distinct_n(texts).numbers, distinct_n(texts * 2).numbers
    assert once["distinct_2"] == 1
    assert twice["distinct_2"] == 0.5


def test_the_number_of_threads_of_torch_changes_no_score() -> None:
    texts = [" ".join(np.random.default_rng(i).choice(list("abcdefgh"), 12)) for i in range(300)]
    threads, scores = torch.get_num_threads(), sentence_self_bleu(texts)
    try:
        torch.set_num_threads(1)
        np.testing.assert_array_equal(sentence_self_bleu(texts), scores)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        ([], {}, ValueError, "texts holds 0"),
        (["alone"], {}, ValueError, "at least two"),
        ("abc", {}, TypeError, "single str"),
        (["a", None], {}, TypeError, r"texts\[1\] must be a string, not NoneType"),
        (["a", "b"], {"tokenize": "intl"}, ValueError, "'13a', 'none' or a function"),
        (["a", "b"], {"tokenize": str.lower}, TypeError, "must return a sequence of tokens, not str"),
        (["a", "b"], {"max_order": 0}, ValueError, "from 1 to 32"),
        (["a", "b"], {"smooth": "method1"}, ValueError, "'exp', 'floor', 'add-k', 'none'"),
        (["a", "b"], {"smooth_value": 1.0}, ValueError, "floor and add-k"),
        (["a", "b"], {"smooth": "floor", "smooth_value": -1.0}, ValueError, "not negative"),
    ],
)
def test_a_users_mistake_is_named(
    texts: list[str], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    for function in (sentence_self_bleu, self_bleu):
        with pytest.raises(error, match=message):
            function(texts, **options)


def test_distinct_n_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="texts is empty"):
        distinct_n([])
