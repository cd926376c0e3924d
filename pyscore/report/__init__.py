"""What people read, send and cite of a study: one HTML file, charts and tables. No statistics of its own."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.report.figures import figure
    from pyscore.report.images import save
    from pyscore.report.study_report import Written, write

__all__ = ["Written", "figure", "save", "write"]

__getattr__, __dir__ = lazy_names(
    __name__, {".figures": ["figure"], ".images": ["save"], ".study_report": ["Written", "write"]}
)
