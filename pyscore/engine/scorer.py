"""Scorer: questions in, rows of answer log-probabilities out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from pyscore._version import __version__
from pyscore.engine.blocks import CHUNK_QUESTIONS, ahead, chunk_indices
from pyscore.engine.progress import Progress
from pyscore.engine.requests import check_metadata, check_run, checked_questions
from pyscore.engine.rows import RunInfo, build_rows
from pyscore.engine.skipping import SKIPPED, Skips
from pyscore.engine.sources.huggingface.budget import check_batch_tokens, fastest_batch_tokens, limits_for
from pyscore.engine.sources.huggingface.fingerprint import fingerprint, model_fingerprint
from pyscore.engine.sources.huggingface.forward import Forward, TokenResults
from pyscore.engine.sources.huggingface.load import context_length, evaluation_mode, load_model
from pyscore.engine.sources.huggingface.plan import Limits, Plan, TokenCounts
from pyscore.engine.sources.huggingface.sharing import Sharing
from pyscore.engine.tokenization import CLEAN, AnswerTokenizer, AnswerTokens
from pyscore.engine.turns import turn
from pyscore.engine.vocabulary import vocabulary_of
from pyscore.ops.dispatch import check_backend_name, select
from pyscore.store.ordering import by_position
from pyscore.store.schema import row_schema
from pyscore.tasks import ChatTemplate, Question, render

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ScoredTokens", "Scorer"]

_CHUNK_PAIRS = 4096  # token pairs that are planned together

_CHECK_TEXT = "Question: Is 12 + 7 less than 20, or is it more? Answer: It is 19, which is less."


class _Chunk(NamedTuple):
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

    A model runs one thing at a time: calls from other threads, and of other `Scorer`s of it, wait for their turn.
    Forward only: scoring runs in inference mode, and no score carries a gradient to the model.

    Args:
        model: a causal LM of Hugging Face transformers, already on its device. Scoring runs it in evaluation mode and
            leaves it in the mode it was in.
        tokenizer: its tokenizer.
        name: what rows call the model; by default the name that it was loaded by.
        revision: what rows call its revision.
        batch_tokens: how many tokens, padding counted, a forward pass may have; "auto" is 1024, and on a
            CUDA device what is fastest by measurement; it is halved when memory runs out. A longer sequence runs alone.
        add_bos_token: what every text begins with (never twice). "auto": what the tokenizer puts there by itself, as in
            lm-evaluation-harness; True: the same, and BOS before it unless it is there; False: nothing.
        backend: which backend of `pyscore.linear_logprobs` to use.

    Raises:
        ValueError: a bad argument, add_bos_token=True and no BOS token, or what the tokenizer adds can't be told.
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
        known = vocabulary_of(model)  # a tokenizer's padding token may have been added without the model's knowledge
        pad = known.first_known(tokenizer.pad_token_id, tokenizer.eos_token_id)
        self.forward = Forward(model, Limits(1, 1, 1), pad=pad, backend=backend)
        self.asked_batch_tokens = batch_tokens if batch_tokens == "auto" else check_batch_tokens(batch_tokens)
        self.use_batch_tokens(check_batch_tokens(batch_tokens))
        if batch_tokens == "auto" and self.forward.device.type == "cuda":
            with turn(model), evaluation_mode(model):
                self.use_batch_tokens(fastest_batch_tokens(self.forward.run_blank))
        self.sharing = Sharing(self.forward)
        self._backend = select(backend, self.forward.device, getattr(model, "dtype", torch.float32)).name
        self.tokens = AnswerTokenizer(
            tokenizer, add_bos=add_bos_token, max_length=context_length(model), vocabulary=known
        )

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
        allow_unused_weights: bool = False,
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
            allow_unused_weights: accept a checkpoint that holds weights that the model doesn't use, as it is
                configured, and score without them.
            batch_tokens, add_bos_token, backend: as for `Scorer`.

        Raises:
            FileNotFoundError, ImportError, ValueError: the model can't be loaded; one line says why.
            RuntimeError: as for `Scorer`.
        """
        # Checked before the long load, not after it.
        check_batch_tokens(batch_tokens)
        check_backend_name(backend)
        loaded = load_model(
            model,
            revision=revision,
            dtype=dtype,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_unused_weights=allow_unused_weights,
        )
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
        self.sharing.begin()

    def use_batch_tokens(self, batch_tokens: int) -> None:
        """Set how many tokens a forward pass may have."""
        self.limits = self.forward.limits = limits_for(self.forward.device, batch_tokens)

    def score(
        self,
        questions: Iterable[Question],
        *,
        template: str | ChatTemplate = "plain",
        progress: bool = True,
        token_logprobs: bool = False,
        truncate: bool = False,
        on_error: str = "raise",
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
            progress: show progress on standard error: a bar on a terminal, elsewhere a line every 30 seconds.
            token_logprobs: add the list column ``token_logprobs``.
            truncate: cut prompts that are too long for the model from the left, which the column ``truncated`` says,
                instead of raising.
            on_error: "raise", or "skip" to leave out questions that can't be scored (too long for the model, an answer
                without tokens, a template that fails); `pyscore.engine.skipped_questions` names them.
            dataset: the data set of questions that name none themselves.
            run_id: name of this run, by default a random one.
            step: training step of the model, if it has one.
            metadata: text to keep in the table's metadata, under other keys than those that pyscore writes.

        Returns:
            A table of one row an answer, in the order given; `pyscore.store.row_schema` and docs/engine.md name the
            columns. Log-probabilities are in nats.

        Raises:
            ValueError: an argument that rows can't hold; an answer without tokens, a prompt too long for the model, a
                repeated id, a template that fails, a model that gives NaN, each with the question named; a model that
                is not causal.
            TypeError: something that is not a Question; a dataset, run_id, step or metadata of another type.
        """
        step = check_run(dataset, run_id, step, metadata)
        questions = checked_questions(questions, dataset)
        info = RunInfo(run_id or uuid.uuid4().hex, self.name, self.revision, step, dataset)
        skips = Skips(on_error, dataset)
        tables, positions = [row_schema(token_logprobs=token_logprobs).empty_table()], []
        with turn(self.model):
            described = self.describe(template, questions)
            check_metadata(metadata, [*described, *self.findings(), SKIPPED])
            self.begin()
            for indices, table in self.stream(
                questions,
                info,
                template=template,
                truncate=truncate,
                token_logprobs=token_logprobs,
                progress=progress,
                skips=skips,
            ):
                tables.append(table)
                positions += indices
            described |= self.findings() | skips.metadata() | dict(metadata or {})
        return by_position(tables, np.array(positions, dtype=np.int64)).replace_schema_metadata(
            row_schema(metadata=described).metadata
        )

    def stream(
        self,
        questions: Sequence[Question],
        info: RunInfo,
        *,
        template: str | ChatTemplate = "plain",
        truncate: bool = False,
        token_logprobs: bool = False,
        progress: bool = True,
        done: Collection[int] = (),
        skips: Skips | None = None,
        chunk_questions: int = CHUNK_QUESTIONS,
    ) -> Generator[tuple[list[int], pa.Table], None, None]:
        """Score chunk by chunk: indices of questions, and the rows of their answers.

        Chunks hold neighbours in the order of prompts, so that what they share runs once. Questions of ``done`` don't
        run; the others run in the same chunks as without it. ``skips`` says what is done with questions that can't be
        scored, by default the first one raises. While the model runs, the next chunk is tokenised.

        From its first chunk until it is exhausted or closed, the model is this stream's alone: every other call raises
        RuntimeError, from any thread.
        """
        chosen = skips or Skips("raise")

        def prepare(indices: list[int]) -> _Chunk:
            made = chosen.each(indices, questions, lambda some: self._tokenize(some, template, truncate))
            answers = [answer for _, own in made for answer in own]
            kept = [i for i, _ in made]
            return _Chunk(kept, [questions[i] for i in kept], answers, self.sharing.plan(answers))

        left_out = set(done)
        found = ([i for i in chunk if i not in left_out] for chunk in chunk_indices(questions, chunk_questions))
        chunks = [chunk for chunk in found if chunk]
        bar = Progress("scoring", sum(map(len, chunks)), "questions", progress)
        with turn(self.model, stream=True), self._running(), bar:
            for asked, chunk in zip(chunks, ahead(prepare, chunks), strict=True):
                advance = bar.share(len(asked))
                if not chunk.indices:  # all of them were skipped
                    advance(1.0)
                    continue
                plan, results = self._run(chunk.plan, chunk.answers, advance)
                rows = build_rows(
                    chunk.questions, chunk.answers, plan.slots, results, info, token_logprobs=token_logprobs
                )
                yield chunk.indices, rows

    def explain(
        self,
        questions: Iterable[Question],
        *,
        template: str | ChatTemplate = "plain",
        truncate: bool = False,
        on_error: str = "raise",
    ) -> TokenCounts:
        """How many tokens a run would take, without running it; see `TokenCounts`.

        Args:
            questions, template, truncate, on_error: as for `score`.
        """
        skips = Skips(on_error)
        questions = checked_questions(questions, None)
        counts, last = TokenCounts(), None
        with turn(self.model):
            for chunk in chunk_indices(questions):
                made = skips.each(chunk, questions, lambda some: self._tokenize(some, template, truncate))
                plan = self.sharing.plan([answer for _, own in made for answer in own])
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
            progress: show progress on standard error: a bar on a terminal, elsewhere a line every 30 seconds.

        Returns:
            One `ScoredTokens` a pair, in order.

        Raises:
            TypeError, ValueError: a pair without context or continuation, or with a token that is no integer or none of
                the model's, named by its row.
        """
        answers = [self._given_tokens(i, *pair) for i, pair in enumerate(pairs)]
        order = sorted(range(len(answers)), key=lambda i: (*answers[i].context, *answers[i].answer))
        scored: dict[int, ScoredTokens] = {}
        with turn(self.model), self._running(), Progress("scoring", len(answers), "requests", progress) as bar:
            self.begin()
            for start in range(0, len(order), _CHUNK_PAIRS):
                indices = order[start : start + _CHUNK_PAIRS]
                chunk = [answers[i] for i in indices]
                plan, results = self._run(self.sharing.plan(chunk), chunk, bar.share(len(chunk)))
                logprob, is_greedy = results.logprob.tolist(), results.is_greedy.tolist()
                for i, own in zip(indices, plan.slots, strict=True):
                    scores = [logprob[slot] for slot in own]
                    scored[i] = ScoredTokens(scores, all(is_greedy[slot] for slot in own))
        return [scored[i] for i in range(len(answers))]

    def _tokenize(
        self, questions: Sequence[Question], template: str | ChatTemplate, truncate: bool
    ) -> list[list[AnswerTokens]]:
        """The answers of each question, as tokens."""
        pairs, names = [], []
        for question in questions:
            prompt = render(template, question, self.tokenizer)
            pairs += [(prompt, answer) for answer in question.answers]
            names += [question.id] * len(question.answers)
        sizes = [len(question.answers) for question in questions]
        answers = iter(self.tokens.encode(pairs, names, sizes=sizes, truncate=truncate))
        return [list(islice(answers, size)) for size in sizes]

    def _given_tokens(self, i: int, context: Sequence[int], continuation: Sequence[int]) -> AnswerTokens:
        if not len(context) or not len(continuation):
            raise ValueError(f"pairs[{i}] must have a context and a continuation of at least one token each")
        try:
            tokens = AnswerTokens([*map(index, context)], [*map(index, continuation)], CLEAN, False)
        except TypeError as error:
            raise TypeError(f"pairs[{i}] must hold token ids: {error}") from None
        self.tokens.check(tokens.context, tokens.answer, f"pairs[{i}]")
        return tokens

    def _run(
        self, plan: Plan, answers: Sequence[AnswerTokens], advance: Callable[[float], None]
    ) -> tuple[Plan, TokenResults]:
        """The results of these answers, and the plan that they were found by: self-checks may choose another one."""
        plan = self.sharing.checked(plan, answers)
        total = max(1, sum(batch.n_tokens for batch in plan.batches))
        return plan, self.forward(plan, lambda tokens: advance(tokens / total))

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Evaluation mode, and nothing kept from before: the model may have been trained since."""
        tokens = self.tokenizer(_CHECK_TEXT, add_special_tokens=False)["input_ids"]
        tokens = [token for token in tokens if self.tokens.vocabulary.first_known(token) == token] or [self.forward.pad]
        with evaluation_mode(self.model):
            self.forward.begin(tokens)
            try:
                yield
            finally:
                self.forward.release()

    def describe(
        self, template: str | ChatTemplate, questions: Sequence[Question], parts: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """The metadata of rows that is known before a run: what their values depend on.

        Args:
            template, questions: of the run.
            parts: what `fingerprint` gives, where that is known already.
        """
        parts = self.fingerprint(template) if parts is None else parts
        described = {
            "pyscore_version": __version__,
            "template": str(template),
            "dtype": str(getattr(self.model, "dtype", "unknown")).removeprefix("torch."),
            "device": str(self.forward.device),
            "backend": self._backend,
            "model_fingerprint": model_fingerprint(parts),
            "tokenizer_hash": parts["tokenizer"],
            "add_bos_token": str(bool(self.tokens.prefix)).lower(),
            "prefix_tokens": " ".join(map(str, self.tokens.prefix)),
            "choices": ",".join(sorted({question.choices for question in questions})) or "given",
            "torch_version": torch.__version__,
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        }
        hashes = {"chat_template_hash": parts.get("chat_template"), "template_hash": parts.get("prompts")}
        commit = getattr(getattr(self.model, "config", None), "_commit_hash", None)
        return described | {k: v for k, v in {**hashes, "commit": commit}.items() if v}

    def fingerprint(self, template: str | ChatTemplate = "plain") -> dict[str, str]:
        """What values depend on, part by part, as it is now; see `pyscore.engine.sources.huggingface.fingerprint`."""
        return fingerprint(self.model, self.tokenizer, template)

    def findings(self) -> dict[str, str]:
        """The metadata of rows that a run finds out: how it scored."""
        return {
            "head": self.forward.head or "not run",
            "sharing": str(self.sharing),
            "batch_tokens": str(self.batch_tokens),
        }
