"""The digest of a class of a script or notebook: the same in a worker, which gets the class as code."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import cloudpickle
import pytest

from benchbench.digests import class_digest

SCRIPT = """
import math
SIZE = 3
OTHER = 4
FIRST, SECOND = 100_000, 100_000

def half(x, by=2.0):
    return x / by

class Base:
    def forward(self, x):
        return half(x) + SIZE + FIRST - SECOND + len("a text") - len("a text")

class Net(Base):
    steps = 5

    @property
    def width(self):
        return [math.sqrt(each) for each in range(self.steps)]

    def forward(self, x):
        return super().forward(x) * (lambda y: half(y))(x)
"""
READS = "import sys, pickle, benchbench.digests as d; print(d.class_digest(pickle.loads(sys.stdin.buffer.read())))"


def net(script: str = SCRIPT) -> Any:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(script, space)
    return space["Net"]


def test_another_process_finds_the_same_digest() -> None:
    done = subprocess.run([sys.executable, "-c", READS], input=cloudpickle.dumps(net()), capture_output=True)
    assert done.stdout.decode().strip() == class_digest(net()), done.stderr.decode()


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("x / by", "x * by", False),
        ("by=2.0", "by=3.0", False),
        ("SIZE = 3", "SIZE = 4", False),
        ("half(x) + SIZE", "half(x) - SIZE", False),
        ("FIRST, SECOND = 100_000, 100_000", "FIRST, SECOND = 100_000, 100_001", False),
        ("steps = 5", "steps = 6", False),
        ("range(self.steps)", "range(9)", False),
        ("(lambda y: half(y))", "(lambda y: y)", False),
        ("OTHER = 4", "OTHER = 5", True),
        ("import math", "import math  # a remark", True),
    ],
)
def test_what_the_class_uses_counts_and_nothing_else(before: str, after: str, same: bool) -> None:
    assert SCRIPT.count(before) == 1
    assert (class_digest(net(SCRIPT.replace(before, after))) == class_digest(net())) == same
