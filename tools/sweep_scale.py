"""What a sweep of many checkpoints costs beside the models: `python -m tools.sweep_scale [--runner local ray]`.

Checkpoints are files of a line, and a source that takes no time stands for their models, so that what is left of a
sweep's time is its own. Each runner runs in a process of its own, and is measured by what it tells a watch:

- *scoring*: what `score_unit` takes, `UnitResult.seconds`: tokenising, rows, parts, manifests, reading back, sums.
- *scheduling*: all else that passes from the end of a unit to the end of the next one: the claim, looking whether the
  unit is still missing, the note of failures, events and, with Ray, submitting a task, its way and that of its result.
  With w workers it is (w x seconds of the sweep - seconds of scoring) / units, in which idle workers count.
- *driver*: resident memory of the process that calls `pyscore.sweep.run`.

Then the grid, `pyscore sweep --dry-run` and `pyscore sweep status` are timed, each the fastest of three.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pickle
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyscore
from pyscore import Scorer
from pyscore.engine.sources.source import ScoreRequest, Session, Source, SourceFacts, TokenScore, Vocabulary
from pyscore.store.studies import StudyFolder
from pyscore.sweep.events import EventLog
from pyscore.sweep.grid import Grid, Unit
from pyscore.sweep.models import Loader
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Resources, Study
from pyscore.sweep.sweeps import run
from pyscore.sweep.tally import Tally
from pyscore.sweep.unit import UnitResult
from pyscore.sweep.watch import Watch, Watches
from tests.engine.fake_source import FakeTokenizer
from tools import study_scale
from tools.coverage import markdown

__all__ = ["Instant", "machine", "main", "measure", "study_of"]

RESULTS = Path("benchmarks/results/sweep_scale.json")
SOURCE = "tools.sweep_scale:Instant"
RUNNERS = ("local", "ray")
SHARES = (0.1, 0.5, 1.0)
"""Of a sweep's units, after which its memory is read."""
_ABOUT = """
*Scoring* is `score_unit` with a model that takes no time: tokenising, rows, parts, manifests, reading back and sums.
*Scheduling* is what a runner adds to it between two units: claim, grid of the checkpoint, note of failures, events, and
with Ray a task and its result; for w workers, (w x seconds of the sweep - seconds of scoring) / units. Both are wall
time, which other programs on the machine lengthen. Ray's workers run at a niceness of 0 here. The driver of the local
runner is the process that scores. The seconds above are those of new processes, imports included; each is the fastest
of three.
""".strip()


class Instant(Loader):
    """Checkpoints that are loaded and scored in no time; every answer has the same log-probability."""

    def stamp(self, model: Model) -> str | None:
        found = Path(model.path).stat()
        return f"{found.st_mtime_ns} {found.st_size}"

    def load(self, model: Model) -> Scorer:
        return Scorer.from_source(_InstantSource(model.name, Path(model.path).read_text()))

    def tokenizer(self, model: Model) -> Any:
        return _tokenizer()

    def prefetch(self, model: Model) -> None:
        pass


@cache
def _tokenizer() -> Any:
    return FakeTokenizer()


class _InstantSource(Source):
    tokenizer: Any = FakeTokenizer()

    def __init__(self, name: str, weights: str) -> None:
        components = {"source": "instant", "weights": weights}
        self._facts = SourceFacts(name, None, "float64", "none", lambda: components, 256, Vocabulary(258, 258))

    @property
    def facts(self) -> SourceFacts:
        return self._facts

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        yield _InstantSession()


class _InstantSession(Session):
    @property
    def findings(self) -> dict[str, str]:
        return {}

    @property
    def state(self) -> dict[str, Any]:
        return {}

    def prepare(self, requests: Sequence[ScoreRequest]) -> Sequence[ScoreRequest]:
        return requests

    def run(self, work: Sequence[ScoreRequest], advance: Callable[[float], None]) -> list[TokenScore]:
        advance(1.0)
        return [TokenScore([-1.0] * len(request.continuation), False) for request in work]


def study_of(folder: Path, checkpoints: int, datasets: int, questions: int, templates: int = 1) -> Study:
    """A study of small files in this folder, which are made."""
    models = []
    for i in range(checkpoints):
        path = folder / f"checkpoint-{i}"
        path.write_text(f"weights {i}\n")
        name, size = f"m{i // 100}", 1e6 * (1 + i // 100)
        models.append(Model(name, str(path), step=1000 * (i % 100), size=size, family="f", source=SOURCE))
    files = []
    for i in range(datasets):
        lines = [
            {
                "id": f"q{j}",
                "prompt": f"Is {j} odd in base {i + 2}?",
                "answers": [" Yes", " No"],
                "is_matching": [j % 2 == 1, j % 2 == 0],
            }
            for j in range(questions)
        ]
        path = folder / f"d{i}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        files.append(Dataset(f"d{i}", (str(path),)))
    named = (NamedTemplate("plain"), NamedTemplate("hint", "{{ question }} (one word)"))[:templates]
    return Study("scale", str(folder / "out"), tuple(models), tuple(files), named, resources=Resources(cpus=1))


class _Meter(Watch):
    """Notes when each unit was done, how long its scoring took, and the memory of this process at some of them."""

    def __init__(self) -> None:
        self.scoring: list[float] = []
        self.ends: list[float] = []
        self.memory: dict[str, float] = {}
        self._total = 0

    def began(self, grid: Grid, units: Sequence[Unit]) -> None:
        self._total = len(units)
        self.memory["begin"] = _resident()

    def started(self, unit: Unit) -> None:
        if not self.ends:
            self.ends = [time.perf_counter()]

    def done(self, unit: Unit, result: UnitResult) -> None:
        self.scoring.append(result.seconds)
        self.ends.append(time.perf_counter())
        for share in SHARES:
            if len(self.scoring) == round(share * self._total):
                self.memory[f"{share:.0%}"] = _resident()


def _resident() -> float:
    """MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(study: Study, runner: str, workers: int) -> dict[str, Any]:
    """Run a study and say what it took; for Ray, on so many workers of this machine."""
    folder, tally, meter = StudyFolder(study.output), Tally(), _Meter()
    if runner == "ray":
        import ray

        # Ray's workers have a niceness of 15: where other programs run, they would be measured by waiting for them.
        os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    cpu = time.process_time()
    run(study, runner=runner, watch=Watches([tally, meter, EventLog(folder, tally)]))
    cpu = time.process_time() - cpu
    # The first units of each worker import what scoring needs, which is no part of a unit.
    first = 2 * workers
    scoring, seconds = meter.scoring[first:], meter.ends[-1] - meter.ends[first]
    between = [b - a for a, b in zip(meter.ends[first:], meter.ends[first + 1 :], strict=False)]
    return {
        "runner": runner,
        "workers": workers,
        "units": len(meter.scoring),
        "seconds": meter.ends[-1] - meter.ends[0],
        "scoring_ms": _spread(scoring),
        "scheduling_ms": 1e3 * (workers * seconds - sum(scoring)) / len(scoring),
        **({"scheduling_ms_spread": _spread(_less(between, scoring))} if workers == 1 else {}),
        "driver_cpu_ms": 1e3 * cpu / len(meter.scoring),
        "driver_mib": meter.memory,
        "load": os.getloadavg()[1],
    }


def _less(whole: Sequence[float], part: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(whole, part, strict=True)]


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    """Of seconds, in milliseconds."""
    deciles = statistics.quantiles(seconds, n=20)
    found = {"median": statistics.median(seconds), "mean": statistics.fmean(seconds), "95 %": deciles[-1]}
    return {name: 1e3 * value for name, value in found.items()}


def looked_at(study: Study) -> dict[str, float]:
    """Seconds, from a new process on, of what people ask a study for; the fastest of three."""
    script = (
        "import pickle, sys, time\n"
        "begun = time.perf_counter()\n"
        "study = pickle.load(open(sys.argv[1], 'rb'))\n"
        "{what}\n"
        "print(time.perf_counter() - begun)\n"
    )
    calls = {
        "Grid.of": "from pyscore.sweep.grid import Grid; Grid.of(study)",
        "dry run": "from pyscore.sweep.dry_run import dry_run; dry_run(study)",
        "status": "from pyscore.sweep.status import status_of; status_of(study.output)",
    }
    found = {}
    with tempfile.NamedTemporaryFile() as file:
        file.write(pickle.dumps(study))
        file.flush()
        for name, what in calls.items():
            command = [sys.executable, "-c", script.replace("{what}", what), file.name]
            runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(3)]
            found[name] = min(map(float, runs))
    return found


def forget_half(study: Study) -> None:
    """Remove the runs of every second checkpoint, as if they had not been scored yet."""
    for model in study.models[::2]:
        shutil.rmtree(Path(study.output) / "runs" / study.folder_of(model))


def _results(sizes: Mapping[str, int], runners: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Names and values of the results, each as soon as it is there."""
    for runner in runners:
        with tempfile.TemporaryDirectory() as name:
            study = study_of(Path(name), **sizes)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                yield runner, pool.apply(measure, (study, runner, 1 if runner == "local" else 2))
            if runner == runners[0]:
                fresh = study_of(Path(name), **sizes)  # without the questions that the run has read
                yield "finished", looked_at(fresh)
                forget_half(fresh)
                yield "half finished", looked_at(fresh)
    with tempfile.TemporaryDirectory() as name:
        study = study_scale.study_of(Path(name), sizes["checkpoints"], sizes["datasets"], sizes["questions"])
        for share, title in ((1.0, "two templates, finished"), (0.5, "two templates, half finished")):
            shutil.rmtree(study.output, ignore_errors=True)
            study_scale.pretend_scored(study, share)
            yield title, looked_at(study_scale.study_of(Path(name), *list(sizes.values())[:3]))


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=RESULTS, help="the JSON; the Markdown is beside it")
    parser.add_argument("--checkpoints", type=int, default=1000)
    parser.add_argument("--datasets", type=int, default=150)
    parser.add_argument("--questions", type=int, default=4, help="of each data set")
    parser.add_argument("--runner", nargs="+", choices=RUNNERS, default=RUNNERS)
    options = parser.parse_args()
    sizes = {"checkpoints": options.checkpoints, "datasets": options.datasets, "questions": options.questions}
    found: dict[str, Any] = {"about": machine("ray", "pyarrow", "numpy"), "sizes": sizes}
    for name, value in _results(sizes, options.runner):
        print(name, json.dumps(value), flush=True)
        found[name] = value
    options.path.write_text(json.dumps(found, indent=1) + "\n")
    options.path.with_suffix(".md").write_text(_markdown(found))


def machine(*packages: str) -> dict[str, Any]:
    """The machine, the day and the versions of Python, pyscore and these packages."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "cpu": f"{os.cpu_count()} cores {cpu.partition(':')[2].strip()}",
        "python": platform.python_version(),
        "pyscore": pyscore.__version__,
        **{name: version(name) for name in packages},
        "date": date.today().isoformat(),
    }


def _markdown(found: Mapping[str, Any]) -> str:
    """The results as tables."""
    sizes, runs = found["sizes"], [each for each in found.values() if "runner" in each]
    looked = [name for name, each in found.items() if "Grid.of" in each]
    shown = [["", *(f"{each['runner']}, {each['workers']} at a time" for each in runs)]]
    shown.append(["checkpoints", *(f"{each['units']:,}" for each in runs)])
    shown.append(["scheduling of a unit, ms, mean", *(f"{each['scheduling_ms']:.1f}" for each in runs)])
    shown.append(["CPU time of the driver, ms a unit", *(f"{each['driver_cpu_ms']:.1f}" for each in runs)])
    shown.append(["scoring of a unit, ms, median", *(f"{each['scoring_ms']['median']:.0f}" for each in runs)])
    shown.append(["seconds of the sweep", *(f"{each['seconds']:.0f}" for each in runs)])
    for at in ("begin", *(f"{share:.0%}" for share in SHARES)):
        shown.append([f"MiB of the driver, {at}", *(f"{each['driver_mib'][at]:.0f}" for each in runs)])
    shown.append(["load of the machine at the end", *(f"{each['load']:.1f}" for each in runs)])
    times = [["seconds", *found[looked[0]]], *([name, *(f"{v:.1f}" for v in found[name].values())] for name in looked)]
    about = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    of = f"{sizes['checkpoints']:,} checkpoints x {sizes['datasets']} data sets of {sizes['questions']} questions"
    parts = ["# sweep_scale", f"{of}. {about}.", markdown(shown), markdown(times), _ABOUT]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
