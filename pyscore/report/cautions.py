"""What weakens a number of a report, said beside it, with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from pyscore.metrics.question_values import Rule
from pyscore.report.cells import Cell
from pyscore.report.definitions import HEADLINES, define
from pyscore.results.sources import NOT_SCORED

__all__ = ["Caution", "cautions_of"]

_LOW_COVERAGE = 0.5
"""Below this the compared answers are not what the model would mostly say: what is compared is the rest."""
_MANY_TIES = 0.05
_TEMPLATES_APART = 0.1
"""Templates disagree where their values span more than this and another's lies outside the interval."""
_FEW_CLUSTERS = 10
"""With fewer, cluster-robust intervals rest on a handful of independent units; docs/coverage.md says what they hold."""


class Caution(NamedTuple):
    """Something to know of a number.

    Attributes:
        kind: what it is, in a word.
        metric: which number it weakens; None for all of the cell.
        text: what is the case, with its figures.
        advice: what to do about it.
    """

    kind: str
    metric: str | None
    text: str
    advice: str


def cautions_of(cells: Iterable[Cell]) -> Iterator[tuple[int, Caution]]:
    """The cautions of every cell, with the cell's position."""
    for i, cell in enumerate(cells):
        for rule in _RULES:
            for caution in rule(cell):
                yield i, caution


_WITHOUT_NUMBER = {
    NOT_SCORED: "Run `pyscore sweep` again: it scores what is missing. `pyscore sweep status` says what failed.",
    "be scored": "The reasons are stored with the run: change these questions, or the model. Sweeping again as it is "
    "scores none of them.",
}
"""What to do about a reason that holds these words."""


def _unscored(cell: Cell) -> Iterator[Caution]:
    for metric in HEADLINES:
        line = cell.lines[metric]
        if line["value"] is None:
            advice = [text for told, text in _WITHOUT_NUMBER.items() if told in line["reason"]]
            yield Caution("no number", None, f"There is no number: {line['reason']}.", " ".join(advice))
            return


def _without_interval(cell: Cell) -> Iterator[Caution]:
    for metric in HEADLINES:
        line = cell.lines[metric]
        if line["value"] is not None and line["low"] is None:
            label = _label(metric)
            yield Caution(
                "no interval",
                metric,
                f"The {label} has no interval: {line['reason']}.",
                "Don't cite it as if it were exact; ask more questions, or questions of other kinds.",
            )


def _coverage(cell: Cell) -> Iterator[Caution]:
    value = cell.lines["mean_coverage"]["value"]
    if value is not None and value < _LOW_COVERAGE:
        yield Caution(
            "low coverage",
            "mean_probability",
            f"The compared answers have {_percent(value)} of the probability together: the numbers are of how that is "
            "divided, not of what the model would say.",
            "See what the prompt ends in with `pyscore score --dry-run`, and try a template that asks for these. "
            "Answers that begin with a space after a chat prompt that ends in a new line are a common cause.",
        )


def _templates(cell: Cell) -> Iterator[Caution]:
    for metric in HEADLINES:
        line = cell.lines[metric]
        smallest, largest = line["template_min"], line["template_max"]
        if smallest is None or line["low"] is None or largest - smallest <= _TEMPLATES_APART:
            continue
        if smallest < line["low"] or largest > line["high"]:
            yield Caution(
                "templates disagree",
                metric,
                f"The {_label(metric)} is {smallest:.3f} to {largest:.3f} over {line['n_templates']} templates.",
                "Report the range over templates beside the number: one template's interval doesn't speak for others.",
            )


def _ties(cell: Cell) -> Iterator[Caution]:
    value = cell.lines["tie_rate"]["value"]
    if value is not None and value > _MANY_TIES:
        yield Caution(
            "many ties",
            "preference_rate",
            f"In {_percent(value)} of the questions no answer is preferred, and the convention on ties decides.",
            "Score in float32 (`dtype: float32`), which tells nearly equal answers apart, and look for answers that "
            "are the same to the model.",
        )


def _clusters(cell: Cell) -> Iterator[Caution]:
    n = cell.first["n_clusters"]
    if n is not None and n < _FEW_CLUSTERS:
        one = "All questions share one cluster: intervals count them as independent and speak for this cluster only."
        some = f"The questions lie in {n} clusters, so the intervals rest on {n} independent units."
        yield Caution(
            "few clusters",
            None,
            one if n == 1 else some,
            "Ask about more topics: more questions in the same clusters don't make the intervals narrower.",
        )


def _counted(kind: str, field: str, what: str, metric: str | None, advice: str) -> Callable[[Cell], Iterator[Caution]]:
    def rule(cell: Cell) -> Iterator[Caution]:
        n = None if cell.counts is None else getattr(cell.counts, field)
        if cell.counts is not None and n:
            yield Caution(kind, metric, f"In {n:,} of {cell.counts.n_questions:,} questions {what}.", advice)

    return rule


def _skipped(cell: Cell) -> Iterator[Caution]:
    n = cell.first["n_skipped"]
    if n and cell.scope == "dataset" and cell.first["value"] is not None:
        yield Caution(
            "questions left out",
            None,
            f"{n:,} questions are left out, since they can't be scored.",
            "The reasons are stored with the run; the numbers speak for the other questions.",
        )


_RULES: tuple[Callable[[Cell], Iterator[Caution]], ...] = (
    _unscored,
    _without_interval,
    _coverage,
    _templates,
    _ties,
    _counted(
        "merged boundary",
        "n_merged",
        "a token spans the join of prompt and answer, or the join was split otherwise than the tokenizer would",
        "mean_probability",
        "Begin answers with a space, or end the prompt in a token of its own.",
    ),
    _counted(
        "cut prompts",
        "n_truncated",
        "the prompt was cut from the left to fit the model's context",
        None,
        "Use shorter prompts or a model of a longer context: a cut prompt is another question.",
    ),
    _counted(
        "same answers",
        "n_indistinguishable",
        "some answers are the same tokens, which tie whatever the model is",
        "preference_rate",
        "Change these answers (column same_as of the rows names them): the model can't tell them apart.",
    ),
    _counted(
        "nested answers",
        "n_nested",
        "an answer begins with all tokens of another one, which it can't beat",
        "preference_rate",
        "Word the answers so that none begins with another, or compare them per token (`normalize: token`).",
    ),
    _clusters,
    _skipped,
)


def _label(metric: str) -> str:
    return define(metric, Rule()).label


def _percent(value: Any) -> str:
    shown = f"{100 * value:.1f}"
    return "less than 0.1 %" if shown == "0.0" and value > 0 else f"{shown} %"
