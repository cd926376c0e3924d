"""What each number of a report is called and means, in one sentence that can be cited."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pyscore.metrics.presets import PRESETS
from pyscore.metrics.question_values import Rule

__all__ = ["DEFINITIONS", "HEADLINES", "Definition", "define"]

HEADLINES = ("mean_probability", "preference_rate")
"""The two numbers that a report shows side by side."""


class Definition(NamedTuple):
    """A metric.

    Attributes:
        label: as a column of a table is headed.
        unit: "share" (of 1), "nats", or "" where it has none of these.
        sentence: what it is.
    """

    label: str
    unit: str
    sentence: str


DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "mean_probability": Definition(
            "mean probability",
            "share",
            "The mean over questions of the probability of the matching answers, as a share of that of all compared.",
        ),
        "preference_rate": Definition(
            "preference rate",
            "share",
            "The share of questions whose matching answer has a higher probability than the others{ties}.",
        ),
        "mean_coverage": Definition(
            "coverage", "share", "The mean over questions of the probability that all compared answers have together."
        ),
        "tie_rate": Definition("ties", "share", "The share of questions whose best answers have the same probability."),
        "mean_log_odds": Definition(
            "mean log odds",
            "nats",
            "The mean over questions of the log odds of matching against other answers, in nats.",
        ),
        "mean_probability_raw": Definition(
            "raw probability",
            "share",
            "The mean over questions of the probability of the matching answers, not normalised.",
        ),
        "brier": Definition(
            "Brier score",
            "share",
            "The mean over questions of (1 - p)², p the normalised probability of matching answers.",
        ),
        "ece": Definition(
            "ECE",
            "share",
            "Expected calibration error of the likelier side, in 15 bins of equal width (Guo et al. 2017).",
        ),
        "calibration_error": Definition(
            "calibration error",
            "share",
            "The root of the mean squared calibration error over 15 bins, without bias (Kumar, Liang & Ma 2019).",
        ),
        "chance": Definition(
            "chance", "share", "The preference rate of an answer that is drawn at random from each question's."
        ),
    }
)
"""Of each number of `pyscore.Summary`."""

_TIES = {
    "half": "; ties count half",
    "strict": "; ties don't count",
    "first": "; a tie goes to the first answer",
    "last": "; a tie goes to the last answer",
    "share": "; a tie counts as the share of matching answers among those that tie",
}


def define(metric: str, rule: Rule) -> Definition:
    """The definition of a metric under a rule of comparison: a name of `DEFINITIONS`, or "preset/metric"."""
    preset, _, name = metric.rpartition("/")
    if preset:
        return Definition(f"{name} ({preset})", "", f"{name} as {PRESETS[preset].source} defines it.")
    found = DEFINITIONS[metric]
    if metric == "preference_rate":
        return found._replace(sentence=found.sentence.format(ties=_TIES[rule.ties]))
    if metric in ("mean_probability", "mean_log_odds", "brier") and rule.normalize != "sum":
        return found._replace(sentence=f"{found.sentence[:-1]}; of log-probabilities normalised by {rule.normalize}.")
    return found
