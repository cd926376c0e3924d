"""What people read, send and cite of a study: one HTML file, charts and tables. No statistics of its own."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.report.study_report import Written, write

__all__ = ["Written", "write"]

__getattr__, __dir__ = lazy_names(__name__, {".study_report": ["Written", "write"]})
