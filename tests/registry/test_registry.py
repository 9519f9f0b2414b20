"""Registries: signatures, collisions, nearest names, user files and entry points."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from torch import Tensor

from benchbench import digests
from benchbench.digests import source_digest
from benchbench.errors import BenchError, folded, nearest
from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, Registry, importing, load_file, method
from benchbench.registry.importing import calling
from benchbench.types import Layer


@pytest.fixture
def spare() -> Iterator[str]:
    """A name that is free again after the test."""
    yield "spare-method"
    METHODS.remove("spare-method")


def test_parameters_are_read_from_the_signature(spare: str) -> None:
    @method(spare, needs=("gradient", "scores"), paper="arXiv:0000.00000")
    def some(layer: Layer, *, samples: int = 8, kind: Literal["a", "b"] = "a") -> Tensor:
        """One line.

        More.
        """
        return layer.activation

    plugin = METHODS[spare]
    assert plugin.summary == "One line."
    assert plugin.needs == {"gradient", "scores"}
    assert {p.name: p.default for p in plugin.parameters.values()} == {"samples": 8, "kind": "a"}
    assert plugin.bind({"samples": "3"}) == {"samples": 3, "kind": "a"}
    assert plugin.label(plugin.bind({"kind": "b"})) == "spare-method(kind=b)"
    assert plugin.label(plugin.bind({})) == spare
    with pytest.raises(BenchError, match=r"no parameter 'sample'.*Did you mean 'samples'"):
        plugin.bind({"sample": 3})
    with pytest.raises(BenchError, match=r"samples: Input should be a valid integer"):
        plugin.bind({"samples": "many"})
    with pytest.raises(BenchError, match=r"kind: Input should be 'a' or 'b'"):
        plugin.bind({"kind": "c"})


def test_a_collision_names_both_places(spare: str) -> None:
    def register() -> None:
        @method(spare, needs="activation")
        def first_channel(layer: Layer) -> Tensor:
            return layer.activation[:, 0]

    register()
    with pytest.raises(BenchError) as caught:
        register()
    assert str(caught.value).count("test_registry.py:") == 2


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(BenchError, match=r"unknown method 'gradcm'. Did you mean 'gradcam'"):
        METHODS["gradcm"]
    with pytest.raises(BenchError, match=r"unknown metric 'delletion'. Did you mean 'deletion'"):
        METRICS["delletion"]
    with pytest.raises(BenchError, match=r"A method of a file is named alone, .*: mine, and --plugin my/plug.py"):
        METHODS["my/plug.py:mine"]


PEERS = {
    "gradcam": ["GradCAM", "Grad-CAM", "grad_cam", "Grad CAM", "GRADCAM", "GradCam"],
    "gradcam++": ["GradCAMPlusPlus", "GradCAMpp", "Grad-CAM++", "gradcam_plus_plus"],
    "smoothgradcam++": ["SmoothGradCAMpp", "Smooth Grad-CAM++"],
    "gradcam-elementwise": ["GradCAMElementWise"],
    "scorecam": ["ScoreCAM", "Score-CAM"],
    "eigengradcam": ["EigenGradCAM"],
    "kpcacam": ["KPCA_CAM"],
    "polycam+-": ["PolyCAM\u00b1", "Poly-CAM+-"],
    "polycam+": ["PolyCAM+", "PolyCAMPlus"],
    "polycam-": ["PolyCAM-", "Poly_CAM\u2212"],
    "integratedgradients": ["IntegratedGradients", "Integrated Gradients", "integrated_gradients"],
    "inputxgradient": ["InputXGradient"],
    "guidedgradcam": ["GuidedGradCam"],
    "deeplift": ["DeepLift"],
    "guidedig": ["GuidedIG", "Guided IG"],
    "blurig": ["BlurIG"],
    "xrai": ["XRAI"],
    "winsorcam": ["Winsor-CAM"],
    "cam": ["CAM"],
    "attention-rollout": ["AttentionRollout"],
}


@pytest.mark.parametrize(("name", "spelling"), [(name, each) for name, all_ in PEERS.items() for each in all_])
def test_other_spellings_of_a_method(name: str, spelling: str) -> None:
    assert METHODS[spelling].name == name


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("deletion", "Deletion"),
        ("average_drop", "AverageDrop"),
        ("average_drop", "average-drop"),
        ("pixel_flipping", "PixelFlipping"),
        ("irof", "IROF"),
        ("efficient_mprt", "EfficientMPRT"),
        ("topk_intersection", "TopKIntersection"),
        ("max_box_acc_v2", "MaxBoxAccV2"),
    ],
)
def test_other_spellings_of_a_metric(name: str, spelling: str) -> None:
    assert METRICS[spelling].name == name


def test_what_the_classes_of_peers_are_called() -> None:
    """Every class of pytorch-grad-cam whose map we have is found by its own name."""
    peers = pytest.importorskip("pytorch_grad_cam")
    classes = {"AblationCAM", "EigenCAM", "EigenGradCAM", "FEM", "FullGrad", "GradCAM", "GradCAMElementWise"}
    classes |= {"GradCAMPlusPlus", "HiResCAM", "KPCA_CAM", "LayerCAM", "ScoreCAM", "ShapleyCAM", "XGradCAM", "FinerCAM"}
    for name in classes & set(vars(peers)):
        assert name in METHODS


@pytest.mark.parametrize("registry", [METHODS, METRICS, MODELS, DATASETS], ids=lambda r: r.kind)
def test_no_spelling_means_two(registry: Registry[Any]) -> None:
    spelled = [folded(name) for name in registry.names()]
    assert len(set(spelled)) == len(spelled)
    assert all(registry[name].name == name and registry[name.upper()].name == name for name in registry.names())


def test_a_name_of_one_s_own_wins_as_it_is_written(spare: str) -> None:
    method(spare, needs="activation")(lambda layer: layer.activation)
    method("Spare_Method", needs="activation")(lambda layer: layer.activation)
    try:
        assert METHODS["Spare_Method"].name == "Spare_Method"
        assert METHODS[spare].name == spare
        with pytest.raises(BenchError, match=r"'sparemethod' can be 'spare-method' or 'Spare_Method'"):
            METHODS["sparemethod"]
    finally:
        METHODS.remove("Spare_Method")


def test_an_unknown_name_lists_near_ones_and_then_all_by_family() -> None:
    with pytest.raises(BenchError) as caught:
        METHODS["GradCAMM"]
    message = str(caught.value)
    assert "Did you mean 'gradcam'" in message
    listed = message.split("Available: ")[1].split(". A method of your own")[0]
    families = dict(each.split(": ") for each in listed.split("; "))
    assert {n for names in families.values() for n in names.split(", ")} == set(METHODS.names())
    assert "random" in families["controls"]
    assert "layercam" in families["from gradients"]
    assert "rise" in families["in pixels"]
    with pytest.raises(BenchError, match=r"faithfulness: adcc, .*; health: tie_spread; localisation: "):
        METRICS["dletion"]


def test_a_hint_is_cut_where_it_would_be_too_long() -> None:
    assert nearest("x", [f"n{i:02d}" for i in range(30)], most=3) == "Available: n00, n01, n02 and 27 more"


def test_a_user_s_file_registers_once(tmp_path: Path, spare: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from benchbench import method\n"
        f"@method({spare!r}, needs='activation')\n"
        "def mine(layer):\n    'Mine.'\n    return layer.activation.mean(1)\n"
    )
    load_file(file)
    load_file(file)
    assert METHODS[spare].origin.startswith(str(file))
    before = METHODS[spare].source_digest
    file.write_text(file.read_text().replace("mean(1)", "amax(1)"))
    assert METHODS[spare].source_digest == before, "the code that runs is the code of the import"
    del sys.modules[METHODS[spare].function.__module__]
    METHODS.remove(spare)
    load_file(file)
    assert METHODS[spare].source_digest != before, "an edited method is not the method whose results are kept"


def test_a_helper_that_a_plugin_imports_is_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    for body in ("return 1", "return 2"):
        (tmp_path / "its_helper.py").write_text(f"def help():\n    {body}\n")
        (tmp_path / "its_plugin.py").write_text("from its_helper import help\ndef plugin():\n    return help()\n")
        for name in ("its_helper", "its_plugin"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        seen.append(source_digest(importlib.import_module("its_plugin").plugin))
    assert seen[0] != seen[1]


def test_so_is_what_the_helper_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "far_helper.py").write_text("import far_plugin\nSIZE = 1\n")  # a circle
    (tmp_path / "near_helper.py").write_text("import far_helper\ndef size():\n    return far_helper.SIZE\n")
    (tmp_path / "far_plugin.py").write_text("from near_helper import size\ndef plugin():\n    return size()\n")
    importlib.invalidate_caches()
    plugin = importlib.import_module("far_plugin").plugin
    before = source_digest(plugin)
    (tmp_path / "far_helper.py").write_text("SIZE = 2\n")
    assert source_digest(plugin) != before


def test_a_library_behind_a_link_is_a_library(tmp_path: Path) -> None:
    """Its code would be read file by file for every plugin."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    code = "import sysconfig; sysconfig.get_path = lambda name: FOLDER; from benchbench import digests as d; "
    code += "print(all(d.is_library(d.Path(FOLDER) / 'x.py') and d.is_library((d.Path(FOLDER) / 'x.py').resolve())"
    whole = f"FOLDER = {str(tmp_path / 'link')!r}; {code} for _ in '1'))"
    assert subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_wrapper_of_c_code_has_a_file_too() -> None:
    @functools.wraps(len)
    def wrapped(values: list[int]) -> int:
        return len(values)

    path, names = digests._origin_of(wrapped)
    assert path == Path(__file__).resolve()
    assert names is globals()


def test_helpers_of_the_package_count_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a folder would keep scores of the helper that an upgrade replaced."""
    function = METRICS["pointing_game"].function
    here = {path.name for path in digests.users_modules(function)}
    installed = str(Path(digests.__file__).resolve().parents[1])
    monkeypatch.setattr(digests, "_LIBRARIES", (*digests._LIBRARIES, installed))
    assert {path.name for path in digests.users_modules(function)} == here == {"_regions.py", "_correlation.py"}


def test_code_without_a_file_is_told_apart() -> None:
    def of(body: str) -> str:
        scope: dict[str, Any] = {}
        exec(f"def f(x, *, k=2):\n    g = lambda y: {body}\n    return g(x)", scope)
        return source_digest(scope["f"])

    assert of("y.amax()") == of("y.amax()"), "no address in it"
    assert len({of("y.amax()"), of("y.amin()"), of("y.amax() + 1")}) == 3


@pytest.mark.parametrize("name", ["a.b", "a@b", "a:b", "a,b"])
def test_names_that_the_table_or_the_command_line_would_split_are_refused(name: str) -> None:
    with pytest.raises(BenchError, match="in its name"):
        method(name, needs="activation")(lambda layer: layer.activation)


@pytest.mark.parametrize(
    ("text", "message"),
    [("import nothing_of_this_name", "ModuleNotFoundError"), ("def f(:", "SyntaxError"), ("1/0", "ZeroDivisionError")],
)
def test_a_user_s_file_that_fails_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(BenchError, match=f"broken.py fails to import: {message}"):
        load_file(file)
    with pytest.raises(BenchError, match=r"no file"):
        load_file(tmp_path / "absent.py")


class Entries:
    """importlib.metadata's entry points, planted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
        entry = importlib.metadata.EntryPoint("theirs", module, "benchbench.methods")
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])


def test_entry_points_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: str) -> None:
    (tmp_path / "third_party.py").write_text(
        "from benchbench.registry import method\n"
        f"@method({spare!r}, needs='activation')\n"
        "def theirs(layer):\n    'Theirs.'\n    return layer.activation.mean(1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    Entries(monkeypatch, "third_party")
    Registry("method", "benchbench.methods").load()
    assert METHODS[spare].summary == "Theirs."


def test_an_entry_point_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Entries(monkeypatch, "module_that_is_absent")
    with pytest.raises(BenchError, match=r"plugin 'theirs' of .*module_that_is_absent.* fails to import"):
        Registry("method", "benchbench.methods").load()


SIBLINGS = """import helper
from helper import Net
def build(): return helper.name(), Net
def late():
    import later
    return later.NAME
"""


def folder_with(folder: Path, name: str) -> Path:
    folder.mkdir()
    (folder / "net.py").write_text(SIBLINGS)
    (folder / "helper.py").write_text(f"def name(): return {name!r}\nclass Net:\n    def f(self): return {name!r}\n")
    (folder / "later.py").write_text(f"NAME = {name!r}\n")
    return folder / "net.py"


def test_a_file_imports_what_stands_beside_it(tmp_path: Path) -> None:
    """Two folders with siblings of the same names, in any order; nothing is left on the path."""
    path = list(sys.path)
    first, second = (folder_with(tmp_path / name, name) for name in ("first", "second"))
    module, other = load_file(first), load_file(second)
    assert (module.build()[0], other.build()[0]) == ("first", "second")
    assert [calling(each.late) for each in (module, other, module, other)] == ["first", "second", "first", "second"]
    assert sys.path == path
    known = {source_digest(each.build) for each in (module, other)}
    assert len(known) == 2, "what a function imports is part of it, whichever folder it is in"
    (tmp_path / "second" / "helper.py").write_text("name = 3\n")
    assert source_digest(module.build) in known
    assert source_digest(other.build) not in known


def test_a_file_does_not_find_another_s_sibling(tmp_path: Path) -> None:
    load_file(folder_with(tmp_path / "first", "first"))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "net.py").write_text("import helper\n")
    with pytest.raises(BenchError, match="No module named 'helper'"):
        load_file(tmp_path / "alone" / "net.py")


@pytest.mark.parametrize(
    ("text", "sibling", "place", "hint"),
    [
        ("x = 1\nimport beside_it\n", "y = 2\n\n1/0\n", "beside_it.py:3", "Fix that line"),
        ("x = 1\nimport beside_it\n", "def f(:\n", "beside_it.py:1", "Fix that line"),
        (
            "\n\nimport nothing_of_this_name\n",
            "",
            "net.py:3",
            "Install nothing_of_this_name, or put its file beside net.py",
        ),
        ("from . import beside_it\n", "", "net.py:1", "write import NAME, without a dot"),
        ("def f(:\n", "", "net.py:1", "Fix that line"),
    ],
)
def test_a_failing_import_says_the_line(tmp_path: Path, text: str, sibling: str, place: str, hint: str) -> None:
    (tmp_path / "net.py").write_text(text)
    (tmp_path / "beside_it.py").write_text(sibling)
    with pytest.raises(BenchError) as caught:
        load_file(tmp_path / "net.py")
    assert f"{tmp_path / place})" in str(caught.value)
    assert hint in str(caught.value)
    (tmp_path / "net.py").write_text("import beside_it\n")
    (tmp_path / "beside_it.py").write_text("GOOD = True\n")
    assert load_file(tmp_path / "net.py").beside_it.GOOD, "mended, it is imported anew"


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.py").write_text("X = 3\n")
    assert load_file("~/mine.py").X == 3
    folder = DATASETS["folder"]
    assert folder.bind({"root": "~/photos"})["root"] == tmp_path / "photos"
    with pytest.raises(BenchError, match=r"no home folder for '~nobody_here/mine.py'"):
        load_file("~nobody_here/mine.py")


def test_a_module_is_asked_once_where_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook or a session of pytest has thousands, and all are looked at whenever a user's file is called."""
    asked: list[Path] = []

    def counted(path: Path) -> bool:
        asked.append(path)
        return digests.is_library(path)

    monkeypatch.setattr(importing, "is_library", counted)
    for name in ("once_here", "once_there"):
        (tmp_path / f"{name}.py").write_text("")
        asked.clear()
        importing.load_file(tmp_path / f"{name}.py")
    assert len(sys.modules) > 1000
    assert {path.name for path in asked} == {"once_there.py"}
