"""How long the grid, the status and the dry run of a large study take: a folder as a sweep leaves it, without models.

python -m tools.study_scale --checkpoints 1000 --datasets 150 --questions 100
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pyscore.store.studies import StudyFolder
from pyscore.sweep.models import Loader, loader_of
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Study

SOURCE = "tools.study_scale:NoLoader"


@cache
def _tokenizer() -> Any:
    from tests.engine.tiny import tiny_tokenizer

    return tiny_tokenizer()


class NoLoader(Loader):
    """Checkpoints that are never loaded, and never change; they share a tokenizer."""

    def tokenizer(self, model: Model) -> Any:
        return _tokenizer()

    def stamp(self, model: Model) -> str | None:
        return "unchanged"

    def load(self, model: Model) -> Any:
        raise NotImplementedError

    def prefetch(self, model: Model) -> None:
        pass


def study_of(folder: Path, checkpoints: int, datasets: int, questions: int) -> Study:
    """A study of so many checkpoints, data sets and questions of each data set, whose files lie in the folder."""
    files = []
    for i in range(datasets):
        path = folder / f"d{i}.jsonl"
        lines = [
            {
                "id": f"q{j}",
                "prompt": f"Is {j} odd in base {i}?",
                "answers": [" Yes", " No"],
                "is_matching": [True, False],
            }
            for j in range(questions)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        files.append(str(path))
    models = [
        Model(f"m{i // 100}", f"m{i}", step=1000 * (i % 100), size=1e6 * (1 + i // 100), family="f", source=SOURCE)
        for i in range(checkpoints)
    ]
    return Study(
        "large",
        str(folder / "out"),
        tuple(models),
        tuple(Dataset(f"d{i}", (file,)) for i, file in enumerate(files)),
        (NamedTemplate("plain"), NamedTemplate("hint", "{{ question }} (one word)")),
    )


def pretend_scored(study: Study, share: float) -> None:
    """Write the manifests that a sweep would leave, of this share of the checkpoints."""
    folder = StudyFolder(study.output)
    folder.write(study.to_dict())
    contents = {
        each.name: {"questions": len(each.questions), "content_sha256": each.content_sha256} for each in study.datasets
    }
    for model in study.models[: round(share * len(study.models))]:
        for template in study.templates:
            path = Path(folder.run_path(f"{study.folder_of(model)}/{template.name}-0123456789abcdef"))
            path.mkdir()
            arguments = {"model": study.key(model), "template": template.text, "stamp": loader_of(SOURCE).stamp(model)}
            session = {"id": "0", "started": "2026-01-01T00:00:00+00:00", "arguments": arguments}
            settings = {"template": template.text, "fingerprint": {"weights": model.path}}
            manifest = {
                "format": "pyscore run",
                "version": 1,
                "complete": True,
                "stored": {"questions": 0, "keys_sha256": ""},
                "settings": settings,
                "sessions": [session],
                "datasets": contents,
            }
            (path / "manifest.json").write_text(json.dumps(manifest, indent=2))


def timed(name: str, call: Callable[[], Any]) -> Any:
    """What a call returns; its time is printed."""
    begun = time.perf_counter()
    found = call()
    print(f"{name:40} {time.perf_counter() - begun:6.2f} s")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=int, default=1000)
    parser.add_argument("--datasets", type=int, default=150)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.5, help="of the checkpoints that are scored already")
    options = parser.parse_args()
    from pyscore.sweep.dry_run import dry_run
    from pyscore.sweep.grid import Grid
    from pyscore.sweep.status import status_of

    with tempfile.TemporaryDirectory() as name:

        def make() -> Study:
            return study_of(Path(name), options.checkpoints, options.datasets, options.questions)

        study = timed("the study", make)
        pretend_scored(study, options.share)
        study = make()
        timed("the status", lambda: status_of(study.output))
        timed("reading the questions", lambda: [each.questions for each in study.datasets])
        timed("their digests", lambda: [each.content_sha256 for each in study.datasets])
        timed("reading the manifests", StudyFolder(study.output).runs)
        timed("all cells", lambda: list(StudyFolder(study.output).cells()))
        timed("the grid", lambda: Grid.of(study))
        timed("importing transformers", _tokenizer)
        timed("the dry run, questions read", lambda: dry_run(study))
        timed("the dry run again", lambda: dry_run(study))


if __name__ == "__main__":
    main()
