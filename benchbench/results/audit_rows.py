"""What an audit of another library's methods tells, as plain values: a row per method, and its JSON file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from ..errors import BenchError, message_of, safe_json
from ..formatting import join_words, plural

KINDS = {
    "fails": "the method raises, or returns no finite maps",
    "formula": "its map differs from benchbench's",
    "batch": "the map of an image depends on the other images of the batch",
    "state": "it leaves the network, the images or the process changed",
    "random": "two calls give two maps",
}
DEFAULT_KINDS = ("fails", "formula", "batch", "state")
FORMAT = 2
GROWTH = 2.0  # a known finding whose size is beyond so many times the known one is new


@dataclass(frozen=True)
class AuditFinding:
    """One thing that is wrong with a method.

    Attributes:
        kind: one of KINDS.
        text: in a few words, such as ``leaves hooks behind``.
        parts: what it is made of, such as each thing that is left changed: a part that was not known is a new finding.
        size: how large it is, such as the largest difference of two maps; None if it has no size.
    """

    kind: str
    text: str
    parts: tuple[str, ...] = ()
    size: float | None = None

    def since(self, known: AuditFinding | None) -> AuditFinding | None:
        """What an earlier finding of the same kind does not have of this one, in words; None if it has all of it."""
        if known is None:
            return self
        new = tuple(part for part in self.parts if part not in known.parts)
        if new:
            return replace(self, text=f"new: {join_words(new)} ({self.text})", parts=new)
        if self.size is not None and known.size is not None and self.size > GROWTH * known.size:
            return replace(self, text=f"grew from {known.size:.2g} to {self.size:.2g}: {self.text}")
        return None


def _gone(before: AuditFinding, now: AuditFinding | None) -> str:
    """What of an earlier finding is gone, in words; empty if nothing is."""
    if now is None:
        return before.text
    return join_words(part for part in before.parts if part not in now.parts)


@dataclass(frozen=True)
class AuditedPlace:
    """The comparison of one method with ours at one layer of one network.

    Attributes:
        network: its name.
        layer: its path, or ``input image``.
        difference: the largest difference of two maps in 0 .. 1 at the images' size; None if nothing was compared.
        correlation: the lowest Spearman correlation of an image's two maps; None if every map is constant.
        reason: why nothing was compared, or an empty text.
    """

    network: str
    layer: str
    difference: float | None = None
    correlation: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class AuditCost:
    """What one call on one image costs.

    Attributes:
        seconds: the median of the calls.
        peak_bytes: the peak of live tensor bytes.
        forwards: images through the network; None if they cannot be counted.
        backwards: the same backwards.
        partial: images through the network behind the layer alone.
    """

    seconds: float
    peak_bytes: int
    forwards: float | None = None
    backwards: float | None = None
    partial: float | None = None


@dataclass(frozen=True)
class AuditRow:
    """What is known of one method of the library.

    Attributes:
        method: the library's name, with parameters that differ from its defaults.
        ours: benchbench's method with its parameters; empty if benchbench has none.
        verdict: one line.
        findings: what is wrong with it; empty for a method that agrees.
        difference: the largest of all places.
        correlation: the lowest of all places.
        alone: largest difference between the map of an image alone and in its batch.
        permuted: the same between two orders of the batch.
        repeated: the same between two calls.
        cost: the library's.
        our_cost: benchbench's.
        note: what is known of the method, such as a convention.
        agrees: whether the maps agree.
        places: the comparisons.
    """

    method: str
    ours: str
    verdict: str
    findings: tuple[AuditFinding, ...] = ()
    difference: float | None = None
    correlation: float | None = None
    alone: float | None = None
    permuted: float | None = None
    repeated: float | None = None
    cost: AuditCost | None = None
    our_cost: AuditCost | None = None
    note: str = ""
    agrees: bool = False
    places: tuple[AuditedPlace, ...] = ()


@dataclass(frozen=True)
class AuditReport:
    """An audit of one library.

    Attributes:
        library: its name.
        version: of the installed package.
        benchbench: our version.
        packages: by package, the versions that the numbers depend on.
        setting: networks and images, in a sentence.
        rows: by method of the library.
        only_ours: methods of benchbench that the library does not have.
    """

    library: str
    version: str
    benchbench: str
    packages: Mapping[str, str]
    setting: str
    rows: tuple[AuditRow, ...]
    only_ours: tuple[str, ...] = ()

    def failing(self, kinds: Collection[str], known: AuditReport | None = None) -> tuple[tuple[str, AuditFinding], ...]:
        """The findings of these kinds, each with its method, without those that an earlier audit has of it.

        Args:
            kinds: of KINDS.
            known: an earlier audit. It knows a finding if it has one of the same kind for the method, with the same
                parts and at least half the size.
        """
        before = {} if known is None else known._by_method()
        new = (
            (row.method, finding.since(before.get(row.method, {}).get(finding.kind)))
            for row in self.rows
            for finding in row.findings
            if finding.kind in kinds
        )
        return tuple((method, finding) for method, finding in new if finding is not None)

    def fixed_since(self, known: AuditReport) -> tuple[str, ...]:
        """Findings of an earlier audit, or parts of them, that a method no longer has; lost methods are left out."""
        now = self._by_method()
        gone = (
            (row.method, _gone(finding, now[row.method].get(finding.kind)))
            for row in known.rows
            if row.method in now
            for finding in row.findings
        )
        return tuple(f"{method}: {text}" for method, text in gone if text)

    def _by_method(self) -> dict[str, dict[str, AuditFinding]]:
        """By method and kind, the finding; a method has no two of one kind."""
        return {row.method: {finding.kind: finding for finding in row.findings} for row in self.rows}

    def kinds_by_method(self) -> dict[str, set[str]]:
        """By method the kinds of its findings."""
        return {row.method: {finding.kind for finding in row.findings} for row in self.rows}

    def to_json(self) -> str:
        """The report as JSON; a number that is not known is null."""
        plain = {"format": FORMAT, **asdict(self)}
        return safe_json(json.dumps(plain, indent=1, allow_nan=False, ensure_ascii=False)) + "\n"

    @property
    def summary(self) -> str:
        """How many methods agree, and how many have each kind of finding; a method may have several."""
        compared = [row for row in self.rows if row.difference is not None]
        agree = [row for row in compared if row.agrees]
        counts = Counter(kind for kinds in self.kinds_by_method().values() for kind in kinds)
        words = {
            "fails": "fails",
            "formula": "another formula or sign",
            "batch": "depends on the batch",
            "state": "state left changed",
            "random": "two calls differ",
        }
        told = ", ".join(f"{text} {counts[kind]}" for kind, text in words.items() if counts[kind])
        agreement = f"{len(agree)} of {plural(len(compared), 'method')} agree with benchbench"
        affected = sum(bool(row.findings) for row in self.rows)
        several = " A method may have several." if sum(counts.values()) > affected else ""
        findings = f" Methods with a finding, of {len(self.rows)}: {told}.{several}" if told else ""
        return f"{self.library} {self.version}: {agreement}.{findings}"

    @classmethod
    def from_json(cls, path: Path) -> AuditReport:
        """The report of a file.

        Raises:
            BenchError: the file cannot be read, or is no audit of this format.
        """
        hint = "Write it with: benchbench audit LIBRARY --format json --out FOLDER"
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            if plain.pop("format") != FORMAT:
                raise BenchError("the audit is of another format", where=str(path), hint=hint)
            report = TypeAdapter(cls).validate_python(plain)
            report.to_json()  # what cannot be written is no audit: a number that is not finite
            return report
        except OSError as error:
            raise BenchError(f"the audit cannot be read: {error.strerror}", where=str(path), hint=hint) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            message = f"the file is no audit: {message_of(error)}"
            raise BenchError(message, where=str(path), hint=hint) from None
