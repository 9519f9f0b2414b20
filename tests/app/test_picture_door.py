"""What visitors send is limited and decoded as data sets are; what is wrong with it is one line."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench import BenchError
from benchbench.app import picture_door
from benchbench.app.picture_door import camera_frame, sent_picture
from benchbench.datasets.sources.decode import decode

from .pictures import hostile_files, photograph, png_that_claims, truncated_jpeg


@pytest.mark.parametrize(("name", "content", "said_of_it"), [(n, *what) for n, what in hostile_files().items()])
def test_a_hostile_file_is_one_line_with_its_name(name: str, content: bytes, said_of_it: str, tmp_path: Path) -> None:
    (tmp_path / "stored").write_bytes(content)
    picture = sent_picture({"path": str(tmp_path / "stored"), "orig_name": name}, tmp_path)
    with pytest.raises(BenchError, match=said_of_it) as caught:
        picture.decoded()
    assert str(caught.value).startswith(f"{name}: ")
    assert str(tmp_path) not in str(caught.value)


def test_a_picture_is_decoded_as_data_sets_decode_it(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.png")
    picture = sent_picture({"path": str(path), "orig_name": "mine.png"}, tmp_path)
    assert np.array_equal(np.asarray(picture.decoded()), np.asarray(decode(path)))
    assert list(picture.data().ids) == ["mine.png"]


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\cat.jpg", "cat.jpg"),
        ("a\u202eb\x1b[2J.png", "a\\u202eb\\x1b[2J.png"),
        ("", "stored.png"),
        ("..", "picture"),
        (7, "7"),
        ("x" * 500 + ".jpeg", "x" * 110 + ".jpeg"),
    ],
)
def test_the_name_is_a_name(spelled: Any, name: str, tmp_path: Path) -> None:
    path = photograph(tmp_path / "stored.png")
    assert sent_picture({"path": str(path), "orig_name": spelled}, tmp_path).name == name


def test_what_no_visitor_uploaded_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "uploads", photograph(tmp_path / "secret.png")
    inside.mkdir()
    (inside / "link.png").symlink_to(outside)
    for path in (outside, inside / ".." / "secret.png", inside / "link.png", Path("/etc/passwd")):
        with pytest.raises(BenchError, match="no uploaded file"):
            sent_picture({"path": str(path)}, inside)
    with pytest.raises(BenchError, match="not there any more"):
        sent_picture({"path": str(inside / "gone.png")}, inside)
    nothings: list[Any] = [None, [], "x", {"path": None}, {"url": "http://example.org/x.png"}]
    for nothing in nothings:
        with pytest.raises(BenchError, match="no picture yet"):
            sent_picture(nothing, inside)


def test_a_large_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(picture_door.MOST_BYTES + 1)
    with pytest.raises(BenchError, match="64 MiB are the most"):
        sent_picture({"path": str(tmp_path / "x.png")}, tmp_path)


def _url(content: bytes, kind: str = "image/jpeg") -> dict[str, str]:
    return {"url": f"data:{kind};base64,{base64.b64encode(content).decode()}"}


def test_a_frame_of_the_camera(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.png")
    frame = camera_frame(_url(path.read_bytes(), "image/png"))
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(frame), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize(
    ("payload", "said_of_it"),
    [
        (None, "no picture"),
        ({"url": None}, "no picture"),
        ({"url": "http://example.org/x.png"}, "no picture"),
        ({"url": "file:///etc/passwd"}, "no picture"),
        ({"url": "data:text/html;base64,PGI+"}, "no picture"),
        ({"url": "data:image/png;base64,%%%"}, "damaged"),
        (_url(truncated_jpeg()), "cannot be decoded"),
        (_url(png_that_claims(60_000, 60_000)), "more than"),
        (_url(b"GIF89a" + bytes(100), "image/gif"), "known format"),
        ({"url": f"data:image/png;base64,{'A' * (12 << 20)}"}, "too large"),
    ],
)
def test_a_hostile_frame_is_one_line(payload: Any, said_of_it: str) -> None:
    with pytest.raises(BenchError, match=said_of_it):
        camera_frame(payload)
