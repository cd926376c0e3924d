"""Summaries for people: tables on standard output, with what the two headline numbers mean."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING, Any

from pyscore.cli.text import visible, write_out

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from pyscore.engine import Skipped
    from pyscore.engine.sources.source import TokenCounts
    from pyscore.metrics import Estimate
    from pyscore.results import RowsSummary

__all__ = [
    "PREFERENCES",
    "TIES",
    "as_interval",
    "as_number",
    "as_text",
    "new_table",
    "print_counts",
    "print_json",
    "print_skipped",
    "print_summaries",
    "print_tables",
]

_METRICS = (
    ("mean_probability", "mean probability"),
    ("preference_rate", "preference rate"),
    ("mean_probability_raw", "raw mean probability"),
    ("mean_log_odds", "mean log odds (nats)"),
    ("mean_coverage", "coverage"),
    ("tie_rate", "tie rate"),
)
PREFERENCES = {
    "max": "the share of questions whose best matching answer beats every other answer",
    "sum": "the share of questions whose matching answers together beat the others together",
}
TIES = {
    "half": "ties count half",
    "strict": "ties don't count",
    "first": "ties go to the first answer",
    "share": "ties count as the share of matching answers among those that tie",
}
_NORMALIZED = {"sum": "", "token": " per token", "char": " per character", "byte": " per byte"}
_SHOWN = 20  # questions in a table of those left out, where a file has all of them
_PLAIN_WIDTH = 120  # of a file or a pipe, which has no width of its own; more where a table would be cut
_WIDEST = 1000


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    write_out(json.dumps(_finite(document), indent=2, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    """The same with None for NaN and infinities, which JSON doesn't have."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_counts(counts: TokenCounts, as_json: bool) -> None:
    """How many tokens a run takes, as a table or as JSON."""
    naive = counts.naive / counts.run if counts.run else 1.0
    overhead = counts.run / counts.distinct if counts.distinct else 1.0
    if as_json:
        print_json({**asdict(counts), "naive_per_run": naive, "run_per_distinct": overhead})
        return
    table = new_table("tokens", "what the run takes")
    table.add_column("number", justify="right")
    for label, value in (
        ("distinct: must be run", counts.distinct),
        ("run, padding and repeats counted", counts.run),
        ("padding among them", counts.padding),
        ("one sequence for every answer", counts.naive),
    ):
        table.add_row(label, f"{value:,}")
    note = f"{overhead:.3f} tokens run for one that must be; {naive:.2f} times fewer than one sequence an answer"
    print_tables([table], [note])


def print_summaries(summaries: Sequence[RowsSummary], options: dict[str, Any], notes: Sequence[str] = ()) -> None:
    """One summary as a table of its metrics, several as a table of the headline numbers; then what they mean.

    ``options`` are those of `pyscore.store.summarize_rows` that the summaries were made with.
    """
    tables = []
    models = list(dict.fromkeys((s.model, s.revision, s.step) for s in summaries))
    for key in models:
        chosen = [s for s in summaries if (s.model, s.revision, s.step) == key]
        tables.append(_one(chosen[0]) if len(chosen) == 1 else _many(chosen))
    averaged = any(s.scope != "dataset" for s in summaries)
    lines = [*_meaning(options, averaged), *_chance(summaries), *notes]
    if any(_most(s.summary.mean_coverage) < 0.01 for s in summaries):
        lines.append(
            "coverage below 1 %: the model hardly ever gives these answers; look at the template (answers that begin "
            "with a space, after a chat prompt that ends in a new line, are a common cause)"
        )
    if any(s.one_cluster for s in summaries):
        lines.append("one cluster: all questions share it, so the interval speaks for this cluster, not for others")
    lines += [*_bounds(summaries), *_remarks(summaries)]
    print_tables(tables, lines)


def print_skipped(skipped: Sequence[Skipped], file: str | None) -> None:
    """The questions that couldn't be scored, with the reasons; the first ones, if ``file`` holds all."""
    table = new_table("data set", f"left out: {len(skipped)} questions that can't be scored")
    table.add_column("question", overflow="fold")
    table.add_column("reason", overflow="fold")
    shown = skipped if file is None else skipped[:_SHOWN]
    for question in shown:
        table.add_row(*map(as_text, (question.dataset or "(no name)", question.question_id, question.reason)))
    more = f"{len(skipped) - len(shown)} more of them and " if len(shown) < len(skipped) else ""
    print_tables([table], [] if file is None else [f"{more}all reasons are in {file}"])


def print_tables(tables: Sequence[Table], lines: Sequence[str]) -> None:
    """Tables and the lines under them, laid out before the first of them is written."""
    from rich.console import Console
    from rich.measure import Measurement

    out = StringIO()
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(
        file=out, highlight=False, force_terminal=is_terminal, width=None if is_terminal else _PLAIN_WIDTH
    )
    if not is_terminal:
        free = console.options.update(max_width=_WIDEST)
        console.width = max([_PLAIN_WIDTH, *(Measurement.get(console, free, table).minimum for table in tables)])
    for table in tables:
        console.print(table)
    for line in lines:
        console.print(as_text(line), style="dim", soft_wrap=True)
    write_out(out.getvalue())


def as_text(name: str) -> Text:
    """A name as it stands, brackets and all: plain strings are markup to rich."""
    from rich.text import Text

    return Text(visible(name))


def _meaning(options: dict[str, Any], averaged: bool) -> list[str]:
    per = _NORMALIZED[options["normalize"]]
    lines = [
        "mean probability: how much of the compared answers' probability falls on the matching answer, on average",
        f"preference rate: {PREFERENCES[options['sets']]}; {TIES[options['ties']]}",
        "coverage: the probability that all compared answers have together, on average",
    ]
    if per:
        lines.append(f"mean probability, preference rate and mean log odds are of log-probabilities{per}")
    if averaged:
        lines.append("pooled average: every question counts the same; macro average: every data set counts the same")
    return lines


def _chance(summaries: Sequence[RowsSummary]) -> list[str]:
    """What the preference rate of a random choice would be."""
    chances = sorted(s.summary.chance for s in summaries if not math.isnan(s.summary.chance))
    if not chances:
        return []
    shown = dict.fromkeys(as_number(chance, 3) for chance in (chances[0], chances[-1]))
    return [f"chance: {' to '.join(shown)}, the preference rate of answers drawn at random"]


_REMARKS = {
    "n_indistinguishable": "some answers are the same tokens, and tie whatever the model is (column same_as)",
    "n_nested": "an answer begins with all tokens of another, and can't beat it (column extends)",
    "n_merged": "a token spans the join of prompt and answer, see docs/engine.md (column boundary)",
}


def _remarks(summaries: Sequence[RowsSummary]) -> list[str]:
    """One line for each kind of questions that are to be read with care."""
    own = [s for s in summaries if s.scope == "dataset"]
    total = sum(s.summary.n_questions for s in own)
    counts = {name: sum(getattr(s, name) or 0 for s in own) for name in _REMARKS}
    return [f"{count} of {total} questions: {_REMARKS[name]}" for name, count in counts.items() if count]


def _bounds(summaries: Sequence[RowsSummary]) -> list[str]:
    """What is said of each summary of log-probabilities that are known between bounds alone."""
    from pyscore.results.summaries import bounds_text

    named = len(summaries) > 1
    return [(f"{_model(s)}, {_name(s)}: " if named else "") + bounds_text(s) for s in summaries if s.n_bounded]


def _one(s: RowsSummary) -> Table:
    interval = f"{100 * s.summary.confidence:g} % interval"
    table = new_table(f"{_name(s)}: {_questions(s)}" if s.dataset else _questions(s), _model(s))
    for header in ("value", interval, "std. error"):
        table.add_column(header, justify="right")
    for field, label in _METRICS:
        estimate: Estimate = getattr(s.summary, field)
        headline = field in ("mean_probability", "preference_rate")
        cells = (
            as_value(estimate),
            as_interval(estimate),
            "" if estimate.reason else as_number(estimate.stderr),
        )
        table.add_row(label, *cells, style="bold" if headline else None)
    return table


def _many(summaries: Sequence[RowsSummary]) -> Table:
    table = new_table("data set", _model(summaries[0]))
    table.add_column("questions", justify="right")
    table.add_column("clusters", justify="right")
    for header in ("mean probability", "preference rate"):
        table.add_column(f"{header}\n{100 * summaries[0].summary.confidence:g} % interval", justify="right")
    table.add_column("coverage", justify="right")
    table.add_column("ties", justify="right")
    for s in summaries:
        if s.scope == "pooled":
            table.add_section()
        values = s.summary
        headline = [
            f"{as_value(estimate, 3)} {as_interval(estimate, 3)}"
            for estimate in (values.mean_probability, values.preference_rate)
        ]
        clusters = "one" if s.one_cluster else "-" if values.n_clusters is None else str(values.n_clusters)
        shares = (as_value(values.mean_coverage, 3), as_value(values.tie_rate, 3))
        table.add_row(as_text(_name(s)), str(values.n_questions), clusters, *headline, *shares)
    return table


def new_table(first_column: str, title: str) -> Table:
    from rich.table import Table

    table = Table(title=as_text(title), title_justify="left", title_style="bold")
    table.add_column(as_text(first_column), overflow="fold")
    return table


def _name(s: RowsSummary) -> str:
    return s.dataset or "(no name)" if s.scope == "dataset" else f"{s.scope} average"


def _questions(s: RowsSummary) -> str:
    questions = f"{s.summary.n_questions} questions"
    clusters = s.summary.n_clusters
    if s.one_cluster:
        return f"{questions} in one cluster"
    if clusters is None:
        return f"{questions}, independent"
    return f"{questions} in {clusters} clusters"


def _model(s: RowsSummary) -> str:
    step = None if s.step is None else f"step {s.step}"
    return ", ".join(part for part in (s.model, s.revision, step) if part)


def as_value(estimate: Estimate, digits: int = 4) -> str:
    """A value, or "0.12 to 0.34" where it is known between bounds alone."""
    low, high = (getattr(estimate, name, None) for name in ("value_low", "value_high"))
    if low is not None and high is not None:
        return f"{as_number(low, digits)} to {as_number(high, digits)}"
    return as_number(estimate.value, digits)


def _most(estimate: Estimate) -> float:
    """The value, or the largest that it can be."""
    return float(getattr(estimate, "value_high", estimate.value))


def as_interval(estimate: Estimate, digits: int = 4) -> str:
    if estimate.reason:
        return f"({estimate.reason})"
    return f"[{as_number(estimate.low, digits)}, {as_number(estimate.high, digits)}]"


def as_number(value: float, digits: int = 4) -> str:
    """Decimals as asked for, or powers of ten where those would show next to nothing."""
    small = 0 < abs(value) < 10 ** (1 - digits)
    return f"{value:.2e}" if small else f"{value:.{digits}f}"
