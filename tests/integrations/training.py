"""What tests of scoring within training share: evaluators, a model that notes how it is called, and a trainer's run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from pyscore.integrations.callback import Evaluation, Evaluator, HuggingFaceCallback
from tests.engine.tiny import SMALL, some_questions, tiny_configs, tiny_model, tiny_tokenizer, transformers


def evaluator(n: int = 13, **options: Any) -> Evaluator:
    """Of some questions, in batches so small that there are many."""
    asked = options.pop("questions", None) or some_questions(n)
    return Evaluator(asked, **{"tokenizer": tiny_tokenizer(), "batch_tokens": 100, **options})


def llama() -> Any:
    return tiny_model(tiny_configs()["llama"])


def logprobs(rows: Any) -> list[float]:
    return rows["logprob"].to_pylist()


def trained(evaluation: Evaluator | None, folder: Path, **arguments: Any) -> Any:
    """A `transformers.Trainer` after five steps of a small model with dropout."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(**SMALL, tie_word_embeddings=False, attention_dropout=0.2)
    model = transformers.AutoModelForCausalLM.from_config(config)
    tokens = torch.randint(3, 300, (40, 12), generator=torch.Generator().manual_seed(1))
    data = [{"input_ids": row, "labels": row} for row in tokens]
    settings = {"max_steps": 5, "per_device_train_batch_size": 4, "logging_steps": 1, "learning_rate": 1e-2}
    quiet = {"report_to": [], "use_cpu": True, "disable_tqdm": True, "save_strategy": "no"}
    chosen = transformers.TrainingArguments(str(folder), **{**settings, **quiet, **arguments})
    trainer = transformers.Trainer(
        model, chosen, train_dataset=data, eval_dataset=data[:4], processing_class=tiny_tokenizer()
    )
    if evaluation is not None:
        trainer.add_callback(HuggingFaceCallback(evaluation, trainer))
    trainer.train()
    return trainer


def learnt(trainer: Any) -> dict[str, torch.Tensor]:
    """All that training changes: weights, and the optimizer's averages."""
    found = dict(trainer.model.state_dict())
    for i, state in enumerate(trainer.optimizer.state.values()):
        found |= {f"{i} {name}": torch.as_tensor(value) for name, value in state.items()}
    return found


def step_once(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
    """One step of training on random tokens."""
    ids = torch.randint(3, 300, (2, 12), generator=torch.Generator().manual_seed(seed))
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def headline(found: Evaluation) -> tuple[float, ...]:
    """The headline numbers and their changes, with intervals."""
    reports: list[Any] = [found.summary, *([] if found.change is None else [found.change])]
    estimates = [getattr(report, name) for report in reports for name in ("mean_probability", "preference_rate")]
    return tuple(number for each in estimates for number in (each.value, each.low, each.high))
