"""The app's numbers are those of benchbench explain; it computes one thing at a time and keeps nothing of a visitor."""

from __future__ import annotations

import base64
import gc
import html
import re
import shlex
import threading
import time
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchbench import BenchError
from benchbench.app import visitor_desk as desk_module
from benchbench.app.app_options import AppOptions
from benchbench.app.app_question import MOST_MAPS, AppQuestion, all_methods, is_cheap, method_choices, method_of
from benchbench.app.live_frames import MOST_LIVE
from benchbench.app.visitor_desk import VisitorDesk
from benchbench.looking import explain_outputs
from benchbench.looking.looked import Looked, every_place
from benchbench.registry import METHODS

from ..cli.commands import benchbench
from ..viz.test_overlay import NET
from .pictures import photograph

HOSTILE = "<img src=x onerror=alert(1)> ${1+1} {{value}}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    text = NET.replace("warning='random'", "warning=''")
    hostile = text.replace("small", "other").replace("'dog'", repr(HOSTILE))
    (tmp_path / "net.py").write_text(f"{text}\n{hostile}")
    photograph(tmp_path / "cat.png")
    return tmp_path


@pytest.fixture
def desk(place: Path) -> VisitorDesk:
    models = {name: f"{place / 'net.py'}:{name}" for name in ("small", "other")}
    return VisitorDesk(AppOptions(models, device="cpu"), place)


def _sent(path: Path) -> dict[str, str]:
    return {"path": str(path), "orig_name": path.name}


def _looked(monkeypatch: pytest.MonkeyPatch, module: Any) -> list[Looked]:
    """What a module's ``look`` returns, with all its numbers read while the run's folder is there."""
    seen: list[Looked] = []
    look = module.look

    def watched(*args: Any, **how: Any) -> Looked:
        looked: Looked = look(*args, **how)
        assert all(looked.map(place) is not None for place in every_place(looked))
        seen.append(looked)
        return looked

    monkeypatch.setattr(module, "look", watched)
    return seen


def test_the_scores_are_those_of_explain_to_the_bit(
    place: Path, desk: VisitorDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = _looked(monkeypatch, desk_module), _looked(monkeypatch, explain_outputs)
    methods = ["gradcam", "layercam", "random", "scorecam"]  # of which one draws by the picture's name
    page = desk.maps_page("small", _sent(place / "cat.png"), AppQuestion.of(methods, ["last"], ["1", "2"]), "overlay")
    words = ["explain", "cat.png", "--model", "net.py:small", "--methods", ",".join(methods), "--classes", "1,2"]
    done = benchbench(*words, "--scores", cwd=place)
    assert done.returncode == 0, done.stderr
    (app,), (command,) = mine, theirs
    places = every_place(command)
    assert len(places) == 8
    for each in places:
        assert set(command.scores(each)) == {"deletion", "insertion"}
        assert app.scores(each) == command.scores(each)
        assert app.curves(each) == command.curves(each)
        assert len(app.curves(each)["deletion"]) == 29
        assert (app.milliseconds(each) or 0) > 0
        for metric, value in app.scores(each).items():
            assert f"{metric} {value:.3f}" in page


def test_the_curves_have_the_scores_as_their_area(
    place: Path, desk: VisitorDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _looked(monkeypatch, desk_module)
    desk.maps_page("small", _sent(place / "cat.png"), AppQuestion.of("layercam", "last", "predicted"), "overlay")
    (each,) = every_place(mine[0])
    for metric, curve in mine[0].curves(each).items():
        area = sum((y0 + y1) / 2 * (x1 - x0) for (x0, y0), (x1, y1) in pairwise(curve))
        assert area == pytest.approx(mine[0].scores(each)[metric], abs=1e-6)


def test_classes_are_named_with_the_probabilities_that_explain_prints(place: Path, desk: VisitorDesk) -> None:
    words = desk.network_words("small", _sent(place / "cat.png"))
    output = benchbench("explain", "cat.png", "--model", "net.py:small", "--classes", "top3", cwd=place).stdout
    for line in output.splitlines()[:3]:
        name, chance = line.removeprefix("cat.png: ").split(", probability ")
        assert f"{name} · {chance}" in [text for text, _ in words.classes]
    assert [value for _, value in words.classes[:2]] == ["predicted", "top5"]
    assert sorted(value for _, value in words.classes[2:]) == ["0", "1", "2"]
    first = output.splitlines()[0].removeprefix("cat.png: ").split(",")[0]
    assert words.sentence.startswith(f"small sees: {first} · ")
    assert {"last", "stages", "0", "1"} <= set(words.layers)


@pytest.mark.parametrize("style", ["overlay", "contour", "top", "map"])
def test_every_style_draws_other_pictures_of_the_same_scores(style: str, place: Path, desk: VisitorDesk) -> None:
    question = AppQuestion.of(["layercam", "saliency", "drise"], ["0", "1"], ["1"])
    pages = [desk.maps_page("small", _sent(place / "cat.png"), question, each) for each in (style, "overlay")]
    texts = [re.sub(r"data:[^\"]*|time [\d.]+ m?s", "", page) for page in pages]
    assert texts[0] == texts[1]
    pictures = [re.findall(r"data:[^\"]*", page) for page in pages]
    assert [len(each) for each in pictures] == [6, 6]  # at two layers the picture and two maps
    assert (pictures[0][1] == pictures[1][1]) is (style == "overlay")
    assert pages[0].count("the network is no detector") == 2
    assert len(re.findall(r"time [\d.]+ m?s", pages[0])) == 4


def test_every_text_of_the_page_is_escaped(place: Path, desk: VisitorDesk) -> None:
    question = AppQuestion.of(["gradcam"], ["last"], ["1"])
    page = desk.maps_page("other", _sent(place / "cat.png"), question, "map")
    assert html.escape(HOSTILE) in page
    assert "<img src=x" not in page


def test_another_network_frees_the_former_one(desk: VisitorDesk) -> None:
    first = desk.shelf.network("small")
    assert desk.shelf.network("small") is first
    watched = weakref.ref(first.spec.network)
    del first
    desk.shelf.network("other")
    gc.collect()
    assert watched() is None
    with pytest.raises(BenchError, match=r"no network '/etc/evil\.py:run'"):
        desk.shelf.network("/etc/evil.py:run")


def test_one_thing_is_computed_at_a_time(place: Path, desk: VisitorDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    active, most = 0, 0
    look = vars(desk_module)["look"]

    def counted(*args: Any, **how: Any) -> Looked:
        nonlocal active, most
        active += 1
        most = max(most, active)
        time.sleep(0.2)
        looked: Looked = look(*args, **how)
        active -= 1
        return looked

    monkeypatch.setattr(desk_module, "look", counted)
    question = AppQuestion.of(["gradcam"], ["last"], ["predicted"], False)
    pages: list[str] = []
    ask = lambda: pages.append(desk.maps_page("small", _sent(place / "cat.png"), question, "overlay"))  # noqa: E731
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(pages), most) == (3, 1)


@pytest.fixture
def frame(place: Path) -> dict[str, str]:
    content = base64.b64encode((place / "cat.png").read_bytes()).decode()
    return {"url": f"data:image/png;base64,{content}"}


def test_a_frame_has_its_class_and_its_maps(desk: VisitorDesk, frame: dict[str, str]) -> None:
    page = desk.live("small", frame, ["gradcam", "layercam"], "last", "2", False) or ""
    assert page.count("<img ") == 2
    assert "cow, probability " in page
    loaded = desk.shelf.network("small")
    explainer = loaded.explainer(["gradcam", "layercam"], "last", "2")
    assert loaded.explainer(["gradcam", "layercam"], "last", "2") is explainer  # made ready once


def test_a_frame_whose_turn_does_not_come_is_left_out(desk: VisitorDesk, frame: dict[str, str]) -> None:
    with desk._turn:
        began = time.perf_counter()
        assert desk.live("small", frame, ["gradcam"], "last", "predicted", False) is None
        assert time.perf_counter() - began < 5
    assert desk.live("small", frame, ["gradcam"], "last", "predicted", False)


def test_methods_of_other_libraries_and_with_parameters(
    place: Path, desk: VisitorDesk, frame: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen or typed, as the command line spells them; the scores are those of the command."""
    assert all_methods(["gradcam"], "a:b=1, 'c,d',") == ["gradcam", "a:b=1", "'c,d'"]
    names = {value: text for text, value in method_choices()}
    assert names["pytorch-grad-cam:ScoreCAM"] == "pytorch-grad-cam ScoreCAM"
    assert {"torchcam:GradCAM", "captum:Saliency", "gradcam"} <= set(names)
    mine, theirs = _looked(monkeypatch, desk_module), _looked(monkeypatch, explain_outputs)
    methods = ["torchcam:GradCAM", "smoothgrad:samples=2"]
    question = AppQuestion.of(methods, "last", "1")
    page = desk.maps_page("small", _sent(place / "cat.png"), question, "overlay")
    assert "torch-cam GradCAM" in page
    command, _, lines = desk.commands("small", _sent(place / "cat.png"), question, "photos", "")
    assert "methods=['torchcam:GradCAM', {'name': 'smoothgrad', 'samples': 2}]," in lines
    done = benchbench(*shlex.split(command.replace(" small ", " net.py:small "))[1:], cwd=place)
    assert done.returncode == 0, done.stderr
    (app,), (command_line,) = mine, theirs
    places = every_place(command_line)
    assert len(places) == 2
    assert all(app.scores(each) == command_line.scores(each) for each in places)
    assert desk.live("small", frame, ["torchcam:GradCAM"], "last", "predicted", True)


def test_visitors_of_other_machines_type_no_parameters(place: Path, frame: dict[str, str]) -> None:
    """Which can make a method take hours."""
    desk = VisitorDesk(AppOptions({"small": f"{place / 'net.py'}:small"}, host="0.0.0.0", device="cpu"), place)
    question, sent = AppQuestion.of("smoothgrad:samples=2", "last", "1"), _sent(place / "cat.png")
    for ask in (
        lambda: desk.maps_page("small", sent, question, "overlay"),
        lambda: desk.commands("small", sent, question, "photos", ""),
        lambda: desk.live("small", frame, list(question.methods), "last", "1", True),
    ):
        with pytest.raises(BenchError, match="parameters are taken where only this machine"):
            ask()


def test_slow_methods_of_a_camera_are_asked_for(desk: VisitorDesk, frame: dict[str, str]) -> None:
    assert all(is_cheap(method_of(text)) for text in ("gradcam", "gradcam++", "layercam", "eigencam", "saliency"))
    slow = ("scorecam", "rise", "ablationcam", "integratedgradients", "smoothgrad:samples=2", "torchcam:GradCAM")
    assert not any(is_cheap(method_of(text)) for text in slow)
    with pytest.raises(BenchError, match="scorecam needs many passes"):
        desk.live("small", frame, ["scorecam"], "last", "predicted", False)
    assert "Score-CAM" in (desk.live("small", frame, ["scorecam"], "last", "predicted", True) or "")
    with pytest.raises(BenchError, match=f"{MOST_LIVE} methods are the most"):
        desk.live("small", frame, ["gradcam", "layercam", "fem", "eigencam"], "last", "predicted", False)


@pytest.mark.parametrize(
    ("words", "said_of_it"),
    [
        (([], ["last"], ["predicted"]), "methods: nothing is chosen"),
        ((["gradcam"], [], ["predicted"]), "layers: nothing is chosen"),
        (
            (["smoothgrad:smaples=3"], ["last"], ["predicted"]),
            "methods: smoothgrad has no parameter 'smaples'.*samples",
        ),
        ((["smoothgrad:samples=many"], ["last"], ["predicted"]), "methods: .*many"),
        ((["gradcam,layercam"], ["last"], ["predicted"]), "methods: cannot read 'gradcam,layercam'"),
        ((["torchcam:Nope"], ["last"], ["predicted"]), "methods: .*Nope"),
        ((["'gradcam"], ["last"], ["predicted"]), "methods: a quote is not closed"),
        ((["name:x"], ["last"], ["predicted"]), "methods: unknown method 'name:x'. Search the list$"),
        ((["gradcm"], ["last"], ["predicted"]), "Did you mean 'gradcam'"),
        ((["gradcam"], ["last", "1"], ["predicted"]), "last and stages stand alone"),
        ((["gradcam"], ["nowhere"], ["predicted"]), "nowhere"),
        ((["gradcam"], ["last"], ["99"]), "99"),
        ((["gradcam"], ["last"], ["top999999999"]), "no class 'top999999999'"),
        ((["gradcam", "layercam", "fem", "hirescam", "eigencam"], ["stages"], ["predicted"]), "that is 25 maps"),
        ((METHODS.names()[: MOST_MAPS + 1], ["last"], ["predicted"]), "are the most"),
    ],
)
def test_a_wrong_question_is_one_line(words: Any, said_of_it: str, place: Path, desk: VisitorDesk) -> None:
    with pytest.raises(BenchError, match=said_of_it):
        desk.maps_page("small", _sent(place / "cat.png"), AppQuestion.of(*words), "overlay")


@pytest.mark.parametrize(
    ("words", "said_of_it"),
    [
        ({"models": {}}, "no network is named"),
        ({"port": 70_000}, "70000"),
        ({"runs": (Path("nowhere"),)}, "it holds no run"),
    ],
)
def test_wrong_options_are_one_line(words: Any, said_of_it: str) -> None:
    with pytest.raises(BenchError, match=said_of_it):
        AppOptions(**{"models": {"a": "a"}, **words})


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)],
)
def test_which_hosts_are_this_machine_alone(host: str, local: bool) -> None:
    assert AppOptions({"a": "a"}, host=host).local is local


def test_commands_wait_for_no_network(desk: VisitorDesk) -> None:
    question = AppQuestion.of(["gradcam"], ["last"], ["top5"])
    with desk._turn:  # something is computed
        explain, run, python = desk.commands("other", None, question, "folder", "a b")
    assert desk.shelf._held is None
    assert (
        explain
        == "benchbench explain picture.jpg --model other --methods gradcam --layers last --classes top5 --scores"
    )
    assert "--target predicted,top-2,top-3,top-4,top-5" in run
    assert "'root': 'a b'" in python
    with pytest.raises(BenchError, match="no network 'nothing'"):
        desk.commands("nothing", None, question, "photos", "")
