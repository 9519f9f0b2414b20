"""A method that hangs, on the command line: exit code 1, and the failed rows counted by reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from PIL import Image

from .commands import benchbench

NETWORK = """import torch
from torch import nn
def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 7))
"""
HANGS = """import os, signal
import benchbench as bb
@bb.method("hangs", needs="activation")
def hangs(layer):
    os.kill(os.getpid(), signal.SIGALRM)  # what the timer sends when the time is up
    while True:
        pass
"""


@pytest.mark.usefixtures("planted")
def test_time_limit(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "hangs.py").write_text(HANGS)
    (tmp_path / "data").mkdir()
    Image.new("RGB", (40, 40), (30, 90, 200)).save(tmp_path / "data" / "a.png")
    study = {"models": ["net.py:small"], "layers": ["1"], "metrics": ["average_drop", "sparseness"]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**study, "datasets": [{"name": "folder", "root": "data"}]}))
    words = [
        "--methods",
        "hangs,gradcam",
        "--plugin",
        "hangs.py",
        "--time-limit",
        "60.5",
        "--no-report",
        "--out",
        "run",
    ]
    done = benchbench("run", "study.yaml", *words, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    reason = "method hangs took longer than time_limit: 60.5 s (method hangs, metrics average_drop and sparseness)"
    assert f"2 rows: {reason}" in done.stdout
    refused = benchbench("run", "study.yaml", "--methods", "gradcam", "--time-limit", "0", cwd=tmp_path)
    assert refused.returncode == 2
    assert "time_limit" in refused.stderr
