"""The examples of clusters are what Ray, Kubernetes and Slurm read, and call what there is."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from pyscore.sweep.sweeps import Shard
from tests.paths import ROOT

FOLDER = ROOT / "examples" / "cluster"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.sh"))


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray has the schema of its files")
def test_ray_up_takes_the_cluster_file() -> None:
    from ray.autoscaler._private.util import validate_config

    found = read("cluster.yaml")
    validate_config({**found, "cluster_synced_files": []})  # which `ray up` adds by itself
    assert found["head_node_type"] in found["available_node_types"]


def test_the_ray_job_runs_a_sweep_on_the_cluster_that_it_describes() -> None:
    found = read("rayjob.yaml")
    assert (found["apiVersion"], found["kind"]) == ("ray.io/v1", "RayJob")
    assert found["spec"]["entrypoint"].startswith("pyscore sweep ") and "--runner ray" in found["spec"]["entrypoint"]
    cluster = found["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        for container in group["template"]["spec"]["containers"]:
            assert {"name", "image", "resources"} <= container.keys()


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_read_by_bash(name: str) -> None:
    subprocess.run(["bash", "-n", str(FOLDER / name)], check=True)


def test_the_tasks_of_the_array_are_the_parts_of_a_study(tmp_path: Any) -> None:
    said = tmp_path / "said"
    (tmp_path / "pyscore").write_text(f'#!/bin/bash\necho "$@" >> {said}\n')
    (tmp_path / "pyscore").chmod(0o755)
    for i in range(1, 17):
        environment = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "SLURM_ARRAY_TASK_ID": str(i),
            "SLURM_ARRAY_TASK_COUNT": "16",
        }
        subprocess.run(["bash", str(FOLDER / "job_array.sh"), "study.yaml"], env=environment, check=True)
    calls = [line.split() for line in said.read_text().splitlines()]
    assert {tuple(call[:3]) for call in calls} == {("sweep", "study.yaml", "--shard")}
    shards = [Shard.parse(call[3]) for call in calls]
    assert all(sum(shard.has(position) for shard in shards) == 1 for position in range(50))


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray has the command")
def test_ray_starts_itself_on_all_nodes_with_the_options_of_the_slurm_script() -> None:
    from ray.scripts.symmetric_run import symmetric_run

    text = (FOLDER / "slurm.sh").read_text()
    assert "ray symmetric-run" in text and " -- " in text.replace("\\\n", "")
    options = {option for parameter in symmetric_run.params for option in parameter.opts}
    assert {"--address", "--min-nodes"} <= options
