"""``benchbench app`` as a process: it prints its address, asks nobody for anything, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from benchbench.app.app_options import AppOptions
from benchbench.app.serving import imported_gradio, page
from benchbench.app.visitor_desk import VisitorDesk

from ..cli.commands import benchbench
from ..viz.test_overlay import NET

# the command in a process whose sockets tell of every machine that they ask
_WATCHED = """
import socket, sys
known, connect, find = ("127.0.0.1", "::1", "localhost", None, ""), socket.socket.connect, socket.getaddrinfo
def connecting(self, address):
    if isinstance(address, tuple) and address[0] not in known:
        print("ASKED", address, file=sys.stderr, flush=True)
    return connect(self, address)
def finding(host, *rest, **how):
    if host not in known:
        print("ASKED", host, file=sys.stderr, flush=True)
    return find(host, *rest, **how)
socket.socket.connect, socket.getaddrinfo = connecting, finding
from benchbench.cli import main
sys.argv = ["benchbench", *sys.argv[1:]]
main()
"""


def test_the_command_prints_its_address_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "tmp").mkdir()
    words = [sys.executable, "-c", _WATCHED, "app", "--model", "net.py:small", "--port", "0", "--device", "cpu"]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(root)}
    environment.pop("GRADIO_ANALYTICS_ENABLED", None)  # its own switches are what counts
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(
            words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            match = re.fullmatch(r"benchbench app: (http://127\.0\.0\.1:\d+)   \(Ctrl-C ends the app\)\n", line)
            assert match, (line, (tmp_path / "errors").read_text())
            with urllib.request.urlopen(match[1], timeout=60) as answer:
                assert b"gradio" in answer.read()
            assert [path.name for path in (tmp_path / "tmp").glob("benchbench-uploads-*")]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert process.returncode == 143
    complaints = (tmp_path / "errors").read_text()
    assert "ASKED" not in complaints
    assert "Traceback" not in complaints
    assert not list((tmp_path / "tmp").glob("benchbench-*"))
    assert not list(tmp_path.glob(".gradio*"))


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    done = benchbench("app", "--port", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "benchbench: app: Gradio, which makes the page, is not installed. "
        "Install it with: pip install 'benchbench-saliency[app]'\n"
    )


@pytest.mark.parametrize(
    ("words", "said_of_it"),
    [
        (["--run", "nowhere"], "--run nowhere: it holds no run"),
        (["--port", "70000"], "--port: it is 70000"),
        (["--model", "nonsense"], "unknown model 'nonsense'"),
        (["--host", "256.0.0.1"], "another --port or --host"),
    ],
)
def test_mistakes_are_one_line(words: list[str], said_of_it: str, tmp_path: Path) -> None:
    done = benchbench("app", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said_of_it in done.stderr
    assert done.stderr.count("\n") == 1


def _folders(host: str, runs: tuple[Path, ...], uploads: Path) -> list[Any]:
    """The components in which a run's folder is chosen."""
    desk = VisitorDesk(AppOptions({"efficientnet_lite0": "efficientnet_lite0"}, runs, host), uploads)
    config = page(imported_gradio(), desk).get_config_file()
    return [each["props"] for each in config["components"] if each["props"].get("elem_id") in ("run-a", "run-b")]


def test_other_machines_may_not_type_a_path(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert [each["allow_custom_value"] for each in _folders("127.0.0.1", (), tmp_path)] == [True, True]
    for runs, offered in (((), False), ((tmp_path,), True)):
        for each in _folders("0.0.0.0", runs, tmp_path):
            assert each["allow_custom_value"] is False
            assert each["interactive"] is offered
            assert [value for _, value in each["choices"]] == [str(folder) for folder in runs]
