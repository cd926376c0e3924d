"""Two models on the same tokens: forward KL; and what a model loses by tokens that it should not say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats, Keys, Mask, as_float64, cluster_sums
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.logprob_math import log1mexp
from pyscore.metrics.core.means import Averages, estimate_mean
from pyscore.metrics.core.readers import check_logprobs, read_logprobs, refuse
from pyscore.metrics.core.report import Report
from pyscore.metrics.core.scales import NONNEGATIVE

__all__ = ["forward_kl", "unlikelihood", "unlikelihood_loss"]


def forward_kl(
    logprob_reference: Any,
    logprob_model: Any,
    *,
    mask: Any = None,
    offsets: Any = None,
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """How far a model is from a reference, on tokens that the reference wrote: KL(reference || model), nats.

    With d_t = log p_reference(t) - log p_model(t) over the targets t of sequence i, n_i of them: ``per_sequence`` =
    mean_i Σ_t d_t estimates the divergence of whole sequences, ``per_token`` = Σ_i Σ_t d_t / Σ_i n_i is the same a
    token, a ratio whose units are sequences, not tokens. Both are Monte Carlo estimates: the tokens must be samples of
    the reference (at temperature 1, not truncated). On samples of the model, minus the value estimates the reverse
    KL; on other text it is a difference of losses. An estimate can fall below 0, the divergence can't. Askell et al.
    2021, "A General Language Assistant as a Laboratory for Alignment", minimise it in context distillation, where the
    reference is the model with a prompt.

    Args:
        logprob_reference, logprob_model: the log-probability of each target token under both, ``[B, T]``, or ``[N]``
            with ``offsets``.
        mask: which *targets* count, bools or 0/1 in the shape of the log-probabilities; by default all of them. What
            lies outside of it, padding for example, is not looked at. The mask of the inputs is one longer, as the
            first input token is no target: ``input_mask[:, 1:]`` is that of the targets.
        offsets: ``[B + 1]``, where each sequence starts in ``[N]``, from 0 to N.
        clusters: one hashable key a sequence, such as its prompt.
        interval: confidence and method.

    Raises:
        ValueError: shapes that differ, a NaN or positive log-probability or one of -inf in the reference with its
            index, offsets that don't rise from 0 to N, no target at all.
    """
    n_dimensions = 2 if offsets is None else 1
    reference = as_float64(logprob_reference, "logprob_reference", n_dimensions)
    model = as_float64(logprob_model, "logprob_model", n_dimensions)
    if reference.shape != model.shape:
        raise ValueError(
            f"logprob_reference and logprob_model must hold the same tokens: {reference.shape} and {model.shape}"
        )
    sequence, n = _sequence_of(reference.shape, offsets)
    target = _read_mask(mask, reference.shape, n)
    gap = _gaps(reference, model, target)
    over = Averages(n, clusters, interval)
    sums = cluster_sums(gap, sequence[target.ravel()], n)
    lengths = np.bincount(sequence[target.ravel()], minlength=n)
    full = lengths > 0
    return Report.of(
        "forward_kl",
        interval,
        title=f"forward KL: {len(gap)} target tokens of {full.sum()} sequences",
        estimates={"per_token": over.ratio(sums, lengths), "per_sequence": over.mean(sums, full)},
        numbers={
            "n_tokens": len(gap),
            "n_masked_tokens": target.size - len(gap),
            "n_sequences_without_targets": int(n - full.sum()),
        },
    )


def unlikelihood(logprob: Any) -> Floats:
    """-log(1 - p) of tokens that should not be said, ``[n]`` nats: 0 for p = 0, inf for p = 1.

    Welleck et al. 2020, "Neural Text Generation with Unlikelihood Training". Computed from log p, so that it keeps its
    digits at both ends: about p where p is tiny, 46 at log p = -1e-20.

    Args:
        logprob: ``[n]`` log-probabilities, nats.

    Raises:
        ValueError: none, a NaN or a positive one with its row.
    """
    return -log1mexp(read_logprobs(logprob, "logprob")) + 0.0  # The sum turns -0.0 into 0.0.


def unlikelihood_loss(logprob: Any, *, clusters: Keys = None, interval: Interval = Interval()) -> Report:
    """The mean of `unlikelihood` over tokens that should not be said.

    Args:
        logprob: ``[n]`` log-probabilities of the unwanted tokens, nats. One that is certain makes the mean infinite.
        clusters: one hashable key a token, such as its sequence: the tokens of one text are not independent.
        interval: confidence and method.

    Raises:
        ValueError: none, a NaN or a positive one with its row; a missing cluster.
    """
    losses = unlikelihood(logprob)
    return Report.of(
        "unlikelihood_loss",
        interval,
        title=f"unlikelihood: {len(losses)} tokens",
        estimates={"unlikelihood": estimate_mean(losses, clusters=clusters, interval=interval, scale=NONNEGATIVE)},
        numbers={"n_certain": int(np.isinf(losses).sum())},
    )


def _sequence_of(shape: tuple[int, ...], offsets: Any) -> tuple[NDArray[np.int64], int]:
    """The sequence of each token, flattened, and how many sequences there are."""
    if offsets is None:
        return np.repeat(np.arange(shape[0]), shape[1]), shape[0]
    starts = as_float64(offsets, "offsets")
    lengths = np.diff(starts)
    if len(starts) < 2 or starts[0] != 0 or starts[-1] != shape[0]:
        raise ValueError(f"offsets must start at 0 and end at the number of tokens, {shape[0]}")
    bad = np.flatnonzero(~(lengths >= 0) | (lengths % 1 != 0))
    if len(bad):
        raise ValueError(f"offsets[{bad[0] + 1}] = {starts[bad[0] + 1]}: offsets must be whole and not fall")
    return np.repeat(np.arange(len(lengths)), lengths.astype(np.int64)), len(lengths)


def _read_mask(mask: Any, shape: tuple[int, ...], n_sequences: int) -> Mask:
    if mask is None:
        target = np.ones(shape, dtype=bool)
    else:
        values = as_float64(mask, "mask", len(shape))
        if values.shape != shape:
            raise ValueError(_wrong_mask(values.shape, shape, n_sequences))
        refuse("mask", values, (values != 0) & (values != 1), "= {}: give bools, or 0 and 1")
        target = values == 1
    if not target.any():
        raise ValueError("there is no target token: the log-probabilities are empty, or the mask is 0 everywhere")
    return target


def _wrong_mask(got: tuple[int, ...], shape: tuple[int, ...], n_sequences: int) -> str:
    text = f"mask has shape {got}, the log-probabilities of the targets {shape}"
    one_longer = (*shape[:-1], shape[-1] + (1 if len(shape) == 2 else n_sequences))
    if got != one_longer:
        return f"{text}: give one entry a target token"
    return (
        f"{text}: it is one longer a sequence, so it is the mask of the input tokens. The log-probability at t is that "
        "of input token t + 1, so drop the first entry of each sequence (input_mask[:, 1:]); dropping the last one "
        "would score the wrong tokens"
    )


def _gaps(reference: Floats, model: Floats, target: Mask) -> Floats:
    """log p_reference - log p_model of the targets, in order, checked."""
    for name, values in (("logprob_reference", reference), ("logprob_model", model)):
        check_logprobs(values, name, target)
    why = "= {}: a sample of the reference can't hold a token that it gives no probability; leave such tokens out"
    refuse("logprob_reference", reference, (reference == -np.inf) & target, f"{why} or sample from the reference")
    return reference[target] - model[target]
