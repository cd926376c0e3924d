"""A question without a prompt is scored as lm-evaluation-harness scores an empty context: after BOS, else EOS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyscore import Scorer
from pyscore.tasks import Question
from tests.engine.tiny import tiny_configs, tiny_model, tiny_tokenizer, tokenizer_adding

SENTENCES = ("The first statement is you.", "Which other people prefer the first?")
BARE = Question("bare", "", SENTENCES, (True, False))
OTHER = Question("other", "Do you agree?", (" Yes", " No"), (True, False))


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


def harness(model: Any, tokenizer: Any, pairs: list[tuple[str, str]], add_bos: bool = False) -> list[float]:
    huggingface = pytest.importorskip("lm_eval.models.huggingface")
    from lm_eval.api.instance import Instance

    lm = huggingface.HFLM(
        pretrained=model, tokenizer=tokenizer, batch_size=2, device="cpu", add_bos_token=add_bos or None
    )
    found = lm.loglikelihood([Instance("loglikelihood", {}, pair, 0) for pair in pairs], disable_tqdm=True)
    return [logprob for logprob, _ in found]


def logprobs(scorer: Scorer, *questions: Question, template: str = "plain") -> list[float]:
    return [float(value) for value in scorer.score(list(questions), template=template)["logprob"].to_pylist()]


TOKENIZERS: dict[str, Callable[[], Any]] = {
    "no prefix": tiny_tokenizer,
    "BOS": lambda: tokenizer_adding("<s> $A"),
    "BOS and EOS": lambda: tokenizer_adding("<s> $A </s>"),
    "EOS alone": lambda: tokenizer_adding("$A", bos=None),
}


@pytest.mark.parametrize("template", ["plain", "{{ question }}"])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_whole_sentences_are_scored_as_the_harness_scores_them(model: Any, name: str, template: str) -> None:
    tokenizer = TOKENIZERS[name]()
    ours = logprobs(Scorer(model, tokenizer), BARE, OTHER, template=template)
    assert ours[:2] == pytest.approx(harness(model, tokenizer, [("", each) for each in SENTENCES]), abs=1e-4)


@pytest.mark.parametrize("template", ["human-assistant", "Q: {{ question }}\nA:", "Q: {{ question | trim }}\nA:"])
def test_templates_take_an_empty_prompt(model: Any, template: str) -> None:
    frame = "\n\nHuman: \n\nAssistant:" if template == "human-assistant" else "Q: \nA:"
    framed = Question("framed", frame, SENTENCES, (True, False))
    scorer = Scorer(model, tiny_tokenizer())
    assert logprobs(scorer, BARE, template=template) == logprobs(scorer, framed)


def test_a_pair_compares_alike_whether_its_beginning_is_a_prompt_or_not(model: Any) -> None:
    """Where BOS stands before the prompt too: log-probabilities of whole sentences differ from those of the rests by
    that of the beginning."""
    parted = Question("parted", "Is the", (" following first?", " second answer one?"), (True, False))
    whole = Question("whole", "", tuple(f"Is the{rest}" for rest in parted.answers), (True, False))
    more, less, whole_more, whole_less = logprobs(Scorer(model, tiny_tokenizer(), add_bos_token=True), parted, whole)
    assert more - less == pytest.approx(whole_more - whole_less, abs=1e-4)
    assert more != pytest.approx(whole_more, abs=1)
