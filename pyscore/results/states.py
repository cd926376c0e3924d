"""Rows as sums that merge: what workers send instead of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyscore.metrics import SummaryState
from pyscore.results.comparison import clusters_from_rows, comparison_from_rows

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["states_of_rows"]


def states_of_rows(table: pa.Table) -> dict[str | None, SummaryState]:
    """A `pyscore.SummaryState` of each data set of a table of rows, with the clusters of the rows.

    Raises:
        ValueError: as `comparison_from_rows`.
    """
    import pyarrow.compute as pc

    found = {}
    for name in table["dataset"].unique().to_pylist():
        column = table["dataset"]
        rows = table.filter(pc.is_null(column) if name is None else pc.equal(column, name))
        found[name] = SummaryState().update(comparison_from_rows(rows), clusters_from_rows(rows))
    return found
