"""Preference models and feedback: how well rewards order answers, how sure labels are, rewards from several prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys, Mask
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.logprob_math import difference, log_expit
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.readers import check_length, check_same_length, read_logprobs, read_shares, read_values
from pyscore.metrics.core.report import NAN, Estimate, Report
from pyscore.metrics.core.scales import NONNEGATIVE, SHARE
from pyscore.metrics.core.trends import correlations

__all__ = ["RewardEnsemble", "label_confidence", "preference_model", "preference_probability", "reward_ensemble"]


class RewardEnsemble(NamedTuple):
    """Rewards from several yes/no prompts, as returned by `reward_ensemble`.

    Attributes:
        reward: ``[n]``, the mean over prompts of P(Yes) / (P(Yes) + P(No)), 0 to 1.
        log_reward: ``[n]``, its logarithm in nats, finite where ``reward`` underflows to 0.
        stderr: ``[n]``, its standard error over prompts, sd(ddof=1)/√K; NaN with one prompt.
        coverage: ``[K]``, the mean over items of P(Yes) + P(No): near 0 for a prompt that the model answers otherwise.
    """

    reward: Floats
    log_reward: Floats
    stderr: Floats
    coverage: Floats


def preference_probability(reward_a: Any, reward_b: Any) -> Floats:
    """p(a > b) = sigmoid(reward_a - reward_b), ``[n]``: what a preference model says of pairs of answers.

    Christiano et al. 2017, "Deep Reinforcement Learning from Human Preferences"; Askell et al. 2021, "A General
    Language Assistant as a Laboratory for Alignment". Rewards are in nats; two equal ones give 1/2, infinite too.

    Args:
        reward_a, reward_b: ``[n]`` floats: torch, NumPy, DLPack or a sequence.

    Raises:
        ValueError: no pairs, lengths that differ, a NaN with its row.
    """
    return np.exp(log_expit(_read_margin(reward_a, reward_b, "reward_a", "reward_b")))


def preference_model(
    reward_chosen: Any, reward_rejected: Any, *, clusters: Keys = None, interval: Interval = Interval()
) -> Report:
    """How well a preference model agrees with the people who chose one of two answers.

    With d = reward_chosen - reward_rejected and p = sigmoid(d): ``accuracy`` = mean 1[d > 0], a tie counts half;
    ``tie_rate`` = mean 1[d = 0]; ``mean_probability`` = mean p; ``log_loss`` = mean -log p = mean log(1 + e^-d), nats,
    log 2 for a model that knows nothing; ``brier`` = mean (1 - p)². Bai et al. 2022,
    "Training a Helpful and Harmless Assistant with Reinforcement Learning from Human Feedback".

    Args:
        reward_chosen, reward_rejected: ``[n]`` floats, one pair a comparison.
        clusters: one hashable key a comparison, such as its prompt or its conversation.
        interval: confidence and method.

    Raises:
        ValueError: no pairs, lengths that differ, a NaN with its row.
    """
    margin = _read_margin(reward_chosen, reward_rejected, "reward_chosen", "reward_rejected")
    over = Averages(len(margin), clusters, interval)
    tie = margin == 0
    return Report.of(
        "preference_model",
        interval,
        title=f"preference model: {len(margin)} comparisons",
        estimates={
            "accuracy": over.rate(np.where(tie, 0.5, margin > 0)),
            "mean_probability": over.mean(np.exp(log_expit(margin)), scale=SHARE),
            "log_loss": over.mean(-log_expit(margin), scale=NONNEGATIVE),
            "brier": over.mean(np.exp(2 * log_expit(-margin)), scale=SHARE),
            "tie_rate": over.rate(tie),
        },
        numbers={"n_ties": int(tie.sum())},
        ties="half",
    )


def label_confidence(
    probability: Any,
    confidence: Any,
    *,
    thresholds: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9),
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """Does a model's score depend on how sure the labels are? All questions, weighted by confidence, and filtered.

    ``mean`` = mean p_i; ``weighted_mean`` = Σ c_i p_i / Σ c_i; the rows hold the mean over the questions with
    c_i >= threshold, or the reason why it has no interval; ``pearson`` and ``spearman`` correlate p_i and c_i. The
    persona files of Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations", give as
    ``label_confidence`` the probability that a preference model, used as a zero-shot classifier, put on the label being
    right. It is no human's judgement, and weights or filters lower the share of doubtful labels without putting wrong
    ones right. Correlations take questions for independent, whatever the method: with clusters they have no interval.

    Args:
        probability: ``[n]``, the model's probability on the matching answers, as in `Comparison.probability`.
        confidence: ``[n]``, 0 to 1.
        thresholds: of the rows.
        clusters: one hashable key a question.
        interval: confidence and method.

    Raises:
        ValueError: no questions, lengths that differ, a NaN or a value outside [0, 1] with its row, only zeros in
            ``confidence``.
    """
    p, c = read_shares(probability, "probability"), read_shares(confidence, "confidence")
    check_length("confidence", c, len(p))
    if not c.any():
        raise ValueError("confidence is 0 everywhere: at least one label must count")
    over = Averages(len(p), clusters, interval)
    related = correlations(p, c, interval.confidence)
    if over.codes is not None:
        why = "clusters: its interval takes independent questions"
        related = {name: Estimate.without_interval(e.value, e.n, e.reason or why) for name, e in related.items()}
    return Report.of(
        "label_confidence",
        interval,
        title=f"label confidence: {len(p)} questions",
        estimates={
            "mean": over.mean(p, scale=SHARE),
            "weighted_mean": over.mean(p, weights=c, scale=SHARE),
            **related,
        },
        numbers={"mean_confidence": float(c.mean()), "n_confidence_0": int((c == 0).sum())},
        rows=[_filtered(p, c >= threshold, float(threshold), over) for threshold in thresholds],
    )


def reward_ensemble(logprob_yes: Any, logprob_no: Any) -> RewardEnsemble:
    """A reward an item from K prompts that ask for Yes or No: the mean of P(Yes) / (P(Yes) + P(No)).

    Each share is s = sigmoid(l_yes - l_no), also averaged in log space: log_reward = logsumexp_k log s_k - log K. Where
    both have probability 0 the share is 1/2. As reward or filter in Bai et al. 2022, "Constitutional AI: Harmlessness
    from AI Feedback"; one such prompt is P(True) of Kadavath et al. 2022, "Language Models (Mostly) Know What They
    Know". A share says nothing of how much mass Yes and No hold at all: look at ``coverage``.

    Args:
        logprob_yes, logprob_no: ``[K, n]`` nats, one row a prompt, one column an item.

    Raises:
        ValueError: shapes that differ or hold nothing, a NaN or a positive log-probability with its index.
    """
    from scipy.special import logsumexp

    yes, no = read_logprobs(logprob_yes, "logprob_yes", 2), read_logprobs(logprob_no, "logprob_no", 2)
    if yes.shape != no.shape:
        raise ValueError(f"logprob_yes and logprob_no must have one shape [prompts, items]: {yes.shape} and {no.shape}")
    log_shares, k = log_expit(difference(yes, no)), len(yes)
    shares = np.exp(log_shares)
    return RewardEnsemble(
        reward=shares.mean(axis=0),
        log_reward=logsumexp(log_shares, axis=0) - np.log(k),
        stderr=shares.std(axis=0, ddof=1) / np.sqrt(k) if k > 1 else np.full(yes.shape[1], NAN),
        coverage=np.exp(np.logaddexp(yes, no)).mean(axis=1),
    )


def _read_margin(a: Any, b: Any, name_a: str, name_b: str) -> Floats:
    first, second = read_values(a, name_a), read_values(b, name_b)
    check_same_length("pairs", **{name_a: first, name_b: second})
    return difference(first, second)


def _filtered(p: Floats, kept: Mask, threshold: float, over: Averages) -> dict[str, float | int | str]:
    e = over.mean(p, kept, "no question", scale=SHARE)
    row: dict[str, float | int | str] = {"threshold": threshold, "n": int(kept.sum()), "mean": e.value}
    return row | {"low": e.low, "high": e.high, "reason": e.reason}
