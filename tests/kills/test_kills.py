"""A few of the moments of ``make kill``, and methods that hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.docs.pages import ROOT

from .driver import KINDS

MOMENTS = 4


def test_a_stopped_run_is_read_and_continued() -> None:
    call = [sys.executable, "-m", "tests.kills.driver", str(MOMENTS)]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(call, cwd=ROOT, env=outside | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    moments = json.loads(done.stdout.splitlines()[-1])
    assert [moment["kind"] for moment in moments] == [*KINDS[:MOMENTS], "hangs in C", "hangs in Python"]
    assert any(" of 6 shards" in moment["part"] for moment in moments), "no run was stopped in the middle"
