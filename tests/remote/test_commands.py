"""Commands that name runs by URL, as a command line has them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from benchbench.results.lock_owner import LockOwner
from tests.cli.commands import Done, benchbench
from tests.cli.test_watching import PLUGIN, STUDY
from tests.sessions import registries_restored
from tests.test_house import files

from .stores import SETTINGS, contents, fill, objects


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "study.yaml").write_text(STUDY)
    with registries_restored():
        yield folder


@pytest.fixture(scope="module")
def url(place: Path) -> str:
    """A run in a store."""
    url = "memory://commands/run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHBENCH_CACHE", str(place / "cache of the run"))
        done = run(place, "study.yaml", "--out", url, "--no-report")
    assert done.returncode == 0, done.stderr
    assert f"No report: benchbench report {url} writes it   Tables: {url}/tables" in done.stdout
    assert f"Stored: {url}" in done.stdout
    return url


def run(place: Path, *words: object) -> Done:
    return benchbench("run", *words, "--plugin", place / "plugin.py", cwd=place)


def test_the_run_is_there_and_nowhere_else(place: Path, url: str) -> None:
    assert {"run.json", "results.parquet", "tables/leaderboard.csv"} <= set(contents(url))
    assert not list(place.glob("memory*"))
    assert not (place / "runs").exists()


def test_status(place: Path, url: str, cache: Path) -> None:
    done = benchbench("status", url, "--json", cwd=place)
    status = json.loads(done.stdout)
    assert (status["folder"], status["state"], status["rows_done"]) == (url, "finished", 24)
    assert not list(cache.rglob("*.zip"))  # a status needs no results


def test_status_of_a_run_of_another_machine(place: Path) -> None:
    since = "2026-11-30T09:00:00+00:00"
    mark = {"process": 4711, "machine": "gpu3", "started": since}
    owner = {**asdict(LockOwner("ann", "gpu3", 4711, "1700000000.00", since)), "token": "0"}
    url = "memory://commands/elsewhere"
    fill(url, {"unfinished.json": json.dumps(mark).encode(), ".owner.json": json.dumps(owner).encode()})
    done = benchbench("status", url, cwd=place)
    assert (done.returncode, "running (process 4711 on gpu3)" in done.stdout) == (0, True), done.stdout + done.stderr
    objects(url).remove(".owner.json")
    done = benchbench("status", url, cwd=place)
    assert (done.returncode, f"{url}: dead" in done.stdout) == (1, True), done.stdout + done.stderr


def test_a_report_is_sent_to_the_run(place: Path, url: str) -> None:
    done = benchbench("report", url, cwd=place)
    assert done.returncode == 0, done.stderr
    assert contents(url)["report.html"].startswith(b"<!")


def test_commands_that_read_runs(place: Path, url: str) -> None:
    table = benchbench("report", url, "--format", "csv", cwd=place)
    assert "gradcam" in table.stdout
    assert benchbench("compare", url, url, cwd=place).returncode == 0
    assert benchbench("baseline", url, "--out", "baseline.json", cwd=place).returncode == 0
    checked = benchbench("check", url, "--baseline", "baseline.json", cwd=place)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    exported = benchbench("export", url, "--out", "run.zip", cwd=place)
    assert (exported.returncode, (place / "run.zip").exists()) == (0, True), exported.stderr


def test_a_dry_run_knows_what_is_there(place: Path, url: str) -> None:
    before = contents(url)
    assert "Cells to compute: 0" in run(place, "study.yaml", "--out", url, "--dry-run").stdout
    new = run(place, "study.yaml", "--out", f"{url}-new", "--dry-run")
    assert "Cells to compute: 4" in new.stdout, new.stderr
    assert contents(url) == before
    assert contents(f"{url}-new") == {}


def test_a_merge_of_two_runs_in_a_store(place: Path, url: str) -> None:
    out = f"{url}-merged"
    done = benchbench("merge", url, url, "--out", out, cwd=place)
    assert done.returncode == 0, done.stderr
    assert f"Stored: {out}" in done.stdout
    assert done.stdout.startswith(f"{out}: 24 rows")
    assert "results.parquet" in contents(out)
    again = benchbench("merge", url, url, "--out", out, cwd=place)
    assert (again.returncode, f"{out}: the folder is not empty" in again.stderr) == (2, True), again.stderr


def test_a_files_url_is_a_path(place: Path) -> None:
    done = run(place, "study.yaml", "--out", f"file://{place}/by-url", "--no-report")
    assert done.returncode == 0, done.stderr
    assert (place / "by-url" / "run.json").exists()
    assert not (place / "by-url" / ".copy.json").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["report", "s3://bucket/no-run"], "s3://bucket/no-run: there is no run. Give the URL that"),
        (["report", "s3://bucket"], "s3://bucket: a run needs a folder of its own"),
        (["report", "runs/a", "--out", "s3://bucket/x.html"], "--out: s3://bucket/x.html is a URL. Only a run's"),
        (["run", "s3://bucket/run/run.json"], "STUDY: s3://bucket/run/run.json is a URL"),
        (["run", "--out", "nobody://bucket/run"], "nobody://bucket/run: cannot open it"),
        (["status", "s3://KEY:secret@bucket/run"], "s3://bucket/run: credentials in a URL are not used"),
        (["merge", "s3://no-such/a", "s3://no-such/b", "--out", "c"], "s3://no-such/a: there is no run"),
        (["report", "file://host/run"], "not a file of this machine"),
    ],
)
def test_what_is_wrong_is_one_line(bucket: str, place: Path, words: list[str], told: str) -> None:
    done = benchbench(*words, cwd=place)
    assert done.returncode == 2
    assert done.stderr.startswith("benchbench: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [value for name, value in SETTINGS.items() if "KEY" in name and value in done.stderr]
    assert "secret@" not in done.stderr


def test_without_a_url_nothing_of_a_store_is_imported() -> None:
    """Read from the code: fsspec stands in one function, which URLs alone come to."""
    importing = re.compile(r"^( *)(?:import|from) fsspec", re.MULTILINE)
    naming = {path.name: importing.findall(path.read_text(encoding="utf-8")) for path in files()}
    assert {name: indents for name, indents in naming.items() if indents} == {"object_folder.py": [" " * 12]}
