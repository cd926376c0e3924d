"""Scorer: questions in, rows of answer log-probabilities out."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.engine import sources
from pyscore.engine.chunks import chunk_indices, score_chunks
from pyscore.engine.fingerprint import describe
from pyscore.engine.progress import Progress
from pyscore.engine.questions import checked_questions, given_request, requests_of, tokenize
from pyscore.engine.rows import RunInfo
from pyscore.engine.sessions import open_session
from pyscore.engine.settings import ScoreSettings, check_metadata, check_text
from pyscore.engine.skipping import SKIPPED, Skips
from pyscore.engine.sources.source import ScoreRequest, Source, TokenCounts, TokenScore
from pyscore.engine.tokenization import AnswerTokenizer
from pyscore.engine.turns import turn
from pyscore.store.grouping import by_position
from pyscore.store.schema import row_schema
from pyscore.tasks import ChatTemplate, Question

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

__all__ = ["ScoredTokens", "Scorer"]

ScoredTokens = TokenScore
"""What `Scorer.score_tokens` returns for each pair."""

_CHUNK_PAIRS = 4096  # token pairs that are planned together


class Scorer:
    """Scores answers to questions with one causal language model.

    A model runs one thing at a time: calls from other threads, and of other `Scorer`s of it, wait for their turn.
    Forward only: scoring runs in inference mode, and no score carries a gradient to the model.

    Args:
        model: a causal LM of Hugging Face transformers, already on its device. Scoring runs it in evaluation mode and
            leaves it in the mode it was in. `from_source` takes any other source of scores.
        tokenizer: its tokenizer.
        name: what rows call the model; by default the name that it was loaded by.
        revision: what rows call its revision.
        batch_tokens: how many tokens, padding counted, a forward pass may have; "auto" is 1024, and on a
            CUDA device what is fastest by measurement; it is halved when memory runs out. A longer sequence runs alone.
        add_bos_token: what every text begins with (never twice). "auto": what the tokenizer puts there by itself, as in
            lm-evaluation-harness; True: the same, and BOS before it unless it is there; False: nothing.
        backend: which backend of `pyscore.linear_logprobs` to use.

    Attributes:
        source: where scores come from.
        name, revision: what rows call the model.
        tokens: how texts become tokens.

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
        source = sources.HuggingFaceSource(
            model, tokenizer, name=name, revision=revision, batch_tokens=batch_tokens, backend=backend
        )
        self._use(source, add_bos_token)

    @classmethod
    def from_source(cls, source: Source, *, add_bos_token: bool | str = "auto") -> Scorer:
        """A scorer of any source of scores; ``add_bos_token`` and errors as for `Scorer`."""
        scorer = cls.__new__(cls)
        scorer._use(source, add_bos_token)
        return scorer

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        dtype: str | torch.dtype = "auto",
        device: str | torch.device = "auto",
        batch_tokens: int | str = "auto",
        adapter: str | Path | None = None,
        trust_remote_code: bool = False,
        allow_unused_weights: bool = False,
        add_bos_token: bool | str = "auto",
        backend: str = "auto",
        source_options: Mapping[str, Any] | None = None,
    ) -> Scorer:
        """Load a model and its tokenizer.

        Args:
            model: a folder in Hugging Face's format, a name on the model hub, a ``.gguf`` file (its weights are
                dequantised), or "smollm2-135m-instruct", the model that the extra ``demo`` installs. "vllm:NAME",
                "sglang:NAME", "openai:NAME" and "llama-cpp:FILE" are models that run elsewhere; see docs/sources.md.
            revision: branch, tag or commit on the model hub.
            dtype: "auto" for the checkpoint's own, or a torch dtype or its name.
            device: "auto" for CUDA where there is one, else the CPU; or a torch device or its name.
            adapter: a PEFT adapter to load over the model, as a folder or a name on the model hub; it is not merged.
            trust_remote_code: allow code that comes with the model to run.
            allow_unused_weights: accept a checkpoint that holds weights which the model has no use for, as it is
                configured, and score without them.
            batch_tokens, add_bos_token, backend: as for `Scorer`.
            source_options: what only this kind of source knows, such as {"base_url": "http://localhost:8000/v1"}.

        Raises:
            FileNotFoundError, ImportError, ValueError: the model can't be loaded; one line says why.
            RuntimeError: as for `Scorer`.
        """
        options: dict[str, Any] = {"dtype": dtype, "device": device, "batch_tokens": batch_tokens, "backend": backend}
        allowed = {"trust_remote_code": trust_remote_code, "allow_unused_weights": allow_unused_weights}
        if adapter is not None:  # sources of other packages, which have none, never hear of it
            options["adapter"] = adapter
        own = dict(source_options or {})
        if taken := sorted(own.keys() & {"revision", *options, *allowed}):
            raise ValueError(f"source_options can't set {taken[0]!r}: give {taken[0]}= itself")
        source = sources.load_source(model, revision=revision, **options, **allowed, **own)
        return cls.from_source(source, add_bos_token=add_bos_token)

    def with_adapters(self, adapters: Iterable[str | Path]) -> Iterator[Scorer]:
        """A scorer for each PEFT adapter in turn, over this scorer's model, which is loaded once.

        Each is of use until the next one is asked for; this scorer is again when all are done.

        Args:
            adapters: folders, or names on the model hub.

        Raises:
            FileNotFoundError, ImportError, ValueError: an adapter can't be loaded over this model.
            TypeError: one name in place of several; a source that takes no adapters.
        """
        if isinstance(adapters, str | Path):
            raise TypeError(f"adapters must be several names, got one: pass [{str(adapters)!r}]")
        for adapter in adapters:
            with self.source.adapted(adapter) as adapted:
                yield Scorer.from_source(adapted, add_bos_token=self._add_bos_token)

    def _use(self, source: Source, add_bos_token: bool | str) -> None:
        if add_bos_token not in (True, False, "auto"):
            raise ValueError(f"add_bos_token={add_bos_token!r} is not True, False or 'auto'")
        if isinstance(source, type) or not isinstance(source, Source):
            raise TypeError(f"source must be a pyscore.engine.sources.Source, got {source!r:.60}")
        self._add_bos_token = add_bos_token
        facts = source.facts
        for name in ("name", "revision", "dtype", "device"):
            check_text(getattr(facts, name), f"SourceFacts.{name}")
        self.source, self.name, self.revision = source, facts.name, facts.revision
        self.tokens = AnswerTokenizer(
            source.tokenizer, add_bos=add_bos_token, max_length=facts.context_length, vocabulary=facts.vocabulary
        )

    @property
    def tokenizer(self) -> Any:
        """The source's tokenizer."""
        return self.source.tokenizer

    @property
    def model(self) -> Any:
        """The model, of a source that has it in this process."""
        source: Any = self.source
        return source.model

    @property
    def batch_tokens(self) -> int:
        """How many tokens a forward pass may have, padding counted, of a source that runs forward passes here."""
        source: Any = self.source
        return int(source.batch_tokens)

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
            columns. Log-probabilities are in nats; where ``logprob_low`` is not null, a source gave bounds alone
            (docs/bounds.md): ``logprob`` is then the upper one, and so are those of ``token_logprobs``.

        Raises:
            ValueError: an argument that rows can't hold; an answer without tokens, a prompt too long for the model, a
                repeated id, a template that fails, a model that gives NaN, each with the question named; a model that
                is not causal.
            TypeError: something that is not a Question; a dataset, run_id, step or metadata of another type.
        """
        settings = ScoreSettings(template, truncate, token_logprobs, dataset, step)
        check_text(run_id, "run_id")
        questions = checked_questions(questions, dataset)
        info = RunInfo(run_id or uuid.uuid4().hex, self.name, self.revision)
        skips = Skips(on_error, dataset)
        tables, positions = [row_schema(token_logprobs=token_logprobs).empty_table()], []
        with turn(self.source):
            described, _ = describe(self.source, self.tokens, settings, questions)
            with open_session(self.source, None, described) as session:
                check_metadata(metadata, [*described, *session.findings, SKIPPED])
                chunks = score_chunks(session, self.tokens, questions, settings, info, progress=progress, skips=skips)
                for indices, rows in chunks:
                    tables.append(rows)
                    positions += indices
                described |= session.findings | skips.metadata() | dict(metadata or {})
        return by_position(tables, np.array(positions, dtype=np.int64)).replace_schema_metadata(
            row_schema(metadata=described).metadata
        )

    def stream(
        self, questions: Sequence[Question], settings: ScoreSettings, info: RunInfo, **options: Any
    ) -> Generator[tuple[list[int], pa.Table], None, None]:
        """Indices of questions, and the rows of their answers, chunk by chunk; the options are those of `score_chunks`.

        From its first chunk until it is exhausted or closed, the model is this stream's alone: every other call raises
        RuntimeError, from any thread.
        """
        with turn(self.source, stream=True), open_session(self.source, None) as session:
            yield from score_chunks(session, self.tokens, questions, settings, info, **options)

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

        Raises:
            ValueError: as for `score`, or the source can't tell.
        """
        settings, skips = ScoreSettings(template, truncate), Skips(on_error)
        questions = checked_questions(questions, None)

        def requests(indices: list[int]) -> list[ScoreRequest]:
            made = skips.each(indices, questions, lambda some: tokenize(self.tokens, some, settings))
            return requests_of(answer for _, own in made for answer in own)

        with turn(self.source):
            return self.source.count(map(requests, chunk_indices(questions)))

    def score_tokens(
        self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *, progress: bool = True
    ) -> list[ScoredTokens]:
        """Score continuations that are tokens already: log p(continuation | context), token by token.

        Args:
            pairs: (context, continuation), each at least one token id; nothing is added to them, and nothing is cut.
                Pairs that begin alike share the work, wherever they stand.
            progress: show progress on standard error: a bar on a terminal, elsewhere a line every 30 seconds.

        Returns:
            One `ScoredTokens` a pair, in order. Where its ``lower`` is not None, its ``logprobs`` are upper bounds.

        Raises:
            TypeError, ValueError: a pair without context or continuation, or with a token that is no integer or none of
                the model's, named by its row.
        """
        requests = [given_request(self.tokens, *pair, f"pairs[{i}]") for i, pair in enumerate(pairs)]
        order = sorted(range(len(requests)), key=lambda i: (*requests[i].context, *requests[i].continuation))
        scored: dict[int, ScoredTokens] = {}
        with (
            turn(self.source),
            open_session(self.source, None) as session,
            Progress("scoring", len(requests), "requests", progress) as bar,
        ):
            for start in range(0, len(order), _CHUNK_PAIRS):
                indices = order[start : start + _CHUNK_PAIRS]
                work = session.prepare([requests[i] for i in indices])
                scored.update(zip(indices, session.run(work, bar.share(len(indices))), strict=True))
        return [scored[i] for i in range(len(requests))]
