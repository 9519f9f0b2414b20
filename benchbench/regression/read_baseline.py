"""A baseline's file read back: whatever a hand or a merge left wrong in it is said in one line."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..errors import BenchError
from .map_sketch import Sketch
from .records import BaselineRecords, CostRecord, ScoreRecord
from .serialise import FORMAT

_AGAIN = "Write it again: benchbench baseline RUN --out FILE.json"


B = TypeVar("B", bound=BaselineRecords)


def read(path: Path, kind: type[B]) -> B:
    """The baseline of a file, as ``kind``.

    Raises:
        BenchError: there is no such file, or it is not what ``Baseline.save`` writes.
    """
    content = _parsed(path)
    if not isinstance(content, dict) or "baseline" not in content:
        raise BenchError("this file is not a baseline", where=str(path), hint=_AGAIN)
    if content.pop("baseline") != FORMAT:
        raise BenchError("another version of benchbench wrote this baseline", where=str(path), hint=_AGAIN)
    try:
        baseline: B = TypeAdapter(kind).validate_python(content)
        odd = next(_odd(baseline), None) or _reworded(baseline, content)
    except ValidationError as error:
        first = error.errors()[0]
        odd = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if odd:
        raise BenchError(f"the baseline cannot be used: {odd}", where=str(path), hint=_AGAIN) from None
    return baseline


def _parsed(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_no_number)
        json.dumps(content, ensure_ascii=False).encode()  # an escape may be half a letter, which no file can hold
    except FileNotFoundError:
        hint = "Write it: benchbench baseline RUN --out FILE.json"
        raise BenchError("there is no such baseline", where=str(path), hint=hint) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BenchError(f"the baseline cannot be read: {reason}", where=str(path), hint=_AGAIN) from None
    return content


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _reworded(baseline: BaselineRecords, content: dict[str, Any]) -> str | None:
    """A key that nothing reads, or a value of another type, is a mistake and not a matter of taste."""
    plain = json.loads(baseline.text())
    for key in plain.keys() - {"baseline"} | content.keys():
        if plain.get(key) != content.get(key):
            return f"{key} is not as benchbench writes it"
    return None


def _odd(baseline: BaselineRecords) -> Iterator[str]:
    """What does not fit the rest."""
    for name in ("models", "datasets", "methods"):
        yield from _twice(name, (record.name for record in getattr(baseline, name)))
    yield from _twice("metrics", (metric.key for metric in baseline.metrics))
    for part in ("images", "scores", "maps", "costs"):
        yield from _twice(part, (record.key for record in getattr(baseline, part)))
        for record in getattr(baseline, part):
            yield from _unknown(part, record, baseline)
    for images in baseline.images:
        marks = next((data.samples for data in baseline.datasets if data.name == images.dataset), {})
        if len(images.samples) != len(images.targets) or len(set(images.samples)) != len(images.samples):
            yield f"the images of {' '.join(images.key)} and their targets do not fit"
        if set(images.samples) - set(marks):
            yield f"an image of {images.dataset} has no fingerprint"
    for cell in baseline.scores:
        yield from _odd_cell(cell, baseline.samples.get((cell.model, cell.dataset), ()))
    for maps in baseline.maps:
        for name, sketch in maps.sketches.items():
            if not _fits(sketch):
                yield f"the map of {name} by {maps.method} does not fit its shape"
    for cost in baseline.costs:
        if not _sound(cost):
            yield f"the {cost.metric} of {cost.method} is not a valid cost"


def _twice(part: str, keys: Iterable[Any]) -> Iterator[str]:
    counts = Counter(keys)
    for key in (key for key, count in counts.items() if count > 1):
        yield f"{part}: {key if isinstance(key, str) else ' '.join(key)} appears twice"


def _unknown(part: str, record: Any, baseline: BaselineRecords) -> Iterator[str]:
    """Of images, scores, maps and costs: a name that the lists above do not have."""
    for kind, names in (("model", baseline.models), ("dataset", baseline.datasets), ("method", baseline.methods)):
        name = getattr(record, kind, None)
        if name is not None and name not in {each.name for each in names}:
            yield f"{part}: the baseline has no {kind} {name}"
    metrics = {metric.key for metric in baseline.metrics}
    if isinstance(record, ScoreRecord) and (record.metric, record.protocol) not in metrics:
        yield f"{part}: the baseline has no metric {record.metric}@{record.protocol}"


def _odd_cell(cell: ScoreRecord, images: tuple[str, ...]) -> Iterator[str]:
    if len(images) != len(cell.values) or set(cell.reasons) - set(images):
        yield f"the scores of {' '.join(cell.key)} do not fit the images"
    if any(value is not None and not math.isfinite(value) for value in cell.values):
        yield f"a score of {' '.join(cell.key)} is not finite"


def _fits(sketch: Sketch) -> bool:
    if min(sketch.shape) < 1 or not 0 <= sketch.contrast < math.inf:
        return False
    if sketch.flat:
        return True
    try:
        return sketch.contrast > 0 and sketch.grid.size > 0 and sketch.hashed.size > 0
    except ValueError:
        return False


def _sound(cost: CostRecord) -> bool:
    figures = [figure for figure in (cost.value, cost.low, cost.high, cost.reference) if figure is not None]
    least = 0.0 if not cost.timed else math.ulp(0.0)
    return all(math.isfinite(figure) and figure >= least for figure in figures)
