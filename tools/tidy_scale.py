"""How time and memory of `pyscore.results.tidy` grow with the rows: `python -m tools.tidy_scale [10 100 1000]`.

Studies of so many checkpoints with 100,000 rows each are made in a temporary folder, four different runs whose files
the others are linked to, and each is aggregated in a process of its own. Memory is the peak of that process; beside it
stands what the process held with its imports done.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

QUESTIONS, PER_PART, DATASETS, DISTINCT = 50_000, 1024, 5, 4


def write_run(path: Path, step: int) -> dict[str, Any]:
    """A finished run of made-up rows, two a question, with clusters of five; its manifest."""
    import pyarrow as pa

    from pyscore.store import RunStore, question_key, row_schema

    rng, schema = np.random.default_rng(step), row_schema()
    with RunStore.open(path, {"settings": {"template": "plain", "step": step}}) as store:
        for start in range(0, QUESTIONS, PER_PART):
            i = np.arange(start, min(start + PER_PART, QUESTIONS))
            n = len(i)
            logprob = np.log(rng.dirichlet((1, 1, 1), n)[:, :2]).ravel()
            columns = {
                **dict.fromkeys(("run_id", "model", "boundary"), ["x"] * (2 * n)),
                **dict.fromkeys(("revision", "group", "extends", "logprob_low"), [None] * (2 * n)),
                **dict.fromkeys(("n_tokens", "n_chars", "n_bytes", "prompt_tokens"), [4] * (2 * n)),
                **dict.fromkeys(("is_greedy", "truncated"), [False] * (2 * n)),
                "step": [step] * (2 * n),
                "dataset": np.repeat([f"dataset {k % DATASETS}" for k in i], 2),
                "question_id": np.repeat([f"question {k}" for k in i], 2),
                "cluster": np.repeat([f"cluster {k // 25}" for k in i], 2),
                **dict.fromkeys(("answer_index", "same_as"), np.tile([0, 1], n)),
                "answer": [" Yes", " No"] * n,
                "is_matching": np.tile([True, False], n),
                "logprob": logprob,
            }
            table = pa.table([pa.array(columns[f.name], f.type) for f in schema], schema=schema)
            keys = [question_key(f"dataset {k % DATASETS}", str(k), "", ["a", "b"], [True, False]) for k in i.tolist()]
            store.write(table, keys)
        questions = QUESTIONS // DATASETS
        own = {
            f"dataset {k}": {"questions": questions, "content_sha256": str(k), "skipped": 0} for k in range(DATASETS)
        }
        store.update(datasets=own)
        store.finish()
    found: dict[str, Any] = json.loads((path / "manifest.json").read_text())
    return found


def write_study(folder: Path, n_runs: int) -> None:
    """A study of so many checkpoints."""
    from pyscore.store.studies import StudyFolder

    runs = [folder / "runs" / f"checkpoint-{i}" / "plain" for i in range(n_runs)]
    manifests: list[dict[str, Any]] = []
    for i, run in enumerate(runs):
        run.parent.mkdir(parents=True)
        if i < DISTINCT:
            manifests.append(write_run(run, i))
        else:
            run.mkdir()
            for part in runs[i % DISTINCT].glob("part-*"):
                os.link(part, run / part.name)
        manifest = copy.deepcopy(manifests[i % DISTINCT])
        manifest["sessions"][-1]["arguments"] = {"model": str(i), "template": "plain"}
        (run / "manifest.json").write_text(json.dumps(manifest))
    models = [{"key": str(i), "folder": run.parent.name, "name": "m", "step": i} for i, run in enumerate(runs)]
    datasets = [
        {"name": f"dataset {k}", "questions": QUESTIONS // DATASETS, "content_sha256": str(k), "templates": ["plain"]}
        for k in range(DATASETS)
    ]
    templates = [{"name": "plain", "text": "plain"}]
    StudyFolder(folder).write({"name": "scale", "models": models, "templates": templates, "datasets": datasets})


def measure(folder: str) -> tuple[float, float, float, float, int]:
    """Aggregate; seconds of the clock and of the processor, MiB before and at the peak, lines."""
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from pyscore.results import tidy

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    start, used = time.perf_counter(), time.process_time()
    table = tidy(folder)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    return seconds, used, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, len(table)


def main(sizes: list[int]) -> None:
    """Measure every size and print a line on it."""
    for n_runs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_study(Path(folder), n_runs)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seconds, used, before, peak, lines = pool.apply(measure, (folder,))
        rows = 2 * QUESTIONS * n_runs
        print(
            f"{rows:>11,} rows in {n_runs} runs: {seconds:.1f} s, {used:.1f} s of the processor, "
            f"{before:.0f} MiB before, {peak:.0f} MiB at the peak, {lines} lines",
            flush=True,
        )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [10, 100, 1000])
