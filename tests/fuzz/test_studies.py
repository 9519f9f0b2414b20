"""Study files: changed trees, changed bytes, and YAML that means harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, reject

from benchbench.cli.table_names import read_names
from benchbench.cli.validate import validate_command

from .mutations import changed_bytes, changed_trees
from .outcomes import outcome, refused
from .profile import counted, tries

STUDY: dict[str, Any] = {
    "models": [{"name": "resnet18", "weights": "random", "as": "mine"}, "zoo_plain"],
    "datasets": [{"name": "shapes", "subset": {"classes": [0, 1], "per_class": 2}}],
    "layers": {"mine": ["layer3", "layer4"], "zoo_plain": "last"},
    "methods": ["gradcam", {"name": "smoothgrad", "samples": 4, "as": "Smooth"}, "random"],
    "metrics": ["deletion", {"name": "average_drop"}, "runtime"],
    "target": ["predicted", 3, "top-2"],
    "score": ["logit", "probability"],
    "samples": 4,
    "seed": 0,
    "device": "cpu",
    "batch": 2,
    "time_limit": 5.0,
    "twins": ["inverted"],
}
LAUGHS = "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))])
HARMFUL = [
    "!!python/object/apply:os.system ['touch {proof}']",
    "models: !!python/name:os.system ''",
    "models: !!python/object/new:subprocess.Popen [['touch', '{proof}']]",
    'methods: [!!python/object/apply:builtins.eval [\'open("{proof}", "w")\']]',
    "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch {proof}']",
    "%TAG ! tag:yaml.org,2002:python/\n---\n!object/apply:os.system ['touch {proof}']",
    LAUGHS,
    "a: &a [*a]",
    "a: &a {b: *a}\nmodels: *a",
    "x: &x {a: 1}\n<<: [" + ", ".join(["*x"] * 3000) + "]",
    "models: [a]\nmodels: [b]",
    "samples: 1\nsamples: 2",
    f"samples: {'9' * 5000}",
    f"samples: 0x{'f' * 5000}",
    "samples: 0b_",
    "samples: !!int x",
    "samples: !!float x",
    "samples: !!bool x",
    "samples: 2026-99-99",
    "samples: 2026-01-01T99:99:99Z",
    "samples: !!timestamp x",
    "samples: !!binary x",
    "samples: !!set {a, b}",
    "samples: !!omap [a]",
    "samples: !!pairs x",
    "samples: 1:99:99:99",
    "[" * 1000,
    "{a: " * 1000,
    "- " * 500,
    "? " * 500,
    "models: " + "[" * 500 + "]" * 500,
    "models: '" + "x" * 20_000 + "'",
    "? [a, b]\n: c",
    "? {a: b}\n: c",
    "1: 2",
    "null: 2",
    "--- a\n--- b",
    "%YAML 9.9\n---\na: b",
    "\t- a",
    "a: b: c",
    'models: "\\ud800"',
    "models: ['a\\0b']",
    'models: [{{name: "x\\0.py:f"}}]',
    "models: ['x\\0.py:f']",
    "models: ['/dev/null.py:f']",
    "models: ['/etc/passwd:f']",
    'datasets: [{{name: folder, root: "a\\0b"}}]',
    "datasets: [{{name: folder, root: '~nobody-here/x'}}]",
    'datasets: [{{name: folder, root: "~a\\0/x"}}]',
    "models: ['timm:../../x']",
    "methods: ['nosuch:../../x', 'torchcam:<script>']",
    'models: ["\\e[31m"]',
    "suite: ../../x",
    "suite: {{name: sanity, x: y}}",
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "study.yaml"


def validate(path: Path) -> None:
    validate_command(study=path, plugin=None, load=False)


def test_the_study_is_valid(file: Path) -> None:
    file.write_text(yaml.safe_dump(STUDY))
    assert outcome(validate, file) is None


@tries(80)
@given(tree=changed_trees(STUDY))
def test_a_changed_study(tree: Any, file: Path) -> None:
    try:
        file.write_text(yaml.safe_dump(tree))
    except (UnicodeEncodeError, RecursionError):
        reject()
    outcome(validate, file)


@tries(60)
@given(content=changed_bytes([yaml.safe_dump(STUDY).encode()]))
def test_changed_bytes(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    outcome(validate, file)


@pytest.mark.parametrize("text", counted("studies.harmful", HARMFUL))
def test_harm_is_refused_and_nothing_is_run(text: str, file: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    file.write_text(text.replace("{proof}", str(proof)).replace("{{", "{").replace("}}", "}"), encoding="utf-8")
    refused(validate, file)
    outcome(read_names, file)
    assert not proof.exists()
