"""Names, parameters and refusals of other libraries' methods, whatever the library."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchbench.errors import BenchError
from benchbench.methods.implementations import (
    captum_methods,
    grad_cam_methods,
    torchcam_methods,
    zennit_methods,
)
from benchbench.methods.implementations import known_faults as faults
from benchbench.methods.implementations.implementation import LibraryMethod, adapter_files
from benchbench.methods.implementations.library_options import plain_options
from benchbench.registry import METHODS
from benchbench.study.spec import StudySpec

PAGE = Path(__file__).parents[3] / "docs" / "implementations.md"
FAMILIES = {
    "torchcam": torchcam_methods.TORCHCAM_FAMILY,
    "pytorch-grad-cam": grad_cam_methods.GRAD_CAM_FAMILY,
    "captum": captum_methods.CAPTUM_FAMILY,
    "zennit": zennit_methods.ZENNIT_FAMILY,
}
MODULES = {
    "torchcam": "torchcam.methods",
    "pytorch-grad-cam": "pytorch_grad_cam",
    "captum": "captum.attr",
    "zennit": "zennit.composites",
}
MOST = {"torchcam": 11, "pytorch-grad-cam": 17, "captum": 22, "zennit": 8}  # at least so many; newer versions have more


@pytest.mark.parametrize("prefix", FAMILIES)
def test_every_member_can_be_made(prefix: str) -> None:
    family = METHODS.open_families()[prefix]
    assert family.names is not None
    names = family.names()
    assert len(names) >= MOST[prefix]
    for name in names:
        plugin = METHODS[f"{prefix}:{name}"]
        assert isinstance(plugin, LibraryMethod)
        assert plugin.name == f"{prefix}:{name}"
        assert "original" in plugin.needs
        assert plugin.library.version in plugin.summary
        assert plugin.origin.rpartition(":")[2].isdigit()


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("torchcam:grad-cam", "torchcam:GradCAM"),
        ("torchcam:GradCAM++", "torchcam:GradCAMpp"),
        ("pytorch_grad_cam:score_cam", "pytorch-grad-cam:ScoreCAM"),
        ("captum:saliency", "captum:Saliency"),
        ("zennit:epsilon_plus", "zennit:EpsilonPlus"),
    ],
)
def test_names_may_be_spelled_in_other_ways(spelled: str, name: str) -> None:
    assert METHODS[spelled].name == name
    assert METHODS[spelled] is METHODS[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchcam:GradCAN", "unknown method 'torchcam:GradCAN' of torch-cam .* Did you mean 'torchcam:GradCAM'"),
        ("pytorch-grad-cam:EigenCAN", "Did you mean 'pytorch-grad-cam:EigenCAM'"),
        ("captum:Salience", "Did you mean 'captum:Saliency'"),
        ("zennit:EpsilonPluss", "Did you mean 'zennit:EpsilonPlus'"),
        ("torchcam:RefineCAM", "torchcam:RefineCAM is refused: it multiplies the maps of several layers"),
        ("captum:NeuronGradient", "it explains a neuron and not the class"),
        ("captum:feature_permutation", "captum:FeaturePermutation is refused"),
    ],
)
def test_what_is_not_there_is_one_line(name: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        METHODS[name]


@pytest.mark.parametrize("prefix", FAMILIES)
def test_a_library_that_is_not_installed_names_what_to_install(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULES[prefix], None)  # what an import of it then finds
    family = replace(FAMILIES[prefix], _known={}, _methods={})
    package = "captum" if prefix == "captum" else rf"'benchbench-saliency\[{prefix}\]'"
    with pytest.raises(BenchError, match=f"is not installed.*pip install {package}"):
        family.method("GradCAM")


def test_a_library_that_fails_to_import_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise AttributeError(f"{name} wants another numpy")

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(BenchError, match=r"torch-cam fails to import: AttributeError: .*another numpy.*--upgrade"):
        torchcam_methods.TORCHCAM.load()


def _raises(*_: object) -> str:
    raise importlib.metadata.PackageNotFoundError


def test_the_version_of_a_missing_library_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", _raises)
    assert torchcam_methods.TORCHCAM.version == ""


def test_an_upgrade_computes_the_maps_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = METHODS["torchcam:GradCAM"].source_digest
    assert replace(FAMILIES["torchcam"], _methods={}).method("GradCAM").source_digest == before
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "99.0")
    assert replace(FAMILIES["torchcam"], _methods={}).method("GradCAM").source_digest != before


def test_a_change_of_a_helper_computes_the_maps_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """captum's and zennit's maps pass through methods/_sign.py."""
    names = {path.name for path in adapter_files()}
    assert {"_sign.py", "captum_methods.py", "known_faults.py"} <= names
    assert "gradcam.py" not in names
    before, read = METHODS["captum:Saliency"].source_digest, Path.read_bytes
    assert replace(FAMILIES["captum"], _methods={}).method("Saliency").source_digest == before
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == "_sign.py"))
    assert replace(FAMILIES["captum"], _methods={}).method("Saliency").source_digest != before


def test_what_helpers_import_counts_too(tmp_path: Path) -> None:
    (tmp_path / "methods" / "adapters").mkdir(parents=True)
    texts = {
        "methods/adapters/adapter.py": "import os\nfrom benchbench import errors\nfrom .._helper import f\n",
        "methods/_helper.py": "from ._inner import g\nfrom ..outside import h\n",
        "methods/_inner.py": "from . import _last\n",
        "methods/_last.py": "",
        "methods/other.py": "",
        "outside.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    expected = ["methods/_helper.py", "methods/_inner.py", "methods/_last.py", "methods/adapters/adapter.py"]
    files = adapter_files(tmp_path / "methods" / "adapters")
    assert [path.relative_to(tmp_path).as_posix() for path in files] == expected


def test_parameters_are_the_librarys_plain_values() -> None:
    options = METHODS["pytorch-grad-cam:ScoreCAM"].parameters
    assert {name: option.default for name, option in options.items()} == {
        "batch_size": 16,
        "aug_smooth": False,
        "eigen_smooth": False,
        "raw": False,
    }
    assert METHODS["torchcam:SSCAM"].parameters["num_samples"].type is int
    assert METHODS["torchcam:SSCAM"].parameters["std"].type is float
    assert METHODS["pytorch-grad-cam:SESS"].parameters["window_size"].check(None) is None
    assert METHODS["pytorch-grad-cam:FinerCAM"].parameters["base_method"].default == "GradCAM"
    assert "raw" not in METHODS["pytorch-grad-cam:SESS"].parameters  # it has no map of one layer
    assert METHODS["captum:Occlusion"].parameters.keys() == {"perturbations_per_eval", "window", "stride", "sign"}


@pytest.mark.parametrize(
    ("method", "parameter", "value"),
    [
        ("pytorch-grad-cam:FinerCAM", "alpha", 0.6),  # alpha: float = 1
        ("torchcam:FinerCAM", "gamma", 0.25),
        ("torchcam:SSCAM", "std", 1.5),
        ("pytorch-grad-cam:AblationCAM", "ratio_channels_to_ablate", 0.5),
        ("captum:GradientShap", "stdevs", 0.1),
        ("captum:IntegratedGradients", "internal_batch_size", 4),
        ("zennit:EpsilonPlus", "epsilon", 0.01),
    ],
)
def test_a_parameter_takes_what_its_annotation_allows(method: str, parameter: str, value: float) -> None:
    option = METHODS[method].parameters[parameter]
    assert option.check(value) == value
    assert type(option.default) is not int
    (choice,) = StudySpec(
        models=["resnet18"], datasets=["shapes"], metrics=["deletion"], methods=[{"name": method, parameter: value}]
    ).methods
    assert choice.params[parameter] == value


def _annotated(
    a: float = 1, b: int = 2, c: float | None = 1, d: int | None = None, e: Path | None = None, *, g: bool = True
) -> None:
    """A function as a library may have it."""


def _plain(a=1, b=0.5, c=None, d=()) -> None:  # type: ignore[no-untyped-def]
    """The same without annotations."""


def test_the_annotation_counts_before_the_default() -> None:
    typed = {"a": float, "b": int, "c": float | None, "d": int | None, "g": bool}
    assert {name: option.type for name, option in plain_options(_annotated).items()} == typed
    assert {name: option.type for name, option in plain_options(_plain).items()} == {"a": int, "b": float}
    assert repr(plain_options(_annotated)["a"].default) == "1.0"


def test_a_study_binds_them_by_the_parameters_types() -> None:
    keys = {"models": ["resnet18"], "datasets": ["shapes"], "metrics": ["deletion"]}
    methods = [{"name": "torchcam:SSCAM", "num_samples": "4"}, {"name": "torchcam:GradCAM", "raw": "true"}]
    study = StudySpec(**keys, methods=methods)
    assert [dict(choice.params) for choice in study.methods] == [
        {"batch_size": 32, "num_samples": 4, "std": 2.0, "raw": False},
        {"raw": True},
    ]
    assert study.methods[1].title == "torch-cam GradCAM (raw=True)"
    with pytest.raises(BenchError, match=r"no parameter 'num_sample'\. Did you mean 'num_samples'"):
        StudySpec(**keys, methods=[{"name": "torchcam:SSCAM", "num_sample": 4}])
    with pytest.raises(BenchError, match="are the same method with the same parameters"):
        StudySpec(**keys, methods={"one": "torchcam:GradCAM", "two": "torchcam:grad-cam"})


TABLES = {
    "torchcam": (faults.TORCHCAM_FAULTS, faults.TORCHCAM_REFUSED),
    "pytorch-grad-cam": (faults.GRAD_CAM_FAULTS, faults.GRAD_CAM_REFUSED),
    "captum": (faults.CAPTUM_CONVENTIONS | faults.CAPTUM_HERE, faults.CAPTUM_REFUSED),
    "zennit": ({}, faults.ZENNIT_REFUSED),
}


@pytest.mark.parametrize("prefix", TABLES)
def test_every_fault_and_refusal_is_of_a_class_that_is_there(prefix: str) -> None:
    known = set(dir(importlib.import_module(MODULES[prefix]))) | {"BaseCAM"}
    for table in TABLES[prefix]:
        assert set(table) <= known
    for name, fault in TABLES[prefix][0].items():
        plugin = METHODS[f"{prefix}:{name}"]
        assert isinstance(plugin, LibraryMethod)
        expected = fault if name in faults.CAPTUM_HERE else f"in {plugin.library.version} {fault}"
        is_convention = prefix == "captum"
        assert (plugin.note, plugin.convention) == (("", expected) if is_convention else (expected, ""))
        assert plugin.summary.endswith(f"{'Convention' if is_convention else 'Known'}: {expected}")


def test_faults_were_looked_for_in_the_installed_versions() -> None:
    """Else look for each fault in the new version, and write its number into known_faults.LOOKED_AT and the page."""
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    for prefix, (known, _) in TABLES.items():
        library = FAMILIES[prefix].library
        assert faults.LOOKED_AT[prefix] == library.version
        assert not known or f"{library.title} {library.version}" in page


def test_a_fault_says_that_another_version_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FAMILIES["torchcam"].library
    assert faults.seen(library, "it errs") == f"in {library.version} it errs"
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "99.0")
    assert faults.seen(library, "it errs") == "in 0.5.0 (not looked for in 99.0, which is installed) it errs"
    assert faults.seen(library, "") == ""


@pytest.mark.parametrize("name", ["ScoreCAM", "SSCAM", "ISCAM"])
def test_what_a_class_inherits_it_says_too(name: str) -> None:
    """torch-cam's masks are normalised before they are upsampled in ScoreCAM and in what is made of it."""
    kinds = torchcam_methods.classes()
    heirs = {each for each, kind in kinds.items() if issubclass(kind, kinds["ScoreCAM"])}
    assert heirs == {"ScoreCAM", "SSCAM", "ISCAM"}
    assert "it normalises the masks before it upsamples them" in METHODS[f"torchcam:{name}"].note


def test_controls_and_pixels() -> None:
    assert METHODS["pytorch-grad-cam:RandomCAM"].control
    assert not METHODS["pytorch-grad-cam:GradCAM"].control
    for name in ("captum:Saliency", "zennit:EpsilonPlus", "pytorch-grad-cam:FullGrad"):
        assert "input" in METHODS[name].needs
    for name in ("captum:LayerGradCam", "captum:GuidedGradCam", "torchcam:GradCAM"):
        assert "input" not in METHODS[name].needs


def test_the_page_lists_every_fault_and_refusal() -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    listed = [line for line in page if line.startswith("| `") and ":" in line.split("`")[1] and "NAME" not in line]
    listed = [line for line in listed if "COMPOSITE" not in line and "NoiseTunnel" not in line]
    tables = {**TABLES, "xplique-torch": ({}, faults.XPLIQUE_REFUSED)}
    expected = [
        f"| `{prefix}:{name}` | {reason} |"
        for prefix, pair in tables.items()
        for table in pair
        for name, reason in table.items()
    ]
    expected.append(f"| `captum:Neuron...` | {faults.NEURON} |")
    assert sorted(line for line in listed if line in expected) == sorted(expected)
    assert len([line for line in listed if line.count("|") == 3]) == len(expected)
