"""Events of the app that no page sends: whatever their data, a visitor gets one line, and the app lives on."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.app import maps_panel, runs_panel
from benchbench.app.app_options import AppOptions
from benchbench.app.serving import imported_gradio
from benchbench.app.visitor_desk import VisitorDesk

from ..app.pictures import photograph
from ..reports.fake import Fake, fake_record
from ..viz.test_overlay import NET
from .outcomes import outcome
from .profile import tries

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["small", ["small"], {"small": 1}]) | JUNK
METHODS = st.sampled_from([["gradcam"], "gradcam", ["gradcm"], []]) | JUNK
TYPED = st.sampled_from(["", "smoothgrad:samples=2", "gradcm", "x:y:z", "gradcam:a=b", ["gradcam"]]) | JUNK
LAYERS = st.sampled_from([["last"], "1", ["last", "1"], ["../x"]]) | JUNK
CLASSES = st.sampled_from([["predicted"], "2", ["top9999999"], ["281-285"]]) | JUNK
STYLES = st.sampled_from(["overlay", "none"]) | JUNK


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> VisitorDesk:
    home = tmp_path_factory.mktemp("events")
    (home / "net.py").write_text(NET)
    (home / "run").mkdir()
    (home / "uploads").mkdir()
    photograph(home / "uploads" / "a.png")
    fake_record(home / "run", Fake(samples=("a", "b")))
    options = AppOptions({"small": f"{home / 'net.py'}:small"}, (home / "run",), "0.0.0.0", device="cpu")
    return VisitorDesk(options, home / "uploads")


def payloads(desk: VisitorDesk) -> st.SearchStrategy[Any]:
    mine = {"path": str(desk.uploads / "a.png"), "orig_name": "a.png"}
    return st.sampled_from([None, mine, {"path": "/etc/passwd"}, {"path": str(desk.uploads)}]) | JUNK


def texts_of(values: Any) -> str:
    """The texts of what a handler returns."""
    return " ".join(str(value) for value in (values if isinstance(values, (list, tuple)) else [values]))


@tries(60)
@given(data=st.data())
def test_pictures(data: st.DataObject, desk: VisitorDesk) -> None:
    on_network, on_picture, on_button, on_words = maps_panel._handlers(imported_gradio(), desk)
    name, payload = data.draw(NAMES), data.draw(payloads(desk))
    asked = [data.draw(each) for each in (METHODS, TYPED, LAYERS, CLASSES, JUNK)]
    calls: list[Callable[[], Any]] = [
        lambda: on_network(name, payload),
        lambda: list(on_picture(name, payload, *asked, data.draw(STYLES))),
        lambda: on_button(name, payload, *asked, data.draw(STYLES)),
        lambda: on_words(
            name, payload, *asked, data.draw(st.sampled_from(["photos", "folder"]) | JUNK), data.draw(JUNK)
        ),
    ]
    for call in calls:
        assert "Traceback" not in texts_of(call())


@tries(60)
@given(data=st.data())
def test_runs(data: st.DataObject, desk: VisitorDesk) -> None:
    run = str(desk.options.runs[0])
    folders = st.sampled_from([run, f"{run}/../run", str(Path(run).parent), [run]]) | JUNK
    chosen = st.sampled_from([["gradcam"], ["stage4"], [], None]) | JUNK
    on_open, on_filter, on_sample, on_compare, on_compared = runs_panel._handlers(imported_gradio(), desk)
    name, other, filters = data.draw(folders), data.draw(folders), [data.draw(chosen) for _ in range(5)]
    on_open(name)
    on_filter(name, *filters)
    on_sample(name, data.draw(st.sampled_from(["a", "c"]) | JUNK), *filters)
    on_compare(name, other, *filters)
    on_compared(name, other, data.draw(JUNK), *filters)
    assert set(desk.library._open) <= set(desk.options.runs)


@tries(60)
@given(data=st.data())
def test_frames(data: st.DataObject, desk: VisitorDesk) -> None:
    words = [data.draw(each) for each in (METHODS, LAYERS, CLASSES, JUNK)]
    content = base64.b64encode((desk.uploads / "a.png").read_bytes()).decode()
    frames = st.just({"url": f"data:image/png;base64,{content}"}) | payloads(desk)
    outcome(desk.live, data.draw(NAMES), data.draw(frames), *words)
