"""A camera's film: of the newest frames, at their times, in little memory, and ended by the time or by a signal."""

from __future__ import annotations

import signal
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import benchbench as bb
from benchbench.engine.stopping import deadly_signals
from benchbench.looking.film import camera as camera_module
from benchbench.looking.film.camera import Camera, CameraDevice, camera_among, device_of
from benchbench.looking.film.camera_film import camera_lines
from benchbench.looking.film.command import FilmRequest
from benchbench.looking.film.frame_maps import FrameExplainer, FrameMaps
from benchbench.looking.film.overlay_film import FilmOptions
from benchbench.looking.film.source import open_film
from benchbench.viz.style import Style

from ..cli.commands import benchbench
from ..viz.test_overlay import NET
from .films import film

FAST, SLOW = "testsrc=size=64x48:rate=100,realtime", "testsrc=size=64x48:rate=20,realtime"


class Held:
    """A frame to which a weak reference can be taken."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self.frame, name)


@pytest.fixture(scope="module")
def request_of_net(tmp_path_factory: pytest.TempPathFactory) -> FilmRequest:
    folder = tmp_path_factory.mktemp("camera")
    (folder / "net.py").write_text(NET.replace("warning='random'", "warning=''"))
    return FilmRequest(f"{folder}/net.py:small", [{"name": "gradcam"}, {"name": "layercam"}], "1", ["predicted"])


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a test picture of FFmpeg, or a file, in the camera's place."""

    def plug(address: str, format: str = "lavfi") -> None:
        monkeypatch.setattr(camera_module, "device_of", lambda words: CameraDevice(address, format))

    return plug


def test_the_film_of_a_camera(request_of_net: FilmRequest, tmp_path: Path, plug: Callable[..., None]) -> None:
    """The same drawing as a film's: the plain frame first; the frames keep the times at which they came."""
    plug(SLOW)
    options = FilmOptions(tmp_path / "seen.mp4", Style())
    words, *_, path = camera_lines("camera", request_of_net, options, 1.0)
    assert path == str(tmp_path / "seen.mp4")
    assert words.startswith(f"camera {SLOW}: ")
    opened = open_film(tmp_path / "seen.mp4")
    frames = list(opened)
    assert {frame.picture.size for frame in frames} == {(3 * 64, 48)}
    times = [float(frame.time * opened.time_base) for frame in frames]
    assert times[-1] < 1
    assert f": {len(frames)} frames in {times[-1]:.1f} s" in words
    assert len(frames) >= 2
    assert np.diff(times).min() > 0
    assert [each.name for each in tmp_path.iterdir()] == ["seen.mp4"]


def test_the_command(request_of_net: FilmRequest, tmp_path: Path, plug: Callable[..., None]) -> None:
    plug(SLOW)
    words = ["--model", request_of_net.model, "--layer", "1", "--style", "map", "--seconds", "0.3"]
    done = benchbench("explain", "camera", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"camera {SLOW}; 0.3 seconds; Ctrl-C ends the film\n"
    assert done.stdout.splitlines()[-1] == "explained.mp4"
    assert (tmp_path / "explained.mp4").is_file()


def test_the_newest_frame_wins(plug: Callable[..., None]) -> None:
    """A caller that is slower than the camera gets what the camera shows now, and no queue of what it showed."""
    plug(FAST)
    camera, alive = Camera.open("camera"), list[weakref.ref[Any]]()
    offer, most = camera._offer, [0]

    def counting(frame: Any) -> None:
        alive.append(weakref.ref(frame := Held(frame)))
        most[0] = max(most[0], sum(each() is not None for each in alive[-50:]))
        offer(frame)

    camera._offer = counting  # type: ignore[method-assign]
    frames = camera.frames(None, lambda: False)
    try:
        times = [next(frames).time]
        for _ in range(4):
            time.sleep(0.25)
            times.append(next(frames).time)
        assert np.diff(times).min() > 100  # a queue's frames would be 10 ms apart
        assert camera.skipped >= len(alive) - 8
        assert len(alive) > 15
        assert most[0] <= 4
    finally:
        camera.close()


def test_ctrl_c_ends_the_film_and_keeps_it(
    request_of_net: FilmRequest, tmp_path: Path, plug: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(SLOW)
    explain, calls = FrameExplainer.explain, []

    def interrupting(self: FrameExplainer, *arguments: Any) -> FrameMaps:
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return explain(self, *arguments)

    monkeypatch.setattr(FrameExplainer, "explain", interrupting)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with deadly_signals():
            lines = list(camera_lines("camera", request_of_net, FilmOptions(tmp_path / "seen.mkv", Style()), None))
    finally:
        signal.signal(signal.SIGINT, before)
    assert "3 frames" in lines[0]
    assert len(list(open_film(tmp_path / "seen.mkv"))) == 3


def test_a_camera_that_is_pulled_out_leaves_the_film_until_then(
    request_of_net: FilmRequest, tmp_path: Path, plug: Callable[..., None]
) -> None:
    plug(str(film(tmp_path / "x.mp4")), "mp4")
    lines = list(camera_lines("camera", request_of_net, FilmOptions(tmp_path / "seen.mp4", Style()), None))
    assert lines[-2:] == ["The camera was lost: it ended", str(tmp_path / "seen.mp4")]
    assert 1 <= len(list(open_film(tmp_path / "seen.mp4"))) <= 10


def test_a_camera_that_sends_nothing_is_an_error(plug: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    plug(SLOW)
    hangs = threading.Event()
    monkeypatch.setattr(camera_module, "PATIENCE", 0.3)
    monkeypatch.setattr(Camera, "_read", lambda self: hangs.wait(5))
    camera = Camera.open("camera")
    with pytest.raises(bb.BenchError, match=r"camera: testsrc.* sends no pictures: it sent nothing for 0 s"):
        next(camera.frames(5, lambda: False))
    hangs.set()
    camera.close()


def test_the_device_of_each_system() -> None:
    assert device_of("camera", "linux") == CameraDevice("/dev/video0", "v4l2")
    assert device_of("camera:2", "linux").address == "/dev/video2"
    assert device_of("camera:/dev/v4l/by-id/usb", "linux").address == "/dev/v4l/by-id/usb"
    assert device_of("camera:1", "darwin").address == "1:none"
    assert device_of("camera:FaceTime", "darwin").format == "avfoundation"
    assert device_of("camera:Integrated Camera", "win32") == CameraDevice("video=Integrated Camera", "dshow")
    with pytest.raises(bb.BenchError, match="cameras of sunos cannot be read"):
        device_of("camera", "sunos")


def test_windows_knows_cameras_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Device:
        def __init__(self, name: str, kind: str) -> None:
            self.name, self.media_types = name, [kind]

    devices = [Device("Microphone", "audio"), Device("Front", "video"), Device("Back", "video")]
    monkeypatch.setattr(av, "enumerate_input_devices", lambda kind: devices if kind == "dshow" else [])
    assert device_of("camera:1", "win32").address == "video=Back"
    with pytest.raises(bb.BenchError, match="there is no camera 2; there are 2"):
        device_of("camera:2", "win32")


def test_the_word_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert camera_among(["camera"]) == "camera"
    assert camera_among(["camera:1"]) == "camera:1"
    assert camera_among(["camera.jpg", "cameras"]) is None
    with pytest.raises(bb.BenchError, match="camera:1: a camera is explained alone"):
        camera_among(["x.jpg", "camera:1"])
    (tmp_path / "camera").mkdir()
    assert camera_among(["camera"]) is None
    assert camera_among(["camera:0"]) == "camera:0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["camera:/dev/absent"], "camera: /dev/absent cannot be opened: No such file or directory"),
        (["camera", "--scores"], "--scores: it is for photographs"),
        (["camera", "--scaling", "film"], "scaling: a camera is seen once"),
        (["camera", "--seconds", "0"], "seconds: seconds is 0"),
        (["camera", "--out", "x.png"], "x.png: cannot write a film as '.png'"),
        (["x.jpg", "--seconds", "3"], "--seconds: it is for the camera"),
    ],
)
@pytest.mark.skipif("sys.platform != 'linux'")
def test_a_mistake_with_the_camera_is_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    done = benchbench("explain", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
