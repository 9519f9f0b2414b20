"""Photographs and masks of a folder: changed bytes, and files that are made to cost memory."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from benchbench.datasets.sources.decode import decode_indices, decode_levels
from benchbench.datasets.sources.folder import folder
from benchbench.models.pixel_sets import _mask_of

from . import pictures
from .mutations import changed_bytes
from .outcomes import outcome, refused
from .profile import counted, tries

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, of files that are odd and read all the same
COSTS = 600_000  # KiB of memory that a refused picture may take


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photograph and its mask."""
    root = tmp_path_factory.mktemp("photos")
    for place in ("photos", "masks"):
        (root / place).mkdir()
    return root


def read(root: Path) -> Any:
    data = folder(root=root / "photos", masks=root / "masks")
    return data[0], data.fingerprint(0)


@tries(80)
@given(content=changed_bytes(pictures.VALID))
def test_changed_photographs(content: bytes, root: Path) -> None:
    (root / "photos/a.png").write_bytes(content)
    (root / "masks/a.png").write_bytes(pictures.mask())
    outcome(read, root)


@tries(50)
@given(content=changed_bytes([pictures.mask(), *pictures.VALID]))
def test_changed_masks(content: bytes, root: Path) -> None:
    (root / "photos/a.png").write_bytes(pictures.saved("PNG"))
    mask = root / "masks/a.png"
    mask.write_bytes(content)
    outcome(read, root)
    outcome(decode_indices, mask)
    outcome(decode_levels, mask)
    outcome(_mask_of, mask)


@pytest.mark.parametrize("name", counted("pictures.bombs", list(pictures.bombs())))
def test_a_bomb_is_refused_and_costs_little(name: str, root: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for place in ("photos", "masks"):
        (root / place / "a.png").write_bytes(pictures.bombs()[name])
    result = outcome(read, root)
    if not name.startswith(("profile", "text")):  # what is beside the pixels may be left out
        assert isinstance(result, Exception)
    refused(_mask_of, root / "masks/a.png") if not name.startswith(("profile", "text")) else None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < COSTS
