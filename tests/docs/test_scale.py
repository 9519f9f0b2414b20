"""The job files of docs/scale.md: they are what Slurm and Kubernetes read, and their command is one that runs."""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
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
PAGE = EXAMPLES.parent / "scale.md"
LONG_SHARD = 600  # seconds: a row of the page's worked example


def letters() -> dict[str, float]:
    """The values of the page's table of letters."""
    rows = re.finditer(r"^\| (\w) \| [^|]* \| ([\d.,]+) \|", PAGE.read_text(), re.MULTILINE)
    return {row[1]: float(row[2].replace(",", "")) for row in rows}


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
    told = [int(match[1]) for line in head if (match := re.search(r"--signal=B:TERM@(\d+)", line))]
    assert len(told) == 1
    assert told[0] >= LONG_SHARD + letters()["a"]  # in time to finish the shards that are begun and write the tables


COMMANDS = {
    "scontrol": "echo m1; echo m2",
    "sleep": "",
    "ray": "",
    "hostname": "echo 10.0.0.1",
    "srun": 'echo "$SRUN_CPUS_PER_TASK" >> processors; while [[ "$1" == --* ]]; do shift; done; exec "$@"',
}
PATIENT = """
trap 'echo told >> log' TERM
echo "$@" > log
until grep -q told log; do read -t 0.05 -u 3 || true; done
for each in 1 2 3 4; do read -t 0.05 -u 3 || true; done
echo tables >> log
exit 143
"""


@dataclass(frozen=True)
class Job:
    """The Slurm script, which runs where every command is a test's."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> list[str]:
        file = self.folder / "log"
        return file.read_text().splitlines() if file.exists() else []

    def wait_for(self, line: str) -> None:
        until = time.monotonic() + 60
        while line not in self.log and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        assert line in self.log


@pytest.fixture
def submit(tmp_path: Path) -> Callable[[str], Job]:
    """Starts the script; a text is what ``benchbench`` does there."""

    def started(benchbench: str) -> Job:
        for name, script in {**COMMANDS, "benchbench": f"exec 3<> <(:)\n{benchbench}"}.items():
            file = tmp_path / "bin" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"#!/bin/bash\n{script}\n")
            file.chmod(0o755)
        slurm = {"SLURM_JOB_NODELIST": "m[1-2]", "SLURM_CPUS_PER_TASK": "4", "SLURM_NNODES": "2"}
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **slurm, "PATH": path}
        return Job(subprocess.Popen(["bash", SBATCH, "study.yaml"], cwd=tmp_path, env=environment), tmp_path)

    return started


def test_the_slurm_script_waits_for_the_tables_however_often_it_is_told(submit: Callable[[str], Job]) -> None:
    """Slurm sends SIGTERM to the script alone, and ends whatever runs when the script has ended."""
    job = submit(PATIENT)
    call = "run study.yaml --engine ray --ray-address 10.0.0.1:6379 --num-gpus 1 --num-cpus 4"
    job.wait_for(call)
    job.process.terminate()
    job.wait_for("told")
    job.process.terminate()
    assert job.process.wait(60) == 143
    assert job.log[-1] == "tables"


def test_each_step_of_the_slurm_script_has_the_processors_that_the_job_asked_for(submit: Callable[[str], Job]) -> None:
    """Since 22.05 srun does not read SLURM_CPUS_PER_TASK, so that Ray and the run would share one processor."""
    job, until = submit("exit 0"), time.monotonic() + 10
    assert job.process.wait(60) == 0
    steps = job.folder / "processors"
    while len(steps.read_text().split()) < 4 and time.monotonic() < until:  # Ray is started in the background
        time.sleep(0.02)
    assert steps.read_text().split() == ["4"] * 4  # the address, Ray on both machines, the run


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_slurm_script_ends_as_the_run_does(code: int, submit: Callable[[str], Job]) -> None:
    assert submit(f"exit {code}").process.wait(60) == code


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


def test_the_job_of_kubernetes_asks_for_as_many_workers_as_its_cluster_may_have() -> None:
    """The autoscaler adds machines for workers that wait, so the run asks for more than there are at first."""
    spec = yaml.safe_load(RAY_JOB.read_text())["spec"]
    cluster = spec["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    asked = re.search(r"--processes (\d+)", spec["entrypoint"])
    assert asked is not None
    assert int(asked[1]) == 1 + group["maxReplicas"]  # the head has a GPU too
    assert 1 <= group["minReplicas"] <= group["replicas"] < group["maxReplicas"]
    assert cluster["enableInTreeAutoscaling"] is True


def test_the_worked_example_follows_from_its_formula() -> None:
    """The table of what 50,000 images cost, from the values of the table of letters."""
    page, values = PAGE.read_text(), letters()
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


def test_the_measured_figures_are_those_of_the_page_of_performance() -> None:
    """`make bench` writes that page; what this one repeats of it is copied by hand."""
    page, measured = PAGE.read_text(), (PAGE.parent / "performance.md").read_text()
    scaling = re.compile(r"^\| workers \| shards a second \|.*?\n\n", re.MULTILINE | re.DOTALL)
    copied, table = scaling.search(page), scaling.search(measured)
    assert copied is not None
    assert table is not None
    assert copied[0] == table[0]
    values = letters()
    shard = re.search(r"([\d.]+) MB sent, ([\d.]+) MB in the folder\) takes the command ([\d.]+) s", measured)
    assert shard is not None
    assert [values[letter] for letter in "sbw"] == [float(each) for each in shard.groups()]
    large = [row.split(" | ") for row in re.findall(r"^\| ([\d.,]+(?: \| [\d.,]+){5}) \|$", measured, re.MULTILINE)]
    milliseconds = float(large[-1][-1])  # of an image, in the largest study
    assert values["a"] == round(50_000 * milliseconds / 1000)
    assert f"{milliseconds:g} ms for an image" in page
    picture = re.search(r"ResNet-50 takes ([\d.]+) ms for a picture", measured)
    product = re.search(r"t = 32 x 6,001 x ([\d.]+) s = ([\d,]+) s", page)
    assert picture is not None
    assert product is not None
    assert float(product[1]) == pytest.approx(float(picture[1]) / 1000)
    assert float(product[2].replace(",", "")) == round(32 * 6001 * float(product[1]))
