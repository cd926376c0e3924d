"""A small tokenizer and randomly initialised models, made on the spot."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from pyscore.engine.sources.huggingface.load import require_transformers
from pyscore.tasks import Question

transformers = require_transformers()

CORPUS = [
    "Is the following statement something you would say? I value other people.",
    "Question: which of these do you prefer? (A) the first one (B) the second one Answer: (A)",
    " Yes No Yes No Yes No (A) (B) (C) maybe, perhaps, certainly not",
]
VOCAB = 320


@lru_cache
def tiny_tokenizer() -> Any:
    """A byte-level BPE tokenizer of about 320 tokens that can encode any text; it merges across no space."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def tokenizer_adding(template: str, *, bos: str | None = "<s>") -> Any:
    """The tiny tokenizer, which now makes of every text by itself what the template says, as "<s> $A </s>"."""
    tokenizer = copy.deepcopy(tiny_tokenizer().backend_tokenizer)  # the tiny one is shared by all tests
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("<s>", 0), ("</s>", 1), ("<pad>", 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=bos, eos_token="</s>", pad_token="<pad>"
    )


SMALL: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}


def tiny_configs() -> dict[str, Any]:
    """Configurations that differ in what follows the head: nothing, softcap, a factor, a divisor."""
    t = transformers
    gpt2 = {"vocab_size": VOCAB, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
    return {
        "llama": t.LlamaConfig(**SMALL, tie_word_embeddings=False),
        "gpt2": t.GPT2Config(**gpt2, bos_token_id=0, eos_token_id=1),
        "gemma2": t.Gemma2Config(**SMALL, head_dim=8, final_logit_softcapping=2.0, query_pre_attn_scalar=8),
        "cohere": t.CohereConfig(**SMALL, logit_scale=0.3),
        "granite": t.GraniteConfig(**SMALL, logits_scaling=4.0),
        "gptj": t.GPTJConfig(**gpt2, rotary_dim=4, bos_token_id=0, eos_token_id=1, tie_word_embeddings=False),
    }


def tiny_model(config: Any) -> Any:
    """A model of this configuration whose next-token distributions are far from even."""
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
        head = model.get_output_embeddings()
        if head.bias is not None:
            head.bias.normal_()
    return model


def save_tiny(folder: Path, kind: str = "llama") -> Path:
    """Save a tiny model and its tokenizer in Hugging Face's format."""
    tiny_model(tiny_configs()[kind]).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def save_tiny_gguf(file: Path, more: dict[str, Any] | None = None, *, pre: str = "default") -> Path:
    """A tiny Llama in float32 as a GGUF file, with ``more`` tensors than it has a place for.

    llama.cpp cuts texts as `tiny_tokenizer` does where ``pre`` is "gpt-2".
    """
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("tiny")
    writer.add_block_count(2)
    writer.add_context_length(256)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(8)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCAB)
    definition = json.loads(tiny_tokenizer().backend_tokenizer.to_str())["model"]
    tokens = sorted(definition["vocab"], key=definition["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([*tokens, *(f"<unused{i}>" for i in range(VOCAB - len(tokens)))])
    if pre != "default":
        writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (VOCAB - 3))
    writer.add_token_merges([" ".join(pair) for pair in definition["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    numbers = np.random.default_rng(0)
    shapes = {"token_embd": (VOCAB, 32), "output": (VOCAB, 32), "output_norm": (32,)}
    for i in range(2):
        kinds = {"attn_norm": (32,), "ffn_norm": (32,), "attn_q": (32, 32), "attn_k": (16, 32), "attn_v": (16, 32)}
        kinds |= {"attn_output": (32, 32), "ffn_gate": (64, 32), "ffn_up": (64, 32), "ffn_down": (32, 64)}
        shapes |= {f"blk.{i}.{kind}": shape for kind, shape in kinds.items()}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", numbers.normal(size=shape).astype(np.float32))
    for name, value in (more or {}).items():
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def question(id: str = "q", prompt: str = "Do you agree?", answers: tuple[str, ...] = (" Yes", " No")) -> Question:
    return Question(id, prompt, answers, (True, *[False] * (len(answers) - 1)))


def some_questions(n: int = 12) -> list[Question]:
    """Questions of differing lengths, some with answers of several tokens that share their beginnings."""
    questions = []
    for i in range(n):
        prompt = f"Question {i}: " + "which of these do you prefer? " * (i % 4) + "Answer:"
        answers = ((" Yes", " No"), (" (A)", " (B)", " (C)"), (" certainly not", " maybe"))[i % 3]
        questions.append(question(f"q{i}", prompt, answers))
    return questions
