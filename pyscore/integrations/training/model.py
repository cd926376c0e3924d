"""A model in training as evaluations see it: questions are tokenised, divided and planned once, and scored often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyscore.engine.chunks import chunk_indices
from pyscore.engine.questions import requests_of
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.huggingface.budget import DEFAULT_BATCH_TOKENS, check_batch_tokens, limits_for
from pyscore.engine.sources.huggingface.forward import token_scores
from pyscore.engine.sources.huggingface.head import Separation
from pyscore.engine.sources.huggingface.in_training import TrainingForward
from pyscore.engine.sources.huggingface.model import context_length, vocabulary_of
from pyscore.engine.sources.huggingface.plan import SHARINGS, Batch, Limits, Plan, count_passes
from pyscore.engine.sources.huggingface.sharing import Sharing, furthest
from pyscore.engine.sources.huggingface.source import check_tokens
from pyscore.engine.sources.huggingface.wrapped import WrappedParts
from pyscore.engine.sources.source import ScoreRequest, TokenCounts, TokenScore
from pyscore.engine.tokenization import AnswerTokenizer, AnswerTokens
from pyscore.integrations.training.ranks import Duty, Ranks
from pyscore.integrations.training.shares import share_of, tokenized
from pyscore.tasks import Question

__all__ = ["Chunk", "ModelInTraining", "ModelOptions"]

_CUDA_BATCH_TOKENS = 8192
"""``batch_tokens="auto"`` on a GPU. A run measures what is fastest; here ranks must not measure differently, and the
memory that measuring takes is training's."""


@dataclass(frozen=True)
class ModelOptions:
    """How a model in training is run; the arguments are those of `Evaluator`."""

    tokenizer: Any
    add_bos_token: bool | str = "auto"
    batch_tokens: int | str = "auto"
    backend: str = "auto"
    autocast: bool = False
    forward: Callable[[Any, Any], Any] | None = None
    head: str | None = None
    group: Any = None


class Chunk(NamedTuple):
    """Questions of this rank's share that are planned together, by their indices among all, and their answers."""

    indices: list[int]
    answers: list[AnswerTokens]


@dataclass
class ModelInTraining:
    """One module of one training run.

    Args:
        module: what training calls.
        options: how it is run.
        ranks: the processes that train.

    Attributes:
        forward, sharing, tokens: of it.
        duty: which share of the questions this rank scores, after `prepare`.
        chunks: of this share.
    """

    module: Any
    options: ModelOptions
    ranks: Ranks
    duty: Duty = field(init=False)
    chunks: list[Chunk] = field(init=False, default_factory=list)
    _plans: list[Plan] = field(init=False, default_factory=list)
    _calls: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        options = self.options
        parts = WrappedParts(self.module, call=options.forward, head=options.head, group=options.group)
        known, tokenizer = vocabulary_of(parts.model), options.tokenizer
        if options.group is not None:
            known = known._replace(predicted=None)  # the output embedding may say how large this rank's range is
        self.forward = TrainingForward(
            parts,
            Limits(1, 1, 1),
            pad=known.first_known(getattr(tokenizer, "pad_token_id", None), tokenizer.eos_token_id),
            backend=options.backend,
            autocast=options.autocast,
            alone=self.ranks.size == 1,
        )
        auto = _CUDA_BATCH_TOKENS if self.forward.device.type == "cuda" else DEFAULT_BATCH_TOKENS
        given = auto if options.batch_tokens == "auto" else check_batch_tokens(options.batch_tokens)
        self.forward.limits = limits_for(self.forward.device, given)
        self.sharing = Sharing(self.forward, self.ranks.agree)
        if not parts.shares_tokens:
            self.sharing.kind = SHARINGS[-1]
        limit = context_length(parts.model)
        self.tokens = AnswerTokenizer(tokenizer, add_bos=options.add_bos_token, max_length=limit, vocabulary=known)

    def prepare(self, questions: Sequence[Question], settings: ScoreSettings) -> None:
        """Find out how the model runs, and plan this rank's share of the questions.

        To be called within `TrainingForward.evaluation`. Every rank makes the same calls of the model here, as the
        checks are of what reaches furthest on any rank.
        """
        ranks, tokens = self.ranks, check_tokens(self.forward, self.options.tokenizer)
        ranks.together("the self-check of the model", lambda: self.forward.begin(tokens))
        separation = self.forward.separation
        reason = ranks.agree(separation.name if separation.head is None else None)
        if reason is not None:
            self.forward.separation = Separation(reason, None, None, separation.vocab_size)
        self.duty = ranks.duty(ranks.together("finding the ranks that hold one model together", self._peers))
        self.chunks = ranks.together("tokenising questions", lambda: self._divided(questions, settings))
        requests = [requests_of(chunk.answers) for chunk in self.chunks]
        self._plans = self._checked(requests)
        self._calls = max(ranks.gather(count_passes(self._plans)))

    def score(self) -> list[list[TokenScore]]:
        """The scores of each chunk's answers; within `TrainingForward.evaluation`.

        Every rank calls the model as often as the one with most to do, also where an error ends its own work.
        """
        forward, parts = self.forward, self.forward.parts
        end = parts.calls + self._calls
        error: Exception | None = None
        found: list[list[TokenScore]] = []
        try:
            found += (token_scores(plan, forward(plan)) for plan in self._plans)
        except Exception as failed:
            error = failed
        while parts.calls < end:
            forward.pad_call()
        if error is not None:
            raise error
        return found

    def _peers(self) -> list[int]:
        """The ranks that hold one model together with this one: those of a mesh that weights are cut over."""
        import torch.distributed as dist

        if self.options.group is not None:
            return list(dist.get_process_group_ranks(self.options.group))
        meshes = [mesh for mesh in self.forward.meshes if mesh.size() > 1]
        if len(meshes) > 1 or any(mesh.ndim > 1 for mesh in meshes):
            names = ", ".join(sorted(map(str, meshes)))
            raise ValueError(
                f"weights are cut over several meshes ({names}): give group=, the ranks that hold one model together"
            )
        return [int(rank) for mesh in meshes for rank in mesh.mesh.tolist()]

    def _divided(self, questions: Sequence[Question], settings: ScoreSettings) -> list[Chunk]:
        answers = tokenized(self.tokens, questions, settings)
        own = share_of(answers, self.duty.share, self.duty.shares)
        chunks = chunk_indices([questions[i] for i in own])
        indices = [sorted(own[i] for i in chunk) for chunk in chunks]
        return [Chunk(each, [answer for i in each for answer in answers[i]]) for each in indices]

    def _checked(self, requests: Sequence[Sequence[ScoreRequest]]) -> list[Plan]:
        """A plan a chunk, with as much sharing as the model allows on every rank."""
        while True:
            plans = [self.sharing.plan(each) for each in requests]
            found = self._objection(plans)
            self.forward.release()
            if found is None:
                break
            self.sharing.fall_back(*found)
        for plan, each in zip(plans, requests, strict=True):
            self.sharing.note(plan, each)
        return plans

    def _objection(self, plans: Sequence[Plan]) -> tuple[str, str] | None:
        """The kind of plan that can't be run, and why; the same on every rank, which all check the same batches."""
        own = {kind: _furthest([plan for plan in plans if plan.sharing == kind], kind) for kind in SHARINGS}
        every = self.ranks.gather(own)
        for kind in SHARINGS:
            batches = [batch for each in every for batch in each[kind]]
            reason = self.sharing.objection(_of_batches(kind, batches)) if batches else None
            if reason is not None:
                return kind, reason
        return None


def _of_batches(kind: str, batches: list[Batch]) -> Plan:
    return Plan(kind, batches, [], 0, TokenCounts())


def _furthest(plans: Sequence[Plan], kind: str) -> list[Batch]:
    return [*furthest(_of_batches(kind, [batch for plan in plans for batch in plan.batches])).values()]
