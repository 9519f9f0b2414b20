"""What differs between two runs beside their numbers: versions, device, weights, data, code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .mergeable import other_classes, other_in_plugin
from .record import Record
from .schema import KEYS
from .shared_entries import in_both

Info = Mapping[str, Any]


def differences(then: Info, now: Info) -> list[str]:
    """In words, what is not the same in two run.json.

    Args:
        then, now: run.json of the earlier and of the later run.
    """
    parts = (_engine, _versions, _device, _networks, _data, _code)
    return [difference for part in parts for difference in part(then, now)]


def _engine(then: Info, now: Info) -> Iterator[str]:
    before, after = then.get("engine_code"), now.get("engine_code")
    if before is None or after is None:
        yield (
            "an older benchbench, which did not store the code of its engine, the system's versions and the content of "
            "files among parameters, wrote one of the runs: whether these differ is not known"
        )
    elif before != after:
        yield "the code of the engine has changed"


def _versions(then: Info, now: Info) -> Iterator[str]:
    """Of benchbench, the libraries, the system and what runs a GPU."""
    both = "system" in then and "system" in now
    before, after = (
        {"benchbench": info.get("benchbench"), **info.get("versions", {}), **(info["system"] if both else {})}
        for info in (then, now)
    )
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name) or 'none'} then, {after.get(name) or 'none'} now"


def _device(then: Info, now: Info) -> Iterator[str]:
    before, after = then.get("device", {}), now.get("device", {})
    for key in ("kind", "name", "threads"):
        if before.get(key) != after.get(key):
            word = {"kind": "device", "name": "processor"}.get(key, key)
            yield f"{word}: {before.get(key)} then, {after.get(key)} now"


def _networks(then: Info, now: Info) -> Iterator[str]:
    for name, before, after in in_both(then, now, "models"):
        if before["state"] != after["state"]:
            yield f"the network {name} has other weights"
        elif before["fingerprint"] != after["fingerprint"]:
            yield f"the network {name} has the same weights and answers otherwise"
        for key, word in (("layers", "layers"), ("preprocess", "pre-processing")):
            if before[key] != after[key]:
                yield f"the network {name} has other {word}"


def _data(then: Info, now: Info) -> Iterator[str]:
    for name, before, after in in_both(then, now, "datasets"):
        marks, current = before["samples"], after["samples"]
        changed = sum(current[sample] != mark for sample, mark in marks.items() if sample in current)
        gone, new = len(marks.keys() - current.keys()), len(current.keys() - marks.keys())
        parts = [
            f"{count:,} {word}" for count, word in ((changed, "changed"), (gone, "missing"), (new, "new")) if count
        ]
        if parts:
            yield f"the images of {name}: {', '.join(parts)}"
        yield from other_classes(name, before, after)


def _code(then: Info, now: Info) -> Iterator[str]:
    for kind in ("methods", "metrics"):
        for name, before, after in in_both(then, now, kind):
            for what in other_in_plugin(before, after):
                yield f"the code of {name} has changed" if what == "code" else f"{name} has other {what}"


def same_values(then: Record, now: Record) -> str:
    """In words, how many values of images two runs agree in to the last bit, and by how much the others differ most.

    Costs are left out.
    """
    keys = [key for key in KEYS if key != "label"]
    rows = [record.results.loc[record.results["sample"].notna(), [*keys, "value", "status"]] for record in (then, now)]
    both = rows[0].merge(rows[1], on=keys, suffixes=("_then", "_now"))
    before, after = both["value_then"].to_numpy(float), both["value_now"].to_numpy(float)
    same = (before == after) | (np.isnan(before) & np.isnan(after) & (both["status_then"] == both["status_now"]))
    alone = len(rows[0]) + len(rows[1]) - 2 * len(both)
    most = np.nanmax(np.abs(before - after), initial=0.0, where=~np.isnan(before - after)) if len(both) else 0.0
    worst = "" if same.all() else f"; the others differ by up to {most:.3g}"
    missing = f"; {alone:,} values are in one run only" if alone else ""
    return f"{int(same.sum()):,} of {len(both):,} values are the same{worst}{missing}"
