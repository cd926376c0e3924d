"""A real study three ways: in one process, on two Ray workers, and as two shards. The three tables must be one.

python -m tools.real_study [--limit 12] [--threads 1]: the bundled model and four worse versions of it, on 20 data sets
of the published model-written evals under two templates. Tables in benchmarks/results/study.md and study.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import cpu_facts
from tests.paths import DATA
from tools.faults import cpu_name

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
_PERSONA, _LETTERED = 16, 4
_METRICS = ("mean_probability", "preference_rate", "mean_coverage")

_STUDY = """\
output: {output}
defaults:
  models: {{source: "{root}/examples/degraded.py:Degraded", dtype: float32}}
  datasets: {{limit: {limit}}}
models:
  - path: smollm2-135m-instruct
    name: noised
    family: noised
    step: ${{percent}}
    options: {{kept: "${{percent}}"}}
    for_each: {{percent: [80, 90, 95, 100]}}
  - path: smollm2-135m-instruct
    name: pruned
    options: {{layers: 24}}
datasets:
{datasets}
templates: [plain, human-assistant]
metrics: [{metrics}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=12, help="questions of each data set")
    parser.add_argument("--threads", type=int, default=1, help="of each process; sums of torch depend on their number")
    arguments = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS=str(arguments.threads), RAY_ADDRESS="local")
    with tempfile.TemporaryDirectory() as folder:
        found = {name: _run(Path(folder) / str(i), run, arguments.limit) for i, (name, run) in enumerate(_WAYS.items())}
        tables = {name: table for name, (table, _) in found.items()}
        seconds = {name: each for name, (_, each) in found.items()}
    first = tables["one process"]
    same = {name: table.equals(first) for name, table in tables.items()}
    asked = {"limit": arguments.limit, "threads": arguments.threads, "date": str(date.today())}
    facts = {**_machine(), **asked}
    _write(first, same, seconds, facts)
    if not all(same.values()):
        sys.exit(f"the tables differ: {same}")


def _run(folder: Path, run: Callable[[str], None], limit: int) -> tuple[Any, float]:
    from pyscore.results import tidy

    folder.mkdir()
    file = folder / "study.yaml"
    persona = sorted((DATA / "persona").glob("*.jsonl"))[:_PERSONA]
    lettered = sorted((DATA / "advanced-ai-risk" / "human_generated_evals").glob("*.jsonl"))[:_LETTERED]
    files = "\n".join(f"  - files: {path}" for path in [*persona, *lettered])
    output = folder / "out"
    text = _STUDY.format(output=output, root=ROOT, limit=limit, datasets=files, metrics=", ".join(_METRICS))
    file.write_text(text)
    begun = time.perf_counter()
    run(str(file))
    return tidy(str(output)), time.perf_counter() - begun


def _sweep(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "pyscore", "sweep", *arguments], cwd=ROOT)


def _one_process(file: str) -> None:
    _finished(_sweep(file))


def _ray(file: str) -> None:
    _finished(_sweep(file, "--runner", "ray"))


def _shards(file: str) -> None:
    for process in [_sweep(file, "--shard", f"{i}/2") for i in (1, 2)]:
        _finished(process)


def _finished(process: subprocess.Popen[bytes]) -> None:
    if process.wait():
        sys.exit(f"a sweep ended with status {process.returncode}")


_WAYS = {"one process": _one_process, "two Ray workers": _ray, "shards 1/2 and 2/2 at once": _shards}


def _machine() -> dict[str, Any]:
    import ray
    import torch

    from pyscore import __version__

    versions = {"torch": torch.__version__, "ray": ray.__version__, "pyscore": __version__}
    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "isa": cpu_facts()["isa"]}
    return {**machine, **versions, "python": platform.python_version()}


def _write(table: Any, same: dict[str, bool], seconds: dict[str, float], facts: dict[str, Any]) -> None:
    lines = table.to_pylist()
    document = {"facts": facts, "seconds": seconds, "lines": lines}
    (RESULTS / "study.json").write_text(json.dumps(document, indent=1) + "\n")
    shown = [
        "# A real study, three ways",
        "",
        f"`python -m tools.real_study --limit {facts['limit']} --threads {facts['threads']}`: the bundled model and "
        "four versions of it that are worse on purpose (weights moved towards noise, of which a step is how many "
        "percent are kept; the first 24 of 30 layers), 20 data sets of the published model-written evals, two "
        "templates. " + ", ".join(f"{name} {value}" for name, value in facts.items()) + ".",
        "",
        "| way | tidy table, bit for bit |",
        "|---|---|",
        *(f"| {name} | {'the same' if each else 'DIFFERS'} |" for name, each in same.items()),
        "",
        "All 20 data sets together, each question counting the same:",
        "",
        f"| checkpoint | template | {' | '.join(_METRICS)} |",
        f"|---|---|{'---|' * len(_METRICS)}",
    ]
    pooled: dict[tuple[str, str], list[str]] = {}
    for line in (line for line in lines if line["scope"] == "pooled"):
        checkpoint = line["model"] + ("" if line["step"] is None else f", step {line['step']}")
        number = f"{line['value']:.3f} [{line['low']:.3f}, {line['high']:.3f}]"
        pooled.setdefault((checkpoint, line["template"]), []).append(number)
    shown += [f"| {' | '.join(key)} | {' | '.join(numbers)} |" for key, numbers in pooled.items()]
    (RESULTS / "study.md").write_text("\n".join(shown) + "\n")


if __name__ == "__main__":
    main()
