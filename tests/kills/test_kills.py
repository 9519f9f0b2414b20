"""A few of the moments of ``make kill``, and methods that hang.

The kinds and the moments are others each day: after two days in a row, each kind has been tested. A failure names the
seed, which repeats it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

from tests.docs.pages import ROOT

from .driver import KINDS, WRITES, kind_of

MOMENTS = 4
SEED = datetime.now(UTC).toordinal()


def test_the_kinds_of_two_days_are_all_kinds() -> None:
    for day in range(len(KINDS)):
        kinds = [kind_of(number, MOMENTS, seed) for seed in (day, day + 1) for number in range(MOMENTS)]
        assert set(kinds) == set(KINDS)
        assert set(kinds[:MOMENTS]) & set(WRITES), "none is stopped in the middle for certain"


def test_a_stopped_run_is_read_and_continued() -> None:
    call = [sys.executable, "-m", "tests.kills.driver", str(MOMENTS), str(SEED)]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(call, cwd=ROOT, env=outside | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    again = f"python {' '.join(call[1:])}"
    assert done.returncode == 0, f"{again} repeats it: {done.stderr}"
    moments = json.loads(done.stdout.splitlines()[-1])
    kinds = [kind_of(number, MOMENTS, SEED) for number in range(MOMENTS)]
    assert [moment["kind"] for moment in moments] == [*kinds, "hangs in C", "hangs in Python"]
    assert any(" of 6 shards" in moment["part"] for moment in moments), f"{again}: no run was stopped in the middle"
