"""What visitors of the app send: changed bytes of pictures and of frames."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.app.picture_door import camera_frame, sent_picture

from . import pictures
from .mutations import changed_bytes
from .outcomes import outcome, refused
from .profile import counted, tries

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, of files that are odd and read all the same


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


def read(folder: Path, name: Any) -> Any:
    return sent_picture({"path": str(folder / "a"), "orig_name": name}, folder).decoded()


def frame(content: bytes, kind: str) -> dict[str, str]:
    return {"url": f"data:image/{kind};base64,{base64.b64encode(content).decode()}"}


@tries(60)
@given(content=changed_bytes(pictures.VALID), name=st.text(max_size=30))
def test_changed_uploads(content: bytes, name: str, uploads: Path) -> None:
    (uploads / "a").write_bytes(content)
    outcome(read, uploads, name)


@tries(60)
@given(content=changed_bytes(pictures.VALID), kind=st.sampled_from(["jpeg", "png", "webp"]))
def test_changed_frames(content: bytes, kind: str) -> None:
    outcome(camera_frame, frame(content, kind))


@tries(60)
@given(url=st.text(max_size=80) | st.builds("data:image/png;base64,{}".format, st.text(max_size=80)) | st.none())
def test_addresses_that_are_no_frames(url: str | None) -> None:
    refused(camera_frame, {"url": url})


@pytest.mark.parametrize("name", counted("app_pictures.bombs", list(pictures.bombs())))
def test_a_bomb_of_a_visitor_is_refused(name: str, uploads: Path) -> None:
    (uploads / "a").write_bytes(pictures.bombs()[name])
    outcome(read, uploads, name)
    outcome(camera_frame, frame(pictures.bombs()[name], "png"))
