"""`pyscore info` names backends, instruction sets, devices and versions; a missing package is one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import pyscore
from pyscore.cli import main
from pyscore.cli.app import app
from tests.paths import ROOT


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["info", *arguments])


def test_info_lists_every_backend_on_every_device_with_its_reason() -> None:
    facts = json.loads(run("--json").stdout)
    assert facts["pyscore"] == pyscore.__version__
    assert facts["packages"]["torch"] == torch.__version__
    assert "cpu" in facts["devices"]
    assert {"cpu", "reference"} <= facts["backends"]["cpu"].keys()
    assert facts["cpu_isas"]["available"][facts["cpu_isas"]["chosen"]]


def test_info_for_people_says_the_same() -> None:
    result = run()
    assert result.exit_code == 0
    for text in ("pyscore", "torch", "backend reference on cpu", "CPU kernels", "smollm2-135m-instruct"):
        assert text in result.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_an_output_that_takes_nothing_ends_with_one_line(arguments: list[Any]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "pyscore", "info", *arguments]
        found = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=600)
    assert found.returncode == 2
    assert found.stderr.startswith("pyscore: ") and found.stderr.count("\n") == 1


def test_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"pyscore {pyscore.__version__}\n"


def test_a_missing_package_is_one_line_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.startswith(("typer", "pyscore.cli."))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == 'pyscore: typer is not installed: pip install "pyscore-engine[engine]"\n'
