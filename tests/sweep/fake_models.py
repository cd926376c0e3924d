"""Checkpoints without a model: small files whose text a hash of tokens depends on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyscore import Scorer
from pyscore.engine.sources.source import ScoreRequest, SourceFacts, TokenScore, Vocabulary
from pyscore.store.studies import StudyFolder
from pyscore.sweep.models import Loader
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Study
from tests.engine.fake_source import FakeSource, score_of

SOURCE = "tests.sweep.fake_models:FileLoader"


class WeightedSource(FakeSource):
    """A source whose scores, and fingerprint, follow from a text that stands for weights.

    ``before_run`` hears of each chunk, as of `FakeSource`.
    """

    def __init__(
        self, name: str, weights: str, before_run: Callable[[Any], None] = lambda _: None, dtype: str = "float64"
    ) -> None:
        super().__init__(name, before_run=before_run)
        self.weights = weights
        self._facts = SourceFacts(
            name, None, dtype, "none", lambda: {"source": "fake", "weights": weights}, 256, Vocabulary(258, 258)
        )

    def score(self, request: ScoreRequest) -> TokenScore:
        return score_of([*(2 + byte for byte in self.weights.encode()), *request.context], request.continuation)


class FileLoader(Loader):
    """Loads the text of a file; "!reason" in it fails. Beside it, "<file>.loads" gets a line for each time."""

    def stamp(self, model: Model) -> str | None:
        path = Path(model.path)
        return f"{path.stat().st_mtime_ns} {path.stat().st_size}" if path.exists() else "gone"

    def load(self, model: Model) -> Scorer:
        text = Path(model.path).read_text()
        with Path(f"{model.path}.loads").open("a") as file:
            file.write("x\n")
        if text.startswith("!"):
            raise ValueError(text[1:])
        source = _Logging(
            model.path, text, float(model.options.get("seconds", 0)), model.options.get("dtype", "float64")
        )
        return Scorer.from_source(source)

    def prefetch(self, model: Model) -> None:
        pass


class _Logging(WeightedSource):
    """Writes how many requests each chunk has into "<file>.chunks", and takes its time."""

    def __init__(self, path: str, weights: str, seconds: float, dtype: str) -> None:
        super().__init__(Path(path).name, weights, self._log, dtype)
        self._path, self._seconds = path, seconds

    def _log(self, work: Sequence[Any]) -> None:
        with Path(f"{self._path}.chunks").open("a") as file:
            file.write(f"{len(work)}\n")
        time.sleep(self._seconds)


def questions_file(folder: Path, name: str, n: int, prompt: str = "Is {i} odd? Answer:") -> str:
    """A file of n questions in pyscore's format."""
    path = folder / f"{name}.jsonl"
    lines = [
        {
            "id": f"q{i}",
            "prompt": prompt.format(i=i),
            "answers": [" Yes", " No"],
            "is_matching": [i % 2 == 1, i % 2 == 0],
            "cluster": f"c{i // 3}",
        }
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def small_study(folder: Path, *, models: int = 3, datasets: Sequence[int] = (7, 5), **changes: Any) -> Study:
    """A study of small files: models "m", at steps 0, 100, ..., and data sets "d0", "d1" ... of so many questions."""
    folder.mkdir(exist_ok=True)
    options = changes.pop("options", {})
    checkpoints = []
    for i in range(models):
        path = folder / f"m{i}"
        if not path.exists():
            path.write_text(f"weights {i}")
        checkpoints.append(Model("m", str(path), step=100 * i, size=1e6, family="f", source=SOURCE, options=options))
    files = [questions_file(folder, f"d{i}", n) for i, n in enumerate(datasets)]
    return Study(
        **{
            "name": "small",
            "output": str(folder / "out"),
            "models": tuple(checkpoints),
            "datasets": tuple(Dataset(f"d{i}", (file,)) for i, file in enumerate(files)),
            "templates": (NamedTemplate("plain"), NamedTemplate("hint", "{{ question }} (one word)")),
            **changes,
        }
    )


def lines(path: str) -> list[str]:
    """The lines of a log beside a checkpoint, none where there is no log."""
    return Path(path).read_text().split() if Path(path).exists() else []


def n_scored(study: Study) -> int:
    """How many answers all fakes have scored so far."""
    return sum(int(line) for model in study.models for line in lines(f"{model.path}.chunks"))


def n_loads(study: Study) -> int:
    """How many times fakes were loaded so far."""
    return sum(len(lines(f"{model.path}.loads")) for model in study.models)


def stored_values(study: Study) -> dict[tuple[Any, ...], float]:
    """Every log-probability of the study's cells, by checkpoint, template, data set, question and answer.

    Raises:
        AssertionError: an answer is stored twice.
    """
    from pyscore.store import read_run

    folder = StudyFolder(study.output)
    found: dict[tuple[Any, ...], float] = {}
    for cell in folder.cells():
        if cell.run is None:
            continue
        for row in read_run(folder.run_path(cell.run.name)).to_pylist():
            if row["dataset"] != cell.dataset["name"]:
                continue
            key = (cell.model["step"], cell.template["name"], row["dataset"], row["question_id"], row["answer"])
            assert key not in found, key
            found[key] = row["logprob"]
    return found
