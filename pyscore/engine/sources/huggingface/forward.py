"""Plans through a model: the body alone and the fused head where self-checks allow it, else the model's logits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

from pyscore.engine.sources.huggingface.head import Parts, Separation, hidden_states, score_states, separate
from pyscore.engine.sources.huggingface.inputs import host_ids, plain_inputs, tree_inputs
from pyscore.engine.sources.huggingface.plan import Batch, Limits, PackedRow, Plan
from pyscore.engine.sources.huggingface.stems import Stem, copied, first_tokens, seen_by
from pyscore.engine.sources.source import TokenScore

__all__ = ["AUTOCAST", "Forward", "Position", "TokenResults", "no_autocast", "token_scores"]

_CHECKED_TOKENS = 16
AUTOCAST = ("cpu", "cuda", "xpu", "mps", "hpu")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

Position = tuple[int, int]
"""A token: the index of its packed row in the batch, and its own index in that row."""


class TokenResults(NamedTuple):
    """For each target, [M]: its log-probability (nats, float64 by slot) and whether it is the likeliest token."""

    logprob: Tensor
    is_greedy: Tensor


@contextmanager
def no_autocast() -> Iterator[None]:
    """Without autocast, which would round what a float32 model computes to bfloat16, while rows say float32."""
    with ExitStack() as settings:
        for kind in AUTOCAST:
            if torch.is_autocast_enabled(kind):
                settings.enter_context(torch.autocast(kind, enabled=False))
        yield


def _plain_arithmetic(
    run: Callable[Concatenate[Forward, Arguments], Result],
) -> Callable[Concatenate[Forward, Arguments], Result]:
    """Run a method under `Forward.arithmetic`, for the call only and not for a run.

    Its settings are the thread's, which reads the stream of a run in between.
    """

    @wraps(run)
    def plain(self: Forward, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with self.arithmetic():
            return run(self, *args, **kwargs)

    return plain


class Forward:
    """Scores the targets of plans under a model.

    `begin` comes first and runs a self-check on a few tokens. The body and the separated head must reproduce the
    log-probabilities of the model's own logits, or the model's own logits are used from then on, and ``separation``
    says why.

    Args:
        model: a causal LM of Hugging Face transformers, in evaluation mode.
        limits: of the plans; ``batch_tokens`` is halved when the device runs out of memory.
        pad: a token id to fill up shorter rows with; it is masked.
        backend: as in `pyscore.linear_logprobs`.

    Attributes:
        separation: of body and head, known after `begin`.
        parts: how the model is run.
        halves: whether a batch is run in halves where the device is out of memory.
    """

    halves = True

    def __init__(self, model: Any, limits: Limits, *, pad: int = 0, backend: str = "auto") -> None:
        self.model = model
        self.limits = limits
        self.pad = pad
        self.backend = backend
        self.separation = Separation("not run", None, None, 0)
        self.parts = Parts(model)
        self._keeps_logits = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._stems: list[Stem] = []
        self._sharing = "plain"

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """What the model runs under: no gradients, no autocast."""
        with no_autocast(), torch.inference_mode():
            yield

    @property
    def device(self) -> torch.device:
        """Where the model takes its token ids."""
        embedding = self.model.get_input_embeddings() if hasattr(self.model, "get_input_embeddings") else None
        device: torch.device = next((embedding or self.model).parameters()).device
        return device

    @_plain_arithmetic
    def __call__(self, plan: Plan, advance: Callable[[int], None] = lambda tokens: None) -> TokenResults:
        """The results of a plan by slot, [n_slots] on the CPU; ``advance`` hears of the tokens of each batch.

        Raises:
            MemoryError: a single row doesn't fit into the device's memory.
        """
        found: list[tuple[list[int], TokenResults]] = []
        self._sharing = plan.sharing
        for batch in plan.batches:
            with self._fitting(batch):
                found += self._run_stems(batch.stems)
                if batch.rows:
                    found += self._run_halving(batch.stems, batch.rows)
            advance(batch.n_tokens)
        return _by_slot(found, plan.n_slots)

    @_plain_arithmetic
    def run_blank(self, n_tokens: int) -> None:
        """Run so many tokens, in rows of the usual length, and wait: to measure how long that takes."""
        length = min(n_tokens, self.limits.row_tokens)
        row = PackedRow([self.pad] * length)
        inputs = plain_inputs([row] * (n_tokens // length), 0, self.pad, self.device) | {"use_cache": False}
        self.parts.whole(**inputs, **({"logits_to_keep": 1} if self._keeps_logits else {}))
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @_plain_arithmetic
    def begin(self, tokens: Sequence[int]) -> None:
        """Before a run: forget stems and head, for the model may have changed since, and choose the head anew.

        Args:
            tokens: ordinary text for the self-check.

        Raises:
            ValueError: the model is not causal, or gives NaN.
        """
        self.release()
        whole = list(tokens[:_CHECKED_TOKENS])
        rows = [PackedRow(whole), PackedRow(whole[: (len(whole) + 1) // 2])]
        inputs = plain_inputs(rows, 0, self.pad, self.device) | {"use_cache": False}
        self.separation = separate(self.model, self.parts, inputs, self.backend)

    def release(self) -> None:
        """Forget the cached stems."""
        self._stems.clear()

    @property
    def stems_are_plain(self) -> bool:
        """Whether what is cached is keys and values of every token."""
        return all(stem.is_plain for stem in self._stems)

    @_plain_arithmetic
    def states(self, batch: Batch, positions: Sequence[Position], sharing: str) -> Tensor:
        """What the head reads at positions of a batch, [N, D] (logits [N, V] where the head isn't separated)."""
        self._sharing = sharing
        with self._fitting(batch):
            self._run_stems(batch.stems)
            return self._run(batch.stems, batch.rows, positions)[0]

    @_plain_arithmetic
    def logprobs_of(self, states: Tensor, targets: Tensor) -> Tensor:
        """Log-probabilities of K candidates a state, [N, K], on the CPU."""
        offsets = torch.arange(len(states) + 1, dtype=torch.int64, device="cpu") * targets.shape[1]
        return self._score(states, targets.flatten(), offsets).logprob.cpu().view_as(targets)

    @contextmanager
    def _fitting(self, batch: Batch) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError:
            raise MemoryError(
                f"a row of at most {batch.reach} tokens doesn't fit into the memory of {self.device}: "
                "use a smaller model or dtype, or shorter prompts (truncate=True, --truncate)"
            ) from None

    def _run_stems(self, stems: tuple[PackedRow, ...]) -> list[tuple[list[int], TokenResults]]:
        """Make these the stems in the cache; what is there of them already stays."""
        kept = 0
        while kept < min(len(stems), len(self._stems)) and self._stems[kept].serves(stems[kept]):
            kept += 1
        del self._stems[kept:]
        found = []
        for stem in stems[kept:]:
            positions, targets, offsets, slots = _targets([stem])
            states, cache = self._run(stems[: len(self._stems)], [stem], positions, keep=True)
            self._stems.append(Stem(stem, cache))
            if self._sharing == "tree":
                self._share_memory(cache)
            if positions:
                found.append((slots, self._score(states, targets, offsets)))
        return found

    def _share_memory(self, cache: Any) -> None:
        """Let the outer stems look into the innermost one's cache, which holds theirs, instead of keeping their own."""
        length = 0
        for i, stem in enumerate(self._stems[:-1]):
            length += len(stem.row.tokens)
            self._stems[i] = Stem(stem.row, first_tokens(cache, length))

    def _run_halving(self, stems: tuple[PackedRow, ...], rows: list[PackedRow]) -> list[tuple[list[int], TokenResults]]:
        """The results of rows, in smaller batches when the device runs out of memory."""
        try:
            positions, targets, offsets, slots = _targets(rows)
            return [(slots, self._score(self._run(stems, rows, positions)[0], targets, offsets))]
        except torch.OutOfMemoryError:
            if len(rows) == 1 or not self.halves:
                raise
        torch.cuda.empty_cache()
        # Where even half of the rows don't fit, the recursion lowers the limit further.
        half = len(rows) // 2
        fits = min(self.limits.batch_tokens, half * len(rows[0].tokens))
        self.limits = replace(self.limits, batch_tokens=fits)
        return self._run_halving(stems, rows[:half]) + self._run_halving(stems, rows[half:])

    def _run(
        self, stems: tuple[PackedRow, ...], rows: list[PackedRow], positions: Sequence[Position], *, keep: bool = False
    ) -> tuple[Tensor, Any]:
        """States at positions of rows after stems that are cached, and the cache with the rows in it if it is kept."""
        past = sum(len(stem.tokens) for stem in stems)
        if self._sharing == "tree" and not all(row.is_chain for row in rows):
            dtype = self.parts.dtype
            mask_dtype = dtype if dtype.is_floating_point else torch.float32
            inputs = tree_inputs(rows, past, self.pad, self.device, mask_dtype)
        else:
            inputs = plain_inputs(rows, past, self.pad, self.device)
        inputs["use_cache"] = keep or past > 0
        if past:
            cache = self._stems[len(stems) - 1].cache
            alone = self._sharing == "tree" and not keep
            inputs["past_key_values"] = seen_by(cache, len(rows), past) if alone else copied(cache, len(rows))
        body = self.separation.body
        if body is not None:
            out = body(**inputs)
            states = _pick(hidden_states(out, body), positions)
        else:
            states, out = self._logits_at(inputs, positions)
        return states, getattr(out, "past_key_values", None) if keep else None

    def _logits_at(self, inputs: dict[str, Any], positions: Sequence[Position]) -> tuple[Tensor, Any]:
        """The model's own logits at positions, computed at their columns alone where the model can do that."""
        columns = sorted({column for _, column in positions}) or [inputs["input_ids"].shape[1] - 1]
        options = {"logits_to_keep": host_ids(columns).to(self.device)} if self._keeps_logits else {}
        out = self.parts.whole(**inputs, **options)
        if self._keeps_logits:
            where = {column: i for i, column in enumerate(columns)}
            positions = [(row, where[column]) for row, column in positions]
        return _pick(out.logits, positions), out

    def _score(self, states: Tensor, targets: Tensor, offsets: Tensor) -> TokenResults:
        scores = score_states(self.separation.head, states, targets, offsets, self.backend)
        assert scores.logprob is not None and scores.is_greedy is not None  # both were asked for
        return TokenResults(scores.logprob, scores.is_greedy)


def token_scores(plan: Plan, results: TokenResults) -> list[TokenScore]:
    """The scores of a plan's requests, in order."""
    logprob, is_greedy = results.logprob.tolist(), results.is_greedy.tolist()
    return [
        TokenScore([logprob[slot] for slot in slots], all(is_greedy[slot] for slot in slots)) for slots in plan.slots
    ]


def _targets(rows: list[PackedRow]) -> tuple[list[Position], Tensor, Tensor, list[int]]:
    """The scored positions of rows, their candidate tokens (flat, with offsets), and the slots of the results."""
    positions: list[Position] = []
    targets: list[int] = []
    slots: list[int] = []
    offsets = [0]
    for r, row in enumerate(rows):
        for index in sorted(row.targets):
            positions.append((r, index))
            targets += row.targets[index].keys()
            slots += row.targets[index].values()
            offsets.append(len(targets))
    return positions, host_ids(targets), host_ids(offsets), slots


def _by_slot(found: list[tuple[list[int], TokenResults]], n_slots: int) -> TokenResults:
    """One copy from the device, at the end: copying batch by batch would make each wait for the one before."""
    kinds = (torch.float64, torch.bool)
    logprob, is_greedy = (torch.empty(n_slots, dtype=kind, device="cpu") for kind in kinds)
    if found:
        slots = host_ids([slot for own, _ in found for slot in own])
        logprob[slots] = torch.cat([results.logprob for _, results in found]).double().cpu()
        is_greedy[slots] = torch.cat([results.is_greedy for _, results in found]).cpu()
    return TokenResults(logprob, is_greedy)


def _pick(values: Tensor, positions: Sequence[Position]) -> Tensor:
    rows, columns = torch.tensor(positions, dtype=torch.long, device=values.device).view(-1, 2).T
    return values[rows, columns]
