"""Scorer: questions in, rows of answer log-probabilities out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from pyscore._version import __version__
from pyscore.engine.attention import Attention
from pyscore.engine.blocks import WINDOW_QUESTIONS, ahead, window_indices
from pyscore.engine.budget import check_batch_tokens, fastest_batch_tokens, limits_for
from pyscore.engine.forward import Forward, TokenResults
from pyscore.engine.model import context_length, evaluation_mode, load_model
from pyscore.engine.plan import Limits, Plan, TokenCounts
from pyscore.engine.progress import Progress
from pyscore.engine.requests import check_run, checked_questions
from pyscore.engine.rows import RunInfo, build_rows
from pyscore.engine.tokenization import CLEAN, AnswerTokenizer, AnswerTokens, adds_bos, tokenizer_hash
from pyscore.ops.dispatch import check_backend_name, select
from pyscore.store.ordering import by_position
from pyscore.store.schema import row_schema
from pyscore.tasks import Question, render

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ScoredTokens", "Scorer"]

_WINDOW_PAIRS = 4096  # token pairs that are planned together

_CHECK_TEXT = "Question: Is 12 + 7 less than 20, or is it more? Answer: It is 19, which is less."


class _Window(NamedTuple):
    """Questions that run together."""

    indices: list[int]
    questions: list[Question]
    answers: list[AnswerTokens]
    plan: Plan


class ScoredTokens(NamedTuple):
    """A continuation's scores.

    Attributes:
        logprobs: the log-probability of each of its tokens, nats.
        is_greedy: every token is the likeliest given those before it.
    """

    logprobs: list[float]
    is_greedy: bool


class Scorer:
    """Scores answers to questions with one causal language model.

    Forward only: scoring runs in inference mode, and no score carries a gradient to the model.

    Args:
        model: a causal LM of Hugging Face transformers, already on its device. Scoring runs it in evaluation mode and
            leaves it in the mode it was in.
        tokenizer: its tokenizer.
        name: what rows call the model; by default the name that it was loaded by.
        revision: what rows call its revision.
        batch_tokens: how many tokens, padding counted, a forward pass may have; "auto" is 1024, and on a
            CUDA device what is fastest by measurement; it is halved when memory runs out. A longer sequence runs alone.
        add_bos_token: whether every text begins with BOS (never twice); "auto": if the tokenizer puts it there by
            itself, as in lm-evaluation-harness.
        backend: which backend of `pyscore.linear_logprobs` to use.

    Raises:
        ValueError: a bad argument, or add_bos_token=True and no BOS token.
        RuntimeError: no backend, or not the one asked for, serves this model's device and dtype.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str | None = None,
        revision: str | None = None,
        batch_tokens: int | str = "auto",
        add_bos_token: bool | str = "auto",
        backend: str = "auto",
    ) -> None:
        if not isinstance(model, nn.Module):
            kind = type(model).__name__
            raise TypeError(f"model must be a loaded torch module, got {kind}: use Scorer.from_pretrained")
        if add_bos_token not in (True, False, "auto"):
            raise ValueError(f"add_bos_token={add_bos_token!r} is not True, False or 'auto'")
        config = getattr(model, "config", None)
        self.model, self.tokenizer = model, tokenizer
        self.name = name or getattr(config, "_name_or_path", "") or type(model).__name__
        self.revision = revision
        pad = next((i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), 0)
        self.forward = Forward(model, Limits(1, 1, 1), pad=pad, backend=backend)
        self.asked_batch_tokens = batch_tokens
        self.use_batch_tokens(check_batch_tokens(batch_tokens))
        if batch_tokens == "auto" and self.forward.device.type == "cuda":
            with evaluation_mode(model):
                self.use_batch_tokens(fastest_batch_tokens(self.forward.run_blank))
        self.attention = Attention(self.forward)
        self._backend = select(backend, self.forward.device, getattr(model, "dtype", torch.float32)).name
        add_bos = adds_bos(tokenizer) if add_bos_token == "auto" else bool(add_bos_token)
        self.tokens = AnswerTokenizer(tokenizer, add_bos=add_bos, max_length=context_length(model))

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        dtype: str | torch.dtype = "auto",
        device: str | torch.device = "auto",
        batch_tokens: int | str = "auto",
        trust_remote_code: bool = False,
        add_bos_token: bool | str = "auto",
        backend: str = "auto",
    ) -> Scorer:
        """Load a model and its tokenizer.

        Args:
            model: a folder in Hugging Face's format, a name on the model hub, a ``.gguf`` file (its weights are
                dequantised), or "smollm2-135m-instruct", the model that the extra ``demo`` installs.
            revision: branch, tag or commit on the model hub.
            dtype: "auto" for the checkpoint's own, or a torch dtype or its name.
            device: "auto" for CUDA where there is one, else the CPU; or a torch device or its name.
            trust_remote_code: allow code that comes with the model to run.
            batch_tokens, add_bos_token, backend: as for `Scorer`.

        Raises:
            FileNotFoundError, ImportError, ValueError: the model can't be loaded; one line says why.
            RuntimeError: as for `Scorer`.
        """
        # Checked before the long load, not after it.
        check_batch_tokens(batch_tokens)
        check_backend_name(backend)
        loaded = load_model(model, revision=revision, dtype=dtype, device=device, trust_remote_code=trust_remote_code)
        return cls(
            loaded.model,
            loaded.tokenizer,
            name=loaded.name,
            revision=revision,
            batch_tokens=batch_tokens,
            add_bos_token=add_bos_token,
            backend=backend,
        )

    @property
    def batch_tokens(self) -> int:
        """How many tokens a forward pass may have, padding counted."""
        return self.forward.limits.batch_tokens

    def begin(self) -> None:
        """Begin anew: with the full batch size, and with nothing checked."""
        self.forward.limits = self.limits
        self.attention.begin()

    def use_batch_tokens(self, batch_tokens: int) -> None:
        """Set how many tokens a forward pass may have."""
        self.limits = self.forward.limits = limits_for(self.forward.device, batch_tokens)

    def score(
        self,
        questions: Iterable[Question],
        *,
        template: str = "plain",
        progress: bool = True,
        token_logprobs: bool = False,
        truncate: bool = False,
        dataset: str | None = None,
        run_id: str | None = None,
        step: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> pa.Table:
        """Score every answer of every question.

        What questions and answers begin with alike runs once; see docs/engine.md. Results depend on the batches and on
        the order of the questions only by the rounding of the model's own arithmetic.

        Args:
            questions: with ids of their own within a data set.
            template: how a question becomes a prompt; see `pyscore.tasks.render`.
            progress: show a progress bar on standard error, if that is a terminal.
            token_logprobs: add the list column ``token_logprobs``.
            truncate: cut prompts that are too long for the model from the left, which the column ``truncated`` says,
                instead of raising.
            dataset: the data set of questions whose ``meta`` has no "dataset".
            run_id: name of this run, by default a random one.
            step: training step of the model, if it has one.
            metadata: text to keep in the table's metadata.

        Returns:
            A table of one row an answer, in the order given; `pyscore.store.row_schema` and docs/engine.md name the
            columns. Log-probabilities are in nats.

        Raises:
            ValueError: an argument that rows can't hold; an answer without tokens, a prompt too long for the model, a
                repeated id, a template that fails, a model that gives NaN, each with the question named; a model that
                is not causal.
            TypeError: something that is not a Question; a dataset, run_id, step or metadata of another type.
        """
        check_run(dataset, run_id, step, metadata)
        questions = checked_questions(questions, dataset)
        info = RunInfo(run_id or uuid.uuid4().hex, self.name, self.revision, step, dataset)
        self.begin()
        tables, positions = [row_schema(token_logprobs=token_logprobs).empty_table()], []
        for indices, table in self.stream(
            questions, info, template=template, truncate=truncate, token_logprobs=token_logprobs, progress=progress
        ):
            tables.append(table)
            positions += indices
        described = self.describe(template, questions) | self.findings() | dict(metadata or {})
        return by_position(tables, np.array(positions, dtype=np.int64)).replace_schema_metadata(
            row_schema(metadata=described).metadata
        )

    def stream(
        self,
        questions: Sequence[Question],
        info: RunInfo,
        *,
        template: str = "plain",
        truncate: bool = False,
        token_logprobs: bool = False,
        progress: bool = True,
        skip: Collection[int] = (),
        window_questions: int = WINDOW_QUESTIONS,
    ) -> Generator[tuple[list[int], pa.Table], None, None]:
        """Score window by window: indices of questions, and the rows of their answers.

        Windows hold neighbours in the order of prompts, so that what they share runs once. Questions of ``skip`` don't
        run; the others run in the same windows as without it. While the model runs, the next window is tokenised.
        """

        def prepare(indices: list[int]) -> _Window:
            chosen = [questions[i] for i in indices]
            answers = self._tokenize(chosen, template, truncate)
            return _Window(indices, chosen, answers, self.attention.plan(answers))

        skipped = set(skip)
        found = ([i for i in window if i not in skipped] for window in window_indices(questions, window_questions))
        windows = [window for window in found if window]
        with self._running(), Progress("scoring", sum(map(len, windows)), "questions", progress) as bar:
            for window in ahead(prepare, windows):
                plan, results = self._run(window.plan, window.answers, bar.share(len(window.indices)))
                rows = build_rows(
                    window.questions, window.answers, plan.places, results, info, token_logprobs=token_logprobs
                )
                yield window.indices, rows

    def explain(self, questions: Iterable[Question], *, template: str = "plain", truncate: bool = False) -> TokenCounts:
        """How many tokens a run would take, without running it; see `TokenCounts`.

        Args:
            questions, template, truncate: as for `score`.
        """
        questions = checked_questions(questions, None)
        counts, last = TokenCounts(), None
        for window in window_indices(questions):
            answers = self._tokenize([questions[i] for i in window], template, truncate)
            plan = self.attention.plan(answers)
            counts += plan.counts_after(last)
            last = plan
        return counts

    def score_tokens(
        self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *, progress: bool = True
    ) -> list[ScoredTokens]:
        """Score continuations that are tokens already: log p(continuation | context), token by token.

        Args:
            pairs: (context, continuation), each at least one token id; nothing is added to them, and nothing is cut.
                Pairs that begin alike share the work, wherever they stand.
            progress: show a progress bar on standard error, if that is a terminal.

        Returns:
            One `ScoredTokens` a pair, in order.

        Raises:
            ValueError: a pair without context or continuation, named by its row.
        """
        for i, (context, continuation) in enumerate(pairs):
            if not len(context) or not len(continuation):
                raise ValueError(f"pairs[{i}] must have a context and a continuation of at least one token each")
        answers = [AnswerTokens(list(context), list(answer), CLEAN, False) for context, answer in pairs]
        self.begin()
        order = sorted(range(len(answers)), key=lambda i: (*answers[i].context, *answers[i].answer))
        scored: dict[int, ScoredTokens] = {}
        with self._running(), Progress("scoring", len(answers), "requests", progress) as bar:
            for start in range(0, len(order), _WINDOW_PAIRS):
                indices = order[start : start + _WINDOW_PAIRS]
                window = [answers[i] for i in indices]
                plan, results = self._run(self.attention.plan(window), window, bar.share(len(window)))
                logprob, is_greedy = results.logprob.tolist(), results.is_greedy.tolist()
                for i, own in zip(indices, plan.places, strict=True):
                    scores = [logprob[place] for place in own]
                    scored[i] = ScoredTokens(scores, all(is_greedy[place] for place in own))
        return [scored[i] for i in range(len(answers))]

    def _tokenize(self, questions: Sequence[Question], template: str, truncate: bool) -> list[AnswerTokens]:
        pairs, names = [], []
        for question in questions:
            prompt = render(template, question, self.tokenizer)
            pairs += [(prompt, answer) for answer in question.answers]
            names += [question.id] * len(question.answers)
        return self.tokens.encode(pairs, names, truncate=truncate)

    def _run(
        self, plan: Plan, answers: Sequence[AnswerTokens], advance: Callable[[float], None]
    ) -> tuple[Plan, TokenResults]:
        """The results of these answers, and the plan that they were found by: self-checks may choose another one."""
        plan = self.attention.checked(plan, answers)
        total = max(1, sum(batch.n_tokens for batch in plan.batches))
        return plan, self.forward(plan, lambda tokens: advance(tokens / total))

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Evaluation mode, and nothing kept from before: the model may have been trained since."""
        tokens = self.tokenizer(_CHECK_TEXT, add_special_tokens=False)["input_ids"] or [self.forward.pad]
        with evaluation_mode(self.model):
            self.forward.begin(tokens)
            try:
                yield
            finally:
                self.forward.release()

    def describe(self, template: str, questions: Sequence[Question]) -> dict[str, str]:
        """The metadata of rows that is known before a run: what their values depend on."""
        choices = sorted({str(question.meta["choices"]) for question in questions if "choices" in question.meta})
        described = {
            "pyscore_version": __version__,
            "template": template,
            "dtype": str(getattr(self.model, "dtype", "unknown")).removeprefix("torch."),
            "device": str(self.forward.device),
            "backend": self._backend,
            "tokenizer_hash": tokenizer_hash(self.tokenizer),
            "add_bos_token": str(self.tokens.bos is not None).lower(),
            "choices": ",".join(choices) or "given",
            "torch_version": torch.__version__,
        }
        commit = getattr(getattr(self.model, "config", None), "_commit_hash", None)
        return described | ({"commit": commit} if commit else {})

    def findings(self) -> dict[str, str]:
        """The metadata of rows that a run finds out: how it scored."""
        return {
            "head": self.forward.head or "not run",
            "attention": str(self.attention),
            "batch_tokens": str(self.batch_tokens),
        }
