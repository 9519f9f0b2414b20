"""Exported runs, baselines, audits and snapshots of someone else."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.regression import Baseline, Tolerances, check
from benchbench.reports.checks.gate import FORMATS, render, renderable
from benchbench.reports.rendering import rendered
from benchbench.results.audit_rows import AuditFinding, AuditReport, AuditRow
from benchbench.results.bundle import MANIFEST, opened, write_bundle
from benchbench.results.record import Record
from benchbench.testing.snapshots import FORMAT
from benchbench.testing.snapshots import read as read_snapshot

from ..reports.fake import Fake, fake_record
from .mutations import changed_bytes, changed_trees
from .outcomes import outcome, refused
from .profile import counted, tries

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = Fake(layers=["last"], methods=["gradcam"], controls=["random"], quality=("deletion",), samples=("a", "b", "c"))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return fake_record(tmp_path_factory.mktemp("run"), SMALL)


@pytest.fixture(scope="module")
def bundle(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "run.zip"
    write_bundle(record.folder, path)
    return path


def open_bundle(path: Path) -> Record:
    with opened(path) as folder:
        return Record.load(folder)


@tries(60)
@given(data=st.data())
def test_changed_bytes_of_a_bundle(data: st.DataObject, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.zip"
    path.write_bytes(data.draw(changed_bytes([bundle.read_bytes()])))
    outcome(open_bundle, path)


def rewritten(bundle: Path, out: Path, members: dict[str, bytes], **how: Any) -> Path:
    """The bundle with other members beside or in place of its own, and a manifest that knows them."""
    with zipfile.ZipFile(bundle) as old:
        files = {name: old.read(name) for name in old.namelist() if name != MANIFEST}
        manifest = json.loads(old.read(MANIFEST))
    files |= members
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    with zipfile.ZipFile(out, "w", **how) as new:
        for name, content in {**files, MANIFEST: json.dumps(manifest).encode()}.items():
            new.writestr(zipfile.ZipInfo(name), content, compress_type=how.get("compression", zipfile.ZIP_DEFLATED))
    return out


NAMES = [
    "../x",
    "/tmp/x",
    "cells/../../x",
    "..\\x",
    "C:x",
    "cells/",
    ".owner.json",
    "a/b/c",
    "x\n",
    "\x1b[31m",
    "x" * 300,
]


@pytest.mark.parametrize("name", counted("stored.names", NAMES))
def test_no_member_is_written_outside(name: str, bundle: Path, tmp_path: Path) -> None:
    before = set(tmp_path.parent.rglob("x*"))
    refused(open_bundle, rewritten(bundle, tmp_path / "a.zip", {name: b"x"}))
    assert set(tmp_path.parent.rglob("x*")) == before


@pytest.mark.parametrize("name", counted("stored.stems", ["...zip", "..zip", " .zip", "-rf.zip"]))
def test_a_bundle_may_have_any_name(name: str, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(bundle.read_bytes())
    assert isinstance(outcome(open_bundle, tmp_path / name), Record)


def test_a_bundle_that_is_a_bomb_is_not_unpacked(bundle: Path, tmp_path: Path) -> None:
    path = rewritten(bundle, tmp_path / "a.zip", {"cells/bomb.zip": bytes(100_000_000)})
    assert path.stat().st_size < 3_000_000
    assert "too large" in str(refused(open_bundle, path))


@pytest.mark.parametrize("way", counted("stored.ways", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
def test_other_ways_to_pack_are_refused(way: int, bundle: Path, tmp_path: Path) -> None:
    refused(open_bundle, rewritten(bundle, tmp_path / "a.zip", {}, compression=way))


@pytest.fixture(scope="module")
def baseline(record: Record, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    Baseline.of(record).save(path)
    return dict(json.loads(path.read_text()))


def compare(path: Path, record: Record) -> None:
    checked = check(record, Baseline.load(path), Tolerances())
    rendered(renderable(checked))
    for format in FORMATS:
        if format != "table":
            render(checked, format)


@tries(40)
@given(data=st.data())
def test_a_forged_baseline(
    data: st.DataObject, record: Record, baseline: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "baseline.json"
    path.write_text(json.dumps(data.draw(changed_trees(baseline))))
    outcome(compare, path, record)


AUDIT = AuditReport(
    "lib",
    "1",
    "0.1",
    {"torch": "2"},
    "one network",
    (AuditRow("a", "b", "c", (AuditFinding("fails", "x", ("net, layer",), 0.5),)),),
)
SNAPSHOT = {"snapshot": FORMAT, "maps": {"a": {"shape": [2, 2], "rows": [[0.0, 1.0], [1.0, 0.0]]}}}


def read_audit(path: Path) -> None:
    report = AuditReport.from_json(path)
    _ = report.summary, report.failing(("fails",), report), report.to_json()


READERS: dict[str, tuple[Callable[[Path], Any], Any]] = {
    "audit": (read_audit, json.loads(AUDIT.to_json())),
    "snapshot": (read_snapshot, SNAPSHOT),
}


@tries(60)
@given(data=st.data())
def test_forged_audits_and_snapshots(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    read, valid = READERS[data.draw(st.sampled_from(list(READERS)))]
    path = tmp_path_factory.getbasetemp() / "stored.json"
    content = data.draw(st.one_of(changed_trees(valid).map(json.dumps), st.sampled_from(["[" * 5000, "9" * 5000, "{"])))
    path.write_text(content)
    outcome(read, path)


def test_nothing_is_left_over(bundle: Path) -> None:
    """The bundle that the others were made of is still one."""
    assert isinstance(outcome(open_bundle, bundle), Record)
