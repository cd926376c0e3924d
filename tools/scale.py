"""How time and memory of a run grow with the number of questions: `python -m tools.scale [1000 10000 100000]`.

Each number runs in a process of its own: a tiny random model scores so many questions into a file of rows. Memory is
the peak of the process less what it held before the run, with the questions and the model loaded.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path


def measure(n: int) -> tuple[float, float]:
    """Score n questions; seconds, and MiB that the process grew by."""
    from pyscore import Question, Scorer
    from pyscore.engine import score_to
    from tests.engine.tiny import tiny_configs, tiny_model, tiny_tokenizer

    scorer = Scorer(tiny_model(tiny_configs()["llama"]), tiny_tokenizer())
    questions = [
        Question(
            f"q{i}",
            f"Question {i * 7919 % n}: which of these do you prefer? (A) {i % 97} (B) {i % 89}\n\nAnswer:",
            (" (A)", " (B)"),
            (True, False),
        )
        for i in range(n)
    ]
    scorer.score(questions[:200])  # allocates what a process needs once, whatever the number of questions
    before = _resident()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        score_to(scorer, f"{folder}/rows.parquet", questions, progress=False)
        seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 - before


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main(sizes: list[int]) -> None:
    """Measure every size and print a line on it."""
    for n in sizes:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, grown = pool.apply(measure, (n,))
        print(f"{n:>9,} questions: {1e3 * seconds / n:.2f} ms each, {grown:.0f} MiB more than before", flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000, 100_000])
