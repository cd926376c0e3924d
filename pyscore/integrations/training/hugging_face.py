"""The evaluator in a `transformers.Trainer`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from pyscore.integrations.training.evaluator import Evaluator

__all__ = ["HuggingFaceCallback"]


class HuggingFaceCallback(TrainerCallback):
    """Evaluates as the evaluator says, and logs through the trainer.

    Args:
        evaluator: what is evaluated, and how often; with ``every=None`` whenever the trainer evaluates. Where it has no
            tokenizer, the trainer's ``processing_class`` is it.
        trainer: of the model; ``trainer.add_callback(HuggingFaceCallback(evaluator, trainer))``.
    """

    def __init__(self, evaluator: Evaluator, trainer: Any) -> None:
        self.evaluator, self.trainer = evaluator, trainer
        evaluator.use_tokenizer(trainer.processing_class)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.evaluator.at_start:
            self._run(state.global_step, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.evaluator.due(state.global_step):
            self._run(state.global_step, control)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.evaluator.every is None:
            self._run(state.global_step, control)

    def _run(self, step: int, control: Any) -> None:
        found = self.evaluator.run(self.trainer.model_wrapped, step)
        # What is logged counts as the step's log, and the trainer would leave out its own loss.
        asked = control.should_log
        self.trainer.log(found.to_log())
        control.should_log = asked
