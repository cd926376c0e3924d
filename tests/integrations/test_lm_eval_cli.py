"""The command line of lm-evaluation-harness with the model "pyscore", in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pyscore.integrations.lm_eval import rescore
from tests.engine.tiny import save_tiny
from tests.integrations.harness import DOCS, run_task, write_task
from tests.paths import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, from the root of the checkout and without a network."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return save_tiny(tmp_path_factory.mktemp("model"))


def test_the_command_line_runs_a_task_as_the_model_hf_does(model: Any, tmp_path: Path) -> None:
    from lm_eval.models.huggingface import HFLM

    write_task(tmp_path, "options")
    done = run(
        *("-m", "pyscore.integrations.lm_eval", "run", "--model", "pyscore", "--device", "cpu", "--tasks", "options"),
        *("--model_args", f"pretrained={model},dtype=float32,batch_tokens=512", "--include_path", str(tmp_path)),
        *("--log_samples", "--output_path", str(tmp_path / "ours"), "--use_cache", str(tmp_path / "kept")),
    )
    assert done.returncode == 0, done.stderr
    assert "|options|" in done.stdout.replace(" ", "")
    (results,) = (tmp_path / "ours").rglob("results_*.json")
    found = json.loads(results.read_text())["results"]["options"]
    expected, _ = run_task(tmp_path, "options", HFLM(str(model), dtype="float32", device="cpu"))
    assert {name: found[f"{name},none"] for name in ("acc", "acc_norm", "acc_bytes")} == {
        name: expected[name] for name in ("acc", "acc_norm", "acc_bytes")
    }
    (samples,) = (tmp_path / "ours").rglob("samples_options_*.jsonl")
    assert len(rescore(samples).answers) == len(DOCS)
    assert (tmp_path / "kept_rank0.db").is_file()


def test_importing_registers_the_model_beside_the_harness_own_and_loads_neither() -> None:
    program = (
        "import sys, pyscore.integrations.lm_eval\n"
        "print('transformers' in sys.modules)\n"
        "from lm_eval.api.registry import get_model\n"
        "print(get_model('pyscore').__name__, get_model('hf').__name__)\n"
        "import importlib; importlib.reload(pyscore.integrations.lm_eval)\n"
    )
    done = run("-c", program)
    assert done.stdout.split("\n")[:2] == ["False", "PyscoreLM HFLM"], done.stderr


def test_without_the_harness_samples_can_be_rescored_and_the_model_says_what_it_needs() -> None:
    program = (
        "import sys; sys.modules['lm_eval'] = None\n"
        "from pyscore.integrations import lm_eval\n"
        "print(lm_eval.rescore.__name__)\n"
        "lm_eval.PyscoreLM\n"
    )
    done = run("-c", program)
    assert done.stdout == "rescore\n"
    assert done.stderr.rstrip().endswith('pip install "pyscore-engine[lm-eval]"')
