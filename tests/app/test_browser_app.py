"""The app in a real browser with a fake camera: pictures, hostile files, the camera, classes, several visitors."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchbench.app import visitor_desk as desk_module

from .pictures import hostile_files, photograph
from .running import RunningApp
from .visits import visiting

pytestmark = pytest.mark.browser


def test_a_picture_two_methods_and_another_class(camera_browser: Any, app: RunningApp, app_home: Path) -> None:
    with visiting(camera_browser, app) as visit:
        visit.send(app_home / "cat.png")
        (head,) = visit.heads()
        titles = visit.tab.locator("#answer .bb-card strong").all_inner_texts()
        assert titles == ["what the network sees", "Grad-CAM", "Layer-CAM"]
        captions = visit.tab.locator("#answer .bb-card figcaption").all_inner_texts()
        for caption in captions[1:]:
            assert re.search(r"deletion 0\.\d{3} ↓\s+insertion 0\.\d{3} ↑\s+time [\d.]+ m?s", caption)
        assert visit.tab.locator("#answer svg polyline").count() == 4
        first = visit.tab.locator("#status").inner_text()
        assert re.search(r"small sees: \w+ · 0\.\d{3}, ", first)

        visit.tab.locator("#classes input").first.press("Backspace")  # the predicted class is no longer chosen
        visit.choose("classes", "cow")
        visit.tab.locator("#explain").click()
        visit.tab.locator("#answer h3", has_text="cow, probability").wait_for()
        assert not head.startswith("cow")

        visit.tab.get_by_text("Repeat it").click()
        command = visit.tab.locator("#run-command .cm-content").inner_text()
        assert "--target 2" in command
        assert "--methods gradcam,layercam" in command
        assert "cat.png" in visit.tab.locator("#explain-command .cm-content").inner_text()
        assert "target=2," in visit.tab.locator("#python-lines .cm-content").inner_text()
        assert visit.outside == set()
        assert visit.complaints == []


def test_hostile_files_are_one_line_and_the_app_lives_on(
    camera_browser: Any, app: RunningApp, app_home: Path, tmp_path: Path
) -> None:
    with visiting(camera_browser, app) as visit:
        for name, (content, reason) in hostile_files().items():
            (tmp_path / name).write_bytes(content)
            visit.send(tmp_path / name)
            alert = visit.tab.locator("#status [role=alert]", has_text=name)
            alert.wait_for()
            assert reason in alert.inner_text()
            assert visit.tab.locator("#answer img").count() == 0
            assert "Traceback" not in visit.tab.locator("body").inner_text()
        visit.send(app_home / "cat.png")
        assert visit.heads()
        assert visit.tab.locator("#status [role=alert]").count() == 0
        assert visit.tab.evaluate("window.hacked") is None
        assert visit.outside == set()


def test_a_picture_from_the_camera(camera_browser: Any, app: RunningApp) -> None:
    with visiting(camera_browser, app) as visit:
        visit.photograph()
        assert visit.heads()
        assert visit.tab.locator("#answer .bb-card img").count() == 3


def test_a_pasted_picture(camera_browser: Any, app: RunningApp, app_home: Path) -> None:
    options = {"permissions": ["clipboard-read", "clipboard-write"]}
    with visiting(camera_browser, app, **options) as visit:
        content = (app_home / "cat.png").read_bytes()
        visit.tab.evaluate(
            "async (bytes) => navigator.clipboard.write([new ClipboardItem({'image/png': new Blob("
            "[new Uint8Array(bytes)], {type: 'image/png'})})])",
            list(content),
        )
        visit.tab.locator("#picture button[aria-label*='clipboard' i], #picture button[aria-label*='paste' i]").click()
        assert visit.heads()


def test_the_newest_frame_of_the_camera_wins(
    camera_browser: Any, app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[float] = []
    live_page = vars(desk_module)["live_page"]

    def slow(*args: Any) -> str:
        times.append(time.perf_counter())
        time.sleep(0.5)
        page: str = live_page(*args)
        return page

    monkeypatch.setattr(desk_module, "live_page", slow)
    with visiting(camera_browser, app) as visit:
        visit.open("Live camera")
        visit.tab.locator("#camera").get_by_text("Click to Access Webcam").click()
        visit.tab.locator("#camera").get_by_text("Record").click()
        visit.tab.wait_for_selector("#live-answer .bb-card img")
        first = visit.tab.locator("#live-answer .bb-card img").get_attribute("src")
        visit.tab.wait_for_timeout(3000)
        shown = visit.tab.locator("#live-answer .bb-card img").get_attribute("src")
        assert shown != first
        visit.tab.locator("#camera").get_by_text("Stop").click()
        visit.tab.wait_for_timeout(1500)
        stopped = len(times)
        visit.tab.wait_for_timeout(2500)  # 5 more frames, had they been queued
        assert len(times) <= stopped + 1
        assert all(later - earlier >= 0.5 for earlier, later in pairwise(times))
        assert visit.outside == set()


def test_a_slow_method_of_the_camera_is_asked_for(camera_browser: Any, app: RunningApp) -> None:
    with visiting(camera_browser, app) as visit:
        visit.open("Live camera")
        visit.choose("live-methods", "Score-CAM")
        visit.tab.locator("#camera").get_by_text("Click to Access Webcam").click()
        visit.tab.locator("#camera").get_by_text("Record").click()
        visit.tab.locator("#live-status [role=alert]", has_text="many passes").wait_for()
        visit.tab.locator("#live-slow input").check()
        visit.tab.wait_for_selector("#live-answer .bb-card img")


def test_a_picture_is_computed_once(
    camera_browser: Any, app: RunningApp, app_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploaded first, in place of another one, after a removal, or taken with the camera."""
    photograph(tmp_path / "dog.png", 5)
    computed: list[str] = []
    maps_page = desk_module.VisitorDesk.maps_page

    def counting(self: desk_module.VisitorDesk, name: str, payload: Any, *rest: Any) -> str:
        computed.append(payload["orig_name"])
        return maps_page(self, name, payload, *rest)

    monkeypatch.setattr(desk_module.VisitorDesk, "maps_page", counting)
    with visiting(camera_browser, app) as visit:

        def shown(name: str) -> None:
            visit.tab.locator("#answer", has_text=name).wait_for()
            visit.tab.wait_for_timeout(700)  # a second computation would follow at once
            assert visit.tab.locator("#answer h3").count() == 1

        visit.send(app_home / "cat.png")
        shown("cat.png")
        visit.send(tmp_path / "dog.png", over=True)
        shown("dog.png")
        visit.send(app_home / "cat.png")
        shown("cat.png")
        visit.tab.locator('#picture button[aria-label="Remove Image"]').click()
        visit.photograph()
        shown("image.png")
    assert computed == ["cat.png", "dog.png", "cat.png", "image.png"]


def test_a_method_is_typed_with_its_parameters(camera_browser: Any, app: RunningApp, app_home: Path) -> None:
    with visiting(camera_browser, app) as visit:
        visit.choose("methods", "torch-cam GradCAM")
        typed = visit.tab.locator("#typed textarea, #typed input")
        typed.fill("smoothgrad:samples=2")
        visit.send(app_home / "cat.png")
        visit.heads()
        titles = visit.tab.locator("#answer .bb-card strong").all_inner_texts()
        assert titles[1:4] == ["Grad-CAM", "Layer-CAM", "torch-cam GradCAM"]
        assert titles[4].startswith("SmoothGrad")
        typed.fill("<b>gradcamm</b>")
        visit.tab.locator("#explain").click()
        visit.tab.locator("#status [role=alert]", has_text="methods: unknown method '<b>gradcamm</b>'").wait_for()
        assert visit.complaints == []


def test_names_of_classes_are_text(camera_browser: Any, app: RunningApp, app_home: Path) -> None:
    with visiting(camera_browser, app) as visit:
        visit.choose("network", "other")
        visit.tab.locator("#status", has_text="other").wait_for()
        visit.send(app_home / "cat.png")
        visit.heads()
        visit.tab.locator("#classes input").first.click()
        assert "<img src=x" in visit.tab.locator("body").inner_text()
        assert visit.tab.evaluate("window.hacked") is None
        assert visit.complaints == []


def test_visitors_do_not_see_each_others_pictures(
    camera_browser: Any, app: RunningApp, app_home: Path, tmp_path: Path
) -> None:
    photograph(tmp_path / "dog.png", 5)
    with visiting(camera_browser, app) as first, visiting(camera_browser, app) as second:
        first.send(app_home / "cat.png")
        first.heads()
        assert second.tab.locator("#answer img").count() == 0
        second.send(tmp_path / "dog.png")
        second.heads()
        assert "dog.png" not in first.tab.locator("#answer").inner_text()
        assert "cat.png" not in second.tab.locator("body").inner_text()
        first.tab.reload()
        first.tab.wait_for_selector("#status .bb-message")
        assert first.tab.locator("#answer img").count() == 0


def test_runs_are_opened_filtered_and_compared(camera_browser: Any, app: RunningApp, app_home: Path) -> None:
    with visiting(camera_browser, app) as visit:
        visit.open("Runs")
        visit.tab.locator("#open-run").click()
        visit.tab.locator("#overview", has_text="This run compares").wait_for()
        visit.choose("filter-metric", "deletion")
        visit.tab.wait_for_function("!document.querySelector('#board').innerText.includes('insertion')")
        visit.choose("sample", "photo-03")
        visit.tab.wait_for_selector("#run-maps .bb-card img")
        visit.choose("run-b", str(app_home / "b"))
        visit.tab.locator("#compare-runs").click()
        visit.tab.locator("#comparison", has_text="B compared with A").wait_for()
        assert "insertion" not in visit.tab.locator("#comparison").inner_text()
        visit.choose("run-b", str(app_home))
        visit.tab.locator("#compare-runs").click()
        visit.tab.locator("#comparison [role=alert]", has_text="it holds no run").wait_for()
        assert visit.outside == set()
        assert visit.complaints == []
