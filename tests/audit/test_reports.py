"""The table, the page, the files and the exit code of an audit; what is shown is escaped, and JSON is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchbench.errors import BenchError
from benchbench.reports.checks.audit_tables import HEADS, cells_of, failing_lines, markdown_page, renderable
from benchbench.reports.html.audit_page import audit_page
from benchbench.reports.rendering import rendered
from benchbench.results.audit_rows import AuditCost, AuditedPlace, AuditFinding, AuditReport, AuditRow

from ..cli.commands import benchbench

_COST = AuditCost(0.0123, 3 * 2**19, 1.0, 1.0, 0.0)
_OURS = AuditCost(0.004, 2**20, 1.0, 0.0, 80.0)
GOOD = AuditRow("GradCAM", "gradcam", "agrees to 1e-6", (), 3e-7, 1.0, 0.0, 0.0, 0.0, _COST, _OURS, agrees=True)
BAD = AuditRow(
    "<b>Bad|CAM</b>",
    "",
    "not in benchbench; leaves hooks behind",
    (AuditFinding("state", "leaves hooks behind"),),
    note="<script>alert(1)</script>",
    places=(AuditedPlace("net", "layer|4", reason="a & b"),),
)
REPORT = AuditReport("some-cam", "1.0", "0.1.0", {"torch": "2"}, "4 scenes", (GOOD, BAD), ("rise",))


def test_json_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(REPORT.to_json())
    assert AuditReport.from_json(tmp_path / "audit.json") == REPORT


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1}', '{"format": 2, "rows": [{}]}'])
def test_what_is_no_audit_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(text)
    with pytest.raises(BenchError, match=r"audit\.json: the (file is no audit|audit is of another format)"):
        AuditReport.from_json(tmp_path / "audit.json")
    with pytest.raises(BenchError, match="cannot be read"):
        AuditReport.from_json(tmp_path / "other.json")


def test_what_fails() -> None:
    finding = ("<b>Bad|CAM</b>", BAD.findings[0])
    assert REPORT.failing(["state", "formula"]) == (finding,)
    assert REPORT.failing(["formula"]) == ()
    assert REPORT.failing(["state"], known=REPORT) == ()
    mended = replace(REPORT, rows=(GOOD, replace(BAD, findings=())))
    assert mended.fixed_since(REPORT) == ("<b>Bad|CAM</b>: leaves hooks behind",)
    worse = replace(REPORT, rows=(GOOD, replace(BAD, findings=(*BAD.findings, AuditFinding("batch", "depends")))))
    assert [finding.kind for _, finding in worse.failing(["state", "batch"], known=REPORT)] == ["batch"]
    assert replace(REPORT, rows=(GOOD,)).fixed_since(REPORT) == ()  # the method is gone
    assert list(failing_lines([finding], ["x: y"])) == ["FAIL <b>Bad|CAM</b>: leaves hooks behind", "fixed: x: y"]


def _state(*parts: str) -> AuditFinding:
    return AuditFinding("state", ", ".join(parts), parts)


HOOKS, WEIGHTS, GRADIENT = "leaves hooks behind", "changes weights", "leaves .grad changed"
SMALL = AuditFinding("formula", "another formula (differs by 0.002)", ("another formula",), 0.002)
OTHERS = "the other images of the batch"
ORDER = AuditFinding("batch", "depends on the order", ("the order of the batch",), 0.1)


@pytest.mark.parametrize(
    ("known", "now", "text"),
    [
        (_state(HOOKS), _state(HOOKS, WEIGHTS), f"new: {WEIGHTS} ({HOOKS}, {WEIGHTS})"),
        (_state(HOOKS), _state(GRADIENT, WEIGHTS), f"new: {GRADIENT} and {WEIGHTS} ({GRADIENT}, {WEIGHTS})"),
        (_state(HOOKS, WEIGHTS), _state(WEIGHTS), ""),
        (SMALL, replace(SMALL, text="x", size=1.0), "grew from 0.002 to 1: x"),
        (SMALL, replace(SMALL, size=0.0041), "grew from 0.002 to 0.0041: another formula (differs by 0.002)"),
        (SMALL, replace(SMALL, size=0.0039), ""),
        (SMALL, replace(SMALL, size=1e-4), ""),
        (AuditFinding("formula", "leaves the sign open", ("the sign",)), SMALL, f"new: another formula ({SMALL.text})"),
        (ORDER, replace(ORDER, text="x", parts=(OTHERS,)), f"new: {OTHERS} (x)"),
        (
            AuditFinding("fails", "fails on net, a: no", ("net, a",)),
            AuditFinding("fails", "fails on net, a: no", ("net, a", "net, b")),
            "new: net, b (fails on net, a: no)",
        ),
    ],
)
def test_a_known_finding_that_gets_worse_is_new(known: AuditFinding, now: AuditFinding, text: str) -> None:
    before, after = (replace(REPORT, rows=(replace(BAD, findings=(finding,)),)) for finding in (known, now))
    failing = [finding.text for _, finding in after.failing([now.kind], known=before)]
    assert failing == ([text] if text else [])
    assert len(after.failing([now.kind])) == 1
    assert after.failing([now.kind], known=after) == ()


def test_a_part_of_a_finding_that_is_gone_is_fixed() -> None:
    before, after = (replace(BAD, method="x", findings=(each,)) for each in (_state(HOOKS, WEIGHTS), _state(WEIGHTS)))
    assert replace(REPORT, rows=(after,)).fixed_since(replace(REPORT, rows=(before,))) == (f"x: {HOOKS}",)
    assert replace(REPORT, rows=(before,)).fixed_since(replace(REPORT, rows=(after,))) == ()


def test_findings_are_read_back_with_parts_and_size(tmp_path: Path) -> None:
    report = replace(REPORT, rows=(replace(BAD, findings=(_state(HOOKS, WEIGHTS), SMALL)),))
    (tmp_path / "audit.json").write_text(report.to_json())
    assert AuditReport.from_json(tmp_path / "audit.json") == report


def test_the_summary_counts() -> None:
    expected = "some-cam 1.0: 1 of 1 method agree with benchbench. Methods with a finding, of 2: state left changed 1."
    assert REPORT.summary == expected


def test_the_summary_says_that_a_method_has_several_findings() -> None:
    several = replace(BAD, findings=(*BAD.findings, AuditFinding("random", "two calls differ")))
    expected = "Methods with a finding, of 2: state left changed 1, two calls differ 1. A method may have several."
    assert replace(REPORT, rows=(GOOD, several)).summary.endswith(expected)


def test_cells() -> None:
    texts = dict(zip(HEADS, cells_of(GOOD).texts, strict=True))
    assert texts["largest difference"] == "3e-07"
    assert texts["time (ours)"] == "12.3 ms (4 ms)"
    assert texts["memory (ours)"] == "1.5 MiB (1.0 MiB)"
    assert texts["forwards + backwards (ours)"] == "1 + 1 (1 + 0 + 80 partial)"
    assert set(cells_of(BAD).texts[3:]) == {""}


def test_markdown_and_the_screen() -> None:
    page = markdown_page(REPORT)
    assert "| GradCAM | gradcam | agrees to 1e-6 | 3e-07 | 1.0000 |" in page
    assert "| &lt;b&gt;Bad\\|CAM&lt;/b&gt; |" in page
    assert "<script>" not in page
    assert "Only benchbench has: rise." in page
    assert "GradCAM" in rendered(renderable(REPORT))


def test_the_page_escapes_and_asks_for_nothing() -> None:
    page = audit_page(REPORT)
    assert "<b>Bad" not in page
    assert "&lt;b&gt;Bad|CAM&lt;/b&gt;" in page
    assert "alert(1)</script>" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "src=" not in page
    assert page.count("<tr>") == 1 + 2 + 1 + 1


def test_the_command(tmp_path: Path) -> None:
    """Two methods of two networks; the same audit, once known, passes."""
    words = ("audit", "captum", "--models", "zoo_residual", "--images", 2, "--layers", "layer3")
    done = benchbench(*words, "--methods", "Saliency,GuidedGradCam", "--out", tmp_path / "all", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["audit.html", "audit.json", "audit.md"]
    assert "2 of 2 methods agree with benchbench." in done.stdout
    failing = benchbench(*words, "--methods", "DeepLift", "--format", "json", cwd=tmp_path)
    assert failing.returncode == 1
    assert "FAIL DeepLift: fails: RuntimeError: A Module ReLU() was detected" in failing.stderr
    assert json.loads(failing.stdout)["rows"][0]["findings"][0]["kind"] == "fails"
    (tmp_path / "known.json").write_text(failing.stdout)
    known = benchbench(*words, "--methods", "DeepLift", "--known", tmp_path / "known.json", cwd=tmp_path)
    assert (known.returncode, "FAIL" in known.stderr) == (0, False)
    assert benchbench(*words, "--methods", "DeepLift", "--fail-on", "batch", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), "cannot audit 'nothing'"),
        (("captum", "--methods", "Salience"), "has no method 'Salience'. Did you mean 'Saliency'"),
        (("captum", "--format", "pdf"), "unknown format 'pdf'"),
        (("captum", "--format", "html"), "a page needs a folder"),
        (("captum", "--fail-on", "bath"), "unknown finding 'bath'. Did you mean 'batch'"),
        (("captum", "--images", "1"), "1 images"),
        (("captum", "--models", "resnt18"), "unknown model 'resnt18'"),
        (("captum", "--known", "none.json"), "none.json: the audit cannot be read"),
        (("captum", "--models", "zoo_vit", "--layers", "layer4"), "the network has no layer 'layer4'"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = benchbench("audit", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
