"""Images of two runs that are one picture: what a copy is in one run, and what networks of both runs saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from .record import Record
from .shared_entries import in_both

Info: TypeAlias = Mapping[str, Any]
Pair: TypeAlias = tuple[str, str]


def seen_in_both(first: Record, second: Record) -> dict[str, list[Pair]]:
    """By data set, images of the second run with an image of the first run that has the same photograph.

    A photograph is what a network saw, so photographs of networks with the same pre-processing are compared: of every
    network that both runs have.
    """
    return {data: list(_pairs(data, first, second)) for data in _of_other_images(first, second)}


def not_compared(first: Record, second: Record) -> list[str]:
    """Data sets of other images in the two runs of which no two networks saw photographs in the same way."""
    records = (first, second)
    ways = {data: [_networks(record, data).keys() for record in records] for data in _of_other_images(first, second)}
    return [data for data, (ours, theirs) in ways.items() if not ours & theirs]


def joined_copies(data: Info, other: Info, samples: Mapping[str, str], pairs: Sequence[Pair]) -> dict[str, str]:
    """By sample, the first one with the same picture: a copy of a copy, in either run, is one of the first.

    Args:
        data, other: a data set in the run.json of each run.
        samples: of both.
        pairs: of equal pictures besides those that the runs know.
    """
    parents = {sample: sample for sample in samples}

    def root(sample: str) -> str:
        while parents[sample] != sample:
            sample = parents[sample]
        return sample

    place = {sample: i for i, sample in enumerate(samples)}
    known = data.get("copies", {}).items(), other.get("copies", {}).items(), pairs
    for copy, original in (pair for each in known for pair in each):
        ends = sorted((root(copy), root(original)), key=place.__getitem__)
        parents[ends[1]] = ends[0]
    return {sample: root(sample) for sample in samples if root(sample) != sample}


def _of_other_images(first: Record, second: Record) -> list[str]:
    """Data sets that both runs have, with images that only one of them has."""
    shared = in_both(first.info, second.info, "datasets")
    return [name for name, data, other in shared if data["samples"].keys() != other["samples"].keys()]


def _pairs(data: str, first: Record, second: Record) -> Iterator[Pair]:
    ways = _networks(first, data), _networks(second, data)
    known, new = _samples(first, data), _samples(second, data)
    for way in (way for way in ways[0] if way in ways[1]):
        originals: dict[str, str] = {}
        for sample, seal in _photographs(first, data, ways[0][way]):
            if sample in known:
                originals.setdefault(seal, sample)
        for sample, seal in _photographs(second, data, ways[1][way]):
            if seal in originals and sample in new:
                yield sample, originals[seal]


def _samples(record: Record, data: str) -> Mapping[str, str]:
    return next(each["samples"] for each in record.info["datasets"] if each["name"] == data)


def _networks(record: Record, data: str) -> dict[str, list[str]]:
    """By the way in which photographs are prepared, the networks that have any of this data set."""
    rows = record.photos[(record.photos["dataset"] == data) & (record.photos["file"].fillna("") != "")]
    there = set(rows["model"])
    known: dict[str, list[str]] = {}
    for model in record.info["models"]:
        if model["name"] in there:
            known.setdefault(json.dumps(model["preprocess"], sort_keys=True), []).append(model["name"])
    return known


def _photographs(record: Record, data: str, models: Sequence[str]) -> Iterator[Pair]:
    """The samples that these networks have a photograph of, with the digest of each sample's first one."""
    photos = record.photos[(record.photos["dataset"] == data) & record.photos["model"].isin(list(models))]
    rows = photos[photos["file"].fillna("") != ""].drop_duplicates("sample")
    for sample, file in zip(rows["sample"], rows["file"], strict=True):
        yield str(sample), hashlib.sha256(record.photo(file)).hexdigest()
