"""How sequences may share tokens under a model: a tree mask, a cache, or not at all, chosen by a self-check."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pyscore.engine.sources.huggingface.forward import Forward, Position
from pyscore.engine.sources.huggingface.head import NoHead, fixed_candidates
from pyscore.engine.sources.huggingface.model import attention_window, rope_limit, takes_positions
from pyscore.engine.sources.huggingface.plan import SHARINGS, Batch, Limits, PackedRow, Plan, plan_batches
from pyscore.engine.sources.huggingface.stems import NotShared
from pyscore.engine.sources.huggingface.tree import chain_of
from pyscore.engine.sources.source import ScoreRequest

__all__ = ["Sharing", "damaged", "furthest"]

_PROBES = 8  # positions compared of each sequence
_SHORT = 512  # from so many tokens on, fewer sequences are compared: to run them alone costs more than it tells
_CLIPPED = (32, 16)  # tokens to which two rows are cut to run together; they differ, so that one of them is padded


class Sharing:
    """Plans requests with as much sharing as the model allows.

    The kind of plan that shares most is tried first: of packed rows with branches and of packed rows after stems, those
    that reach furthest are compared with the same sequences run alone. Where log-probabilities differ, or the model
    can't run it, the next kind of plan is tried, and a warning says why. What reaches further than anything checked
    before is checked again, and so is everything after `forget`.

    A tree mask hides tokens of other branches and knows nothing of an attention window, so a plan with a sequence that
    is longer than the model's window doesn't use it. Where rotary frequencies change with the longest sequence of a
    batch, sequences beyond that point run alone.

    Args:
        forward: runs the plans.
        agree: makes one answer of each process's own to "why not?", where several run one model.

    Attributes:
        kind: the kind of plan that is tried first.
        checked_tokens: how many tokens self-checks ran.
    """

    def __init__(self, forward: Forward, agree: Callable[[str | None], str | None] | None = None) -> None:
        self._forward, self._agree = forward, agree or _own
        self._window = attention_window(forward.model)
        self._rope_limit = rope_limit(forward.model)
        self.checked_tokens = 0
        self.kind = SHARINGS[0]
        self._reasons: list[str] = []
        self.forget()
        self.begin()

    def forget(self) -> None:
        """Forget what self-checks found out in earlier runs, for the model may have changed since."""
        self._known: dict[str, int] = {}

    def begin(self) -> None:
        """Begin a run, in which nothing was checked and used; a fallback stays."""
        self._checked: dict[str, int] = {}
        self._used: dict[str, str] = {}

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` takes, as JSON."""
        used, checked = dict(self._used), dict(self._checked)
        return {"sharing": self.kind, "reasons": [*self._reasons], "checked": checked, "used": used}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the run would have whose state this is; {}: begin anew with the plan that shares most.

        Raises:
            ValueError: it is no state; the message names the entry.
        """
        if state:
            _check_state(state)
        self.kind = state.get("sharing", SHARINGS[0])
        self._reasons = list(state.get("reasons", []))
        self._checked = dict(state.get("checked", {}))
        self._used = dict(state.get("used", {}))

    def __str__(self) -> str:
        """The kinds of plans that were run, each with the reason why not the one before it."""
        return ", ".join(f"{kind}: {reason}" if reason else kind for kind, reason in self._used.items()) or "not run"

    def plan(self, requests: Sequence[ScoreRequest]) -> Plan:
        """The plan for these requests, without a check."""
        limits, kind, _ = self._allowed(requests)
        return plan_batches(requests, limits, kind)

    def _allowed(self, requests: Sequence[ScoreRequest]) -> tuple[Limits, str, str]:
        """Limits and kind of a plan, and why it isn't another kind."""
        limits = self._forward.limits
        longest = max((len(request.context) + len(request.continuation) - 1 for request in requests), default=0)
        if self._rope_limit is not None and longest > self._rope_limit:
            reason = f"rotary frequencies change beyond {self._rope_limit} tokens, so each sequence runs alone"
            return replace(limits, batch_tokens=1), "plain", reason
        if self.kind == "tree" and self._window is not None and longest > self._window:
            return limits, "cache", f"sequences are longer than the model's attention window of {self._window} tokens"
        return limits, self.kind, self._reasons[-1] if self._reasons else ""

    def checked(self, plan: Plan, requests: Sequence[ScoreRequest]) -> Plan:
        """This plan, or one that shares less, if a self-check says so."""
        if SHARINGS.index(plan.sharing) < SHARINGS.index(self.kind):
            plan = self.plan(requests)  # the given one was made ahead, before a self-check of the last chunk failed
        while (reason := self.objection(plan)) is not None:
            self.fall_back(plan.sharing, reason)
            plan = self.plan(requests)
        self.note(plan, requests)
        return plan

    def note(self, plan: Plan, requests: Sequence[ScoreRequest]) -> None:
        """Say from now on that such a plan is run for such requests."""
        self._used.setdefault(plan.sharing, self._allowed(requests)[2])

    def fall_back(self, kind: str, reason: str) -> None:
        """Plan from now on with less sharing than this kind, and warn why."""
        self.kind = SHARINGS[SHARINGS.index(kind) + 1]
        self._reasons.append(f"{kind} sharing {reason}")
        name = type(self._forward.model).__name__
        warnings.warn(
            f"{name}: {self._reasons[-1]}; scoring goes on with {self.kind} sharing, which is slower",
            stacklevel=2,
        )

    def objection(self, plan: Plan) -> str | None:
        """Why a plan can't be run, or None; what reaches no further than what was checked before isn't run again."""
        if plan.sharing == "plain":
            return None
        passed: list[Batch] = []
        for kind, batch in furthest(plan).items():
            name = f"{plan.sharing} {kind}"
            if batch.reach <= self._checked.get(name, 0):
                continue
            if batch.reach <= self._known.get(name, 0):
                self._checked[name] = batch.reach  # as if it had been checked in this run, which its state then says
                continue
            if plan.sharing == "tree" and not takes_positions(self._forward.model):
                return "needs a model that takes position_ids"
            for probe in [] if batch in passed else _probes(batch):
                reason = self._agree(self._difference(probe, plan.sharing))
                if reason is not None:
                    return reason
            passed.append(batch)
            self._checked[name] = self._known[name] = batch.reach
        return None

    def _difference(self, batch: Batch, sharing: str) -> str | None:
        """Why a small batch can't be run so, or None: its rows against their own sequences, run alone."""
        alone = [_alone(batch, row, index) for row, index in _leaves(batch)]
        try:
            found = self._logprobs(batch, [position for _, _, positions in alone for position in positions], sharing)
        except (NotShared, NoHead, TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            text = str(error).strip().splitlines()
            return f"fails in this model ({type(error).__name__}: {text[0] if text else ''})"
        strict = sharing == "cache" and not self._forward.stems_are_plain
        expected = torch.cat([self._logprobs(single, positions, "plain") for single, positions, _ in alone])
        self.checked_tokens += batch.n_tokens + sum(single.n_tokens for single, _, _ in alone)
        gap = _gap(found, expected)
        worst, middle = float(gap.max()), float(gap.median())
        most, typical = self._tolerances(strict)
        return None if worst <= most and middle <= typical else f"is off by {worst:.3g} from sequences run alone"

    def _logprobs(self, batch: Batch, positions: list[Position], sharing: str) -> Tensor:
        states = self._forward.states(batch, positions, sharing)
        return self._forward.logprobs_of(states, fixed_candidates(self._forward.separation.vocab_size, len(states)))

    def _tolerances(self, strict: bool) -> tuple[float, float]:
        """How far off log-probabilities may be at most, and in the middle: batches of other shapes round otherwise.

        Strict for recurrent states, which can be slightly wrong where keys and values are right or far off.
        """
        eps = torch.finfo(self._forward.parts.dtype).eps
        return (2e-3 + 4 * eps, 2e-3 + 2 * eps) if strict else (2e-3 + 64 * eps, 2e-3 + 16 * eps)


def _own(reason: str | None) -> str | None:
    return reason


def furthest(plan: Plan) -> dict[str, Batch]:
    """Of each way of sharing in a plan, the row that reaches furthest, with the shortest row of its batch behind it."""
    found: dict[str, Batch] = {}
    for batch in plan.batches:
        for row in batch.rows:
            own = Batch(batch.stems, [row, *([batch.rows[-1]] if row is not batch.rows[-1] else [])])
            for kind, shares in (("branches", not row.is_chain), ("stems", bool(batch.stems))):
                if shares and (kind not in found or own.reach > found[kind].reach):
                    found[kind] = own
    return found


def _probes(batch: Batch) -> list[Batch]:
    """Small batches that stand for this one: its first row alone, and the beginnings of both rows, one of them padded.

    After a long stem they are one batch, so that the stem is run once.
    """
    if len(batch.rows) == 1:
        return [batch]
    first, second = batch.rows
    if batch.reach >= _SHORT:
        return [Batch(batch.stems, [first, _clipped(second, _CLIPPED[1])])]
    clipped = [_clipped(row, n) for row, n in zip(batch.rows, _CLIPPED, strict=True)]
    return [Batch(batch.stems, [first]), Batch(batch.stems, clipped)]


def _clipped(row: PackedRow, n: int) -> PackedRow:
    """The first tokens of a row: depth first, they are a tree of their own."""
    return PackedRow(row.tokens[:n], row.depths[:n], [min(end, n) for end in row.ends[:n]])


def _leaves(batch: Batch) -> list[Position]:
    """Each row's last token, which has most to be hidden from it.

    Only the first row's where sequences are long: to run more of them alone costs more than it tells.
    """
    last = [(i, len(row.tokens) - 1) for i, row in enumerate(batch.rows)]
    return last[:1] if batch.reach >= _SHORT else last


def _alone(batch: Batch, which: int, index: int) -> tuple[Batch, list[Position], list[Position]]:
    """The sequence that ends at a token of a row as a batch, its last positions there and in the given batch."""
    row = batch.rows[which]
    chain = [i for i in range(index + 1) if index < row.ends[i]]
    stem = [token for stem in batch.stems for token in stem.tokens]
    tokens = stem + [row.tokens[i] for i in chain]
    n = len(tokens)
    last = chain[-_PROBES:]
    positions = [(0, n - len(last) + i) for i in range(len(last))]
    return Batch((), [chain_of(tokens)]), positions, [(which, i) for i in last]


def _gap(found: Tensor, expected: Tensor) -> Tensor:
    """Absolute differences; NaN counts as infinite, unless both are."""
    gap = (found.double() - expected.double()).abs()
    gap[(found == expected) | (found.isnan() & expected.isnan())] = 0.0
    return gap.nan_to_num(nan=torch.inf)


def _check_state(state: Mapping[str, Any]) -> None:
    """Raise ValueError unless every entry of `Sharing.state` is there and of its kind."""
    fits: dict[str, Callable[[Any], bool]] = {
        "sharing": lambda kind: kind in SHARINGS,
        "reasons": lambda found: isinstance(found, list) and all(isinstance(reason, str) for reason in found),
        "checked": lambda found: isinstance(found, dict) and all(type(tokens) is int for tokens in found.values()),
        "used": lambda found: (
            isinstance(found, dict)
            and all(kind in SHARINGS and isinstance(reason, str) for kind, reason in found.items())
        ),
    }
    for entry, is_right in fits.items():
        if not is_right(state.get(entry)):
            raise damaged(entry, state.get(entry))


def damaged(entry: str, value: Any) -> ValueError:
    remedy = "Put back what it held, or name another output"
    return ValueError(f"the state of the run is damaged: its entry {entry} is {value!r}. {remedy}")
