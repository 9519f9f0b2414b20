"""`make again` in miniature: one study of a small network, run in other ways, against a baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchbench.regression import Baseline
from benchbench.results.record import Record

from . import again
from .again import Rerun, Way
from .proof import HERE, ROOT

NET = """import torch
from torch import nn


def net():
    torch.manual_seed({seed})
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 7)
    return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), *head).eval()
"""
STUDY = """models: ["{net}:net"]
datasets: [shapes]
layers: ["1"]
methods: [gradcam, random]
metrics: [average_drop]
samples: 2
"""


def test_a_clean_rerun_passes_and_another_network_is_an_alarm(tmp_path: Path) -> None:
    net, file = tmp_path / "net.py", tmp_path / "study.yaml"
    file.write_text(STUDY.format(net=net), encoding="utf-8")
    net.write_text(NET.format(seed=0), encoding="utf-8")
    usual = Way("auto", 1, 0, "as it is")
    again.run(file, usual, tmp_path / "first")
    first = Baseline.of(Record.load(tmp_path / "first"))
    clean = Rerun("tiny", Way("1", 1, 0, "AVX2"), file, tmp_path / "again", first)
    page = tmp_path / "page.md"
    assert again.written(page, [clean]) == 0
    text = page.read_text(encoding="utf-8")
    assert "None of 1 clean re-runs failed" in text
    assert text.splitlines()[-1].startswith("| tiny | 1 | 1 | 0 | AVX2 | Nothing changed: 4 scores")

    net.write_text(NET.format(seed=1), encoding="utf-8")
    other = replace(clean, out=tmp_path / "other")
    assert again.written(page, [other]) == 1
    assert "**false alarm**: " in page.read_text(encoding="utf-8")


def test_fifty_reruns_cover_every_way() -> None:
    ways = again.ways()
    assert len(ways) == again.RERUNS == len(set(ways))
    assert {way.batch for _, way in ways} == set(again.BATCHES)
    assert {way.instructions for _, way in ways} == set(again.SETS)
    for study, _ in ways:
        assert (ROOT / HERE / f"{study}.yaml").is_file()
        assert (ROOT / HERE / f"{study}.json").is_file()
