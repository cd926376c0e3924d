"""The evaluator in a `lightning.Trainer`."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback

from pyscore.integrations.training.evaluator import Evaluator

__all__ = ["LightningCallback"]


class LightningCallback(Callback):
    """Evaluates as the evaluator says, and logs through the trainer's loggers.

    Args:
        evaluator: what is evaluated, and how often; with ``every=None`` whenever the trainer validates.
        model: the name of the language model in the `LightningModule`, such as "model". By default the module itself is
            called, whose ``forward`` then is the language model's, through what the strategy wraps it in.
    """

    def __init__(self, evaluator: Evaluator, model: str | None = None) -> None:
        self.evaluator, self.model = evaluator, model
        self._done: int | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if self.evaluator.at_start:
            self._run(trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        # With gradient accumulation several batches end at one step.
        if trainer.global_step != self._done and self.evaluator.due(trainer.global_step):
            self._run(trainer, pl_module)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if self.evaluator.every is None and not trainer.sanity_checking and trainer.global_step != self._done:
            self._run(trainer, pl_module)

    def _run(self, trainer: Any, pl_module: Any) -> None:
        self._done = trainer.global_step
        found = self.evaluator.run(self._module(trainer, pl_module), trainer.global_step)
        for logger in trainer.loggers:
            logger.log_metrics(found.to_log(), step=trainer.global_step)

    def _module(self, trainer: Any, pl_module: Any) -> Any:
        outer = trainer.strategy.model
        if self.model is None:
            return pl_module if outer is None else outer
        if type(outer).__name__ == "FullyShardedDataParallel":
            raise ValueError(
                f"model={self.model!r} would pass by FullyShardedDataParallel, which gathers the weights: "
                "leave it out, and let forward() of the LightningModule be the language model's"
            )
        return pl_module.get_submodule(self.model)
