"""Maps stored beside a test: what is kept, what is distinguished, and that nothing passes without a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.testing import Small, assert_same_maps, example_images, example_maps, seeded
from benchbench.testing.snapshots import SIDE, Unlike, compare, kept, write

MAPS = torch.rand(2, 6, 7, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "snapshot.json"
    assert_same_maps(MAPS, path, update=True)
    return path


def test_without_a_file_it_fails_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"there is no snapshot yet\. Run pytest --benchbench-update"):
        assert_same_maps(MAPS, tmp_path / "none.json")
    assert not list(tmp_path.iterdir())


def test_the_same_maps_pass_at_any_scale(stored: Path) -> None:
    before = stored.read_bytes()
    assert_same_maps(MAPS, stored)
    assert_same_maps(3 * MAPS[:, None] + 1, stored)
    assert_same_maps(MAPS, stored, update=True)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["snapshot.json"], "no temporary file stays"


def test_what_changed_is_named_and_update_writes_it(stored: Path) -> None:
    other = MAPS.clone()
    other[1, 2, 3] = 1 - other[1, 2, 3]
    with pytest.raises(AssertionError, match=r"1: off by .* at row 2, column 3 .* 1 of 42 cells are"):
        assert_same_maps(other, stored)
    before = stored.read_text().splitlines()
    assert_same_maps(other, stored, update=True)
    assert_same_maps(other, stored)
    changed = [i for i, (a, b) in enumerate(zip(before, stored.read_text().splitlines(), strict=True)) if a != b]
    assert len(changed) == 1, "a diff of one line for one row"


WRONG = {
    "transposed": (MAPS.mT, "0: 7 x 6 cells, and the snapshot has 6 x 7"),
    "flipped": (MAPS.flip(1), "0: off by"),
    "flat": (MAPS * 0, "0: off by 1 at"),
    "fewer": (MAPS[:1], "1: the snapshot has this map, but the test does not"),
    "more": (torch.cat([MAPS, MAPS[:1]]), "2: the snapshot has no such map"),
    "not finite": (MAPS / 0, "0: it has values that are not finite"),
    "none": (MAPS[:0], "there is no map to compare"),
    "no maps": (MAPS[0], "have shape"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_other_maps_fail(stored: Path, fault: str) -> None:
    maps, message = WRONG[fault]
    with pytest.raises(AssertionError, match=message):
        assert_same_maps(maps, stored)


def test_what_cannot_be_compared_is_not_written(tmp_path: Path) -> None:
    for maps in (MAPS / 0, MAPS[:0]):
        with pytest.raises(AssertionError):
            assert_same_maps(maps, tmp_path / "file.json", update=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"snapshot": 9, "maps": {}}', '{"snapshot": 1, "maps": {"0": {"shape": [6, 7], "rows": [[1]]}}}'],
)
def test_a_file_that_is_none_fails_and_says_so(stored: Path, text: str) -> None:
    stored.write_text(text)
    with pytest.raises(
        AssertionError, match=r"snapshot.json: (the snapshot cannot be read|this file is not a snapshot)"
    ):
        assert_same_maps(MAPS, stored)
    assert_same_maps(MAPS, stored, update=True)
    assert_same_maps(MAPS, stored)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot write it"):
        write({"0": MAPS[0].numpy()}, tmp_path / "file" / "snapshot.json")


def test_large_maps_are_kept_as_means() -> None:
    large = np.random.default_rng(0).random((100, 20))
    means = kept(large)
    assert means.shape == (SIDE, 20)
    normal = (large - large.min()) / (large.max() - large.min())
    edges = [i * 100 // SIDE for i in range(SIDE + 1)]
    for i in (0, 7, 31):
        np.testing.assert_allclose(means[i], normal[edges[i] : edges[i + 1]].mean(0), atol=6e-5)


@given(arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.floats(-1e3, 1e3, width=32)))
def test_any_map_is_equal_to_what_was_stored_of_it(tmp_path_factory: pytest.TempPathFactory, values: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    assert isinstance(values, np.ndarray)
    write({"it": values}, path)
    compare({"it": values}, path, 1e-4)


@given(st.integers(2, SIDE), st.integers(2, SIDE), st.data())
def test_any_cell_that_moves_is_found(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, data: st.DataObject
) -> None:
    """By more than the tolerance and twice what four digits round."""
    values = np.full((height, width), 0.5)
    values[0, 0], values[0, 1] = 0, 1
    row, column = data.draw(st.integers(1, height - 1)), data.draw(st.integers(0, width - 1))
    other = values.copy()
    other[row, column] += data.draw(st.sampled_from([-1, 1])) * data.draw(st.floats(1.2e-3, 0.5))
    path = tmp_path_factory.getbasetemp() / "moved.json"
    write({"it": values}, path)
    with pytest.raises(Unlike, match=f"row {row}, column {column} "):
        compare({"it": other}, path, 1e-3)


def test_a_run_is_stored_under_the_names_of_its_maps(tmp_path: Path) -> None:
    run = bb.Study(
        models={"net": seeded(Small)},
        datasets={"data": (example_images(2), [0, 1])},
        layers=["relu"],
        methods=["gradcam", "center"],
        metrics=["deletion"],
    ).run(tmp_path / "run", report=False)
    path = tmp_path / "maps.json"
    assert_same_maps(run, path, update=True)
    assert_same_maps(run, path)
    names = list(json.loads(path.read_text())["maps"])
    assert sorted(names) == sorted(
        f"net / data / relu / {method} / {sample}" for method in ("gradcam", "center") for sample in ("0000", "0001")
    )
    with pytest.raises(AssertionError, match="net / data / relu / gradcam / 0000: the snapshot has this map"):
        assert_same_maps(example_maps("gradcam"), path)
