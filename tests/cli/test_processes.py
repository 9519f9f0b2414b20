"""What only a process of its own shows: its exit code, its encoding, and a reader that has gone when it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .commands import Command, Done, processes

# no text has an encoding but ASCII, files neither unless the command says so
PLAIN = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
READ = {  # and their exit codes
    "run study.yaml --plugin good.py --out good": 0,
    "list methods": 0,
    "report good --format markdown": 0,
    "check bad --baseline=baseline.json": 1,
    "run absent.yaml": 2,
}
UNREAD = {
    "list metrics": 0,
    "report good --format=csv": 0,
    "check good --baseline=baseline.json --format=json": 141,
}


@pytest.fixture(scope="module")
def ended(gated: Path) -> dict[str, Done]:
    """By command, how it ended."""
    commands = [Command(["benchbench", *words.split()], words in UNREAD) for words in (*READ, *UNREAD)]
    return dict(zip((*READ, *UNREAD), processes(commands, gated, PLAIN), strict=True))


@pytest.mark.parametrize("words", READ)
def test_a_terminal_without_unicode(ended: dict[str, Done], words: str) -> None:
    done = ended[words]
    assert done.returncode == READ[words], done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout or done.returncode == 2
    assert done.stdout.isascii()


@pytest.mark.parametrize("words", UNREAD)
def test_a_reader_that_has_gone_is_no_failure(ended: dict[str, Done], words: str) -> None:
    """As ``| head -1``; but the exit code of a check is its answer, and an answer that nobody got is not a pass."""
    assert ended[words] == Done(UNREAD[words], "", "")


def test_a_mistake_is_one_line(ended: dict[str, Done]) -> None:
    assert ended["run absent.yaml"].stderr.startswith("benchbench: absent.yaml: no such study file")
    assert ended["run absent.yaml"].stderr.count("\n") == 1


def test_the_page_of_a_terminal_without_unicode_is_there(ended: dict[str, Done], gated: Path) -> None:
    assert ended["list methods"].returncode == 0
    assert (gated / "good" / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_as_a_module(gated: Path) -> None:
    command = [sys.executable, "-m", "benchbench", "--help"]
    helped = subprocess.run(command, capture_output=True, text=True, check=True, cwd=gated)
    assert all(word in helped.stdout for word in ("run", "report", "list"))
