"""docs/examples/defects: the script runs in miniature, and its two metrics are what their articles say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from benchbench.metrics.localisation import attribution_auc
from benchbench.testing import check_metric
from benchbench.types import Seen

from .examples import example


@pytest.fixture(scope="module")
def defects() -> Iterator[ModuleType]:
    with example("defects") as module:
        yield module


def judged(maps: Tensor, masks: Tensor) -> Seen:
    none = torch.zeros(len(maps), 0)
    return Seen(none, none, none, none, none, map=maps, mask=masks)


@pytest.fixture(scope="module")
def pictures() -> tuple[Tensor, Tensor]:
    """Six maps with many ties, and masks of two regions, one of them small; the last mask is empty."""
    rng = np.random.default_rng(0)
    masks = np.zeros((6, 20, 20), bool)
    masks[:5, 2:12, 3:9] = masks[:5, 15:17, 15:18] = True
    masks[1, 17, 18] = True  # touches the small region at a corner: the same region
    maps = np.round(rng.random((6, 20, 20)) + masks * rng.random((6, 1, 1)), 1)
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return torch.from_numpy((maps - low) / (high - low)), torch.from_numpy(masks)


def plain_pro(maps: Any, masks: Any) -> float:
    """By its definition: a loop over thresholds, the curve drawn on a fine grid."""
    rates, overlaps = [0.0], [0.0]
    regions = [(k, ndimage.label(mask, np.ones((3, 3)))) for k, mask in enumerate(masks)]
    for level in sorted(set(np.floor(maps * 255 + 1e-9).astype(int).ravel()) - {0}, reverse=True):
        marked = maps >= level / 255
        rates.append((marked & ~masks).sum() / (~masks).sum())
        shares = [marked[k][labels == n].mean() for k, (labels, count) in regions for n in range(1, count + 1)]
        overlaps.append(float(np.mean(shares)))
    fine = np.linspace(0, 0.3, 300_001)
    return float(np.interp(fine, [*rates, 1], [*overlaps, 1]).mean())


def test_pro(defects: ModuleType, pictures: tuple[Tensor, Tensor]) -> None:
    maps, masks = pictures
    metrics = defects.anomaly_metrics
    scored = metrics.pro(judged(maps, masks))
    for k in range(5):
        assert float(scored.value[k]) == pytest.approx(
            plain_pro(maps.numpy()[k : k + 1], masks.numpy()[k : k + 1]), abs=1e-5
        )
    assert scored.inapplicable == ("",) * 5 + ("no defect",)
    together = metrics.area_under_pro(scored.levels[1][:5].sum(0, keepdim=True).numpy())
    assert together[0] == pytest.approx(plain_pro(maps.numpy()[:5], masks.numpy()[:5]), abs=1e-5)


def test_pro_of_the_extremes(defects: ModuleType, pictures: tuple[Tensor, Tensor]) -> None:
    """A perfect map scores 1; a constant one what chance scores; finding only the large region is worth a half."""
    mask = pictures[1][:1]
    large = mask.clone()
    large[:, 13:] = False
    pro = defects.anomaly_metrics.pro
    assert float(pro(judged(mask.double(), mask)).value[0]) == 1
    assert float(pro(judged(torch.zeros(1, 20, 20), mask)).value[0]) == pytest.approx(0.3 / 2)
    half = float(pro(judged(large.double(), mask)).value[0])
    assert half == pytest.approx(0.5 + 0.5 * 0.3 / 2)


def test_f1(defects: ModuleType, pictures: tuple[Tensor, Tensor]) -> None:
    """Every threshold by loops; each half is judged at the threshold that is best on the other."""
    maps, masks = (each.numpy()[:5] for each in pictures)
    f1 = defects.anomaly_metrics.f1(judged(*pictures))
    table = np.zeros((5, 255))
    for k in range(5):
        for s, level in enumerate(range(255, 0, -1)):
            marked = maps[k] >= level / 255
            hits = (marked & masks[k]).sum()
            precision, recall = hits / max(marked.sum(), 1), hits / masks[k].sum()
            table[k, s] = 2 * precision * recall / (precision + recall) if hits else 0
    np.testing.assert_allclose(f1.levels[1][:5].numpy(), table, atol=1e-12)
    half = np.array([0, 0, 1, 1, 1])
    expected = [*table[:2, table[2:].mean(0).argmax()], *table[2:, table[:2].mean(0).argmax()]]
    np.testing.assert_allclose(defects.anomaly_metrics.best_elsewhere(f1.levels[0].numpy(), table, half), expected)


@pytest.mark.parametrize("name", ["pro", "f1"])
def test_the_metrics_keep_the_contract(defects: ModuleType, name: str) -> None:
    check_metric(name)


def test_fabrics(defects: ModuleType) -> None:
    """Good and defective alternate, masks are where defects are, and a picture depends on its seed and index alone."""
    data, fewer = defects.fabrics(24, seed=3), defects.fabrics(6, seed=3)
    assert torch.equal(data.images[:6], fewer.images)
    assert torch.equal(data.masks.any((1, 2)), data.labels == defects.DEFECT)
    assert {kind for kind in data.kinds if kind} == set(defects.KINDS)
    assert not torch.equal(data.images[:6], defects.fabrics(6, seed=4).images)
    dark = data.images.mean(1)
    outside = attribution_auc(judged(-dark[1::2], data.masks[1::2])).value
    assert float(torch.as_tensor(outside).mean()) > 0.55  # most defects are darker than the cloth around them


def test_in_miniature(defects: ModuleType, tmp_path: Path) -> None:
    table = defects.main(["--small", "--out", str(tmp_path), "--runs", str(tmp_path / "run")]).set_index("method")
    assert table.loc["oracle", "finds defects"]
    assert (table.loc["oracle", list(defects.METRICS.values())] == 1).all()
    assert not table.loc[list(defects.CONTROLS), "finds defects"].any()
    assert abs(table.loc["random", "PRO"] - 0.15) < 0.1
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == defects.markdown(table.reset_index())
    with Image.open(tmp_path / "maps.png") as drawn:
        assert len(drawn.convert("RGB").getcolors(256) or range(999)) > 50


def test_the_page_shows_the_table(defects: ModuleType) -> None:
    """The README's table is the one that the script wrote; in it every control fails and the truth passes."""
    text = (defects.HERE / "README.md").read_text(encoding="utf-8")
    table = (defects.HERE / "table.md").read_text(encoding="utf-8")
    assert table in text
    rows = {line.split("`")[1]: line for line in table.splitlines()[2:]}
    assert set(rows) == {*defects.METHODS, *defects.CONTROLS, defects.TRUTH}
    assert all(rows[name].endswith("| no |") for name in defects.CONTROLS)
    assert rows[defects.TRUTH].endswith("| yes |")
    assert any(rows[name].endswith("| yes |") for name in defects.METHODS)
    assert (defects.HERE / "maps.png").stat().st_size < 300_000
