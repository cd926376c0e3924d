"""Evaluator: questions that are scored again and again while a model is trained."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from time import perf_counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pyscore._integers import as_int
from pyscore.engine.fingerprint import describe, model_digest
from pyscore.engine.questions import checked_questions, dataset_of
from pyscore.engine.rows import RunInfo, build_rows
from pyscore.engine.settings import ScoreSettings, check_text
from pyscore.engine.sources.huggingface.budget import check_batch_tokens
from pyscore.engine.sources.source import SourceFacts
from pyscore.integrations.training.evaluation import (
    Evaluation,
    Scored,
    joined,
    measure,
    scopes_of,
    states_of,
)
from pyscore.integrations.training.model import ModelInTraining, ModelOptions
from pyscore.integrations.training.ranks import Ranks
from pyscore.metrics import Interval
from pyscore.ops import Comparison
from pyscore.ops.dispatch import check_backend_name, select
from pyscore.results import comparison_from_rows
from pyscore.store import row_schema, write_rows
from pyscore.store.files import locate
from pyscore.store.grouping import by_position
from pyscore.tasks import ChatTemplate, Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Evaluator"]


class Evaluator:
    """Scores questions while a model is trained, and disturbs nothing: the weights are bit for bit those without it.

    Questions are tokenised, divided among the ranks by the tokens they take, and planned once, at the first evaluation.
    The model is called as training calls it, through FSDP's, DDP's or a compiler's module, and as often on every rank.
    Whether its head can be run apart from it, and what sequences may share, is checked once, too: training changes
    weights, not what a model is made of. See docs/training.md.

    Args:
        questions: with ids of their own within a data set.
        every: steps from one evaluation to the next, for `due` and the adapters; None where these evaluate when the
            trainer does, and `due` never says so.
        at_start: evaluate before the first step as well.
        tokenizer: the model's; the adapter of Hugging Face's trainer takes the trainer's by default.
        template, truncate, token_logprobs, dataset: as for `pyscore.Scorer.score`.
        output: a folder, a path or an fsspec URL, for the rows: "step-00000500.parquet" and so on. It is made if the
            folder that it is in exists.
        name, run_id: what rows call the model, and this training run; by default the model's own name, a random one.
        normalize, sets, ties: as in `pyscore.comparison_from_rows`.
        clustered: use the questions' clusters, where any share one.
        confidence: of every interval.
        batch_tokens: how many tokens, padding counted, a forward pass may have; "auto" is 8192 on a GPU, else 1024.
        add_bos_token, backend: as for `pyscore.Scorer`.
        autocast: score under the autocast that training has; rows then say what it computes in. By default there is
            none, and a model kept in float32 is scored in float32.
        forward: how to run the model where it isn't called as `model(input_ids)`: it gets the module and token ids
            [B, S], padded on the right, and gives logits [B, S, V].
        head: the name of the output embedding in the model, such as "lm_head", where the model doesn't say.
        group: the `torch.distributed` group whose ranks hold one model together, and so score the same questions, each
            with its range of the vocabulary; by default the mesh that weights are cut over tells.
        prefix: what logged names begin with.

    Raises:
        TypeError, ValueError: a bad argument, questions without ids of their own.
    """

    def __init__(
        self,
        questions: Iterable[Question],
        *,
        every: int | None = None,
        at_start: bool = True,
        tokenizer: Any = None,
        template: str | ChatTemplate = "plain",
        truncate: bool = False,
        token_logprobs: bool = False,
        dataset: str | None = None,
        output: str | os.PathLike[str] | None = None,
        name: str | None = None,
        run_id: str | None = None,
        normalize: str = "sum",
        sets: str = "max",
        ties: str = "half",
        clustered: bool = True,
        confidence: float = 0.95,
        batch_tokens: int | str = "auto",
        add_bos_token: bool | str = "auto",
        backend: str = "auto",
        autocast: bool = False,
        forward: Callable[[Any, torch.Tensor], Any] | None = None,
        head: str | None = None,
        group: Any = None,
        prefix: str = "pyscore",
    ) -> None:
        if every is not None and as_int(every, "every") < 1:
            raise ValueError(f"every={every} must be at least 1 step, or None")
        self.questions = checked_questions(questions, dataset)
        if not self.questions:
            raise ValueError("questions is empty: there is nothing to score")
        check_backend_name(backend)
        check_batch_tokens(batch_tokens)
        check_text(name, "name")
        check_text(run_id, "run_id")
        Interval(confidence)
        self.every, self.at_start, self.prefix = every, at_start, prefix
        self.options = ModelOptions(
            tokenizer, add_bos_token, batch_tokens, backend, autocast, forward=forward, head=head, group=group
        )
        self._settings = ScoreSettings(template, truncate, token_logprobs, dataset)
        self._compared = {"normalize": normalize, "sets": sets, "ties": ties}
        self._output = None if output is None else locate(os.fspath(output))
        self._name, self._run_id, self._confidence = name, run_id, confidence
        datasets = [dataset_of(question, dataset) for question in self.questions]
        clusters = [question.cluster for question in self.questions]
        self._all, self._scopes = scopes_of(datasets, clusters, clustered=clustered)
        self._model: ModelInTraining | None = None
        self._last: Comparison | None = None
        self._described: dict[str, str] = {}

    def use_tokenizer(self, tokenizer: Any) -> None:
        """Use this tokenizer unless one was given."""
        if self.options.tokenizer is None:
            self.options = replace(self.options, tokenizer=tokenizer)

    def due(self, step: int) -> bool:
        """Whether to evaluate after so many steps of training, 0 before the first one."""
        return self.at_start if step == 0 else self.every is not None and step % self.every == 0

    def run(self, model: Any, step: int) -> Evaluation:
        """Evaluate the model between two steps of training; every rank calls this at the same step.

        Args:
            model: what training calls, with all that it is wrapped in.
            step: how many steps it was trained for; rows have it.

        Returns:
            The same on every rank, but for ``rows`` and ``seconds``.

        Raises:
            TypeError, ValueError: as `pyscore.Scorer.score`; no tokenizer; a model that can't be run, or whose call
                needs ``forward=``, ``head=`` or ``group=``.
            RuntimeError: a rank failed; all ranks raise the same message, which names it and its error.
        """
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model must be the module that training calls, got {type(model).__name__}")
        started, settings = perf_counter(), replace(self._settings, step=as_int(step, "step"))
        ready = self._model if self._model is not None and self._model.module is model else None
        found = ready or self._modeled(model)
        with found.forward.evaluation():
            if ready is None:
                found.prepare(self.questions, settings)
                self._run_id = found.ranks.gather(self._run_id or uuid.uuid4().hex)[0]
                self._model = found
            info = RunInfo(self._run_id or "", self._name or _name_of(found.forward.model), None)
            scored, rows = found.ranks.together(
                f"the evaluation at step {step}", lambda: self._scored(found, settings, info)
            )
        every = found.ranks.gather(scored)
        now = joined(every)
        whole, *parts = (
            measure(scope, [each.states[i] for each in every], now, self._last, self._confidence)
            for i, scope in enumerate([self._all, *self._scopes.values()])
        )
        table, findings = self._gathered(found, scored, rows, settings)
        self._last = now
        return Evaluation(
            settings.step or 0,
            *whole,
            datasets=dict(zip(self._scopes, parts, strict=True)),
            n_questions=len(self.questions),
            seconds=perf_counter() - started,
            findings=findings,
            rows=table,
            prefix=self.prefix,
        )

    def _modeled(self, model: Any) -> ModelInTraining:
        if self.options.tokenizer is None:
            raise ValueError("tokenizer is missing: give the model's, Evaluator(questions, tokenizer=...)")
        return ModelInTraining(model, self.options, Ranks())

    def _scored(self, model: ModelInTraining, settings: ScoreSettings, info: RunInfo) -> tuple[Scored, pa.Table]:
        """What this rank found; nothing where another rank scored the same questions."""
        scores, scopes = model.score(), [self._all, *self._scopes.values()]
        if not model.duty.first or not model.chunks:
            return Scored([], None, states_of(None, [], scopes)), self._schema().empty_table()
        tables, positions = [], list[int]()
        for chunk, own in zip(model.chunks, scores, strict=True):
            asked = [self.questions[i] for i in chunk.indices]
            tables.append(build_rows(asked, chunk.answers, own, info, settings))
            positions += chunk.indices
        rows = by_position(tables, np.array(positions, dtype=np.int64))
        comparison, indices = comparison_from_rows(rows, **self._compared), sorted(positions)
        return Scored(indices, comparison, states_of(comparison, indices, scopes)), rows

    def _gathered(
        self, model: ModelInTraining, scored: Scored, rows: pa.Table, settings: ScoreSettings
    ) -> tuple[pa.Table | None, dict[str, str]]:
        """All rows on the first rank, which writes them, and what it says of how they were scored."""
        forward, ranks = model.forward, model.ranks
        findings = {
            "head": forward.separation.name,
            "sharing": str(model.sharing),
            "batch_tokens": str(forward.limits.batch_tokens),
            "ranks": str(ranks.size),
        }
        findings = ranks.gather(findings)[0]
        parts = ranks.gather_first((scored.indices, rows))
        table: pa.Table | None = None
        if parts is not None:
            positions = [i for indices, _ in parts for i in indices]
            whole = by_position([each for _, each in parts], np.array(positions, dtype=np.int64))
            metadata = self._conditions(model, settings) | findings
            table = whole.replace_schema_metadata(self._schema(metadata).metadata)
        if self._output is not None:
            ranks.together("writing rows", lambda: None if table is None else self._write(table, settings.step or 0))
        return table, findings

    def _schema(self, metadata: Mapping[str, str] | None = None) -> pa.Schema:
        return row_schema(token_logprobs=self._settings.token_logprobs, metadata=metadata)

    def _write(self, table: pa.Table, step: int) -> None:
        assert self._output is not None  # asked before
        self._output.make_folder()
        write_rows(table, str(self._output / f"step-{step:08d}.parquet"))

    def _conditions(self, model: ModelInTraining, settings: ScoreSettings) -> dict[str, str]:
        """What rows say of how they were made, but for what is found out; weights aren't read for it.

        All but the step is described once: to read a large tokenizer takes longer than to score some questions.
        """
        self._described = self._described or self._describe(model, settings)
        step = {"run_id": self._run_id or "", "step": str(settings.step)}
        return self._described | {"model_fingerprint": model_digest(step)}

    def _describe(self, model: ModelInTraining, settings: ScoreSettings) -> dict[str, str]:
        forward, options = model.forward, self.options
        backend = select(options.backend, forward.device, forward.parts.dtype).name
        facts = SourceFacts(
            self._name or _name_of(forward.model),
            None,
            dtype=str(forward.parts.dtype).removeprefix("torch."),
            device=str(forward.device),
            fingerprint=lambda: {"run_id": self._run_id or ""},
            metadata={
                "backend": backend,
                "torch_version": torch.__version__,
                "float32_matmul_precision": torch.get_float32_matmul_precision(),
            },
        )
        source: Any = SimpleNamespace(facts=facts, tokenizer=options.tokenizer)
        return describe(source, model.tokens, settings, self.questions)[0]


def _name_of(model: Any) -> str:
    return getattr(getattr(model, "config", None), "_name_or_path", "") or type(model).__name__
