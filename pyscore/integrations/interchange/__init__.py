"""Results in the formats that others read and publish: Every Eval Ever, lm-evaluation-harness, the Hugging Face hub."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.integrations.interchange.files import FORMATS, read_results, write_results
    from pyscore.integrations.interchange.results import Result, RunResults, run_results

__all__ = ["FORMATS", "Result", "RunResults", "read_results", "run_results", "write_results"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".files": ["FORMATS", "read_results", "write_results"],
        ".results": ["Result", "RunResults", "run_results"],
    },
)
