"""The compared answers of checkpoints, from a study or from rows, for figures that look at every question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pyscore.ops import Comparison
from pyscore.report.choices import checkpoint_name, choose, select
from pyscore.results import clusters_from_rows, comparison_from_rows
from pyscore.results.sources import Group, open_sources
from pyscore.results.study_runs import names_of
from pyscore.results.tables import plan_of
from pyscore.store.schema import row_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from pyscore.metrics.question_values import Rule

__all__ = ["Compared", "bin_edges", "compared_answers"]

_WIDTHS = (0.25, 0.5, 1.0, 2.0, 5.0)  # nats
_MOST_BINS = 40


class Compared(NamedTuple):
    """A checkpoint's questions.

    Attributes:
        checkpoint: its name.
        comparison: of every question.
        clusters: one a question; None where no two share one.
        confidence: of the intervals that are made of them.
    """

    checkpoint: str
    comparison: Comparison
    clusters: list[str] | None
    confidence: float


def compared_answers(
    data: Any, checkpoint: str | Sequence[str] | None, template: str | None, dataset: str | Sequence[str] | None
) -> list[Compared]:
    """The questions of one checkpoint or several, of all data sets or some.

    Args:
        data: paths as in `pyscore.results.tidy`, or a table of rows.
        checkpoint, template, dataset: names, as in `pyscore.report.figure`.

    Raises:
        ValueError: a name that isn't there; a data set that isn't scored; rows that can't be compared.
    """
    if hasattr(data, "schema"):
        return _of_table(data, checkpoint, template, dataset)
    found: list[Group] = []
    rules: list[tuple[Rule, float]] = []
    for source in open_sources(data):
        plan = plan_of(source)
        found += source.groups
        rules += [(plan.rule, plan.confidence)] * len(source.groups)
    names = names_of(found)
    wanted = [choose("checkpoint", None, names)] if checkpoint is None else select("checkpoint", checkpoint, names)
    wording = choose(
        "template", template, [g.labels["template"] for g, n in zip(found, names, strict=True) if n in wanted]
    )
    compared = []
    for name in wanted:
        for group, own, (rule, confidence) in zip(found, names, rules, strict=True):
            if (own, group.labels["template"]) == (name, wording):
                rows = _scanned(group, select("dataset", dataset, group.datasets), dataset is not None)
                compared.append(_compared(name, rows, rule.normalize, rule.sets, rule.ties, confidence))
    return compared


def _scanned(group: Group, datasets: Sequence[str | None], named: bool) -> pa.Table:
    """The rows of a checkpoint under a template, of these data sets."""
    import pyarrow as pa

    lacking = [name for name in datasets if name in group.lacking]
    if lacking:
        raise ValueError(
            f"{group.name} has no numbers of {lacking[0]!r}: {group.lacking[lacking[0]]}; name others with dataset="
        )
    schema = row_schema()
    tables = list(group.scan(schema.names))
    if not tables:
        raise ValueError(f"{group.name} has no rows to draw")
    rows = pa.concat_tables(tables).cast(schema)
    return rows.filter(pa.array([name in datasets for name in rows["dataset"].to_pylist()])) if named else rows


def _of_table(table: pa.Table, checkpoint: Any, template: str | None, dataset: Any) -> list[Compared]:
    import pyarrow as pa

    missing = [name for name in ("model", "question_id", "logprob") if name not in table.column_names]
    if missing:
        raise ValueError(f"data has no column {missing[0]!r}: give a path, or a table of rows, one an answer")
    if template is not None:
        raise ValueError(f"template={template!r} is of a study's folder: a table of rows is of one template")
    labels = table.select(["model", "revision", "step"]).to_pylist()
    names = [checkpoint_name(line) for line in labels]
    wanted = [choose("checkpoint", None, names)] if checkpoint is None else select("checkpoint", checkpoint, names)
    datasets = table["dataset"].to_pylist()
    kept = set(select("dataset", dataset, datasets))
    compared = []
    for name in wanted:
        own = [each == name and of in kept for each, of in zip(names, datasets, strict=True)]
        compared.append(_compared(name, table.filter(pa.array(own)), "sum", "max", "half", 0.95))
    return compared


def _compared(name: str, rows: pa.Table, normalize: str, sets: str, ties: str, confidence: float) -> Compared:
    comparison = comparison_from_rows(rows, normalize=normalize, sets=sets, ties=ties)
    return Compared(name, comparison, clusters_from_rows(rows), confidence)


def bin_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins of one width in round numbers, of which 0 is one, around all of the finite values."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    width = next((w for w in _WIDTHS if (high - low) / w < _MOST_BINS), (high - low) / _MOST_BINS)
    first, last = np.floor(low / width), np.floor(high / width) + 1
    return np.arange(first, last + 1) * width
