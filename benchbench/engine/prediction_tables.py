"""What the networks answered: photographs with classes, accuracy, cautions, and samples that are not independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import safe
from ..study.plan import Shard
from .cautions import Classified, of_labels
from .row_keys import Row


@dataclass(frozen=True, eq=False)
class ShardAnswers:
    """The samples of a shard's cell of predictions, by id."""

    shard: Shard
    samples: Mapping[str, Row]

    @property
    def place(self) -> tuple[str, str]:
        return self.shard.model.name, self.shard.dataset_name

    def readable(self) -> Iterator[Row]:
        """Samples with an answer, of networks whose classes are those of the labels."""
        if not self.shard.model.settings["scored"]:
            yield from (entry for entry in self.samples.values() if not entry["reason"])


@dataclass(eq=False)
class _Picture:
    """The labels of one picture, and the most likely classes."""

    labels: set[int] = field(default_factory=set)
    predicted: set[int] = field(default_factory=set)


def photo_rows(answers: Sequence[ShardAnswers], place: Callable[[str], str]) -> Iterator[Row]:
    """Of photos/index.parquet: what the network saw, and what it said.

    Args:
        place: from a photograph's name in a cell to where it is in the folder.
    """
    for shard_answers in answers:
        names = _class_names(shard_answers.shard)
        for sample, entry in shard_answers.samples.items():
            if not entry["photo"]:
                continue
            yield {
                "model": shard_answers.shard.model.name,
                "dataset": shard_answers.shard.dataset_name,
                "sample": sample,
                "target": entry["target"],
                "target_name": _class_name(names, entry["target"]),
                "label": entry["label"],
                "label_name": _class_name(names, entry["label"]),
                "probability": entry["probability"],
                "file": place(entry["photo"]),
                "object_share": entry["object_share"],
            }


def accuracy(answers: Sequence[ShardAnswers]) -> list[Row]:
    """Per model and dataset how often the most likely class was the label: a check of weights and preprocessing.

    ``readings``: how often it would be, were the classes numbered in the dataset's other ways. ``pictures``: where a
    picture is several samples of one group with different labels, how many pictures are labelled, how many have several
    labels, and on how many the most likely class is one of their labels.
    """
    pictures: dict[tuple[str, str], dict[str, _Picture]] = {}
    rows: dict[tuple[str, str], Row] = {}
    for shard_answers in answers:
        others = getattr(shard_answers.shard.dataset, "readings", {})
        model, dataset = shard_answers.place
        row = rows.setdefault(shard_answers.place, {"model": model, "dataset": dataset, "right": 0, "labelled": 0})
        if others:
            row.setdefault("readings", dict.fromkeys(others, 0))
        for entry in shard_answers.readable():
            if entry["label"] is not None:
                row["right"] += entry["predicted"] == entry["label"]
                row["labelled"] += 1
                if entry.get("picture") and entry.get("group") is not None:  # an ungrouped copy is another picture
                    picture = pictures.setdefault(shard_answers.place, {}).setdefault(entry["picture"], _Picture())
                    picture.labels.add(entry["label"])
                    picture.predicted.add(entry["predicted"])
                for name, labels in others.items():
                    row["readings"][name] += entry["predicted"] == labels.get(entry["label"])
    for place, of_place in pictures.items():
        several = sum(len(picture.labels) > 1 for picture in of_place.values())
        if several:
            right = sum(bool(picture.labels & picture.predicted) for picture in of_place.values())
            rows[place]["pictures"] = {"labelled": len(of_place), "several": several, "right": right}
    return list(rows.values())


def label_cautions(answers: Sequence[ShardAnswers], networks: Mapping[str, str], data: Mapping[str, str]) -> list[str]:
    """What is unlikely to be meant in the labels, per model and dataset, by the network's answers.

    Args:
        networks, data: by name in the tables, the name for people.
    """
    known: dict[tuple[str, str], list[Classified]] = {}
    classes: dict[tuple[str, str], int] = {}
    for shard_answers in answers:
        classes[shard_answers.place] = shard_answers.shard.model.classes
        for entry in shard_answers.readable():
            known.setdefault(shard_answers.place, []).append(Classified(entry["label"], entry["predicted"]))
    return [
        caution
        for place, place_answers in known.items()
        for caution in of_labels(
            networks.get(place[0], place[0]), data.get(place[1], place[1]), place_answers, classes[place]
        )
    ]


def units_of(answers: Sequence[ShardAnswers]) -> dict[str, dict[str, dict[str, str]]]:
    """By dataset, what makes samples dependent, where something does.

    ``copies``: by sample, the first sample with the same picture; ``groups``: by sample, its group. The first model's
    answers count: a sample's picture is the same for all models, but for its size.
    """
    units: dict[str, dict[str, dict[str, str]]] = {}
    first: dict[tuple[str, str], str] = {}
    for shard_answers in answers:
        model, dataset = shard_answers.place
        if model != answers[0].shard.model.name:
            continue
        unit = units.setdefault(dataset, {"copies": {}, "groups": {}})
        groups = shard_answers.shard.groups
        for sample, entry in shard_answers.samples.items():
            group = entry.get("group") if groups is None else groups.get(sample)
            if group is not None:
                unit["groups"][sample] = str(group)
            if entry.get("picture"):
                original = first.setdefault((dataset, entry["picture"]), sample)
                if original != sample:
                    unit["copies"][sample] = original
    return {name: {key: kept for key, kept in unit.items() if kept} for name, unit in units.items()}


def _class_names(shard: Shard) -> tuple[str, ...]:
    """The network's names of its outputs; the data's, where the network has none and the data as many classes."""
    of_data = tuple(getattr(shard.dataset, "class_names", ()) or ())
    return shard.model.class_names or (of_data if len(of_data) == shard.model.classes else ())


def _class_name(names: tuple[str, ...], index: int | None) -> str:
    if index is None:
        return ""
    return safe(names[index]) if 0 <= index < len(names) else f"class {index}"
