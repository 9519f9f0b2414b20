"""The job files of docs/scale.md: they are what Slurm and Kubernetes read, and their command is one that runs."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from benchbench.cli.app import app
from benchbench.study.plan import SHARD

EXAMPLES = Path(__file__).parents[2] / "docs" / "scale"
SBATCH = EXAMPLES / "benchbench.sbatch"
RAY_JOB = EXAMPLES / "benchbench-rayjob.yaml"


def options() -> set[str]:
    group = typer.main.get_command(app)
    commands: dict[str, Any] = vars(group)["commands"]
    return {name for option in commands["run"].params for name in option.opts}


@pytest.mark.parametrize(
    "command",
    [
        re.search(r"benchbench run .*?&$", SBATCH.read_text(), re.MULTILINE),
        re.search(r"benchbench run .*$", RAY_JOB.read_text(), re.MULTILINE),
    ],
)
def test_the_command_has_options_that_exist(command: re.Match[str] | None) -> None:
    assert command is not None
    words = [word for word in shlex.split(command[0].rstrip("&")) if word.startswith("--")]
    assert {"--engine", "--num-gpus"} <= set(words) <= options()


def test_the_shell_reads_the_slurm_script() -> None:
    subprocess.run(["bash", "-n", SBATCH], check=True)
    head = [line for line in SBATCH.read_text().splitlines() if line.startswith("#SBATCH")]
    assert any("--nodes=" in line for line in head)
    assert any("--signal=B:TERM@" in line for line in head)  # the run is told in time to finish its shard


def test_kubernetes_reads_the_job() -> None:
    job = yaml.safe_load(RAY_JOB.read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in pods:
        spec = pod["template"]["spec"]
        mounted = {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}
        assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_worked_example_follows_from_its_formula() -> None:
    """The table of what 50,000 images cost, from the values of the table of letters."""
    page = (EXAMPLES.parent / "scale.md").read_text()
    values = {m[1]: float(m[2].replace(",", "")) for m in re.finditer(r"^\| (\w) \| [^|]* \| ([\d.,]+) \|", page, re.M)}
    shards, workers, written, sent = (values[letter] for letter in "SNws")
    assert shards == math.ceil(50_000 / SHARD)
    rows = re.findall(r"^\| ([\d.,]+(?: \| [\d.,]+){5}) \|$", page, re.MULTILINE)
    assert len(rows) == 5
    for row in rows:
        seconds, working, writing, hours, traffic, served = (float(each.replace(",", "")) for each in row.split(" | "))
        assert working == round(math.ceil(shards / workers) * seconds / 3600, 2)
        assert writing == round(shards * written / 3600, 2)
        longest = max(math.ceil(shards / workers) * seconds, shards * written)
        assert hours == round(workers * longest / 3600)
        assert traffic == round(workers * sent / max(seconds, workers * written), 1)
        assert served == round(seconds / written)
