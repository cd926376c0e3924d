"""The adapters: a trainer learns the same with and without an evaluator, and logs what it finds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pyscore.store import metadata_of, read_rows
from tests.engine.tiny import SMALL, tiny_tokenizer, transformers
from tests.integrations.training import evaluator, learnt, logprobs, trained

LOSSES = ("loss", "grad_norm", "learning_rate")


def losses(trainer: Any) -> list[dict[str, float]]:
    return [{name: each[name] for name in LOSSES} for each in trainer.state.log_history if "loss" in each]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"bf16": True, "gradient_accumulation_steps": 2, "gradient_checkpointing": True}],
    ids=["plain", "autocast, accumulation and checkpointing"],
)
def test_a_trainer_learns_bit_for_bit_the_same(arguments: dict[str, Any], tmp_path: Path) -> None:
    without = trained(None, tmp_path, **arguments)
    after = torch.get_rng_state().tolist(), random.getstate(), np.random.rand()
    runs = evaluator(every=2, tokenizer=None, output=tmp_path / "rows")
    found = trained(runs, tmp_path, **arguments)
    assert learnt(found).keys() == learnt(without).keys()
    assert all(torch.equal(value, learnt(without)[name]) for name, value in learnt(found).items())
    assert losses(found) == losses(without) and len(losses(found)) == 5
    assert (torch.get_rng_state().tolist(), random.getstate(), np.random.rand()) == after
    logged = {each["step"]: each for each in found.state.log_history if "pyscore/mean_probability" in each}
    assert sorted(logged) == [0, 2, 4]
    assert "pyscore/preference_rate_high" in logged[0] and "pyscore/mean_probability_change" not in logged[0]
    assert logged[4]["pyscore/mean_probability_change_low"] < logged[4]["pyscore/mean_probability_change_high"]
    rows = read_rows(tmp_path / "rows" / "step-00000004.parquet")
    assert set(rows["step"].to_pylist()) == {4} and metadata_of(rows)["dtype"] == "float32"


def test_rows_in_a_trainer_with_autocast_are_those_of_the_weights(tmp_path: Path) -> None:
    trainer = trained(evaluator(every=5, output=tmp_path / "rows"), tmp_path, bf16=True)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, tie_word_embeddings=False))
    model.load_state_dict(trainer.model.state_dict())
    rows = read_rows(tmp_path / "rows" / "step-00000005.parquet")
    assert logprobs(rows) == logprobs(evaluator().run(model, 5).rows)


def test_without_a_number_of_steps_it_evaluates_when_the_trainer_does(tmp_path: Path) -> None:
    trainer = trained(evaluator(at_start=False), tmp_path, eval_strategy="steps", eval_steps=3)
    steps = [
        [each["step"] for each in trainer.state.log_history if name in each]
        for name in ("pyscore/mean_probability", "eval_loss")
    ]
    assert steps[0] == steps[1] == [3, 5]


def noting_logger() -> Any:
    """A logger of Lightning's, with all that it was given as ``seen``."""
    from lightning.pytorch.loggers.logger import DummyLogger

    class Noting(DummyLogger):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[dict[str, float]] = []

        def log_metrics(self, metrics: Any, step: int) -> None:  # type: ignore[override]
            self.seen += [{**metrics, "step": step}] if "pyscore/mean_probability" in metrics else []

    return Noting()


def lightning_run(folder: Path, callbacks: list[Any], logger: Any, **options: Any) -> dict[str, torch.Tensor]:
    import lightning.pytorch as lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            config = transformers.LlamaConfig(**SMALL, tie_word_embeddings=False, attention_dropout=0.2)
            self.model = transformers.AutoModelForCausalLM.from_config(config)

        def forward(self, **inputs: Any) -> Any:
            return self.model(**inputs)

        def training_step(self, batch: Any, _: int) -> Any:
            return self.model(input_ids=batch, labels=batch).loss

        def validation_step(self, batch: Any, _: int) -> None: ...

        def configure_optimizers(self) -> Any:
            return torch.optim.AdamW(self.parameters(), 1e-2)

    tokens = torch.randint(3, 300, (40, 12), generator=torch.Generator().manual_seed(1))
    module = Module()
    trainer = lightning.Trainer(
        max_steps=4,
        accelerator="cpu",
        callbacks=callbacks,
        logger=logger,
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        **options,
    )
    loader: Any = torch.utils.data.DataLoader(tokens, batch_size=4)  # type: ignore[arg-type]
    trainer.fit(module, loader, loader)
    return module.state_dict()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [None, "model"])
def test_lightning_learns_bit_for_bit_the_same(name: str | None, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from pyscore.integrations.callback import LightningCallback

    options = {"accumulate_grad_batches": 2, "limit_val_batches": 1}
    without = lightning_run(tmp_path, [], False, **options)
    logger = noting_logger()
    runs = evaluator(every=2, output=tmp_path / "rows", tokenizer=tiny_tokenizer())
    found = lightning_run(tmp_path, [LightningCallback(runs, name)], logger, **options)
    assert all(torch.equal(value, without[key]) for key, value in found.items())
    assert [each["step"] for each in logger.seen] == [0, 2, 4]
    assert "pyscore/preference_rate_change_high" in logger.seen[-1]
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == [
        f"step-0000000{step}.parquet" for step in (0, 2, 4)
    ]


@pytest.mark.filterwarnings("ignore")
def test_without_a_number_of_steps_it_evaluates_when_lightning_validates(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from pyscore.integrations.callback import LightningCallback

    logger = noting_logger()
    lightning_run(
        tmp_path, [LightningCallback(evaluator(at_start=False))], logger, val_check_interval=3, limit_val_batches=1
    )
    assert [each["step"] for each in logger.seen] == [3]
