"""Shared tokens give the log-probabilities of sequences run alone, in every architecture, or aren't shared."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from pyscore import Question, Scorer
from pyscore.engine.rows import RunInfo
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.huggingface import forward as forward_module
from pyscore.engine.sources.huggingface import inputs, stems
from pyscore.engine.sources.huggingface.plan import SHARINGS, Limits, plan_batches
from pyscore.engine.sources.source import ScoreRequest
from tests.engine.tiny import SMALL, VOCAB, some_questions, tiny_configs, tiny_model, tiny_tokenizer, transformers

PREAMBLE = "Question: which of these do you prefer? (A) the first one (B) the second one. " * 2
OTHER = {"vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
WINDOW = "cache: sequences are longer than the model's attention window of 16 tokens"


def configs() -> dict[str, tuple[Any, str]]:
    """A configuration of each kind of architecture, and how its sequences share tokens."""
    t = transformers
    heads = {"num_attention_heads": 4}
    gemma = {"head_dim": 8, "query_pre_attn_scalar": 8}
    window = {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}
    deltas = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8}
    mamba = {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
    found = {name: (config, "tree") for name, config in tiny_configs().items()}
    found |= {
        "qwen2": (t.Qwen2Config(**SMALL), "tree"),
        "qwen3": (t.Qwen3Config(**SMALL, head_dim=8), "tree"),
        "gemma3": (t.Gemma3TextConfig(**SMALL, **gemma, sliding_window=200), "tree"),
        "mistral": (t.MistralConfig(**SMALL, sliding_window=None), "tree"),
        "phi3": (t.Phi3Config(**SMALL), "tree"),
        "gpt-neox": (t.GPTNeoXConfig(**OTHER, **heads, max_position_embeddings=256), "tree"),
        "opt": (t.OPTConfig(vocab_size=VOCAB, hidden_size=32, word_embed_proj_dim=32, num_hidden_layers=2, ffn_dim=64,
                            max_position_embeddings=256, **heads), "tree"),
        "mixtral": (t.MixtralConfig(**SMALL, num_local_experts=4, num_experts_per_tok=2), "tree"),
        "qwen3-moe": (t.Qwen3MoeConfig(**SMALL, head_dim=8, **EXPERTS), "tree"),
        # windows shorter than the sequences
        "qwen2-window": (t.Qwen2Config(**SMALL, **window), WINDOW),
        "gemma2-window": (t.Gemma2Config(**SMALL, **gemma, final_logit_softcapping=2.0, sliding_window=16), WINDOW),
        "gemma3-window": (t.Gemma3TextConfig(**SMALL, **gemma, sliding_window=16), WINDOW),
        "mistral-window": (t.MistralConfig(**SMALL, sliding_window=16), WINDOW),
        "gpt-neo-window": (t.GPTNeoConfig(vocab_size=VOCAB, hidden_size=32, num_layers=2, num_heads=4, window_size=16,
                                          attention_types=[[["global", "local"], 1]], max_position_embeddings=256),
                           WINDOW),
        # positions that the caller can't give, states that aren't keys and values
        "bloom": (t.BloomConfig(vocab_size=VOCAB, hidden_size=32, n_layer=2, n_head=4),
                  "cache: tree sharing needs a model that takes position_ids"),
        "falcon-h1": (t.FalconH1Config(**SMALL, **mamba), "cache: tree sharing "),
        "qwen3-next": (t.Qwen3NextConfig(**{**SMALL, "num_hidden_layers": 4}, head_dim=8, **EXPERTS, **deltas,
                                         shared_expert_intermediate_size=32, linear_value_head_dim=8),
                       "cache: tree sharing "),
        "lfm2": (t.Lfm2Config(**SMALL, layer_types=["conv", "full_attention"]), "cache: tree sharing "),
        "mamba": (t.MambaConfig(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, state_size=8), "plain: cache "),
        "jamba": (t.JambaConfig(**SMALL, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2,
                                expert_layer_offset=1, num_experts=2, mamba_d_state=8), "plain: cache "),
    }  # fmt: skip
    return found


CONFIGS = configs()


def questions() -> list[Question]:
    """Questions with a long beginning in common."""
    return [Question(q.id, PREAMBLE + q.prompt, q.answers, q.is_matching) for q in some_questions(18)]


def small_scorer(model: Any, **limits: Any) -> Scorer:
    """A scorer whose rows and stems are small, so that few questions make several of each."""
    scorer = Scorer(model, tiny_tokenizer())
    source: Any = scorer.source
    source.limits = Limits(**{"batch_tokens": 200, "row_tokens": 100, "pass_tokens": 8} | limits)
    return scorer


def quiet_score(scorer: Scorer, asked: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scorer.score(asked, token_logprobs=True, **options)


def assert_as_alone(model: Any, table: Any, asked: Any, tolerance: float = 1e-4) -> None:
    """Each token log-prob equals that of the sequence run alone, without cache or mask, in float64 arithmetic."""
    tokenizer = tiny_tokenizer()
    prompts = {q.id: q.prompt for q in asked}
    for row in table.to_pylist():
        context = tokenizer.encode(prompts[row["question_id"]], add_special_tokens=False)
        whole = [*context, *tokenizer.encode(row["answer"], add_special_tokens=False)]
        with torch.inference_mode():
            found = model(torch.tensor([whole]), use_cache=False).logits[0].double().log_softmax(-1)
        expected = [float(found[i - 1, whole[i]]) for i in range(len(context), len(whole))]
        assert row["token_logprobs"] == pytest.approx(expected, abs=tolerance)


def sharing_of(table: Any) -> str:
    return table.schema.metadata[b"sharing"].decode()


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_every_architecture_scores_as_if_each_sequence_ran_alone(kind: Any) -> None:
    config, sharing = CONFIGS[kind]
    model, asked = tiny_model(config), questions()
    table = quiet_score(small_scorer(model), asked)
    assert sharing_of(table).startswith(sharing)
    assert_as_alone(model, table, asked)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2"])
def test_eager_attention_takes_the_tree_mask_too(kind: str) -> None:
    model, asked = tiny_model(CONFIGS[kind][0]), questions()
    model.set_attn_implementation("eager")
    table = quiet_score(small_scorer(model), asked)
    assert sharing_of(table) == "tree"
    assert_as_alone(model, table, asked)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_passes_the_self_check(dtype: Any) -> None:
    table = quiet_score(small_scorer(tiny_model(CONFIGS["llama"][0]).to(dtype)), questions())
    assert sharing_of(table) == "tree"


@pytest.mark.parametrize("limits", [{"row_tokens": 1}, {"batch_tokens": 1, "row_tokens": 1}, {"pass_tokens": 1},
                                    {"batch_tokens": 5000, "row_tokens": 5000}, {"pass_tokens": 10**6}])  # fmt: skip
def test_scores_do_not_depend_on_how_the_tree_is_cut(limits: dict[str, Any]) -> None:
    model, asked = tiny_model(CONFIGS["llama"][0]), questions()
    assert_as_alone(model, quiet_score(small_scorer(model, **limits), asked), asked, 1e-5)


def test_scores_do_not_depend_on_the_order_of_questions_nor_on_what_else_is_asked() -> None:
    model, asked = tiny_model(CONFIGS["llama"][0]), questions()
    shuffled = random.Random(0).sample(asked, len(asked))
    for some in (shuffled, asked[:1], asked[3:9]):
        assert_as_alone(model, quiet_score(small_scorer(model), some), some, 1e-5)


def test_sequences_within_the_window_share_a_tree_and_longer_ones_do_not() -> None:
    config = transformers.MistralConfig(**SMALL, sliding_window=40)
    model = tiny_model(config)
    scorer, short = small_scorer(model), some_questions(12)[::4]
    assert sharing_of(quiet_score(scorer, short)) == "tree"
    asked = questions()
    table = quiet_score(scorer, asked)
    assert sharing_of(table).startswith("cache: sequences are longer")
    assert_as_alone(model, table, asked)
    assert sharing_of(quiet_score(scorer, short)) == "tree"


BUGS: dict[str, tuple[Any, str, Any]] = {
    "a token sees the branches before it": (
        inputs, "tree_inputs", lambda made: made["attention_mask"][..., :-1].zero_()
    ),
    "positions count along the row": (
        inputs, "tree_inputs", lambda made: made["position_ids"].copy_(torch.arange(made["position_ids"].shape[1]))
    ),
    "a token sees itself and its parents no more": (
        inputs, "tree_inputs", lambda made: made["attention_mask"].fill_(torch.finfo(torch.float32).min)
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_the_self_check_finds_a_wrong_mask_or_position_and_falls_back_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, bug: Any
) -> None:
    module, name, spoil = BUGS[bug]
    right = getattr(module, name)

    def wrong(*arguments: Any) -> Any:
        made = right(*arguments)
        spoil(made)
        return made

    monkeypatch.setattr(forward_module, name, wrong)
    model, asked = tiny_model(CONFIGS["llama"][0]), questions()
    with pytest.warns(UserWarning, match="tree sharing is off by .* goes on with cache sharing"):
        table = small_scorer(model).score(asked, token_logprobs=True)
    assert sharing_of(table).startswith("cache: tree sharing is off by")
    assert_as_alone(model, table, asked)


def test_the_self_check_finds_a_wrong_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(cache: Any, n_rows: Any, *length: Any) -> Any:
        own = stems.copied(cache, n_rows)
        for layer in own.layers:
            layer.values = layer.values * 2
        return own

    monkeypatch.setattr(forward_module, "seen_by", doubled)
    monkeypatch.setattr(forward_module, "copied", doubled)
    model, asked = tiny_model(CONFIGS["llama"][0]), questions()
    table = quiet_score(small_scorer(model), asked)
    assert sharing_of(table).startswith("plain: cache sharing is off by")
    assert_as_alone(model, table, asked)


@pytest.mark.parametrize("kind", ["lfm2", "falcon-h1"])
def test_one_long_prompt_does_not_keep_branches_from_being_checked(kind: str) -> None:
    model = tiny_model(CONFIGS[kind][0])
    long = Question("long", "which of these do you prefer? " * 10 + "Answer:", (" Yes", " No"), (True, False))
    asked = [*some_questions(30), long]
    table = quiet_score(small_scorer(model, row_tokens=60), asked)
    assert sharing_of(table).startswith("cache: tree sharing ")
    assert_as_alone(model, table, asked)


def test_the_check_is_strict_where_recurrent_states_are_cached_in_low_precision() -> None:
    model, asked = tiny_model(CONFIGS["jamba"][0]).to(torch.float16), questions()
    table = quiet_score(small_scorer(model), asked)
    assert sharing_of(table).startswith("plain: cache sharing is off by")


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_sequences_beyond_the_point_where_rotary_frequencies_change_run_alone(kind: str) -> None:
    few = {**SMALL, "max_position_embeddings": 60}
    if kind == "longrope":
        factors = {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
        rope = {"rope_type": kind, "rope_theta": 1e4, **factors, "original_max_position_embeddings": 60}
        config = transformers.Phi3Config(**{**SMALL, "rope_parameters": rope}, original_max_position_embeddings=60)
    else:
        config = transformers.LlamaConfig(**few, rope_parameters={"rope_type": kind, "rope_theta": 1e4, "factor": 4.0})
    model, short = tiny_model(config), some_questions(12)[::4]
    scorer = small_scorer(model)
    scorer.tokens.max_length = 256
    asked = [*short, *(replace(q, id=f"long {q.id}") for q in questions()[:6])]
    table = quiet_score(scorer, asked)
    assert sharing_of(table) == "plain: rotary frequencies change beyond 60 tokens, so each sequence runs alone"
    if kind == "dynamic":  # its frequencies for long sequences depend on those that the model ran before
        table = table.slice(0, sum(len(q.answers) for q in short))
    assert_as_alone(model, table, asked)
    assert sharing_of(quiet_score(scorer, short)) == "tree"


def test_a_fallback_lasts_and_is_warned_of_once() -> None:
    scorer, asked = small_scorer(tiny_model(CONFIGS["bloom"][0])), questions()
    with pytest.warns(UserWarning, match="position_ids"):
        scorer.score(asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sharing_of(scorer.score(asked)).startswith("cache: ")


def test_what_reaches_further_than_was_checked_is_checked_again() -> None:
    scorer, asked = small_scorer(tiny_model(CONFIGS["llama"][0])), [*some_questions(12)[::4], *questions()]
    source: Any = scorer.source
    info, checked = RunInfo("r", "m", None), []
    for _ in scorer.stream(asked, ScoreSettings(), info, chunk_questions=3, progress=False):
        checked.append(source.sharing.checked_tokens)
    assert len(checked) == 7 and checked[0] > 0
    grown = [b > a for a, b in pairwise(checked)]
    assert True in grown and False in grown


def test_cached_stems_do_not_outlive_a_run_for_the_model_may_be_trained_in_between() -> None:
    model, asked = tiny_model(CONFIGS["llama"][0]), questions()
    scorer = small_scorer(model)
    quiet_score(scorer, asked)
    with torch.no_grad():
        model.model.layers[0].self_attn.v_proj.weight.mul_(-1)
    assert_as_alone(model, quiet_score(scorer, asked), asked)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: [setattr(p, "data", p.data * 1.1) for p in model.parameters()],
        lambda model: model.load_state_dict({k: v * 1.1 for k, v in model.state_dict().items()}, assign=True),
        lambda model: model.resize_token_embeddings(VOCAB + 8),
    ],
)
def test_a_model_whose_parameters_were_replaced_is_scored_as_it_is_now(change: Callable[..., Any]) -> None:
    model, asked = tiny_model(tiny_configs()["llama"]), questions()
    scorer = small_scorer(model)
    quiet_score(scorer, asked)
    change(model)
    assert_as_alone(model, quiet_score(scorer, asked), asked)


def test_rows_after_a_long_stem_keep_few_copies_of_it() -> None:
    answers = [ScoreRequest([1] * 500 + [i, 2], [3, 4]) for i in range(300)]
    plan = plan_batches(answers, Limits(batch_tokens=100, row_tokens=50, pass_tokens=10), "cache")
    assert all(batch.reach * len(batch.rows) <= 800 for batch in plan.batches)
    assert len(plan.batches[0].rows) == 1 and len(plan.batches) == 300


def test_out_of_memory_halves_the_batch_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = tiny_model(CONFIGS["llama"][0]), questions()
    body, most = model.model.forward, 150

    def limited(input_ids: Any, **options: Any) -> Any:
        if input_ids.numel() > most:
            raise torch.OutOfMemoryError("out of memory")
        return body(input_ids=input_ids, **options)

    scorer = small_scorer(model, batch_tokens=1000)
    expected = quiet_score(scorer, asked)
    monkeypatch.setattr(model.model, "forward", limited)
    table = quiet_score(scorer, asked)
    assert 30 <= scorer.batch_tokens <= 150
    assert table["logprob"].to_pylist() == pytest.approx(expected["logprob"].to_pylist(), abs=1e-5)
    most = 40
    with pytest.raises(MemoryError, match=r"a row of at most \d+ tokens doesn't fit into the memory of cpu"):
        quiet_score(scorer, asked)


def test_an_out_of_memory_error_in_the_self_check_is_not_taken_for_an_objection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*arguments: Any, **options: Any) -> None:
        raise torch.OutOfMemoryError("out of memory")

    scorer = small_scorer(tiny_model(CONFIGS["llama"][0]))
    source: Any = scorer.source
    monkeypatch.setattr(source.forward, "states", fails)
    with pytest.raises(torch.OutOfMemoryError):
        quiet_score(scorer, questions())
    assert SHARINGS[0] == source.sharing.kind
