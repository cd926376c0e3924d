"""Rows of Scorer.score: complete, in order, independent of batches and of the order of the questions."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tokenizers import normalizers

import pyscore
from pyscore import Question, Scorer, comparison_from_rows
from pyscore.engine.run import score_to
from pyscore.store import row_schema, summarize_rows
from pyscore.tasks import ChatTemplate
from tests.engine.tiny import (
    question,
    save_tiny,
    some_questions,
    tiny_configs,
    tiny_model,
    tiny_tokenizer,
    tokenizer_adding,
)


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


@pytest.fixture(scope="module")
def scorer(model: Any) -> Scorer:
    return Scorer(model, tiny_tokenizer(), name="tiny", batch_tokens=64)


def logprobs(table: Any) -> dict[tuple[str, str], float]:
    return {(row["question_id"], row["answer"]): row["logprob"] for row in table.to_pylist()}


def test_rows_stand_in_the_order_of_questions_and_answers(scorer: Scorer) -> None:
    questions = some_questions()
    rows = scorer.score(questions).to_pylist()
    assert [(r["question_id"], r["answer_index"], r["answer"], r["is_matching"]) for r in rows] == [
        (q.id, i, answer, q.is_matching[i]) for q in questions for i, answer in enumerate(q.answers)
    ]


def test_rows_have_the_published_schema_and_describe_the_run(scorer: Scorer) -> None:
    asked = Question("q", "Do you agree?", (" Ye\u00e9", " No"), (True, False), cluster="c", group="g")
    table = scorer.score([asked], dataset="d", run_id="r", step=7, metadata={"note": "n"})
    assert table.schema.equals(row_schema())
    row = table.to_pylist()[0]
    expected = {"run_id": "r", "model": "tiny", "revision": None, "step": 7, "dataset": "d", "cluster": "c"}
    assert {name: row[name] for name in expected} == expected
    assert row["group"] == "g"
    assert (row["n_chars"], row["n_bytes"]) == (4, 5)
    assert row["n_tokens"] == len(tiny_tokenizer().encode(" Ye\u00e9", add_special_tokens=False))
    assert row["prompt_tokens"] == len(tiny_tokenizer().encode("Do you agree?", add_special_tokens=False))
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["schema_version"] == "3"
    assert metadata["pyscore_version"] == pyscore.__version__
    assert metadata["template"] == "plain"
    assert metadata["dtype"] == "float32"
    assert metadata["note"] == "n"
    assert len(metadata["tokenizer_hash"]) == 64


def test_token_logprobs_are_a_column_on_request_and_sum_to_the_logprob(scorer: Scorer) -> None:
    table = scorer.score(some_questions(), token_logprobs=True)
    assert table.schema.equals(row_schema(token_logprobs=True))
    for row in table.to_pylist():
        assert len(row["token_logprobs"]) == row["n_tokens"]
        assert sum(row["token_logprobs"]) == row["logprob"]


@pytest.mark.parametrize("batch_tokens", [1, 50, 100_000])
def test_results_do_not_depend_on_batches(model: Any, scorer: Scorer, batch_tokens: int) -> None:
    other = Scorer(model, tiny_tokenizer(), batch_tokens=batch_tokens).score(some_questions())
    assert logprobs(other) == pytest.approx(logprobs(scorer.score(some_questions())), abs=1e-5)


def test_results_do_not_depend_on_the_order_of_questions(scorer: Scorer) -> None:
    questions = some_questions()
    shuffled = random.Random(0).sample(questions, len(questions))
    assert logprobs(scorer.score(shuffled)) == logprobs(scorer.score(questions))


def test_is_greedy_means_every_token_is_the_likeliest() -> None:
    model = tiny_model(tiny_configs()["gptj"])
    (yes,) = tiny_tokenizer().encode(" Yes", add_special_tokens=False)
    with torch.no_grad():
        model.lm_head.bias[yes] = 1e4
    rows = Scorer(model, tiny_tokenizer()).score([question(answers=(" Yes", " No", " Yes Yes", " Yes No", " No Yes"))])
    assert rows["is_greedy"].to_pylist() == [True, False, True, False, False]


def test_no_questions_give_an_empty_table(scorer: Scorer) -> None:
    table = scorer.score([])
    assert isinstance(table, pa.Table) and table.num_rows == 0
    assert table.schema.equals(row_schema())


def test_scoring_leaves_training_mode_as_it_was_and_runs_without_dropout() -> None:
    config = tiny_configs()["gpt2"]
    model = tiny_model(config).train()
    scorer = Scorer(model, tiny_tokenizer())
    first, second = scorer.score(some_questions()), scorer.score(some_questions())
    assert model.training
    assert logprobs(first) == logprobs(second)


def test_a_chat_templates_options_are_recorded_and_reach_the_prompt(model: Any) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())  # the tiny one is shared by all tests
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    scorer, template = Scorer(model, tokenizer), ChatTemplate(system="Be brief.", assistant_prefix="So")
    table = scorer.score([question()], template=template)
    by_hand = scorer.score([question(prompt=f"Be brief.\n{question().prompt}\nSo")])
    assert logprobs(table) == logprobs(by_hand)
    assert table.schema.metadata[b"template"] == b'chat {"assistant_prefix": "So", "system": "Be brief."}'


def test_a_dataset_named_by_a_question_wins(scorer: Scorer) -> None:
    own = Question("q", "Do you agree?", (" Yes", " No"), (True, False), dataset="own", choices="listed")
    table = scorer.score([own, question("q2")], dataset="given")
    assert table["dataset"].to_pylist() == ["own", "own", "given", "given"]
    assert table.schema.metadata[b"choices"] == b"given,listed"


@pytest.mark.parametrize("integer", [np.int64, torch.tensor], ids=["NumPy", "tensor"])
def test_integers_of_other_libraries_are_integers(model: Any, tmp_path: Path, integer: Any) -> None:
    scorer = Scorer(model, tiny_tokenizer(), batch_tokens=integer(64))
    assert scorer.score([question()], step=integer(7))["step"].to_pylist() == [7, 7]
    score_to(scorer, str(tmp_path / "run"), [question()], step=integer(7))
    score_to(scorer, str(tmp_path / "run"), [question()], step=7, resume=True)


def test_a_data_sets_own_keys_change_neither_the_data_set_nor_what_is_recorded(scorer: Scorer) -> None:
    meta = {"dataset": None, "choices": ["(A) yes", "(B) no"]}
    own = Question("q", "Do you agree?", (" Yes", " No"), (True, False), meta=meta)
    table = scorer.score([own], dataset="mine")
    assert table["dataset"].to_pylist() == ["mine", "mine"]
    assert table.schema.metadata[b"choices"] == b"given"


def test_truncated_prompts_are_scored_and_marked(model: Any) -> None:
    long = question("long", "which of these do you prefer? " * 60 + "Answer:")
    scorer = Scorer(model, tiny_tokenizer())
    with pytest.raises(ValueError, match=r"question 'long'.*context of 256"):
        scorer.score([question(), long])
    table = scorer.score([question(), long], truncate=True)
    assert table["truncated"].to_pylist() == [False, False, True, True]
    assert table["prompt_tokens"].to_pylist()[2] == 256


def test_bos_is_added_where_the_tokenizer_adds_it_by_itself(model: Any, scorer: Scorer) -> None:
    n_tokens = len(tiny_tokenizer().encode("Do you agree?", add_special_tokens=False))
    with_bos = tokenizer_adding("<s> $A </s>")
    assert scorer.score([question()])["prompt_tokens"].to_pylist() == [n_tokens] * 2
    added = Scorer(model, with_bos).score([question()])
    assert added["prompt_tokens"].to_pylist() == [n_tokens + 1] * 2
    assert logprobs(added) == logprobs(Scorer(model, tiny_tokenizer(), add_bos_token=True).score([question()]))
    left_out = Scorer(model, with_bos, add_bos_token=False).score([question()])
    assert logprobs(left_out) == logprobs(scorer.score([question()]))


def test_no_family_of_models_is_given_bos_that_its_tokenizer_does_not_add(scorer: Scorer) -> None:
    gemma = Scorer(tiny_model(tiny_configs()["gemma2"]), tiny_tokenizer()).score([question()])
    assert gemma["prompt_tokens"].to_pylist() == scorer.score([question()])["prompt_tokens"].to_pylist()
    assert gemma.schema.metadata[b"add_bos_token"] == b"false"


def test_answers_are_compared_after_one_context_also_where_one_of_them_merges_with_the_prompt(
    model: Any, scorer: Scorer
) -> None:
    asked = question(prompt="people pre", answers=("fer", "-1"))
    rows = scorer.score([asked]).to_pylist()
    assert [row["boundary"] for row in rows] == ["split", "clean"]
    context = tiny_tokenizer().encode(asked.prompt, add_special_tokens=False)
    assert [row["prompt_tokens"] for row in rows] == [len(context)] * 2
    for row in rows:
        tokens = context + tiny_tokenizer().encode(row["answer"], add_special_tokens=False)
        with torch.no_grad():
            logprobs = model(torch.tensor([tokens])).logits[0].double().log_softmax(-1)
        expected = sum(float(logprobs[i - 1, tokens[i]]) for i in range(len(context), len(tokens)))
        assert row["logprob"] == pytest.approx(expected, abs=1e-4)


def test_rows_say_which_answers_are_the_same_tokens_or_begin_with_anothers(model: Any) -> None:
    lower = copy.deepcopy(tiny_tokenizer())
    lower.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    asked = [
        question("same", answers=(" Yes", " yes", " No", " \u00e9", " e\u0301")),
        question("nested", answers=(" X", " X Y", " Z", " X Y Z")),
        question("plain", answers=(" Yes", " No")),
    ]
    table = Scorer(model, lower).score(asked)
    assert table["same_as"].to_pylist() == [0, 0, 2, 3, 3, *range(4), 0, 1]
    assert table["extends"].to_pylist() == [None] * 5 + [None, 0, None, 1] + [None] * 2
    (found,) = summarize_rows(table)
    assert (found.n_indistinguishable, found.n_nested, found.n_merged) == (1, 1, 0)
    mass = dict(zip(table["answer"].to_pylist()[5:9], np.exp(table["logprob"].to_numpy()[5:9]), strict=True))
    assert comparison_from_rows(table).coverage[1] == pytest.approx(mass[" X"] + mass[" Z"], abs=0)


def test_tokens_that_the_model_does_not_know_are_named_with_their_question(model: Any) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.add_tokens(["<new>"])
    scorer = Scorer(model, tokenizer)
    for asked in (question("q3", "Well <new>?"), question("q3", answers=(" Yes", " <new>"))):
        with pytest.raises(
            ValueError, match=r"question 'q3', answer .*: the token 320 \('<new>'\) is none of the model's"
        ):
            scorer.score([question(), asked])
    for pair in (([5, 320], [5]), ([5], [320]), ([5], [5, -1])):
        with pytest.raises(ValueError, match=r"pairs\[1\]: the token (320|-1).* is none of the model's, 0 to 319"):
            scorer.score_tokens([([5], [5]), pair])
    with pytest.raises(TypeError, match=r"pairs\[0\] must hold token ids: 'float' object"):
        scorer.score_tokens([([5.0], [5])])  # type: ignore[list-item]


def test_a_padding_token_that_the_model_does_not_know_is_not_run(model: Any, scorer: Scorer) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    assert tokenizer.pad_token_id == 320
    found = Scorer(model, tokenizer, batch_tokens=64).score(some_questions())
    assert logprobs(found) == logprobs(scorer.score(some_questions()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_tokens": 0}, "batch_tokens=0 must be"),
        ({"batch_tokens": "many"}, "batch_tokens='many' must be"),
        ({"add_bos_token": "yes"}, "add_bos_token='yes'"),
    ],
)
def test_bad_arguments_are_named(model: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scorer(model, tiny_tokenizer(), **arguments)


def test_questions_are_checked(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="'q' is used twice"):
        scorer.score([question(), question()])
    with pytest.raises(TypeError, match=r"questions\[1\] must be a Question, got str"):
        scorer.score([question(), "q"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="got one Question: pass"):
        scorer.score(question())  # type: ignore[arg-type]


def test_questions_may_come_from_a_generator(scorer: Scorer) -> None:
    assert scorer.score(q for q in some_questions(3)).num_rows == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metadata": {"note": "n", "template": "mine"}}, "metadata can't set 'template': pyscore writes it itself"),
        ({"metadata": {"head": "mine"}}, "metadata can't set 'head'"),
        ({"step": "last"}, "step must be an integer, got str"),
        ({"step": 2**63}, "step=9223372036854775808 doesn't fit into 64 bits"),
        ({"dataset": 3}, "dataset must be a string, got int"),
        ({"dataset": "\ud800"}, "dataset must be text that UTF-8 can hold"),
        ({"run_id": 3}, "run_id must be a string, got int"),
        ({"metadata": {"a": 1}}, "metadata must map strings to strings, got 'a': 1"),
        ({"metadata": {"a": "\udc80"}}, r"metadata\['a'\] must be text"),
        ({"metadata": {"schema_version": "7"}}, "metadata can't set schema_version"),
    ],
)
def test_what_rows_cannot_hold_is_refused_before_the_run(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], message: str
) -> None:
    source: Any = scorer.source
    monkeypatch.setattr(type(source.forward), "__call__", lambda *_: pytest.fail("the model was run"))
    with pytest.raises((TypeError, ValueError), match=message):
        scorer.score([question()], **arguments)


def test_a_saved_model_scores_like_the_loaded_one(model: Any, scorer: Scorer, tmp_path: Path) -> None:
    loaded = Scorer.from_pretrained(save_tiny(tmp_path), device="cpu", batch_tokens=64)
    assert logprobs(loaded.score(some_questions())) == pytest.approx(logprobs(scorer.score(some_questions())), abs=1e-5)
    assert loaded.score([question()])["model"].to_pylist() == [str(tmp_path)] * 2


def test_dtype_is_the_checkpoints_unless_given(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path)
    assert Scorer.from_pretrained(folder, device="cpu").model.dtype == torch.float32
    assert Scorer.from_pretrained(folder, device="cpu", dtype="bfloat16").model.dtype == torch.bfloat16
    assert Scorer.from_pretrained(folder, device="cpu", dtype=torch.float16).model.dtype == torch.float16
