"""One chart of a study, for a notebook or a paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyscore.ops.checks import check_choice
from pyscore.report import figure_rows
from pyscore.report.charts import KINDS, build

__all__ = ["figure"]

_TAKEN = {
    "two_numbers": ("checkpoint", "template", "dataset"),
    "behaviour": ("template", "dataset", "metric", "x"),
    "forest": ("checkpoint", "template", "dataset", "metric", "against"),
    "reliability": ("checkpoint", "template", "dataset"),
    "log_odds": ("checkpoint", "template", "dataset"),
}
"""What each kind can be told of what to draw."""


def figure(
    kind: str,
    data: Any,
    *,
    checkpoint: str | Sequence[str] | None = None,
    template: str | None = None,
    dataset: str | Sequence[str] | None = None,
    metric: str | None = None,
    x: str | None = None,
    against: str | None = None,
    clustered: bool = True,
    **options: Any,
) -> Any:
    """A chart of what a study found, as an object of Vega-Altair.

    A notebook shows it; `pyscore.report.save` writes it as PNG, SVG or PDF. Its numbers are those of
    `pyscore.results.tidy` (two_numbers), `pyscore.results.curve` (behaviour), `pyscore.results.compare_runs` (forest)
    and `pyscore.metrics.comparison_calibration` (reliability).

    Args:
        kind: "two_numbers": mean probability beside preference rate, a point a data set. "behaviour": a metric over
            steps or sizes, with bands. "forest": differences of two checkpoints, a line a data set. "reliability":
            how often preferred answers match, by confidence. "log_odds": how questions spread.
        data: the folder of a study or a run, or a file of rows, paths or URLs, or several; of a forest also tables of
            rows. Or what was made of them: of two_numbers the table of `tidy`, of behaviour that of `curve`, of a
            forest what `compare_runs` returned, of the others a table of rows.
        checkpoint: its name, such as "m, step 100"; of reliability and log_odds also several.
        template: its name, where there are several.
        dataset: draw this one, or these; of behaviour a panel each, or "pooled" or "macro" for an average. By default
            all: of behaviour, reliability and log_odds pooled.
        metric: of behaviour as in `curve`, of a forest "mean_probability", "preference_rate" or "mean_log_odds".
        x: of behaviour, "step" or "size".
        against: of a forest, the name of the checkpoint that the other is compared with.
        clustered: use the clusters of the rows, where questions share any.
        options: how it is drawn, such as ``width``, ``title`` and ``theme``: see `pyscore.report.charts`.

    Returns:
        An ``altair.LayerChart``; of a behaviour with several panels a ``FacetChart``.

    Raises:
        ValueError: no such kind, checkpoint, template or data set, with those that exist; an argument that another
            kind takes; anything that the functions above raise.
        ImportError: Vega-Altair is missing.
    """
    check_choice(kind, "kind", KINDS)
    given = {
        **{"checkpoint": checkpoint, "template": template, "dataset": dataset},
        **{"metric": metric, "x": x, "against": against},
    }
    wrong = [name for name, value in given.items() if value is not None and name not in _TAKEN[kind]]
    if wrong:
        taken = ", ".join(_TAKEN[kind])
        raise ValueError(f"{wrong[0]}={given[wrong[0]]!r} is not for kind={kind!r}, which takes {taken}")
    rows, drawn = getattr(figure_rows, kind)(data, clustered, **{name: given[name] for name in _TAKEN[kind]})
    return build(kind, rows, **{**drawn, **options})
