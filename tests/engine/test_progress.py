"""Where a run from Python tells of itself: a terminal, a notebook, or nowhere."""

from __future__ import annotations

import builtins
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

import benchbench as bb
from benchbench.engine import progress as progress_module
from benchbench.engine.progress import Notebook, Silent, Terminal, interactive


class Handle:
    """A place of a notebook whose content changes."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, html: str) -> None:
        self.shown.append(html)


class Display(ModuleType):
    """IPython.display, as far as it is used."""

    def __init__(self) -> None:
        super().__init__("IPython.display")
        self.handle, self.lines = Handle(), list[str]()

    def HTML(self, text: str) -> str:  # noqa: N802 - IPython's name
        return text

    def display(self, html: str, display_id: bool = False) -> Handle | None:
        if display_id:
            return self.handle
        self.lines.append(html)
        return None


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Display:
    """What makes rich see a notebook, without one."""
    shell = type("ZMQInteractiveShell", (), {})
    display = Display()
    monkeypatch.setattr(builtins, "get_ipython", shell, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return display


def study() -> bb.Study:
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3)]
    images: Tensor = torch.randn(2, 3, 16, 16)
    keys: dict[str, Any] = {"methods": ["gradcam"], "metrics": ["map_mean"], "layers": ["0"]}
    return bb.Study(models={"my net": torch.nn.Sequential(*layers)}, datasets={"my data": images}, **keys)


def test_a_notebook_shows_a_bar_and_warnings(notebook: Display, tmp_path: Path) -> None:
    assert isinstance(interactive(None), Notebook)
    study().run(tmp_path, report=False)
    shown = " ".join(notebook.handle.shown)
    assert "loading my net" in shown
    assert "my net on my data" in shown
    assert "<progress value=" in shown
    assert notebook.handle.shown[-1] == "", "the bar is gone at the end"
    assert "forward pass" in notebook.lines[-1]
    assert "print(run) shows the answer" in notebook.lines[-1]


def test_what_a_notebook_shows_is_escaped_and_counted(notebook: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "_REFRESH", -1.0)
    bar = Notebook()
    bar.warn("<b>&")
    bar.start(10)
    bar.say("<script>")
    bar.advance(4)
    bar.advance(40)
    bar.stop()
    assert notebook.lines == ["<p><b>WARNING: &lt;b&gt;&amp;</b></p>"]
    assert 'value="4" max="10"></progress> 4 / 10' in notebook.handle.shown[-3]
    assert 'value="10" max="10"></progress> 10 / 10' in notebook.handle.shown[-2]
    assert not [html for html in notebook.handle.shown if "<script" in html]


def test_nothing_is_said_where_nobody_reads(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert isinstance(interactive(None), Silent)
    assert isinstance(interactive(False), Silent)
    study().run(tmp_path, report=False)
    assert capfd.readouterr() == ("", "")


def test_python_can_ask_for_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study().run(tmp_path, report=False, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "print(run) shows the answer" in " ".join(err.split())


def test_a_terminal_shows_a_bar_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = io.StringIO()
    monkeypatch.setattr(
        progress_module,
        "plain_console",
        lambda stderr: Console(file=out, force_terminal=True, width=100, color_system=None),
    )
    assert isinstance(interactive(None), Terminal)
    study().run(tmp_path)
    assert "my net on my data" in out.getvalue()
    assert "writing the report" in out.getvalue()


def test_a_name_is_no_markup_in_the_bar() -> None:
    out = io.StringIO()
    bar = Terminal(Console(file=out, force_terminal=True, width=100, color_system=None))
    bar.say("loading [bold]net[/bold][/]")
    bar.stop()
    assert "loading [bold]net[/bold][/]" in out.getvalue()


def test_the_bar_ends_where_the_run_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out, stopped = io.StringIO(), []
    console = Console(file=out, force_terminal=True, width=100)
    monkeypatch.setattr(progress_module, "plain_console", lambda stderr: console)
    monkeypatch.setattr(Terminal, "stop", lambda self: stopped.append(self._bars.stop()))
    (tmp_path / "file").write_text("mine")
    with pytest.raises((bb.BenchError, OSError)):
        study().run(tmp_path / "file")
    assert stopped
