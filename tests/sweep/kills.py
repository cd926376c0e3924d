"""Checkpoints that kill the process which scores them, and processes that run a study."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyscore import Scorer
from pyscore.sweep.study import Model, Study
from pyscore.sweep.sweeps import run
from tests.processes import forkserver
from tests.sweep.fake_models import FileLoader

SOURCE = "tests.sweep.kills:KillingLoader"


class KillingLoader(FileLoader):
    """`FileLoader`; a checkpoint whose option "kills" says how often kills its process so often, in chunk "at".

    Beside its file, "<file>.pids" gets the number of each process that loads it.
    """

    def load(self, model: Model) -> Scorer:
        scorer = super().load(model)
        with Path(f"{model.path}.pids").open("a") as file:
            file.write(f"{os.getpid()}\n")
        source: Any = scorer.source
        log, chunks = source.before_run, []

        def before_run(work: Any) -> None:
            log(work)
            chunks.append(work)
            path = Path(f"{model.path}.kills")
            kills = len(path.read_text()) if path.exists() else 0
            if len(chunks) > model.options.get("at", 0) and kills < model.options.get("kills", 0):
                path.write_text("x" * (kills + 1))
                os.kill(os.getpid(), signal.SIGKILL)

        source.before_run = before_run
        return scorer


def begin(study: Study, environment: Mapping[str, str] | None = None) -> Any:
    """A process that runs a study; its exit code is 0 where nothing failed."""
    process = forkserver().Process(target=_run, args=(study, dict(environment or {})))
    process.start()
    return process


def _run(study: Study, environment: Mapping[str, str]) -> None:
    from fsspec.config import conf, set_conf_env

    os.environ.update(environment)
    set_conf_env(conf)
    run(study)
