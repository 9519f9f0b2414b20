"""docs/examples/fine-grained: the planted parts are alike but for the answer, and the script runs in miniature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import benchbench as bb

from .examples import example


@pytest.fixture(scope="module")
def fine() -> Iterator[ModuleType]:
    with example("fine-grained") as module:
        yield module


def test_beak_and_tail_are_mirror_images(fine: ModuleType) -> None:
    """Of one size and brightness; only the beak goes with the label, and a short beak leaves most of its place bare."""
    data, fewer = fine.birds(60, seed=5), fine.birds(8, seed=5)
    assert torch.equal(data.images[:8], fewer.images)
    beaks, tails = data.beaks.sum((1, 2)), data.tails.sum((1, 2))
    assert (beaks - tails).abs().max() <= 10  # of 50 to 90: they are drawn in whole pixels
    assert abs(float((beaks - tails).double().mean())) < 1
    assert not (data.beaks & data.tails).any()
    assert (data.beaks & data.birds).flatten(1).any(1).all()
    shown = {name: (part & data.birds).sum((1, 2)) / part.sum((1, 2)) for name, part in parts(data).items()}
    long_beak = data.labels == 1
    assert shown["beak"][long_beak].min() > 0.95
    assert shown["beak"][~long_beak].max() < 0.7
    long_tail = shown["tail"] > 0.9
    assert 0.3 < float((long_tail == long_beak).double().mean()) < 0.7  # the tail is a coin's toss
    on = {name: float(data.images.mean(1)[part & data.birds].mean()) for name, part in parts(data).items()}
    assert on["beak"] == pytest.approx(on["tail"], abs=0.02)


def parts(data: Any) -> dict[str, torch.Tensor]:
    return {"beak": data.beaks, "tail": data.tails}


@pytest.fixture(scope="module")
def small(fine: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fine")
    fine.main(["--small", "--out", str(folder), "--runs", str(folder / "run")])
    return folder


def test_in_miniature(fine: ModuleType, small: Path) -> None:
    data, run = fine.birds(fine.SMALL.judged, seed=1), bb.Run.load(small / "run")
    table = fine.table(run, data).set_index("method")
    assert (small / "table.md").read_text(encoding="utf-8") == fine.markdown(table.reset_index())
    assert table.loc["oracle", "share"] == 1
    assert table.loc["oracle", "sits on the beak"]
    assert not table.loc[list(fine.CONTROLS), "sits on the beak"].any()
    with Image.open(small / "maps.png") as drawn:
        assert len(drawn.convert("RGB").getcolors(256) or range(999)) > 50


def test_the_energy_is_that_of_the_metric(fine: ModuleType, small: Path) -> None:
    """The script's own reading of the stored maps gives, on the beak, what benchbench's metric says."""
    data, run = fine.birds(fine.SMALL.judged, seed=1), bb.Run.load(small / "run")
    for method in ("gradcam", "sobel", "oracle"):
        maps = run.maps(method=method)
        heat = fine.scaled(maps.stack()).numpy()
        beaks = data.beaks.numpy()[maps.keys["sample"].astype(int)]
        energy = (heat * beaks).sum((1, 2)) / np.maximum(heat.sum((1, 2)), 1e-12)
        known = run.table[run.table["method"] == method].set_index("sample")["value"]
        np.testing.assert_allclose(energy, known[maps.keys["sample"]].to_numpy(), atol=1e-5)


def test_the_page_shows_the_table(fine: ModuleType) -> None:
    """The README's table is the one that the script wrote; in it every control fails and the truth passes."""
    text = (fine.HERE / "README.md").read_text(encoding="utf-8")
    table = (fine.HERE / "table.md").read_text(encoding="utf-8")
    assert table in text
    rows = {line.split("`")[1]: line for line in table.splitlines()[2:]}
    assert set(rows) == {*fine.METHODS, *fine.CONTROLS, fine.TRUTH}
    assert all(rows[name].endswith("| no |") for name in fine.CONTROLS)
    assert rows[fine.TRUTH].endswith("| yes |")
    assert any(rows[name].endswith("| yes |") for name in fine.METHODS)
    assert (fine.HERE / "maps.png").stat().st_size < 300_000
