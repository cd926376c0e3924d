"""Batches through a model: the body alone and the fused head where a self-check allows it, else the model's logits."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pyscore import ops
from pyscore.engine.batching import Batch
from pyscore.engine.head import Head, NoHead, find_body, find_heads

__all__ = ["Forward", "TokenResults"]

_CHECKED_TOKENS = 16
_FIXED_CANDIDATES = 8


class TokenResults(NamedTuple):
    """For each target of a batch, [M] on the CPU: its log-probability (nats) and whether it is the likeliest token."""

    logprob: Tensor
    is_greedy: Tensor


class Forward:
    """Scores the targets of batches under a model.

    The first call runs a self-check on a few of its tokens. The body and the separated head must reproduce the
    log-probabilities of the model's own logits, or the model's own logits are used from then on, and ``head`` says why.

    Args:
        model: a causal LM of Hugging Face transformers, in evaluation mode.
        pad: a token id to fill up shorter sequences with; it is masked.
        backend: as in `pyscore.linear_logprobs`.

    Attributes:
        head: None before the first call, then "fused" or "logits: <reason>".
    """

    def __init__(self, model: Any, *, pad: int = 0, backend: str = "auto") -> None:
        self.model = model
        self.pad = pad
        self.backend = backend
        self.head: str | None = None
        self._body: nn.Module | None = None
        self._fused: Head | None = None
        self._keeps_logits = "logits_to_keep" in inspect.signature(model.forward).parameters

    @property
    def device(self) -> torch.device:
        """Where the model takes its token ids."""
        embedding = self.model.get_input_embeddings() if hasattr(self.model, "get_input_embeddings") else None
        device: torch.device = next((embedding or self.model).parameters()).device
        return device

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> TokenResults:
        """The results of a batch's targets.

        Raises:
            ValueError: at the first call: the model is not causal.
        """
        if self.head is None:
            self._choose_head(batch.sequences[0][:_CHECKED_TOKENS])
        ids, mask = self._padded(batch.sequences)
        rows, columns = torch.tensor(batch.rows), torch.tensor(batch.columns)
        targets, offsets = torch.tensor(batch.targets), torch.tensor(batch.target_offsets)
        if self._fused is not None and self._body is not None:
            hidden = _hidden_states(self._body, ids, mask)
            scores = self._score_hidden(self._fused, _pick(hidden, rows, columns), targets, offsets)
        else:
            first = int(columns.min())
            logits = self._logits(ids, mask, first)
            columns = columns - (ids.shape[1] - logits.shape[1])
            scores = self._score_logits(_pick(logits, rows, columns), targets, offsets)
        return scores

    def _padded(self, sequences: list[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
        width = len(sequences[0])
        ids = torch.tensor([[*sequence, *[self.pad] * (width - len(sequence))] for sequence in sequences])
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        mask = (torch.arange(width) < lengths[:, None]).long()
        return ids.to(self.device), mask.to(self.device)

    def _logits(self, ids: Tensor, mask: Tensor, first: int = 0) -> Tensor:
        """The model's own logits, from position ``first`` on where the model can leave out the earlier ones."""
        options: dict[str, Any] = {"logits_to_keep": ids.shape[1] - first} if self._keeps_logits and first else {}
        logits: Tensor = self.model(input_ids=ids, attention_mask=mask, use_cache=False, **options).logits
        return logits

    def _score_hidden(self, head: Head, hidden: Tensor, targets: Tensor, offsets: Tensor) -> TokenResults:
        device = head.weight.device
        scores = ops.linear_logprobs(
            hidden.to(device=device, dtype=head.weight.dtype),
            head.weight,
            targets.to(device),
            bias=head.bias,
            logit_scale=head.logit_scale,
            softcap=head.softcap,
            target_offsets=offsets.to(device),
            outputs=("logprob", "is_greedy"),
            backend=self.backend,
        )
        return _on_cpu(scores)

    def _score_logits(self, logits: Tensor, targets: Tensor, offsets: Tensor) -> TokenResults:
        device = logits.device
        scores = ops.logprobs(
            logits,
            targets.to(device),
            target_offsets=offsets.to(device),
            outputs=("logprob", "is_greedy"),
            backend=self.backend,
        )
        return _on_cpu(scores)

    def _choose_head(self, tokens: tuple[int, ...]) -> None:
        """Decide how to score, from a whole sequence and its padded first half, run together."""
        half = (len(tokens) + 1) // 2
        ids, mask = self._padded([tokens, tokens[:half]])
        logits = self._logits(ids, mask)
        own = logits.double().log_softmax(-1).cpu()
        tolerance = self._tolerance(logits).cpu()
        if own[0].isnan().any():
            dtype = self._dtype(logits)
            raise ValueError(f"{type(self.model).__name__} gives NaN logits in {dtype}: try another dtype")
        if not _close(own[1, :half], own[0, :half], tolerance[0, :half]):
            raise ValueError(
                f"{type(self.model).__name__} is not a causal language model: "
                "its log-probabilities change when later tokens are appended"
            )
        try:
            self._body, self._fused = self._find_fused(ids, mask, own[0], tolerance[0])
        except NoHead as reason:
            self.head = f"logits: {reason}"
        else:
            self.head = "fused"

    def _dtype(self, logits: Tensor) -> torch.dtype:
        """The coarser of the model's dtype and that of its logits: some models widen logits that they rounded."""
        own: torch.dtype = getattr(self.model, "dtype", logits.dtype)
        return max(own, logits.dtype, key=lambda dtype: torch.finfo(dtype).eps)

    def _tolerance(self, logits: Tensor) -> Tensor:
        """How far off a log-probability may be: it is the difference of two numbers that were rounded as logits."""
        size = logits.double().abs()
        size = size + size.gather(-1, logits.argmax(-1, keepdim=True))
        tolerance = 5e-4 + 2 * torch.finfo(self._dtype(logits)).eps * size
        return tolerance.masked_fill(tolerance.isinf(), 0.0)

    def _find_fused(self, ids: Tensor, mask: Tensor, own: Tensor, tolerance: Tensor) -> tuple[nn.Module, Head]:
        """The body and the head that reproduce ``own``, the log-probabilities [L, V] of the first sequence."""
        body, heads = find_body(self.model), find_heads(self.model)
        hidden = _hidden_states(body, ids, mask)[0]
        vocab_size = heads[0].weight.shape[0]
        if vocab_size != own.shape[-1]:
            raise NoHead(f"the output embedding has {vocab_size} rows, the model's logits have {own.shape[-1]}")
        fixed = torch.linspace(0, vocab_size - 1, _FIXED_CANDIDATES).long().expand(len(own), -1)
        candidates = torch.cat([ids[0].cpu()[:, None], own.argmax(-1, keepdim=True), fixed], dim=1)
        offsets = torch.arange(len(own) + 1) * candidates.shape[1]
        expected, allowed = own.gather(-1, candidates), tolerance.gather(-1, candidates)
        worst = []
        for head in heads:
            found = self._score_hidden(head, hidden, candidates.flatten(), offsets).logprob.view_as(candidates)
            if _close(found, expected, allowed):
                return body, head
            worst.append(float((found - expected).abs().max()))
        raise NoHead(f"the separated head is off by {min(worst):.3g} from the model's own log-probabilities")


def _hidden_states(body: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    hidden = getattr(body(input_ids=ids, attention_mask=mask, use_cache=False), "last_hidden_state", None)
    if not isinstance(hidden, Tensor):
        raise NoHead(f"{type(body).__name__} returns no last_hidden_state")
    return hidden


def _pick(values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return values[rows.to(values.device), columns.to(values.device)]


def _close(found: Tensor, expected: Tensor, tolerance: Tensor) -> bool:
    """Whether no entry is further off than its tolerance; NaN never is close, and -inf only to itself."""
    return bool(((found == expected) | ((found - expected).abs() <= tolerance)).all())


def _on_cpu(scores: ops.TokenScores) -> TokenResults:
    assert scores.logprob is not None and scores.is_greedy is not None  # both were asked for
    return TokenResults(scores.logprob.cpu(), scores.is_greedy.cpu())
