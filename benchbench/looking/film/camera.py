"""A camera of this machine: opened through PyAV, read by a thread that keeps the newest frame alone."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...errors import BenchError
from ...paths import expanded
from .source import FilmFrame, imported_av, upright

WORD = "camera"
PATIENCE = 10.0  # seconds without a frame, after which the camera is taken for lost
_TURN = 0.1  # seconds after which a wait looks whether it is to end
_HINT = "Connect a camera, close the program that uses it, or name another one: camera:1 or camera:DEVICE"


@dataclass(frozen=True)
class CameraDevice:
    """What PyAV opens.

    Attributes:
        address: the device in the words of the system. format: FFmpeg's name of the system's cameras.
    """

    address: str
    format: str
    options: tuple[tuple[str, str], ...] = ()


def camera_among(names: Sequence[str]) -> str | None:
    """The words of the camera, if it is named: ``camera``, ``camera:1`` or ``camera:DEVICE``. A file of that name wins.

    Raises:
        BenchError: something else is named beside it.
    """
    cameras = [name for name in names if name.partition(":")[0] == WORD and not expanded(name).exists()]
    if cameras and len(names) > 1:
        raise BenchError("a camera is explained alone", where=cameras[0], hint="Name the other files in another call")
    return cameras[0] if cameras else None


def device_of(words: str, platform: str = sys.platform) -> CameraDevice:
    """The device that ``camera``, ``camera:1`` or ``camera:DEVICE`` means on a system.

    Raises:
        BenchError: the system has no such camera, or its cameras cannot be read.
    """
    name = words.partition(":")[2].strip() or "0"
    if platform.startswith("linux"):
        return CameraDevice(f"/dev/video{name}" if name.isdecimal() else name, "v4l2")
    if platform == "darwin":
        return CameraDevice(f"{name}:none", "avfoundation", (("framerate", "30"),))
    if platform == "win32":
        return CameraDevice(f"video={_windows_camera(name) if name.isdecimal() else name}", "dshow")
    raise BenchError(f"cameras of {platform} cannot be read", where=words, hint="Record a film, and explain the file")


def _windows_camera(number: str) -> str:
    """Windows knows cameras by name."""
    devices = imported_av().enumerate_input_devices("dshow")
    cameras = [device.name for device in devices if "video" in device.media_types]
    if int(number) >= len(cameras):
        raise BenchError(f"there is no camera {number}; there are {len(cameras)}", where=WORD, hint=_HINT)
    return str(cameras[int(number)])


@dataclass(eq=False)
class Camera:
    """A camera that is open. Frames do not queue: a frame that was not taken is replaced by the next.

    Attributes:
        skipped: frames that were replaced. lost: why the camera ended by itself; empty while it has not.
    """

    address: str
    container: Any
    skipped: int = 0
    lost: str = ""
    _newest: tuple[float, Any] | None = None
    _ended: bool = False
    _closing: bool = False

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="camera", daemon=True)

    @classmethod
    def open(cls, words: str) -> Camera:
        """Open a camera; it is read from ``frames`` on.

        Raises:
            BenchError: there is none, it cannot be opened, or PyAV is not installed.
        """
        av, device = imported_av(), device_of(words)
        try:
            container = av.open(device.address, format=device.format, options=dict(device.options))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise BenchError(f"{device.address} cannot be opened: {why}", where=WORD, hint=_HINT) from None
        if not container.streams.video:
            container.close()
            raise BenchError(f"{device.address} sends no pictures", where=WORD, hint=_HINT)
        return cls(device.address, container)

    def frames(self, seconds: float | None, stopped: Callable[[], bool]) -> Iterator[FilmFrame]:
        """The newest frame whenever the caller asks, with its time in milliseconds since the first.

        Args:
            seconds: after which it ends; None: when ``stopped`` says so, or the camera ends.

        Raises:
            BenchError: the camera ends, or sends nothing for ten seconds, before its first frame.
        """
        self._reader.start()
        first, last, heard = None, -1, time.monotonic()
        while not stopped():
            taken = self._take()
            now = time.monotonic() if taken is None else taken[0]
            if first is not None and seconds is not None and now - first >= seconds:
                return
            if taken is None:
                if not self._ended and now - heard < PATIENCE:
                    continue
                self.lost = self.lost or f"it sent nothing for {PATIENCE:.0f} s"
                if first is None:
                    raise BenchError(f"{self.address} sends no pictures: {self.lost}", where=WORD, hint=_HINT)
                return
            first, heard = now if first is None else first, now
            last = max(last + 1, round(1000 * (now - first)))
            yield FilmFrame(last, upright(taken[1]))

    def close(self) -> None:
        """Give the device back; a reader that hangs in its driver is left to the end of the process."""
        self._closing = True
        if self._reader.ident is not None:
            self._reader.join(2)
        if not self._reader.is_alive():
            self.container.close()

    def _take(self) -> tuple[float, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._ended, timeout=_TURN)
            taken, self._newest = self._newest, None
            return taken

    def _read(self) -> None:
        av = imported_av()
        try:
            for packet in self.container.demux(self.container.streams.video[0]):
                if self._closing:
                    return
                with suppress(av.error.FFmpegError):  # a camera's first packets are often damaged
                    for frame in packet.decode():
                        self._offer(frame)
        except (av.error.FFmpegError, OSError) as error:
            self.lost = getattr(error, "strerror", None) or str(error)
        finally:
            with self._changed:
                self.lost, self._ended = self.lost or ("" if self._closing else "it ended"), True
                self._changed.notify_all()

    def _offer(self, frame: Any) -> None:
        with self._changed:
            self.skipped += self._newest is not None
            self._newest = (time.monotonic(), frame)
            self._changed.notify_all()
