"""`python -m benchmarks.gpu`: times pyscore on the GPU; without one, compiles the kernels ahead of time."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

NAMES = ("large", "narrow", "small", "middle", "outputs", "ready", "invariance", "accuracy", "answers")
RESULTS = Path(__file__).parents[1] / "results"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--section", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, help="for each section, instead of its own budget")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER", help="for the JSON and the plot")
    parser.add_argument(
        "--rehearse", action="store_true", help="toy sizes through Triton's interpreter; times mean nothing"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 if every result was right (or the report is clean), else 1."""
    arguments = _arguments(argv)
    if arguments.rehearse:
        os.environ["TRITON_INTERPRET"] = "1"  # Triton reads it when it is imported.
    import torch

    if not arguments.rehearse and not torch.cuda.is_available():
        print("no CUDA GPU here, so nothing is timed: the kernels are compiled ahead of time instead", flush=True)
        from tools.kernels_report import main as report

        status: int = report([])
        return status
    from benchmarks.gpu.run import run

    with warnings.catch_warnings():
        if arguments.rehearse:
            warnings.simplefilter("ignore")  # NumPy, which plays the GPU in the interpreter, warns of infinities.
        return run(
            list(arguments.section), rehearse=arguments.rehearse, seconds=arguments.seconds, output=arguments.output
        )


if __name__ == "__main__":
    sys.exit(main())
