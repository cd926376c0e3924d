"""Presets: published conventions as data, each named after its source, and apply_preset, which carries one out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from pyscore.metrics.core.answer_scores import LENGTHS, NEEDS, Answers
from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.report import NAN, Estimate, Report, in_clusters
from pyscore.metrics.question_values import SHIFTS, VALUES, Rule, per_question, scale_of
from pyscore.ops import checks

__all__ = ["PRESETS", "Metric", "Preset", "apply_preset"]


def _bits(e: Estimate) -> Estimate:
    """From nats."""
    log2 = math.log(2)
    return replace(e, value=e.value / log2, stderr=e.stderr / log2, low=e.low / log2, high=e.high / log2)


def _exp(e: Estimate) -> Estimate:
    """The interval's ends are transformed with the value; the error by the delta method."""
    with np.errstate(over="ignore"):
        value, low, high = (float(np.exp(x)) for x in (e.value, e.low, e.high))
    if math.isinf(value):
        return Estimate.without_interval(value, e.n, e.reason or f"exp({e.value:g}) is beyond float64")
    return replace(e, value=value, stderr=value * e.stderr, low=low, high=high)


_UNITS: Mapping[str, Callable[[Estimate], Estimate]] = {"": lambda e: e, "bits": _bits, "exp": _exp}
_KINDS = ("mean", "rate", "ratio")


@dataclass(frozen=True)
class Metric:
    """One line of a preset's report; checked.

    Attributes:
        name: what the source calls it.
        value: the per-question value that is averaged, a name in `pyscore.metrics.question_values`.
        kind: "mean"; "rate", a mean of values in [0, 1] with Wilson's interval; "ratio", the sum of the values over
            the sum of ``per``.
        normalize: what answers are compared by, as in `Rule`.
        per: of a ratio, the length in `Answers` that it is per: "n_tokens", "n_chars", "n_bytes" or "n_words".
        scale: of the result: "" as it is, "bits" from nats, "exp" from nats to a perplexity.
    """

    name: str
    value: str
    kind: str = "mean"
    normalize: str = "sum"
    per: str = ""
    scale: str = ""

    def __post_init__(self) -> None:
        checks.check_choice(self.value, "value", (*VALUES, *SHIFTS))
        checks.check_choice(self.kind, "kind", _KINDS)
        checks.check_choice(self.normalize, "normalize", NEEDS)
        checks.check_choice(self.per, "per", ("", *LENGTHS))
        checks.check_choice(self.scale, "scale", _UNITS)
        if (self.kind == "ratio") != bool(self.per):
            raise ValueError(f"the metric {self.name!r} is a {self.kind}: a ratio, and nothing else, has per=")

    def lacks(self, answers: Answers) -> str:
        """The field that this needs and the answers don't have, or ""."""
        needs = [name for name in (NEEDS[self.normalize], self.per) if name]
        return next((name for name in needs if getattr(answers, name) is None), "")


@dataclass(frozen=True)
class Preset:
    """A published convention; checked.

    Attributes:
        name: after its source.
        source: the paper and the code that it reproduces.
        metrics: what it reports, in this order.
        numbers: (name, value): values whose mean is reported without an interval, as of a baseline.
        sets: "max" or "sum", as in `pyscore.compare_answers`.
        ties: what an equal best counts: "half", "strict", "first", "share" or "last"; "" where nothing is compared.
            `correct` is by argmax, so that there the first wins in any case.
        ddof: of the standard errors: 1 for the sample's deviation, 0 for the population's.
        missing: what an answer that the model didn't report (-inf) counts as, in nats; None to leave it impossible.
    """

    name: str
    source: str
    metrics: tuple[Metric, ...]
    numbers: tuple[tuple[str, str], ...] = ()
    sets: str = "max"
    ties: str = "half"
    ddof: int = 1
    missing: float | None = None

    def __post_init__(self) -> None:
        self.rule()
        if self.missing is not None and self.two_prompts:
            raise ValueError(f"the preset {self.name!r} compares two prompts: missing= isn't defined there")

    def rule(self, normalize: str = "sum") -> Rule:
        """How its answers are compared."""
        return Rule(normalize, self.sets, self.ties or "half")

    @property
    def two_prompts(self) -> bool:
        return any(metric.value in SHIFTS for metric in self.metrics)


_INVERSE_SCALING = (
    "McKenzie et al. 2023, Inverse Scaling: When Bigger Isn't Better; naimenz/inverse-scaling-eval-pipeline"
)
_LM_EVAL = "Gao et al., A framework for few-shot language model evaluation; EleutherAI/lm-evaluation-harness 0.4"

_LOGODDS = Preset(
    "inverse_scaling_logodds",
    _INVERSE_SCALING,
    (Metric("logodds_difference", "logodds_shift"), Metric("correct", "correct_on_other", "rate")),
    ties="first",
    ddof=0,
)

_TABLE = (
    Preset(
        "model_written_evals",
        "Perez et al. 2022, Discovering Language Model Behaviors with Model-Written Evals; anthropics/evals",
        (
            Metric("mean_probability", "probability"),
            Metric("preference_rate", "prefers", "rate"),
            Metric("mean_coverage", "coverage"),
            Metric("tie_rate", "tie", "rate"),
        ),
    ),
    Preset(
        "caa",
        "Rimsky et al. 2023, Steering Llama 2 via Contrastive Activation Addition; nrimsky/CAA",
        (
            Metric("mean_probability", "probability"),
            Metric("preference_rate", "prefers", "rate"),
            Metric("mean_probability_raw", "probability_raw"),
            Metric("mean_coverage", "coverage"),
        ),
    ),
    Preset(
        "inverse_scaling_classification",
        _INVERSE_SCALING,
        (
            Metric("loss", "loss"),
            Metric("correct", "correct", "rate"),
            Metric("total_logprob", "total_logprob"),
            Metric("coverage", "coverage"),
            Metric("inverted_loss", "inverted_loss"),
        ),
        numbers=(("baseline_loss", "log_n_answers"), ("baseline_correct", "one_in_n_answers")),
        ties="first",
        ddof=0,
    ),
    Preset("inverse_scaling_sequence_prob", _INVERSE_SCALING, (Metric("loss", "sequence_loss"),), ties="", ddof=0),
    _LOGODDS,
    replace(
        _LOGODDS,
        name="inverse_scaling_absolute_logodds",
        metrics=(Metric("logodds_difference", "absolute_logodds_shift"), *_LOGODDS.metrics[1:]),
    ),
    Preset(
        "lm_eval",
        _LM_EVAL,
        (
            Metric("acc", "correct", "rate"),
            Metric("acc_norm", "correct", "rate", normalize="char"),
            Metric("acc_bytes", "correct", "rate", normalize="byte"),
            Metric("acc_mutual_info", "correct", "rate", normalize="pmi"),
            Metric("brier_score", "brier"),
        ),
        ties="first",
    ),
    Preset(
        "lm_eval_rolling",
        _LM_EVAL,
        (
            Metric("bits_per_byte", "sequence_loss", "ratio", per="n_bytes", scale="bits"),
            Metric("byte_perplexity", "sequence_loss", "ratio", per="n_bytes", scale="exp"),
            Metric("word_perplexity", "sequence_loss", "ratio", per="n_words", scale="exp"),
        ),
        ties="",
    ),
    Preset(
        "debate_judge",
        "Khan et al. 2024, Debating with More Persuasive LLMs Leads to More Truthful Answers; ucl-dark/llm_debate",
        (
            Metric("accuracy", "prefers", "rate"),
            Metric("mean_probability", "probability"),
            Metric("tie_rate", "tie", "rate"),
        ),
        ties="last",
        missing=-100.0,
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _TABLE})
"""Name -> `Preset`."""


def apply_preset(
    answers: Answers,
    preset: str | Preset,
    *,
    other: Answers | None = None,
    clusters: Keys = None,
    confidence: float = 0.95,
) -> Report:
    """What a published eval would report of these answers, with intervals; the presets are listed in docs/families.md.

    Args:
        answers: of every question. For a preset of sequences, one answer a question (`Answers.of_sequences`). "lm_eval"
            counts the characters and bytes of the choice alone, without the space between prompt and choice.
        preset: a name in `PRESETS`, or a `Preset` of your own.
        other: the same questions after another prompt, for the presets that compare two prompts.
        clusters: one hashable key a question; questions that share a key are not independent.
        confidence: of the intervals.

    Returns:
        A `Report` whose estimates have the source's names. A metric whose field the answers lack is NaN and names it in
        its reason; the others are reported: without ``unconditional``, "lm_eval" still gives acc and acc_norm.

    Raises:
        ValueError: an unknown preset; answers for which no metric of the preset has its field, with metrics and fields,
            or that a metric isn't defined for, with the question; no questions; ``other`` missing or not wanted.
    """
    chosen = _find(preset)
    if other is not None and not chosen.two_prompts:
        raise ValueError(f"the preset {chosen.name!r} looks at one prompt: leave out other=")
    _check_fields(chosen, answers)
    interval = Interval(confidence, ddof=chosen.ddof)
    over = Averages(len(answers), clusters, interval)
    numbers: dict[str, float] = {}
    if chosen.missing is not None:
        missing = np.isneginf(answers.logprob)
        numbers["missing_answers"] = int(np.count_nonzero(missing))
        answers = replace(answers, logprob=np.where(missing, chosen.missing, answers.logprob))
    estimates = {m.name: _estimate(m, chosen, answers, other, over) for m in chosen.metrics}
    for name, value in chosen.numbers:
        numbers[name] = float(per_question(answers, value, chosen.rule()).mean())
    return Report.of(
        "answers",
        interval,
        title=f"{chosen.name}: {len(answers)} questions{in_clusters(over.n_clusters)}",
        estimates=estimates,
        numbers=numbers,
        preset=chosen.name,
        sets=chosen.sets if chosen.ties else None,
        ties=chosen.ties or None,
    )


def _find(preset: str | Preset) -> Preset:
    if isinstance(preset, Preset):
        if PRESETS.get(preset.name, preset) != preset:
            raise ValueError(f"this preset is not the published {preset.name!r}: give it a name of its own")
        return preset
    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r} is unknown: give one of {', '.join(PRESETS)}, or a Preset")
    return PRESETS[preset]


def _check_fields(preset: Preset, answers: Answers) -> None:
    lacking = [(metric.name, metric.lacks(answers)) for metric in preset.metrics]
    if all(field for _, field in lacking):
        needs = ", ".join(f"{name} needs {field}" for name, field in lacking)
        raise ValueError(f"the answers have nothing for the preset {preset.name!r}: {needs}")


def _estimate(metric: Metric, preset: Preset, answers: Answers, other: Answers | None, over: Averages) -> Estimate:
    if metric.lacks(answers):
        return Estimate.without_interval(NAN, len(answers), f"the answers have no {metric.lacks(answers)}")
    values: Floats = per_question(answers, metric.value, preset.rule(metric.normalize), other=other)
    undefined = int(np.count_nonzero(np.isnan(values)))
    if undefined:
        return Estimate.without_interval(NAN, len(answers), f"undefined for {undefined} questions: inf - inf")
    if metric.kind == "ratio":
        estimate = over.ratio(values, answers.need(metric.per), scale=scale_of(metric.value, values))
    elif metric.kind == "rate":
        estimate = over.rate(values, name=metric.name)
    else:
        estimate = over.mean(values, name=metric.name, scale=scale_of(metric.value, values))
    return _UNITS[metric.scale](estimate)
