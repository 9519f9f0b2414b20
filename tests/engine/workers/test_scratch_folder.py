"""Folders of temporary files: what a killed process left is removed by the next one, and nothing else is."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE

import pytest

from benchbench.engine.workers.scratch_folder import PREFIX, ScratchFolder, remove_abandoned

MAKE = """
from benchbench.engine.workers.scratch_folder import ScratchFolder
folder = ScratchFolder()
(folder.path / "cells").mkdir()
(folder.path / "cells" / "pack").write_bytes(b"results")
print(folder.path, flush=True)
input()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files of this process and of those that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_killed_process_s_folder_is_removed_by_the_next_one(temporary: Path) -> None:
    """And not while the process lives; its number does not matter, which stays here as nobody has waited for it."""
    with subprocess.Popen([sys.executable, "-c", MAKE], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        path = Path(other.stdout.readline().strip())
        assert path.parent.parent == temporary
        mine = ScratchFolder()
        remove_abandoned()
        assert (path / "cells/pack").read_bytes() == b"results"
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        last = ScratchFolder()
        assert not path.parent.exists()
        assert mine.path.is_dir()
    for folder in (mine, last):
        folder.close()
        folder.close()
    assert list(temporary.iterdir()) == []


def test_a_process_that_ends_by_itself_leaves_nothing(temporary: Path) -> None:
    subprocess.run([sys.executable, "-c", MAKE.replace("input()", "raise SystemExit(3)")], check=False)
    assert list(temporary.iterdir()) == []
    folder = ScratchFolder()
    assert folder.path.is_dir()
    del folder
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_what_is_no_abandoned_folder_stays(temporary: Path) -> None:
    """A folder that is being made just now, whose lock nobody has yet; a file; a link, and where it leads."""
    real, scratch = temporary / "real", temporary / f"{PREFIX}new"
    for folder in (real, scratch):
        (folder / "files").mkdir(parents=True)
        (folder / "lock").touch()
    (real / "held").touch()
    (temporary / f"{PREFIX}file").touch()
    (temporary / f"{PREFIX}link").symlink_to(real)
    before = sorted(temporary.rglob("*"))
    remove_abandoned()
    assert sorted(temporary.rglob("*")) == before
    (scratch / "held").touch()
    remove_abandoned()
    assert not scratch.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="gives a folder to another user")
def test_another_user_s_folder_stays(temporary: Path) -> None:
    folder = temporary / f"{PREFIX}other"
    (folder / "files").mkdir(parents=True)
    for name in ("lock", "held"):
        (folder / name).touch()
    os.chown(folder, 12345, -1)
    remove_abandoned()
    assert folder.is_dir()
    os.chown(folder, 0, -1)
    remove_abandoned()
    assert not folder.exists()
