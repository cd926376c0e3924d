"""What reading a million questions takes, beside its peers: `python -m tools.questions_scale`.

Files of made-up questions are read by `pyscore.tasks.iter_questions`, each in a process of its own, and by a peer that
stops at rows of Python's own types, and so makes no questions, checks nothing and gives no cluster:

- *Parquet*: pyarrow's `ParquetFile.iter_batches`, each batch by `to_pylist`.
- *JSONL.gz*: `gzip.open`, each line by `json.loads`.

The formats are *pyscore*, whose rows are the fields of a question, and *model-written-evals*, whose rows get their
cluster from a hash of the question, as published sets do. Times are CPU times of the process, medians of turns that
alternate; *records* is `places_of` alone, which reads rows as its peer does. Memory is the peak of a process that reads
once, less what it held with its imports done; a tenth of the questions stands beside all, to show what grows.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.coverage import markdown
from tools.sweep_scale import machine

__all__ = ["main", "measure_memory", "measure_time", "write_questions"]

RESULTS = Path("benchmarks/results/questions.json")
QUESTIONS, TURNS = 1_000_000, 3
FORMATS, KINDS = ("pyscore", "model-written-evals"), ("parquet", "jsonl.gz")
_PER_BLOCK = 10_000


def _rows(format: str, start: int, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for i in range(start, start + count):
        text = (
            f"Proposal {i}: a town of {i * 7919 % 90_000 + 1000} people considers to move its market from street "
            f"{i % 97} to street {i % 89}. Should the proposal be accepted as it stands?"
        )
        if format == "pyscore":
            own = {"id": f"market:{i}", "prompt": text, "answers": [" Yes", " No"], "is_matching": [True, False]}
            found.append({**own, "cluster": f"proposal {i // 5}"})
        else:
            question = f"{text}\n\nChoices:\n (A) Yes\n (B) No\n\nAnswer:"
            answers = {"answer_matching_behavior": " (A)", "answer_not_matching_behavior": " (B)"}
            found.append({"question": question, **answers, "label_confidence": 0.9})
    return found


def write_questions(folder: Path, format: str, kind: str, count: int) -> Path:
    """A file of so many made-up questions, written block by block."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{format}-{count}.{kind}"
    blocks = (_rows(format, start, min(_PER_BLOCK, count - start)) for start in range(0, count, _PER_BLOCK))
    if kind == "parquet":
        tables = (pa.Table.from_pylist(block) for block in blocks)
        first = next(tables)
        with pq.ParquetWriter(path, first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
    else:
        with gzip.open(path, "wb", compresslevel=6) as file:
            for block in blocks:
                file.writelines(json.dumps(row).encode() + b"\n" for row in block)
    return path


def _peer(path: str) -> int:
    """Read a file to rows of Python's own types, as most people would."""
    if path.endswith(".gz"):
        with gzip.open(path) as file:
            return sum(1 for line in file if json.loads(line) is not None)
    import pyarrow.parquet as pq

    return sum(1 for batch in pq.ParquetFile(path).iter_batches(1024) for _ in batch.to_pylist())


def _questions(path: str) -> int:
    from pyscore.tasks import iter_questions

    return sum(1 for _ in iter_questions(path))


def _records(path: str) -> int:
    from pyscore.tasks.reading import places_of

    (place,) = places_of(path)
    with place.records() as records:
        return sum(1 for _ in records)


_WAYS: dict[str, Callable[[str], int]] = {"peer": _peer, "records": _records, "questions": _questions}


def measure_time(path: str, turns: int = TURNS) -> dict[str, list[float]]:
    """Seconds of CPU time that each way of reading a file takes, turn by turn."""
    used: dict[str, list[float]] = {name: [] for name in _WAYS}
    for _ in range(turns):
        for name, read in _WAYS.items():
            begun = time.process_time()
            read(path)
            used[name].append(time.process_time() - begun)
    return used


def measure_memory(path: str, way: str) -> float:
    """MiB by which reading a file once in some way raises the peak of a process; to be called in a new one."""
    import pyarrow.parquet  # noqa: F401

    import pyscore.tasks  # noqa: F401

    before = _peak()
    _WAYS[way](path)
    return _peak() - before


def _peak() -> float:
    """MiB; what `getrusage` tells of a new process is that of the process that made it, where that held more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _measured(folder: Path, count: int, turns: int) -> Iterator[dict[str, Any]]:
    for format in FORMATS:
        for kind in KINDS:
            few = write_questions(folder, format, kind, count // 10)
            path = write_questions(folder, format, kind, count)
            memory = {
                way: {
                    str(count // 10): _alone(measure_memory, str(few), way),
                    str(count): _alone(measure_memory, str(path), way),
                }
                for way in ("peer", "questions")
            }
            seconds = _alone(measure_time, str(path), turns)
            megabytes = path.stat().st_size / 1e6
            few.unlink()
            path.unlink()
            yield {"format": format, "kind": kind, "mb": megabytes, "cpu_seconds": seconds, "mib": memory}


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=RESULTS, help="the JSON; the Markdown is beside it")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args()
    found: dict[str, Any] = {"about": machine("pyarrow"), "questions": options.questions, "files": []}
    with tempfile.TemporaryDirectory() as name:
        for each in _measured(Path(name), options.questions, options.turns):
            found["files"].append(each)
            print(json.dumps(each), flush=True)
    options.path.write_text(json.dumps(found, indent=1) + "\n")
    options.path.with_suffix(".md").write_text(_markdown(found))


def _markdown(found: Mapping[str, Any]) -> str:
    """The results as tables."""
    about = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    count = found["questions"]
    rows = [["file", "MB", "peer, s", "records, s", "questions, s", "questions / peer"]]
    sizes = [["MiB more", *(f"{way}, {n:,}" for way in ("peer", "questions") for n in (count // 10, count))]]
    for each in found["files"]:
        label = f"{each['format']}, {each['kind']}"
        peer, records, questions = (statistics.median(each["cpu_seconds"][way]) for way in _WAYS)
        times = [f"{value:.1f}" for value in (peer, records, questions)]
        rows.append([label, f"{each['mb']:.0f}", *times, f"{questions / peer:.1f}"])
        sizes.append([label, *(f"{v:.0f}" for way in ("peer", "questions") for v in each["mib"][way].values())])
    parts = ["# questions", f"{count:,} questions a file. {about}.", markdown(rows), markdown(sizes), _about()]
    return "\n\n".join(parts) + "\n"


def _about() -> str:
    return "\n".join(__doc__.split("\n\n", 1)[1].splitlines())


if __name__ == "__main__":
    main()
