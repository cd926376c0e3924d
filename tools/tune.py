"""Searches for tile parameters on the present GPU and writes them to kernels/configs.json: `python -m tools.tune`.

For each size the search changes one thing at a time about the best config so far, and keeps what is fastest over
one row and thousands alike: a row's bits follow from the tiles, so the choice may never depend on N. A candidate whose
bits differ between its two tiles, whose result is off, that spills registers or that fails to run is rejected.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

__all__ = ["main"]

SIZES = ((896, 151936), (2048, 151936), (4096, 128256), (8192, 128256))
DTYPES = ("bfloat16", "float16", "float32")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.tune", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--depth", type=int, nargs="+", metavar="D", help="hidden sizes, one for each --vocab")
    parser.add_argument("--vocab", type=int, nargs="+", metavar="V", help="vocabulary sizes, one for each --depth")
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, default=["bfloat16"])
    parser.add_argument("--seconds", type=float, default=150.0, help="for each size and dtype")
    parser.add_argument("--dry-run", action="store_true", help="print the rows instead of writing them")
    arguments = parser.parse_args(argv)
    depth, vocab = arguments.depth or [], arguments.vocab or []
    if len(depth) != len(vocab):
        parser.error(f"--depth and --vocab name pairs: got {len(depth)} and {len(vocab)}")
    arguments.sizes = list(zip(depth, vocab, strict=True)) or list(SIZES)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 2 without a GPU."""
    arguments = _arguments(argv)
    if not torch.cuda.is_available():
        print("python -m tools.tune needs a CUDA GPU, and there is none here", file=sys.stderr)
        return 2
    from benchmarks.gpu.lab import Lab
    from pyscore.kernels.configs import TABLE
    from tools.search import linear_search, ready_search
    from tools.tuning import merge_row

    lab = Lab(rehearsal=False)
    rows: list[dict[str, Any]] = []
    with torch.no_grad():
        for name in arguments.dtype:
            dtype = getattr(torch, name)
            for d, v in arguments.sizes:
                print(f"linear D={d} V={v} {name}", flush=True)
                rows.append(linear_search(lab, d, v, dtype, deadline=time.monotonic() + arguments.seconds))
            for v in dict.fromkeys(v for _, v in arguments.sizes):
                print(f"ready V={v} {name}", flush=True)
                rows.append(ready_search(lab, v, dtype))
    text = TABLE.read_text()
    for row in rows:
        text = merge_row(text, row)
        print(row)
    if not arguments.dry_run:
        TABLE.write_text(text)
        print(f"wrote {len(rows)} rows to {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
