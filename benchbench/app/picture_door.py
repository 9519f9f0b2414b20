"""What visitors send: a picture's file or a camera's frame, limited, and decoded by the code that reads data sets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from PIL import Image

from ..datasets.sources.decode import decode, to_rgb
from ..datasets.sources.file_dataset import Files, Item
from ..errors import BenchError, safe
from ..looking.named_pictures import DATA
from ..untrusted_picture import MAX_PIXELS, read_picture

MOST_BYTES = 64 << 20  # of an uploaded file
MOST_FRAME_BYTES = 8 << 20  # of a camera's frame
MOST_FRAME_PIXELS = 4096 * 2304
_FRAME_FORMATS = ("JPEG", "PNG", "WEBP")
_LONGEST_NAME = 120
_AGAIN = "Choose another picture"


@dataclass(frozen=True)
class SentPicture:
    """An uploaded picture.

    Attributes:
        path: where it was stored. name: the visitor's name of it, which is the picture's id in the run: what methods
            draw at random depends on it, so that it is the name that ``benchbench explain`` would see.
    """

    path: Path
    name: str

    def data(self) -> Files:
        """The picture as data of a study."""
        return Files(DATA, [Item(self.name, self.path)])

    def decoded(self) -> Image.Image:
        """RGB and upright.

        Raises:
            BenchError: it is no picture, truncated, or too large.
        """
        try:
            return decode(self.path)
        except BenchError as error:
            raise BenchError(error.what, where=self.name, hint=error.hint or _AGAIN) from None


def sent_picture(payload: Any, folder: Path) -> SentPicture:
    """The file of an upload, without opening it.

    Args:
        payload: what the browser says of it: ``path``, and ``orig_name``, the file's name there.
        folder: where uploads are stored; nothing outside it is a picture of a visitor.

    Raises:
        BenchError: there is none, it is not in the folder, it is not there any more, or it is too large.
    """
    if not isinstance(payload, Mapping) or not isinstance(payload.get("path"), str):
        raise BenchError("there is no picture yet", hint="Upload one, paste it, or take it with the camera")
    path = Path(payload["path"]).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BenchError("this is no uploaded file", hint=_AGAIN)
    name = _file_name(payload.get("orig_name") or path.name)
    if not path.is_file():
        raise BenchError("the upload is not there any more", where=name, hint="Upload it again")
    if (size := path.stat().st_size) > MOST_BYTES:
        message = f"the file has {size / 2**20:.0f} MiB; {MOST_BYTES >> 20} MiB are the most"
        raise BenchError(message, where=name, hint=_AGAIN)
    return SentPicture(path, name)


def _file_name(text: Any) -> str:
    """The last part of a name as a browser says it, in letters that can be shown."""
    name = safe(PureWindowsPath(PurePosixPath(str(text)).name).name)
    stem, dot, suffix = name.rpartition(".")
    if len(name) > _LONGEST_NAME:
        name = f"{(stem or suffix)[: _LONGEST_NAME - 10]}{dot}{suffix[:9]}"
    return name if name.strip(". ") else "picture"


def camera_frame(payload: Any) -> Image.Image:
    """A frame of a camera's stream, RGB.

    Args:
        payload: what the browser sends: ``url`` with the frame as ``data:image/...;base64,``.

    Raises:
        BenchError: it is no such picture, or too large.
    """
    url = payload.get("url") if isinstance(payload, Mapping) else None
    head, comma, text = (url or "").partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise BenchError("the camera sent no picture", where="camera", hint="Start it again")
    if len(text) > MOST_FRAME_BYTES * 4 // 3:
        raise BenchError("a frame is too large", where="camera", hint="Choose a lower resolution")
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one, and so is what letters beyond ASCII cause
        raise BenchError("a frame is damaged", where="camera", hint="Start it again") from None
    most = min(MOST_FRAME_PIXELS, MAX_PIXELS)
    return read_picture(content, lambda image: to_rgb(image).copy(), most, formats=_FRAME_FORMATS, name="camera")
