"""The wheel holds what git lists, and nothing else; an installed copy works away from the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("methods", "metrics", "reports")


@cache
def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.splitlines()


@cache
def built_wheel(folder: Path) -> Path:
    """Built from git's files alone, with the setuptools that is installed: no network. Once for both files of tests."""
    source, out = folder / "wheel-source", folder / "wheel"
    for name in tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to((ROOT / name).readlink())
        elif (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.getbasetemp())


def test_the_wheel_holds_what_git_lists(wheel: Path) -> None:
    expected = set()
    for name in tracked():
        top, _, rest = name.partition("/")
        if top in ROOMS:
            expected.add(f"benchbench/{top}/{rest}")
        elif top == "benchbench" and rest not in ROOMS:
            expected.add(name)
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import benchbench.methods, benchbench.reports.html.document\n"
        "from benchbench.registry import METHODS, METRICS\n"
        "assert 'gradcam' in METHODS and 'deletion' in METRICS\n"
        "print(benchbench.methods.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(str(tmp_path))


def test_the_links_are_links() -> None:
    for name in ROOMS:
        link = ROOT / "benchbench" / name
        assert link.is_symlink()
        assert link.resolve() == ROOT / name
