"""Commands of benchbench for the tests: in this process, or in processes forked from one that has imported torch."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from benchbench.cli import main


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def benchbench(*words: object, cwd: Path) -> Done:
    """The entry point in this process, so that torch is imported once."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    arguments = ["benchbench", *map(str, words)]
    handler = signal.getsignal(signal.SIGINT)
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", arguments):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    signal.signal(signal.SIGINT, handler)  # a command that was stopped leaves the default action
    return Done(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Command:
    """Its words, of which the first is benchbench or pytest; ``unread``: whoever reads its output has gone."""

    words: Sequence[str]
    unread: bool = False


# each command has a process of its own, from its first word to the flush of its output when the interpreter ends
_FORKING = """
import gc, json, os, sys
from pathlib import Path
import benchbench.api.study
from benchbench.cli import main

gc.freeze()  # a child that ends visits no object of the parent, whose pages would be copied
folder, codes = Path(sys.argv[1]), []
for k, (words, unread) in enumerate(json.loads((folder / "commands.json").read_text())):
    child = os.fork()
    if not child:
        sys.argv = words
        for number, name in ((1, "out"), (2, "err"))[unread:]:
            os.dup2(os.open(folder / f"{k}.{name}", os.O_WRONLY | os.O_CREAT), number)
        if words[0] == "pytest":
            import pytest
            sys.exit(pytest.main(words[1:]))
        main()
        sys.exit()
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
(folder / "codes.json").write_text(json.dumps(codes))
"""


def processes(commands: Sequence[Command], cwd: Path, settings: Mapping[str, str]) -> list[Done]:
    """Each command as a process of its own, one after the other; every byte of its output is a letter.

    Args:
        settings: environment variables.
    """
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "commands.json").write_text(json.dumps([[list(c.words), c.unread] for c in commands]))
        read, write = os.pipe()
        os.close(read)
        call = [sys.executable, "-c", _FORKING, name]
        try:
            subprocess.run(call, cwd=cwd, env=outside | dict(settings), stdout=write, check=True)
        finally:
            os.close(write)
        codes = json.loads((folder / "codes.json").read_text())
        return [Done(code, _shown(folder / f"{k}.out"), _shown(folder / f"{k}.err")) for k, code in enumerate(codes)]


def _shown(path: Path) -> str:
    return path.read_bytes().decode("latin-1") if path.exists() else ""
