"""Documents: rolling windows as the harness has them and as plain forwards give them, streams, and perplexity."""

from __future__ import annotations

import copy
import math
from itertools import repeat
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyscore import Scorer
from pyscore.engine import documents, perplexity
from pyscore.engine.documents import document_windows, score_completions, score_documents
from pyscore.engine.scorer import ScoredTokens
from pyscore.metrics import apply_preset
from tests.engine.tiny import CORPUS, tiny_configs, tiny_model, tiny_tokenizer, tokenizer_adding

TEXTS = [
    " ".join(CORPUS * 2),  # some 220 tokens: several windows of 32, one of 256
    "Yes",
    "Do you agree?\n\n Caf\u00e9 \u2013 or not?",
    CORPUS[0] * 2,
]
BOS, PAD = 0, 2


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


@pytest.fixture(scope="module")
def scorer(model: Any) -> Scorer:
    return Scorer(model, tiny_tokenizer(), name="tiny", batch_tokens=128)


@pytest.fixture(scope="module")
def bos_tokenizer() -> Any:
    """The tiny tokenizer, which now puts BOS before every text by itself."""
    return tokenizer_adding("<s> $A")


def encode(text: str) -> Any:
    return tiny_tokenizer().encode(text, add_special_tokens=False)


@torch.no_grad()
def oracle(model: Any, read: Any, targets: Any) -> list[Any]:
    """Log-probabilities of the last tokens, float64 log-softmax of the model's own logits, no batch."""
    logits = model(input_ids=torch.tensor([read])).logits[0].double().log_softmax(-1)
    return [float(logits[len(read) - len(targets) + i, token]) for i, token in enumerate(targets)]


@pytest.mark.parametrize("integer", [np.int64, torch.tensor], ids=["NumPy", "tensor"])
def test_sizes_of_windows_may_be_integers_of_any_kind(scorer: Scorer, integer: Any) -> None:
    table = score_documents(scorer, TEXTS, max_length=integer(32), stride=integer(8))
    assert table.equals(score_documents(scorer, TEXTS, max_length=32, stride=8), check_metadata=True)


def guide(model: Any, tokens: Any, max_length: Any, stride: Any) -> Any:
    """The loop of Hugging Face's guide to perplexity over BOS and the text: windows begin every ``stride`` tokens."""
    whole, found, before = [BOS, *tokens], [], 1
    for begin in range(0, len(whole), stride):
        end = min(begin + max_length + 1, len(whole))
        found += oracle(model, whole[begin : end - 1], whole[before:end])
        before = end
        if end == len(whole):
            return found


def harness(model: Any, tokenizer: Any, max_length: Any) -> Any:
    """loglikelihood_rolling of lm-evaluation-harness."""
    huggingface = pytest.importorskip("lm_eval.models.huggingface")
    from lm_eval.api.instance import Instance

    lm = huggingface.HFLM(pretrained=model, tokenizer=tokenizer, max_length=max_length, batch_size=3, device="cpu")
    requests = [Instance("loglikelihood_rolling", {}, (text,), 0) for text in TEXTS]
    return lm.loglikelihood_rolling(requests, disable_tqdm=True)


def test_a_text_of_one_window_equals_a_plain_forward(model: Any, scorer: Scorer) -> None:
    table = score_documents(scorer, TEXTS, token_logprobs=True)
    for row, text in zip(table.to_pylist(), TEXTS, strict=True):
        tokens = encode(text)
        assert row["token_ids"] == tokens
        assert row["token_logprobs"] == pytest.approx(oracle(model, [BOS, *tokens[:-1]], tokens), abs=1e-4)
        assert row["logprob"] == pytest.approx(sum(row["token_logprobs"]))


@pytest.mark.parametrize("max_length", [16, 32, 33])
def test_disjoint_windows_equal_the_harness(model: Any, scorer: Scorer, max_length: int) -> None:
    table = score_documents(scorer, TEXTS, max_length=max_length)
    assert table["n_tokens"][0].as_py() > 3 * max_length
    assert table["logprob"].to_pylist() == pytest.approx(harness(model, tiny_tokenizer(), max_length), abs=1e-4)


def test_bos_is_scored_only_on_request_and_then_as_in_the_harness(
    model: Any, scorer: Scorer, bos_tokenizer: Any
) -> None:
    adds_bos = Scorer(model, bos_tokenizer)
    plain, without = (score_documents(each, TEXTS, max_length=32) for each in (adds_bos, scorer))
    assert plain["logprob"].to_pylist() == pytest.approx(without["logprob"].to_pylist(), abs=1e-4)
    assert plain["n_tokens"].equals(without["n_tokens"])
    scored = score_documents(adds_bos, TEXTS, max_length=32, score_bos=True)
    assert scored["logprob"].to_pylist() == pytest.approx(harness(model, bos_tokenizer, 32), abs=1e-4)
    assert scored["n_tokens"].to_pylist() == [n + 1 for n in plain["n_tokens"].to_pylist()]


def test_a_text_follows_all_that_the_tokenizer_puts_before_it(model: Any) -> None:
    scorer = Scorer(model, tokenizer_adding("<pad> <s> $A </s>", bos=None))
    table = score_documents(scorer, TEXTS, token_logprobs=True, max_length=16)
    assert table["token_ids"].to_pylist() == [encode(text) for text in TEXTS]
    for text, found in zip(TEXTS, table["token_logprobs"].to_pylist(), strict=True):
        tokens = encode(text)[:15]  # the first window reads the two tokens before the text and 14 of its own
        assert found[:15] == pytest.approx(oracle(model, [PAD, BOS, *tokens[:-1]], tokens), abs=1e-4)
    assert table.schema.metadata[b"prefix_tokens"] == b"2 0"
    with pytest.raises(ValueError, match="max_length=1 must be at least 2"):
        score_documents(scorer, TEXTS, max_length=1)


def test_all_that_a_tokenizer_puts_before_a_text_is_scored_on_request_as_in_the_harness(model: Any) -> None:
    tokenizer = tokenizer_adding("<pad> <s> $A", bos=None)
    table = score_documents(Scorer(model, tokenizer), TEXTS, max_length=32, score_bos=True)
    assert table["logprob"].to_pylist() == pytest.approx(harness(model, tokenizer, 32), abs=1e-4)


def test_a_document_with_a_token_that_the_model_does_not_know_is_named(model: Any) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.add_tokens(["<new>"])
    with pytest.raises(ValueError, match=r"document 'b': the token 320 \('<new>'\) is none of the model's, 0 to 319"):
        score_documents(Scorer(model, tokenizer), ["Yes", "Yes <new>"], ids=["a", "b"])


def test_a_text_that_begins_with_bos_gets_no_second_one(scorer: Scorer) -> None:
    with_bos, without = score_documents(scorer, ["<s>Do you agree?", "Do you agree?"])["logprob"].to_pylist()
    assert with_bos == pytest.approx(without, abs=1e-5)


@pytest.mark.parametrize("stride", [1, 7, 16, 32])
def test_overlapping_windows_equal_the_loop_of_the_guide(model: Any, scorer: Scorer, stride: int) -> None:
    tokens = encode(TEXTS[0])[: 32 + 2 * 32 // stride * stride]  # the last window is a full one in both
    text = tiny_tokenizer().decode(tokens)
    assert encode(text) == tokens
    table = score_documents(scorer, [text], max_length=32, stride=stride, token_logprobs=True)
    assert table["token_logprobs"][0].as_py() == pytest.approx(guide(model, tokens, 32, stride), abs=1e-4)


@given(n=st.integers(0, 60), max_length=st.integers(1, 12), data=st.data())
def test_windows_score_every_token_once_with_the_context_promised(n: Any, max_length: Any, data: Any) -> None:
    stride = data.draw(st.integers(1, max_length))
    first = 1 - data.draw(st.integers(1, max_length))  # the tokens before the text are first, ..., 0
    windows = list(document_windows(range(first, 1), range(1, n + 1), max_length, stride))
    assert [token for _, targets in windows for token in targets] == list(range(1, n + 1))
    for i, (context, targets) in enumerate(windows):
        read = [*context, *targets[:-1]]
        assert read == list(range(targets[-1] - len(read), targets[-1]))  # contiguous, up to the last target
        assert len(read) == min(max_length, targets[-1] - first)  # as much as fits or is there
        assert len(targets) <= (stride if i else max_length)
        assert len(context) >= min(max_length - stride + 1, targets[0] - first)


def test_counts_are_those_of_the_text(scorer: Scorer) -> None:
    text = " two  words\n\u00e9"
    table = score_documents(scorer, [text], ids=["a"])
    row = table.to_pylist()[0]
    assert row["document_id"] == "a"
    assert (row["n_chars"], row["n_bytes"], row["n_tokens"]) == (len(text), len(text) + 1, len(encode(text)))
    assert row["n_words"] == 4  # the harness's re.split counts the empty piece before the first space
    assert table.schema.metadata[b"model"] == b"tiny"
    assert table.schema.metadata[b"max_length"] == b"256"


def test_results_do_not_depend_on_batches_and_chunks(model: Any) -> None:
    tables = [
        score_documents(
            Scorer(model, tiny_tokenizer(), batch_tokens=n), TEXTS * 2, max_length=16, ids=map(str, range(8))
        )
        for n in (1, 40, 100_000)
    ]
    for table in tables[1:]:
        assert table["logprob"].to_pylist() == pytest.approx(tables[0]["logprob"].to_pylist(), abs=1e-4)


class _Counted:
    """A scorer that is not run: it notes how many texts were read, and how many tokens it was given, at each call."""

    def __init__(self, scorer: Scorer, texts_read: Any) -> None:
        self._scorer, self._texts_read = scorer, texts_read
        self.calls: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scorer, name)

    def score_tokens(self, pairs: Any, *, progress: bool = True) -> list[Any]:
        self.calls.append((len(self._texts_read), sum(len(a) + len(b) for a, b in pairs)))
        return [ScoredTokens([-1.0] * len(targets), False) for _, targets in pairs]


@pytest.fixture
def chunk_tokens(monkeypatch: pytest.MonkeyPatch) -> int:
    """A smaller number of tokens that are planned at once."""
    monkeypatch.setattr(documents, "_CHUNK_TOKENS", 4000)
    return 4000


def test_texts_are_read_only_some_way_ahead(scorer: Scorer, chunk_tokens: int) -> None:
    read: list[int] = []
    texts = (read.append(i) or text for i, text in enumerate(repeat("Yes No Yes No", 5000)))
    counted: Any = _Counted(scorer, read)
    table = score_documents(counted, texts)
    n = len(encode("Yes No Yes No"))
    assert table["logprob"].to_pylist() == [-float(n)] * 5000
    ahead = chunk_tokens // n
    assert len(counted.calls) > 5
    assert all(texts_read <= (i + 1) * ahead for i, (texts_read, _) in enumerate(counted.calls))


def test_one_long_text_is_scored_in_chunks_of_windows(scorer: Scorer, chunk_tokens: int) -> None:
    counted: Any = _Counted(scorer, [])
    table = score_documents(counted, ["Yes No " * 5000])
    assert table["n_tokens"].to_pylist() == [-value for value in table["logprob"].to_pylist()]
    assert len(counted.calls) > 2
    assert max(size for _, size in counted.calls) <= chunk_tokens + 2 * 256


def test_perplexity_is_the_harness_s_of_these_sums(scorer: Scorer) -> None:
    table = score_documents(scorer, TEXTS, max_length=32)
    report = perplexity(table)
    total = -sum(table["logprob"].to_pylist())
    n = {unit: sum(table[f"n_{unit}"].to_pylist()) for unit in ("tokens", "bytes", "words")}
    assert report["bits_per_byte"].value == pytest.approx(total / n["bytes"] / math.log(2))
    for unit in ("byte", "word", "token"):
        estimate = report[f"{unit}_perplexity"]
        assert estimate.value == pytest.approx(math.exp(total / n[f"{unit}s"]))
        assert estimate.low < estimate.value < estimate.high
        assert estimate.n == len(TEXTS)
    assert report.numbers == {f"n_{unit}": value for unit, value in n.items()} | {"n_without_tokens": 0}


def test_texts_without_tokens_are_rows_and_no_part_of_perplexity(scorer: Scorer) -> None:
    table = score_documents(scorer, ["", *TEXTS, ""])
    rows = table.to_pylist()
    assert [(rows[i]["logprob"], rows[i]["n_tokens"], rows[i]["n_bytes"]) for i in (0, -1)] == [(0.0, 0, 0)] * 2
    clusters = ["x", "a", "a", "b", "c", "x"]
    report, without = perplexity(table, clusters=clusters), perplexity(table.slice(1, 4), clusters=clusters[1:-1])
    assert report.estimates == without.estimates
    assert report.numbers["n_without_tokens"] == 2


def test_no_texts_are_an_empty_table(scorer: Scorer) -> None:
    table = score_documents(scorer, [], token_logprobs=True)
    assert table.num_rows == 0
    with pytest.raises(ValueError, match="none of the 0 documents has tokens"):
        perplexity(table)


def test_completions_equal_a_plain_forward_and_give_the_published_loss(model: Any, scorer: Scorer) -> None:
    pairs = [("Question: which of these do you prefer? ", "the first one"), ("Do you agree?", " certainly not \u00e9")]
    answers = score_completions(scorer, pairs)
    expected = []
    for prompt, completion in pairs:
        context = encode(prompt.rstrip())  # its trailing space moves to the completion
        tokens = encode(prompt + completion)[len(context) :]
        expected.append(sum(oracle(model, [*context, *tokens[:-1]], tokens)))
    assert answers.logprob == pytest.approx(expected, abs=1e-4)
    assert answers.n_chars.tolist() == [len(completion) for _, completion in pairs]
    assert answers.n_bytes.tolist() == [len(completion.encode()) for _, completion in pairs]
    report = apply_preset(answers, "inverse_scaling_sequence_prob")
    assert report["loss"].value == pytest.approx(-np.mean(expected), abs=1e-4)
    assert report["loss"].stderr == pytest.approx(np.std(expected) / math.sqrt(2), abs=1e-4)


def test_long_prompts_of_completions_are_cut_only_on_request(model: Any, scorer: Scorer) -> None:
    pair = ("Do you agree? " * 90, "Yes")
    with pytest.raises(ValueError, match=r"pairs\[0\].*context of 256"):
        score_completions(scorer, [pair])
    tokens = encode(pair[0] + pair[1])
    (n,) = score_completions(scorer, [pair], truncate=True).n_tokens
    expected = sum(oracle(model, tokens[-257:-1], tokens[-n:]))
    assert score_completions(scorer, [pair], truncate=True).logprob == pytest.approx([expected], abs=1e-4)


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        ("one text", {}, TypeError, "texts must be strings, got one string"),
        (["a", 3], {}, TypeError, r"texts\[1\] must be a string, got int"),
        (["a", "\ud800"], {}, ValueError, r"texts\[1\] can't be written as UTF-8"),
        (["a", "b"], {"ids": ["x"]}, ValueError, "ids has only 1 entries"),
        (["a"], {"ids": ["x", "y"]}, ValueError, "ids has more entries than there are texts, 1"),
        (["a", "b"], {"ids": ["x", "x"]}, ValueError, "the id 'x' is given twice"),
        (["a"], {"ids": [7]}, TypeError, r"ids\[0\] must be a string, got int"),
        (["a"], {"max_length": 257}, ValueError, "max_length=257 must be a whole number from 1 to 256"),
        (["a"], {"max_length": 0}, ValueError, "max_length=0 must"),
        (["a"], {"max_length": 8, "stride": 9}, ValueError, "stride=9 must be a whole number from 1 to max_length, 8"),
        (["a"], {"stride": 0.5}, ValueError, "stride=0.5 must"),
        (["a"], {"stride": True}, ValueError, "stride=True must"),
    ],
)
def test_bad_documents_are_named(
    scorer: Scorer, texts: str | list[Any], options: dict[str, Any], error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        score_documents(scorer, texts, **options)


def test_a_model_that_gives_nan_is_refused_with_the_document(scorer: Scorer) -> None:
    counted: Any = _Counted(scorer, [])
    counted.score_tokens = lambda pairs, progress: [ScoredTokens([math.nan] * len(b), False) for _, b in pairs]
    with pytest.raises(ValueError, match="document 'x': the model gives NaN"):
        score_documents(counted, ["Yes"], ids=["x"])


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([], ValueError, "pairs is empty"),
        (["ab"], TypeError, r"pairs\[0\] must be a prompt and a completion"),
        ([("a", "b"), ("a", 3)], TypeError, r"pairs\[1\] must be"),
        ([("a", "b"), ("a", "")], ValueError, r"pairs\[1\].*no tokens of its own"),
    ],
)
def test_bad_completions_are_named(scorer: Scorer, pairs: list[Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        score_completions(scorer, pairs)


def test_perplexity_needs_the_columns_of_documents(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="lacks the columns n_words"):
        perplexity(score_documents(scorer, TEXTS).drop_columns("n_words"))
    with pytest.raises(ValueError, match="one entry a document, 4, got 1"):
        perplexity(score_documents(scorer, TEXTS), clusters=["a"])
