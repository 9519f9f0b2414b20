"""SIC and AIC against PAIR's rule in plain numpy and scipy; and the interpolated pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from saliency.metrics import pic
from scipy import interpolate
from torch import Tensor, nn

from benchbench.evaluation.probe_scores import score_probes
from benchbench.maps.normalise import saliency
from benchbench.metrics.information_curves import THIRTEEN, area_of, picture_bytes
from benchbench.network.scorer import Scorer, TargetScores
from benchbench.perturbation.fills import fill_interpolated, whole
from benchbench.perturbation.interpolation import always_known, interpolated
from benchbench.registry import METRICS
from benchbench.types import Pixels, Scored, Seen
from benchbench.types.probes import Whole, canonical

from ..helpers import pixels

Array = np.ndarray
Rule: TypeAlias = Callable[[Array, Array, Array, Callable[[Array], float]], float]
SIZE = (28, 40)
BOUNDS = {"sic": 0.02, "aic": 0.04}  # an answer of 0 or 1 jumps


class Object(nn.Module):
    """How alike the pictures and one of them are on the upper left quarter decides between two classes."""

    def __init__(self, template: Tensor) -> None:
        super().__init__()
        self.template = template

    def forward(self, images: Tensor) -> Tensor:
        quarter = (images - self.template)[:, :, : SIZE[0] // 2, : SIZE[1] // 2]
        match = 6 - 60 * quarter.abs().mean((1, 2, 3))
        return torch.stack([torch.zeros_like(match), match], 1)


@pytest.fixture(scope="module", name="picture")
def _picture() -> Tensor:
    return drawn()


def drawn() -> Tensor:
    """(3, H, W) in 8 bits: what is coarse takes few bytes, and noise takes many."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 3, 7, 10, generator=generator)
    smooth = nn.functional.interpolate(coarse, SIZE, mode="bilinear")[0]
    return ((smooth + 0.15 * torch.rand(3, *SIZE, generator=generator)).clamp(0, 1) * 255).round() / 255


def scored(name: str, network: nn.Module, inputs: Pixels, raw: Tensor) -> Scored:
    """The metric of one image and one map (1, h, w), of the last class."""
    plugin = METRICS[name]
    params = plugin.bind({})
    probes = list(plugin.probes(**params))  # type: ignore[misc]
    answers = score_probes(Scorer(network, 16), inputs, torch.tensor([1]), [raw], [Whole(), *probes])
    each = TargetScores.stack([answers[canonical(probe)][0] for probe in probes])
    first = answers[Whole()][0]
    height = saliency(raw, inputs.size)
    result: Scored = plugin.function(
        Seen(each.probability, each.logit, each.correct, first.probability, first.logit, height, None, raw, inputs),
        **params,
    )
    return result


def pair(image: Array, height: Array, anchors: Array, answer: Callable[[Array], float]) -> float:
    """PAIR's number of an image (H, W, 3) of 8 bits: each channel by griddata, 1,000 values of the curve."""

    def blurred(known: Array) -> Array:
        picture = image.astype(float)
        for channel in range(3):
            points, wanted = np.argwhere(known), np.argwhere(~known)
            values = interpolate.griddata(points, image[:, :, channel][known].astype(float), wanted)
            picture[:, :, channel][~known] = values
        return np.round(picture).astype(np.uint8)

    def entropy(shown: Array) -> int:
        file = io.BytesIO()
        Image.fromarray(shown).save(file, format="webp", lossless=True, quality=100)
        return len(file.getvalue())

    least, most = blurred(anchors), image
    points, best = [], 0.0
    for share in THIRTEEN:
        shown = blurred((height >= np.quantile(height, 1 - share)) | anchors)
        information = (entropy(shown) - entropy(least)) / (entropy(most) - entropy(least))
        rise = (answer(shown) - answer(least)) / (answer(most) - answer(least))
        best = max(best, min(max(rise, 0), 1))
        points.append((min(max(information, 0), 1), best))
    x, y = zip(*points, (0.0, 0.0), (1.0, 1.0), strict=True)
    grid = np.linspace(0, 1, 1000, endpoint=False)
    curve = np.append(interpolate.interp1d(x=x, y=y)(grid), 1)
    return float(np.trapezoid(curve, np.append(grid, 1)))


@pytest.mark.parametrize("name", ["sic", "aic"])
def test_equals_pair(name: str, picture: Tensor) -> None:
    """Up to the 8 bits of what the network is shown, and to which of two triangulations of a square is taken."""
    measured, wanted = beside(name, picture, pair)
    assert np.ptp(wanted) > 0.1
    np.testing.assert_allclose(measured, wanted, atol=BOUNDS[name])


def beside(name: str, picture: Tensor, rule: Rule) -> tuple[list[float], list[float]]:
    """Our values of three maps, and those of a rule of PAIR's."""
    network, inputs = Object(picture), pixels(picture[None])
    anchors = always_known(inputs.seeds, SIZE)[0].numpy()
    image = (picture.permute(1, 2, 0) * 255).round().byte().numpy()

    def answer(shown: Array) -> float:
        with torch.no_grad():
            logits = network((torch.from_numpy(shown).permute(2, 0, 1) / 255)[None])[0]
        return float(logits.argmax() == 1) if name == "aic" else float(logits.softmax(0)[1])

    generator = torch.Generator().manual_seed(1)
    measured, wanted = [], []
    for raw in (torch.rand(1, 7, 10, generator=generator), torch.rand(1, *SIZE, generator=generator), corner()):
        value = scored(name, network, inputs, raw)
        assert not value.inapplicable[0]
        measured.append(float(value.value))
        wanted.append(rule(image, saliency(raw, SIZE)[0].double().numpy(), anchors, answer))
    return measured, wanted


def package(image: Array, height: Array, anchors: Array, answer: Callable[[Array], float]) -> float:
    """The number of the package saliency. It calls np.trapz, which numpy 2.4 no longer has under this name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "trapz", np.trapezoid, raising=False)
        answers = partial(_answers, answer)
        return float(pic.compute_pic_metric(image, height, anchors, answers, THIRTEEN, min_pred_value=0).auc)


def _answers(answer: Callable[[Array], float], shown: Array) -> list[float]:
    return [answer(each) for each in shown]


def corner() -> Tensor:
    """The true map: highest at the upper left."""
    rows, columns = torch.arange(14.0)[:, None], torch.arange(20.0)
    return (1 - rows / 14 - columns / 20)[None]


def test_the_true_map_is_best_and_its_inverse_worst(picture: Tensor) -> None:
    network, inputs = Object(picture), pixels(picture[None])
    random = torch.rand(1, *SIZE, generator=torch.Generator().manual_seed(2))
    for name in ("sic", "aic"):
        best, chance, worst = (float(scored(name, network, inputs, m).value) for m in (corner(), random, -corner()))
        assert best > chance + 0.05 > worst + 0.1, name
        constant = scored(name, network, inputs, torch.ones(1, 2, 2))
        assert float(constant.value) == pytest.approx(0.5), "it shows the image at once"


def test_the_curve_is_that_of_the_area(picture: Tensor) -> None:
    result = scored("sic", Object(picture), pixels(picture[None]), corner())
    assert result.curve is not None
    x, y = result.curve
    assert (float(x[0]), float(x[-1])) == (0, 1)
    assert ((y >= 0) & (y <= 1)).all()
    assert float(torch.trapezoid(y[0], x)) == pytest.approx(float(result.value), abs=0.02)


def test_where_it_does_not_apply(picture: Tensor) -> None:
    inputs = pixels(picture[None])
    other = Object(1 - picture)
    assert "most likely class" in scored("aic", other, inputs, corner()).inapplicable[0]
    flat = pixels(torch.full((1, 3, *SIZE), 0.5))
    assert scored("sic", Object(flat.images[0]), flat, corner()).inapplicable[0]
    plugin = METRICS["sic"]
    y = torch.tensor([[0.5, 0.1, *([0.2] * 13)]])
    seen = Seen(y, y, y, y[:, 0], y[:, 0], saliency(corner(), SIZE), None, corner(), inputs)
    assert "below least, 0.8" in plugin.function(seen, least=0.8).inapplicable[0]
    assert not plugin.function(seen, least=0.4).inapplicable[0]


def test_areas_by_hand() -> None:
    """Through (0.2, 0.5) and (0.6, 0.9); points of one information from the lowest answer to the highest."""
    area, line = area_of(np.array([0.6, 0.2]), np.array([0.9, 0.5]))
    assert area == pytest.approx(0.2 * 0.25 + 0.4 * 0.7 + 0.4 * 0.95)
    assert line[20] == pytest.approx(0.5)
    assert area_of(np.zeros(2), np.array([1.0, 0.3]))[0] == 1
    assert area_of(np.ones(2), np.array([1.0, 0.0]))[0] == pytest.approx(0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_plane_is_interpolated_to_itself(seed: int, share: float) -> None:
    """Whatever the triangles: they reach every pixel, as the corners are always known."""
    rows, columns = torch.arange(12.0)[:, None], torch.arange(17.0)
    plane = torch.stack([0.3 * rows - 0.1 * columns, rows + columns + 2])[None]
    known = torch.rand(1, 12, 17, generator=torch.Generator().manual_seed(seed)) < share
    known |= always_known((seed,), (12, 17))
    torch.testing.assert_close(interpolated(plane, known), plane, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("share", "least"), [(0.02, 0.97), (0.3, 0.97), (0.8, 0.8)])
def test_what_is_left_out_of_the_triangulation_changes_little(share: float, least: float) -> None:
    """Against griddata of every known pixel: equal, but where four pixels of a circle may be cut in two ways."""
    generator = torch.Generator().manual_seed(0)
    image = nn.functional.interpolate(torch.rand(1, 1, 8, 8, generator=generator), (64, 64), mode="bicubic")
    height = nn.functional.interpolate(torch.rand(1, 1, 9, 9, generator=generator), (64, 64), mode="bicubic")[:, 0]
    known = (height > torch.quantile(height, 1 - share)) | always_known((4,), (64, 64))
    shown = interpolated(image, known)[0, 0].double().numpy()
    mask, values = known[0].numpy(), image[0, 0].double().numpy()
    whole_grid = interpolate.griddata(np.argwhere(mask), values[mask], np.argwhere(~mask))
    same = np.isclose(shown[~mask], whole_grid, atol=1e-6)
    assert same.mean() > least
    assert np.abs(shown[~mask] - whole_grid).max() < 0.2
    assert np.array_equal(shown[mask], values[mask])


def test_pixels_that_are_always_known() -> None:
    known = always_known((1, 2, 1), (30, 50))
    assert torch.equal(known[0], known[2])
    assert not torch.equal(known[0], known[1])
    assert known[:, [0, 0, -1, -1], [0, -1, 0, -1]].all()
    assert all(15 <= count <= 19 for count in known.flatten(1).sum(1).tolist())
    inputs = pixels(torch.rand(2, 3, 30, 50))
    fill = fill_interpolated(inputs)
    mask = ~fill[:, 0].isnan()
    assert torch.equal(fill.nan_to_num(0), inputs.images * mask[:, None])
    assert torch.equal(whole("interpolated", inputs), interpolated(inputs.images, mask))


def test_bytes_of_other_channels_are_counted_one_by_one() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (20, 20, 4), dtype=np.uint8)
    assert picture_bytes(levels) == sum(picture_bytes(levels[:, :, c : c + 1]) for c in range(4))
    assert picture_bytes(levels[:, :, :3]) != picture_bytes(levels[:, :, :3] // 128)
