"""Random faults, one a run: after each a study holds the same rows, nothing doubled and nothing lost.

python -m tools.faults --runs 30 [--seed 0]: tables in benchmarks/results/faults.md and faults.json. As root on Linux
a disk that is full or read-only is a tmpfs of its own; elsewhere these two are left out. It needs Ray, moto and tests/.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import cpu_facts
from pyscore.sweep import claims
from pyscore.sweep.study import NamedTemplate, Resources, Scoring, Study
from pyscore.sweep.sweeps import run
from tests.sweep.fake_models import n_scored, small_study, stored_values
from tests.sweep.object_store import Faults, object_store

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MODELS, QUESTIONS, CHUNK, ANSWERS = 4, 12, 2, 2
CELLS = MODELS * QUESTIONS * ANSWERS
IN_FLIGHT = 2 * CHUNK * ANSWERS
"""Answers of the chunk that runs and of the one that is written."""
AT_WORK = max(2, os.cpu_count() or 1)
"""Checkpoints that are scored at a time, by the tasks of a Ray cluster or by two sweeps."""
LEASE_SECONDS = 5.0
"""Instead of two minutes, so that a run does not wait so long for the claim of a process that was killed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[*KINDS], help="one kind of fault")
    parser.add_argument("--child", choices=["local", "ray"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        claims.claimed.__wrapped__.__kwdefaults__["lease"] = LEASE_SECONDS  # type: ignore[attr-defined]
        run(pickle.load(sys.stdin.buffer), runner=arguments.child)
        return
    kinds = [kind for kind in KINDS if arguments.only in (None, kind) and (kind not in OF_ROOT or os.geteuid() == 0)]
    with tempfile.TemporaryDirectory() as folder:
        whole = _study(Path(folder) / "whole")
        run(whole)
        values, rng = stored_values(whole), random.Random(arguments.seed)
        found = []
        for i in range(arguments.runs):
            found.append(_one(kinds[i % len(kinds)], Path(folder) / f"run{i}", rng, values))
            print(i + 1, json.dumps(found[-1]), flush=True)
    if arguments.only is None:
        machine = {"cpu": cpu_name(), "cores": os.cpu_count(), **cpu_facts("ray", "moto", "s3fs")}
        _report({"machine": machine, "seed": arguments.seed, "runs": found})
    if any(each["lost"] or each["doubled"] or each["changed"] or each["too_much"] for each in found):
        sys.exit("rows were lost, doubled or changed, or more was scored again than was in flight")


def _one(kind: str, folder: Path, rng: random.Random, values: Mapping[Any, float]) -> dict[str, Any]:
    """One run: what happened, and how what is stored compares with what it should be."""
    begun = time.perf_counter()
    with KINDS[kind](folder, rng) as (study, hits, what):
        doubled = 0
        try:
            stored = stored_values(study)
        except AssertionError:  # an answer that is stored twice
            stored, doubled = {}, 1
    again = n_scored(study) - CELLS
    shutil.rmtree(folder, ignore_errors=True)
    return {
        "fault": kind,
        "hits": hits,
        "what": what,
        "lost": len(values.keys() - stored.keys()),
        "doubled": doubled,
        "changed": sum(values.get(key) != value for key, value in stored.items()),
        "scored_again": again,
        "too_much": again > hits * AT_WORK * IN_FLIGHT,
        "seconds": round(time.perf_counter() - begun, 1),
    }


def _study(folder: Path, **changes: Any) -> Study:
    return small_study(
        folder,
        models=MODELS,
        datasets=(QUESTIONS,),
        templates=(NamedTemplate("plain"),),
        scoring=Scoring(chunk_questions=CHUNK),
        resources=Resources(cpus=1, max_retries=2),
        options={"seconds": 0.05},
        **changes,
    )


def _begin(
    study: Study, runner: str = "local", environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tools.faults", "--child", runner]
    own = {"RAY_ADDRESS": "local", "RAY_DISABLE_IMPORT_WARNING": "1"}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **own, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(pickle.dumps(study))
    process.stdin.close()
    return process


def _until_some_is_scored(study: Study, rng: random.Random, process: subprocess.Popen[bytes]) -> str:
    """Wait for a random moment of the run."""
    wanted = rng.randint(1, CELLS - 3 * CHUNK * ANSWERS)
    while n_scored(study) < wanted and process.poll() is None:
        time.sleep(0.01)
    time.sleep(rng.uniform(0.0, 0.05))
    return f"after {n_scored(study)} of {CELLS} answers"


def _end(process: subprocess.Popen[bytes]) -> str:
    """The exit code of a process that ends by itself, and what it said last."""
    errors = process.stderr.read().decode().strip().splitlines()
    code = process.wait()
    return f"exit {code}" + (f" ({errors[-1][:160]})" if code and errors else "")


def _finish(study: Study, runner: str = "local", environment: Mapping[str, str] | None = None) -> int:
    """Run the study again until nothing fails; how often that was."""
    for i in range(1, 5):
        process = _begin(study, runner, environment)
        said = _end(process)
        if process.returncode == 0:
            return i
    raise RuntimeError(f"a study is not finished after four more sweeps: {said}")


Run = tuple[Study, int, str]


@contextmanager
def _killed(folder: Path, rng: random.Random, runner: str, of: str) -> Iterator[Run]:
    study = _study(folder)
    process = _begin(study, runner)
    when = _until_some_is_scored(study, rng, process)
    found = [process.pid] if of == "driver" else _descendants(process.pid, of)
    if found:
        os.kill(rng.choice(found), signal.SIGKILL)
    said = _end(process)
    again = 0 if process.returncode == 0 else _finish(study, runner)
    yield study, len(found[:1]), f"{when}, {said}, {again} more sweeps"


def _descendants(pid: int, name: str) -> list[int]:
    """The processes under this one whose command has this in its first word's last part."""
    found, todo = [], [pid]
    while todo:
        listed = subprocess.run(["pgrep", "-P", str(todo.pop())], capture_output=True, text=True, check=False)
        for each in map(int, listed.stdout.split()):
            todo.append(each)
            command = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")[0].decode()
            if name in command.rpartition("/")[2]:
                found.append(each)
    return found


@contextmanager
def _disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _full_disk(folder: Path, rng: random.Random) -> Iterator[Run]:
    with _disk(folder / "disk", "4m") as disk:
        study = _study(folder, output=str(disk / "out"))
        process = _begin(study)
        when = _until_some_is_scored(study, rng, process)
        with open(disk / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        said = _end(process)
        (disk / "filler").unlink()
        yield study, 1 + study.resources.max_retries, f"{when}, {said}, {_finish(study)} more sweeps"


@contextmanager
def _read_only(folder: Path, rng: random.Random) -> Iterator[Run]:
    with _disk(folder / "disk", "4m") as disk:
        study = _study(folder, output=str(disk / "out"))
        process = _begin(study)
        when = _until_some_is_scored(study, rng, process)
        # Over itself, since a lock, a file that is open for writing, keeps a disk from becoming read-only.
        subprocess.run(["mount", "-o", "bind,ro", str(disk), str(disk)], check=True)
        said = _end(process)
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
        yield study, 1 + study.resources.max_retries, f"{when}, {said}, {_finish(study)} more sweeps"


@contextmanager
def _failing_store(folder: Path, rng: random.Random) -> Iterator[Run]:
    faults = Faults(0.1, seed=rng.randrange(2**32))
    with object_store(faults) as environment:
        study = _study(folder, output="s3://bucket/out")
        process = _begin(study, environment=environment)
        said = _end(process)
        again = 0 if process.returncode == 0 else _finish(study, environment=environment)
        faults.rate = 0.0
        yield (
            study,
            faults.n_failed,
            f"{faults.n_failed} of {faults.n_writes} writes failed, {said}, {again} more sweeps",
        )


@contextmanager
def _no_locks(folder: Path, rng: random.Random) -> Iterator[Run]:
    conditions = rng.choice(["kept", "ignored", "refused"])
    with object_store(Faults(conditions=conditions)) as environment:
        study = _study(folder, output="s3://bucket/out")
        both = [_begin(study, environment=environment) for _ in range(2)]
        when = _until_some_is_scored(study, rng, both[0])
        both[0].kill()
        both[0].wait()
        said = _end(both[1])
        again = 0 if both[1].returncode == 0 else _finish(study, environment=environment)
        yield study, 2, f"conditions {conditions}, one of two sweeps killed {when}, {said}, {again} more sweeps"


KINDS: dict[str, Callable[[Path, random.Random], Any]] = {
    "kill -9 of a Ray worker": lambda folder, rng: _killed(folder, rng, "ray", "ray::pyscore"),
    "full disk": _full_disk,
    "kill -9 of a Ray driver": lambda folder, rng: _killed(folder, rng, "ray", "driver"),
    "read-only output": _read_only,
    "kill -9 of the raylet": lambda folder, rng: _killed(folder, rng, "ray", "raylet"),
    "one write in ten fails": _failing_store,
    "no locks, two sweeps, one killed": _no_locks,
    "kill -9 of a local sweep": lambda folder, rng: _killed(folder, rng, "local", "driver"),
}
OF_ROOT = ("full disk", "read-only output")


def cpu_name() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return names[0] if names else platform.machine()


def _report(found: dict[str, Any]) -> None:
    """Both files."""
    (RESULTS / "faults.json").write_text(json.dumps(found, indent=1) + "\n")
    facts = {**found["machine"], **found["machine"]["peers"]}
    machine = ", ".join(f"{name} {value}" for name, value in facts.items() if name != "peers" and value is not None)
    text = [
        "# Faults",
        "",
        f"`python -m tools.faults --runs {len(found['runs'])} --seed {found['seed']}`: {MODELS} checkpoints x "
        f"{QUESTIONS} questions x {ANSWERS} answers, {CHUNK} questions a part; leases of {LEASE_SECONDS:g} s. Each run "
        "has one fault, or its share of failing writes, at a random moment; sweeps that ended with an error were run "
        f"again. {machine}.",
        "",
        "| fault | runs | lost | doubled | changed | scored again, of "
        f"{CELLS} answers: median, most | sweeps that were run again: most |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(each["fault"] for each in found["runs"]):
        own = [each for each in found["runs"] if each["fault"] == kind]
        again = sorted(each["scored_again"] for each in own)
        sums = " | ".join(str(sum(each[name] for each in own)) for name in ("lost", "doubled", "changed"))
        sweeps = max(int(each["what"].rsplit(", ", 1)[1].split()[0]) for each in own)
        text.append(f"| {kind} | {len(own)} | {sums} | {again[len(again) // 2]}, {again[-1]} | {sweeps} |")
    text += ["", *found["notes"]] if found.get("notes") else []
    (RESULTS / "faults.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
