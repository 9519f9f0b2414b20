"""The command line as a user types it: exit codes, one clear line for a mistake, no traceback."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import yaml
from PIL import Image

import benchbench as bb
from benchbench.registry import METHODS
from benchbench.registry.library import Library
from benchbench.regression import Baseline

from .commands import benchbench

QUICK = ["--methods", "center", "--metrics", "deletion", "--samples", "2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network and a small study in it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "net.py").write_text(
        "import torch\nfrom torch import nn\nfrom benchbench import ModelSpec, Preprocess\n"
        "def small():\n"
        "    torch.manual_seed(0)\n"
        "    network = nn.Sequential(nn.Conv2d(3, 5, 3, 4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1),\n"
        "                            nn.Flatten(), nn.Linear(5, 1000))\n"
        "    return ModelSpec('small', network, Preprocess(64, 56))\n"
    )
    (folder / "study.yaml").write_text(
        yaml.safe_dump(
            {
                "models": ["net.py:small"],
                "datasets": ["photos"],
                "layers": ["1"],
                "methods": ["gradcam", "center"],
                "metrics": ["deletion"],
                "samples": 3,
            }
        )
    )
    return folder


@pytest.fixture(scope="module")
def finished(place: Path) -> Path:
    done = benchbench("run", "study.yaml", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "runs" / "study"


def test_a_run_leaves_its_folder(finished: Path) -> None:
    for name in ("run.json", "results.parquet", "curves.parquet", "report.html"):
        assert (finished / name).is_file()
    tables = {f"{name}.tex" for name in ("leaderboard", "compact", "supplementary")}
    tables |= {"leaderboard.csv", "leaderboard.md", "references.bib"}
    assert {p.name for p in (finished / "tables").iterdir()} == tables
    assert len(pd.read_parquet(finished / "results.parquet")) == 3 * 2


def test_what_is_printed(place: Path, finished: Path) -> None:
    done = benchbench("run", "study.yaml", cwd=place)
    assert done.returncode == 0
    assert "Grad-CAM" in done.stdout
    assert done.stdout.startswith("There are fewer than two methods, so no method is called best.")
    assert "Accuracy of small: " in done.stdout
    assert "(4 of 4 cells reused from an earlier run)" in done.stdout
    assert "runs/study/report.html" in done.stdout
    assert done.stderr == "", "no progress bar where there is no terminal"
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_every_number_on_request_and_the_width_of_the_terminal(
    place: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "study.yaml", "--methods", "gradcam,hirescam,center", "--out", str(finished.parent / "wide")]
    short, verbose = (benchbench(*words, *more, cwd=place).stdout for more in ([], ["--verbose"]))
    assert "#1." not in short
    assert "#1." in verbose
    monkeypatch.setenv("COLUMNS", "200")
    wide = benchbench(*words, cwd=place).stdout
    assert 80 < max(len(line) for line in wide.splitlines()) <= 200


def test_without_a_report_there_are_results_and_tables(place: Path, finished: Path) -> None:
    done = benchbench("run", "study.yaml", "--no-report", "--out", "plain", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "No report: benchbench report plain writes it   Tables: plain/tables" in done.stdout
    page = place / "plain" / "report.html"
    assert not page.exists()
    assert len(pd.read_parquet(place / "plain" / "results.parquet")) == 3 * 2
    written = {path.name: path.read_text() for path in (place / "plain" / "tables").iterdir()}
    assert written == {path.name: path.read_text() for path in (finished / "tables").iterdir()}
    page.write_text("of an earlier run")
    done = benchbench("run", "study.yaml", "--no-report", "--out", "plain", cwd=place)
    assert "plain/report.html is as it was before this run: benchbench report plain writes it anew" in done.stdout
    assert page.read_text() == "of an earlier run"


def test_options_override_the_file(place: Path) -> None:
    done = benchbench("run", "study.yaml", *QUICK, "--seed", "3", "--no-report", "--out", "other", cwd=place)
    assert done.returncode == 0, done.stderr
    info = json.loads((place / "other" / "run.json").read_text())
    assert (info["study"]["methods"], info["study"]["samples"], info["seed"]) == (["center"], 2, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "study.yaml", "--methods", "gradcm"], "methods[0]: unknown method 'gradcm'. Did you mean 'gradcam'"),
        (["run", "study.yaml", "--samples", "-3"], "samples: Input should be greater than 0 (got -3)"),
        (["run", "study.yaml", "--samples", "few"], "samples: Input should be a valid integer"),
        (["run", "absent.yaml"], "absent.yaml: no such study file"),
        (["run", "study.yaml", "--layers", "1,9"], "layers: small: the network has no layer '9'"),
        (
            ["run", "study.yaml", "--target", "1000", "--out", "new"],
            "target: class 1000 is not one of the 1000 classes",
        ),
        (["run", "study.yaml", "--datasets", "folder:root=nowhere", "--out", "new"], "nowhere"),
        (["run", "study.yaml", "--datasets", "voc2012"], "Use voc2012:root=PATH. Download VOCtrainval_11-May-2012.tar"),
        (["run", "study.yaml", "--plugin", "absent.py"], "no file 'absent.py'"),
        (["report", "nowhere"], "nowhere is not the folder of a finished run"),
        (["report", "{run}", "--format", "latex", "--style", "ful"], "unknown style 'ful'. Did you mean 'full'"),
        (["report", "{run}", "--format", "latex", "--spread", "sd"], "unknown spread 'sd'"),
        (["report", "{run}", "--format", "csv", "--style", "compact"], "csv has no style 'compact'"),
        (["list", "method"], "cannot list 'method'. Did you mean 'methods'"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(
    place: Path, finished: Path, words: list[str], message: str
) -> None:
    done = benchbench(*(word.format(run=finished) for word in words), cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("benchbench: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr + done.stdout


NETS = """
import torch
from torch import nn
from beside import body  # a sibling
from benchbench import ModelSpec, Preprocess
class Dict(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = body()
    def forward(self, images):
        return self.read(self.body(images))
    def read(self, logits):
        return {"image": "unknown"}
class Pair(Dict):
    def read(self, logits):
        return "unknown", None
class Cube(Dict):
    def read(self, logits):
        return logits[..., None]
class Twice(Dict):
    def forward(self, images):
        return self.body(images) + self.body(images.flip(3))
def spec(network):
    return ModelSpec("x", network, Preprocess(64, 56))
def ten(): return spec(body())
def grey(): return spec(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten()))
def dict_(): return spec(Dict())
def pair(): return spec(Pair())
def cube(): return spec(Cube())
def twice(): return spec(Twice())
def late():
    import beside_late
    return spec(beside_late.body())
"""
BESIDE = """
import torch
from torch import nn
def body():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 10))
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with networks, the module beside them that they import, and a photograph."""
    folder = tmp_path_factory.mktemp("explain, it")
    (folder / "nets.py").write_text(NETS)
    (folder / "beside.py").write_text(BESIDE)
    (folder / "beside_late.py").write_text(BESIDE)
    Image.effect_noise((80, 70), 60).convert("RGB").save(folder / "a.png")
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "nets.py:dict_"], "the network returns a dict with the keys 'image', where logits"),
        (["--model", "nets.py:pair"], "the network returns a tuple of 2 values, where logits"),
        (["--model", "nets.py:cube"], "the network returns a tensor of the shape (1, 10, 1)"),
        (["--model", "nets.py:grey"], "to have 1 channels, but got 3 channels instead"),
        (["--model", "nets.py:twice"], "every layer with a spatial map runs more than once in a forward"),
        (["--model", "nets.py:ten", "--target", "top-20"], "target: ten has 10 classes. Use top-1 to top-10"),
        (["--model", "nets.py:ten", "--target", "10"], "class 10 is not one of the 10 classes"),
        (["--model", "nets.py:ten", "--target", "3-99"], "class 99 is not one of the network's 10 classes"),
        (["--method", "gradcam", "--methods", "cam"], "twice: --method gradcam and --methods cam"),
    ],
)  # fmt: skip
def test_what_explain_cannot_do_is_one_line(nets: Path, words: list[str], message: str) -> None:
    done = benchbench("explain", "a.png", *words, cwd=nets)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("benchbench: ")
    assert done.stderr.count("\n") == 1


def test_a_network_imports_what_stands_beside_its_file(nets: Path, tmp_path: Path) -> None:
    """From another folder, by a path with a comma in it; at the top of the file, and inside the function."""
    for name in ("ten", "late"):
        words = [str(nets / "a.png"), "--models", f'"{nets}/nets.py:{name}"', "--methods", "GradCAM,Layer-CAM"]
        done = benchbench("explain", *words, "--out", "seen.png", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "seen.png"


def test_explain_names_the_classes_of_torchvision(nets: Path) -> None:
    done = benchbench("explain", "a.png", "--model", "squeezenet1_1:weights=random", "--target", "281", cwd=nets)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a.png: tabby, probability ")


def test_the_home_folder_stands_for_a_tilde(place: Path, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place))
    for words in (
        ["report", "~/runs/study", "--format=csv"],
        ["report", "runs/study", "--format=csv", "--out=~/t.csv"],
    ):
        assert benchbench(*words, cwd=place).returncode == 0
    assert (place / "t.csv").is_file()
    assert (
        "/absent" in benchbench("run", "study.yaml", "--datasets=folder:root=~/absent", "--out=new", cwd=place).stderr
    )
    done = benchbench("run", "~/study.yaml", "--models", "~/net.py:small", "--out=~/runs/study", cwd=place)
    assert done.returncode == 0, done.stderr
    run = bb.Run.load("~/runs/study")
    assert run.baseline("~/b.json").is_relative_to(place)
    assert Baseline.load("~/b.json").method_names == Baseline.of(run.record).method_names
    assert all(path.is_relative_to(place) for path in run.figures("~/figures"))


@pytest.mark.parametrize(
    ("words", "inside", "ending"),
    [
        (
            ["run", "study.yaml"],
            "benchbench.cli.app.run_study",
            "; finished work is kept, and the same command continues from",
        ),
        (["list", "metrics"], "benchbench.cli.listing.show", "\n"),
    ],
)
def test_ctrl_c_is_one_line(place: Path, words: list[str], inside: str, ending: str) -> None:
    with mock.patch(inside, side_effect=KeyboardInterrupt):
        done = benchbench(*words, cwd=place)
    assert done.returncode == 130
    assert done.stderr.startswith(f"benchbench: stopped{ending}")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def owned(place: Path, finished: Path) -> Path:
    """A folder with photographs, a network, a study and its finished run, and a link to one of the photographs."""
    (place / "own").mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 32), "red").save(place / "own" / name)
    (place / "linked.png").unlink(missing_ok=True)
    (place / "linked.png").symlink_to(place / "own" / "a.png")
    return place


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "own/a.png", "--out", "own/a.png"],
        ["explain", "own/b.png", "own/a.png", "--out", "own/../own/a.png"],
        ["explain", "own/a.png", "--out", "linked.png"],
        ["explain", "own/a.png", "--model", "net.py:small", "--out", "net.py"],
        ["run", "study.yaml", "--out", "study.yaml"],
        ["run", "study.yaml", "--datasets", "folder:root=own", "--out", "own"],
        ["report", "runs/study", "--format", "csv", "--out", "runs/study/run.json"],
        ["report", "runs/study", "--format", "csv", "--out", "runs/study/results.parquet"],
        ["report", "runs/study", "--format", "pdf", "--out", "runs/study/maps"],
        ["baseline", "runs/study", "--out", "runs/study/run.json"],
        ["compare", "runs/study", "runs/study", "--out", "runs/study/results.parquet"],
        ["check", "runs/study", "--baseline", "own.json", "--out", "own.json"],
    ],
    ids=" ".join,
)
def test_no_output_is_an_input(owned: Path, words: list[str]) -> None:
    (owned / "own.json").write_text("{}")
    before = {path: path.read_bytes() for path in owned.rglob("*") if path.is_file()}
    done = benchbench(*words, cwd=owned)
    assert done.returncode == 2
    assert done.stderr.startswith("benchbench: --out: ")
    message = " ".join(done.stderr.split())
    assert "this command reads " in message
    assert "would overwrite it. Give another --out" in message
    assert {path: path.read_bytes() for path in owned.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--metrics", "deletion", "--metrics", "insertion"],
            "--metrics: it is given twice: --metrics deletion and --metrics",
        ),
        (["--method=cam", "--methods", "cam"], "--methods: it is given twice: --method=cam and --methods cam"),
        (["--seed", "1", "--seed=2"], "--seed: it is given twice: --seed 1 and --seed=2. Remove one of them"),
        (["--compile", "--no-compile"], "--compile: it is given twice: --compile and --no-compile"),
        (
            ["--methods", "GradCAM,grad-cam"],
            "'gradcam' is asked for twice: methods[0] (GradCAM) and methods[1] (grad-cam)",
        ),
        (["--methods", "scorecam:variant=official:variant=torchcam"], "variant is given twice"),
        (["--metrics", "deletion,deletion@rise-28"], "'deletion@rise-28' is asked for twice"),
        (["--device", "gpu"], "device: unknown device 'gpu'. Use auto, cpu, cuda"),
    ],
)
def test_what_stands_twice_is_refused(place: Path, words: list[str], message: str) -> None:
    done = benchbench("run", "study.yaml", *words, cwd=place)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr


def test_a_key_twice_in_a_study_file(place: Path) -> None:
    text = (place / "study.yaml").read_text()
    (place / "twice.yaml").write_text(text + "metrics: [insertion]\n")
    second = text.count("\n") + 1
    done = benchbench("run", "twice.yaml", cwd=place)
    assert done.returncode == 2
    assert (
        f"the key 'metrics' is given twice: on line {text[: text.index('metrics')].count(chr(10)) + 1}" in done.stderr
    )
    assert f"and on line {second}" in done.stderr


def test_peers_names_are_shown_as_ours(place: Path) -> None:
    words = ["--method", "GradCAM,Center", "--metric", "Deletion@RISE-28", "--no-report", "--out", "aliases"]
    assert benchbench("run", "study.yaml", *words, cwd=place).returncode == 0
    table = pd.read_parquet(place / "aliases" / "results.parquet")
    assert set(table["method"]) == {"gradcam", "center"}
    assert set(zip(table["metric"], table["protocol"], strict=True)) == {("deletion", "rise-28")}


def test_class_folders_that_are_numbers_are_said(place: Path) -> None:
    """A network that is right by ImageFolder's order, on folders 1 to 12: every reading has its accuracy."""
    (place / "order.py").write_text(
        "import torch\nfrom torch import nn\nfrom benchbench import ModelSpec, Preprocess\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.conv = nn.Conv2d(3, 3, 1, bias=False)\n"
        "        self.conv.weight.data = torch.eye(3)[..., None, None]\n"
        "    def forward(self, images):\n"
        "        red = self.conv(images).mean((2, 3))[:, :1]\n"
        "        return -100 * (red - torch.tensor([int(n) * 20 / 255 for n in sorted(map(str, range(1, 13)))])) ** 2\n"
        "def build():\n    return ModelSpec('order', Net(), Preprocess(32, 32, (0, 0, 0), (1, 1, 1)))\n"
    )
    for i in range(1, 13):
        (place / "numbers" / str(i)).mkdir(parents=True)
        Image.new("RGB", (32, 32), (20 * i, 0, 0)).save(place / "numbers" / str(i) / "a.png")
    study = ["--models", "order.py:build", "--methods", "gradcam", "--metrics", "map_mean", "--layers", "conv"]
    done = benchbench("run", "study.yaml", *study, "--datasets", "folder:root=numbers", "--samples", "12",
                      "--out", "numbered", cwd=place)  # fmt: skip
    assert done.returncode == 0, done.stderr
    message = " ".join(done.stderr.split())
    assert "class folders are numbers, and the label is the number" in message
    info = json.loads((place / "numbered" / "run.json").read_text())
    (row,) = info["accuracy"]
    assert (row["right"], row["labelled"], row["readings"]) == (0, 12, {"one-based": 1, "sorted": 12})
    assert any("class folders are numbers" in warning for warning in info["warnings"])
    assert "0 of 12 (0 %; 1 with classes: one-based; 12 with classes: sorted)" in " ".join(done.stdout.split())
    assert "(12 with classes: sorted)" in (place / "numbered" / "report.html").read_text()


def test_the_version(place: Path) -> None:
    assert benchbench("--version", cwd=place).stdout == f"benchbench {version('benchbench-saliency')}\n"


def test_failed_rows_are_exit_code_1(place: Path) -> None:
    (place / "fails.py").write_text(
        "from benchbench import method\n"
        "@method('fails', needs='activation')\n"
        "def fails(layer):\n    'Fails.'\n    raise ValueError('as planted')\n"
    )
    words = [
        "run",
        "study.yaml",
        "--plugin",
        "fails.py",
        "--methods",
        "gradcam,fails",
        "--no-report",
        "--out",
        "failed",
    ]
    try:
        done = benchbench(*words, cwd=place)
    finally:
        METHODS.remove("fails")
    assert done.returncode == 1
    assert "3 rows failed: the reasons are in results.parquet" in done.stdout
    table = pd.read_parquet(place / "failed" / "results.parquet")
    assert table[table["status"] == "failed"]["reason"].tolist() == ["ValueError: as planted (fails.py:5)"] * 3


@pytest.mark.parametrize("kind", ["methods", "metrics", "models", "datasets"])
def test_listing(place: Path, kind: str) -> None:
    done = benchbench("list", kind, "--json", cwd=place)
    entries = json.loads(done.stdout)
    assert all(entry["name"] and entry["summary"] and "parameters" in entry for entry in entries)
    if kind == "metrics":
        assert {e["name"]: e["higher_is_better"] for e in entries}["deletion"] is False
    if kind == "methods":
        assert {e["name"]: e["needs"] for e in entries}["gradcam"] == ["gradient"]
    plain = benchbench("list", kind, cwd=place)
    assert plain.returncode == 0
    if kind == "models":
        assert len(next(entry["members"] for entry in entries if entry["name"] == "zoo")) == 6
        assert "zoo_residual, zoo_plain" in " ".join(plain.stdout.split())
    assert entries[0]["name"] in plain.stdout
    names = {entry["name"]: entry["display_name"] for entry in entries}
    expected = {"methods": ("inverted", "Inverted Grad-CAM"), "metrics": ("deletion", "deletion AUC")}
    expected |= {"models": ("resnet18", "ResNet-18"), "datasets": ("folder", "<root>")}
    assert names[expected[kind][0]] == expected[kind][1]
    assert expected[kind][1] in plain.stdout


def test_another_librarys_methods_are_listed(place: Path) -> None:
    done = benchbench("list", "methods", "torchcam", "--json", cwd=place)
    entries = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert entries["torchcam:SSCAM"]["parameters"]["num_samples"] == {"type": "int", "required": False, "default": 35}
    assert all(entry["summary"] and entry["origin"] for entry in entries.values())
    known = {entry["name"]: entry for entry in json.loads(benchbench("list", "methods", "--json", cwd=place).stdout)}
    assert "benchbench list methods torchcam" in known["torchcam:NAME"]["summary"]
    wrong = benchbench("list", "methods", "torchcm", cwd=place)
    assert wrong.returncode == 2
    assert "no library and no method is called 'torchcm'. Did you mean 'torchcam'" in wrong.stderr
    open_ended = benchbench("list", "metrics", "quantus", cwd=place)
    assert "quantus does not say which metrics it has" in open_ended.stderr
    plain = benchbench("list", "methods", "torchcam", cwd=place).stdout
    assert "runs on a copy of the network" in " ".join(plain.split())
    assert "original" not in plain


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("methods", "Grad-CAM", "gradcam"),
        ("methods", "torchcam:grad-cam", "torchcam:GradCAM"),
        ("metrics", "deletion", "deletion"),
        ("models", "zoo", "zoo"),
        ("methods", "all", "all"),
    ],
)
def test_one_plugin_is_listed_by_its_name(kind: str, name: str, expected: str, place: Path) -> None:
    (listed,) = json.loads(benchbench("list", kind, name, "--json", cwd=place).stdout)
    assert listed["name"] == expected
    assert listed["summary"]
    assert benchbench("list", kind, name, cwd=place).stdout.startswith(expected)


def test_a_short_list_has_a_line_for_each(place: Path) -> None:
    lines = benchbench("list", "metrics", "--short", cwd=place).stdout.splitlines()
    metrics = json.loads(benchbench("list", "metrics", "--json", cwd=place).stdout)
    assert len(lines) == len(metrics)
    (deletion,) = (line for line in lines if line.startswith("deletion "))
    assert re.split(" {2,}", deletion) == ["deletion", "deletion AUC", "faithfulness", "lower is better"]
    short = json.loads(benchbench("list", "metrics", "deletion", "--short", "--json", cwd=place).stdout)
    expected = {"name": "deletion", "display_name": "deletion AUC", "family": "faithfulness", "better": "lower"}
    assert short == [expected]
    methods = benchbench("list", "methods", "--short", cwd=place).stdout.splitlines()
    assert [re.split(" {2,}", line) for line in methods if line.startswith("sobel ")] == [
        ["sobel", "Sobel edges", "control"]
    ]


def test_a_library_is_not_imported_to_be_listed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Library) -> None:
        raise AssertionError(f"{self.module} is imported")

    monkeypatch.setattr(Library, "load", fails)
    done = benchbench("list", "methods", cwd=place)
    assert done.returncode == 0
    assert "zennit:NAME" in done.stdout


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("option", ["--plugin", "--plugins"])
def test_a_plugin_is_listed(place: Path, option: str) -> None:
    name = f"listed-{len(option)}"
    (place / f"{name}.py").write_text(
        "from benchbench import method\n"
        f"@method({name!r}, needs='activation', title='Listed')\n"
        "def listed(layer):\n    'As listed.'\n    return layer.activation.mean(1)\n"
    )
    done = benchbench("list", "methods", option, f"{name}.py", cwd=place)
    assert done.returncode == 0, done.stderr
    assert f"{name}  Listed  needs activation" in done.stdout


@pytest.mark.parametrize(("format", "start"), [("latex", "%"), ("markdown", "#"), ("csv", "model,dataset,layer")])
def test_tables_to_the_screen_and_to_a_file(finished: Path, place: Path, format: str, start: str) -> None:
    shown = benchbench("report", str(finished), "--format", format, cwd=place)
    assert shown.returncode == 0
    assert shown.stdout.lstrip().startswith(start) or start == "%"
    written = benchbench("report", str(finished), "--format", format, "--out", "table.txt", cwd=place)
    assert written.stdout.strip() == "table.txt"
    assert (place / "table.txt").read_text() == shown.stdout


def test_figures_and_styles(finished: Path, place: Path) -> None:
    done = benchbench("report", str(finished), "--format", "pdf", "--out", "figures", cwd=place)
    written = [place / line for line in done.stdout.splitlines()]
    assert {path.stem.split("-")[0] for path in written} >= {"curves", "main"}
    assert all(path.read_bytes().startswith(b"%PDF-") for path in written)
    words = ["report", str(finished), "--format", "latex", "--style", "supplementary"]
    assert r"\begin{longtable}" in benchbench(*words, cwd=place).stdout


def test_a_report_is_rebuilt_elsewhere(finished: Path, place: Path, tmp_path: Path) -> None:
    done = benchbench("report", str(finished), "--out", str(tmp_path / "page.html"), cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "page.html").read_text() == (finished / "report.html").read_text()
