"""What a comparison of runs returns: its runs, their paired differences, and the questions that changed most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyscore.metrics import Estimate, Report
from pyscore.metrics.core.report import Record, in_clusters
from pyscore.metrics.core.shown import Shown, as_html, as_text
from pyscore.results.changes import QuestionChange

__all__ = ["ComparedRun", "Equivalence", "MetricDifference", "RunDifference", "RunDifferences"]


@dataclass(frozen=True)
class ComparedRun(Record):
    """One of the runs.

    Attributes:
        name: what it is called in the results.
        model, revision, step, run_id: whose scores these are; None where several or none are known.
        kind: what wrote the scores: "rows", "lm-eval" or "inspect".
        n_questions: how many it has.
        n_matched: how many of them the first run has as well.
        template: of a study, under which template it was scored: each checkpoint is a run under every template.
        against: the name of the run that it is compared with; None for that one itself.
    """

    name: str
    model: str
    revision: str | None
    step: int | None
    run_id: str | None
    kind: str
    n_questions: int
    n_matched: int
    template: str | None = None
    against: str | None = None


@dataclass(frozen=True)
class Equivalence(Record):
    """Is a difference too small to matter? Two one-sided tests, as `pyscore.metrics.equivalence`.

    Attributes:
        margin: the largest difference that doesn't matter.
        p: of both one-sided tests; NaN where there is no interval.
        adjusted_p: corrected for the number of comparisons.
        low, high: the interval of confidence 1 - 2 alpha, which lies within ± margin where p is at most alpha.
        shown: ``adjusted_p`` is at most alpha = 1 - confidence.
    """

    margin: float
    p: float
    adjusted_p: float
    low: float
    high: float
    shown: bool


@dataclass(frozen=True)
class MetricDifference(Record):
    """One metric in two runs.

    Attributes:
        first, other: its mean in each; NaN where a run doesn't know it.
        difference: the estimate of the mean of other - first over the questions.
        p: two-sided, of "the difference is 0", by the statistic that the interval is made of.
        adjusted_p: corrected for the number of comparisons (see `RunDifferences`).
        equivalence: where a margin was given, and the metric has its unit.
        verdict: "higher" or "lower" where ``adjusted_p`` is at most alpha; "equivalent" where that is shown; both,
            "higher, equivalent", of a difference that is there and doesn't matter; else "not shown". "no verdict"
            where there is no p-value.
        template_min, template_max: of a study, the smallest and the largest difference over the templates; None where
            there is one template.
    """

    first: float
    other: float
    difference: Estimate
    p: float
    adjusted_p: float
    equivalence: Equivalence | None
    verdict: str
    template_min: float | None = None
    template_max: float | None = None


@dataclass(frozen=True)
class RunDifference(Record):
    """One run against the first, on one data set or averaged over several.

    Attributes:
        run: the other run's name.
        against: the name of the first run, which it is compared with.
        template: of a study, under which template both were scored; None of runs.
        scope: "dataset"; "pooled": all questions count the same; "macro": all data sets count the same.
        dataset: its name in the first run; None for an average, and for questions that name no data set.
        n_datasets: how many data sets it is of.
        mean_probability, preference_rate, mean_log_odds: the paired differences.
        n_questions: how many pairs.
        n_clusters: how many clusters, or None where none are used.
        one_cluster: all questions share one cluster, so the intervals count them as independent and speak for this
            cluster only.
        n_raised, n_lowered: how many questions' preference went to the matching answers, and away from them.
        coverage_first, coverage_other, tie_rate_first, tie_rate_other: means of each run; NaN where it doesn't know.
    """

    run: str
    against: str
    template: str | None
    scope: str
    dataset: str | None
    n_datasets: int
    mean_probability: MetricDifference
    preference_rate: MetricDifference
    mean_log_odds: MetricDifference
    n_questions: int
    n_clusters: int | None
    one_cluster: bool
    n_raised: int
    n_lowered: int
    coverage_first: float
    coverage_other: float
    tie_rate_first: float
    tie_rate_other: float


@dataclass(frozen=True)
class RunDifferences(Record):
    """Runs against the first of them, as returned by `compare_runs`. Every difference is other - first.

    P-values of one metric are corrected together over all data sets, all runs and, of a study, all templates; those of
    pooled averages over all runs and templates, and those of macro averages likewise, since each of these three answers
    a question of its own.

    Attributes:
        runs: all of them, the first one first; of a study those of each curve, its first one first.
        differences: run by run and template by template, for each data set and, where there are several, pooled and
            macro.
        changes: the questions whose probability changed most, run by run.
        notes: what to know when reading this, a sentence each.
        match, normalize, sets, ties, clustered, correction, margin: as `compare_runs` was told.
        confidence: of every interval.
        signature: how the numbers were made.
    """

    runs: Sequence[ComparedRun]
    differences: Sequence[RunDifference]
    changes: Sequence[QuestionChange]
    notes: Sequence[str]
    match: str
    normalize: str
    sets: str
    ties: str
    clustered: bool
    correction: str
    margin: float | None
    confidence: float
    signature: str

    def find(
        self,
        scope: str = "pooled",
        *,
        run: str | None = None,
        dataset: str | None = None,
        template: str | None = None,
    ) -> list[RunDifference]:
        """The differences of one scope: of a run or all, of a data set or all, under a template or all.

        Where there is one data set, its difference is found as "pooled" and "macro" as well, which it is.
        """
        found = [
            each
            for each in self.differences
            if run in (None, each.run) and dataset in (None, each.dataset) and template in (None, each.template)
        ]
        averaged = {(each.run, each.template) for each in found if each.scope == scope}
        single = scope in ("pooled", "macro")
        return [each for each in found if each.scope == scope or (single and (each.run, each.template) not in averaged)]

    def __str__(self) -> str:
        return "\n\n".join([*map(as_text, self.shown()), *self.notes])

    def _repr_html_(self) -> str:
        # Notes are sentences about all tables, and so stand after them as a text of their own.
        return "".join([*map(as_html, self.shown()), *(as_html(Shown(note, (), ())) for note in self.notes)])

    def shown(self) -> list[Shown]:
        """What is printed, and what a notebook shows: of each run, a table a headline number."""
        pairs = dict.fromkeys((each.run, each.against) for each in self.differences)
        return [self._report(*pair, metric).shown() for pair in pairs for metric in _SHOWN]

    def _report(self, run: str, against: str, metric: str) -> Report:
        own = [each for each in self.differences if (each.run, each.against) == (run, against)]
        title = f"{metric.replace('_', ' ')}: {run} - {against}"
        rows = [_row(each, getattr(each, metric)) for each in own]
        reasons = [getattr(each, metric).difference.reason for each in own]
        if any(reasons):
            rows = [row | {"reason": reason} for row, reason in zip(rows, reasons, strict=True)]
        return Report(title + in_clusters(own[-1].n_clusters), {}, self.signature, self.confidence, {}, rows)


_SHOWN = ("mean_probability", "preference_rate")


def _row(each: RunDifference, found: MetricDifference) -> dict[str, str | float | None]:
    template = {} if each.template is None else {"template": each.template}
    between = {"template_min": found.template_min, "template_max": found.template_max}
    return {
        **template,
        "dataset": each.dataset if each.scope == "dataset" else f"{each.scope} average",
        "questions": each.n_questions,
        "first": found.first,
        "other": found.other,
        "difference": found.difference.value,
        "low": found.difference.low,
        "high": found.difference.high,
        "p": found.p,
        "adjusted_p": found.adjusted_p,
        "verdict": found.verdict,
        **(between if template else {}),
    }
