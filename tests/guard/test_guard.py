"""What guards this code: every method and metric stands in a guarded study, every fault can still be planted, and the
pages say what the last proof found. The studies themselves are run by ``make guard``, the faults by ``make proof``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchbench.registry import METHODS, METRICS
from benchbench.regression import Baseline
from benchbench.study.spec import StudySpec

from .again import PAGE as AGAIN
from .again import RERUNS, TIMED, ways
from .fault import Fault
from .proof import ENDS, FAULTS, HERE, PAGE, ROOT, Outcome, narrowed, page, planted

STUDIES = sorted(path.stem for path in (ROOT / HERE).glob("*.yaml"))
# of metrics: smooth_mprt is mprt on means and would take as long as all the others; the rest read a clock or an
# allocator, which tells more of the machine than of the code
UNGUARDED = {"smooth_mprt", "runtime", "overhead", "peak_memory", "study_runtime", "study_passes"}
UNGUARDED_LIBRARIES = {"xplique-torch"}  # it needs TensorFlow, which CI does not install


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_and_its_baseline_are_of_one_mind(name: str) -> None:
    """Whoever edits a study makes its baseline again; and the Makefile knows it."""
    study, then = StudySpec.from_yaml(ROOT / HERE / f"{name}.yaml"), Baseline.load(ROOT / HERE / f"{name}.json")
    assert [choice.label for choice in study.methods] == [method.name for method in then.methods]
    metrics = {(c.name, c.protocol) for c in study.metrics if c.plugin.of_images}
    assert metrics == {metric.key for metric in then.metrics}
    assert then.seed == study.seed
    assert {len(group.samples) for group in then.images} == {study.samples}
    guarded = re.search(r"^GUARDED := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert guarded is not None
    assert name in guarded[1].split()


def test_every_method_and_metric_is_guarded() -> None:
    thens = [Baseline.load(ROOT / HERE / f"{name}.json") for name in STUDIES]
    mapped = {(m.method, i) for i, then in enumerate(thens) for m in then.maps if m.sketches}
    plugins = {method.plugin for i, then in enumerate(thens) for method in then.methods if (method.name, i) in mapped}
    builtin = {name for name in plugins if ":" not in name}
    assert builtin == set(METHODS.names()), "a method without a map in any guarded study"
    libraries = {name.partition(":")[0] for name in plugins - builtin}
    assert libraries == set(METHODS.open_families()) - UNGUARDED_LIBRARIES, "an adapter that nothing guards"
    scored = {cell.metric for then in thens for cell in then.scores if any(v is not None for v in cell.values)}
    counted = {cost.metric for then in thens for cost in then.costs}
    assert scored | counted == set(METRICS.names()) - UNGUARDED


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.says)
def test_it_can_be_planted_and_its_study_has_what_shows_it(fault: Fault) -> None:
    text = (ROOT / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1
    compile(text.replace(fault.old, fault.new), fault.file, "exec")
    keys, then = narrowed(fault.study, fault.methods, fault.metrics)
    assert not fault.methods or {plugin.plugin for plugin in then.methods} == set(fault.methods)
    assert len(keys["metrics"]) == len(fault.metrics)


def test_a_planted_fault_is_taken_out_again(tmp_path: Path) -> None:
    fault = FAULTS[0]
    file = tmp_path / fault.file
    file.parent.mkdir()
    file.write_text(f"a {fault.old} b", encoding="utf-8")
    with planted(fault, tmp_path):
        assert file.read_text(encoding="utf-8") == f"a {fault.new} b"
    assert file.read_text(encoding="utf-8") == f"a {fault.old} b"
    file.write_text("", encoding="utf-8")
    with pytest.raises(SystemExit, match="has 0 times"), planted(fault, tmp_path):
        pass


def test_the_page_has_a_row_of_every_fault_and_misses_none() -> None:
    """Else: make proof."""
    text = PAGE.read_text(encoding="utf-8")
    empty = page({}, [Outcome(True, "") for _ in FAULTS])
    rows = [line.rsplit("|", 2)[0] for line in empty.splitlines() if line.startswith("| ")]
    assert len(rows) > len(FAULTS)
    assert [row for row in rows if row not in text] == []
    assert f"{len(FAULTS)} of {len(FAULTS)} faults" in text
    assert "**missed**" not in text
    assert "**false alarm**" not in text
    assert text.count(" | Nothing changed: ") == len({fault.study for fault in FAULTS})
    assert text.count(ENDS) <= 1, "a run that ends shows nothing of the gate"
    assert page({"small": Outcome(True, "worse")}, [Outcome(True, "") for _ in FAULTS]).count("**false alarm**") == 1
    missed = page({}, [Outcome(False, "Nothing changed") for _ in FAULTS])
    assert missed.count("**missed**") == len(FAULTS)


def test_the_page_of_clean_runs_has_no_false_alarm() -> None:
    """Else: make again."""
    text = AGAIN.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| [a-z]+ \| (\d+|auto) \|", line)]
    assert len(rows) == RERUNS + TIMED == 50
    assert len(set(ways())) == RERUNS
    assert "false alarm**" not in text
    assert all(f"| {study} | {way.batch} | {way.threads} | {way.workers} |" in text for study, way in ways())
