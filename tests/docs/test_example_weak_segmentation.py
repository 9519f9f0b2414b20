"""docs/examples/weak-segmentation: runs in miniature, and the figure's seeds are those that the table counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

import benchbench as bb

from .examples import example


@pytest.fixture(scope="module")
def weak() -> Iterator[ModuleType]:
    with example("weak-segmentation") as module:
        yield module


@pytest.fixture(scope="module")
def small(weak: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weak")
    weak.main(["--small", "--out", str(folder), "--runs", str(folder / "run")])
    return folder


def test_in_miniature(weak: ModuleType, small: Path) -> None:
    table = weak.table(bb.Run.load(small / "run"))
    assert (small / "table.md").read_text(encoding="utf-8") == weak.markdown(table)
    table = table.set_index("method")
    assert table.loc["oracle", "value"] == pytest.approx(1)
    assert table.loc["oracle", "clear"]
    assert not table.loc[list(weak.CONTROLS), "clear"].any()
    assert table.loc["gradcam", "value"] > table.loc[list(weak.CONTROLS), "value"].max()
    with Image.open(small / "seeds.png") as drawn:
        assert len(drawn.convert("RGB").getcolors(256) or range(999)) > 50


def test_the_figures_seeds_are_those_of_the_table(weak: ModuleType, small: Path) -> None:
    """Twelve scenes, one of each class: a class's IoU is that of its scene's seed, at the best background score."""
    run = bb.Run.load(small / "run")
    table = weak.table(run)
    best = table[table["method"] == "gradcam"]
    seeds = run.seeds().query("method == 'gradcam' and scaling == 'minmax'").set_index("class")["best"]
    scenes = weak.shapes(count=12)
    for sample in map(scenes.__getitem__, range(12)):
        ((_, seed),) = weak._seeds(run, best, sample)
        iou = (seed & sample.mask).sum() / (seed | sample.mask).sum()
        (known,) = (value for name, value in seeds.items() if str(name).endswith(f"({sample.label})"))
        assert float(iou) == pytest.approx(known, abs=1e-6)


def test_the_page_shows_the_table(weak: ModuleType) -> None:
    """The README's table is the one that the script wrote; controls are never bold, and the truth always is."""
    text = (weak.HERE / "README.md").read_text(encoding="utf-8")
    table = (weak.HERE / "table.md").read_text(encoding="utf-8")
    assert table in text
    rows = {line.split("`")[1]: line for line in table.splitlines()[2:]}
    size = weak.Size()
    assert set(rows) == {*size.methods, *weak.CONTROLS, weak.TRUTH}
    assert all("**" not in rows[name] for name in weak.CONTROLS)
    assert rows[weak.TRUTH].count("**") == 2 * len(size.networks)
    assert (weak.HERE / "seeds.png").stat().st_size < 300_000
