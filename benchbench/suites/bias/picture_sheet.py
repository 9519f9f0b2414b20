"""The sheet of the suite ``bias``, as in the Grad-CAM paper: image, biased network's map, repaired network's map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from PIL import Image

from ...results.record import Record, with_network_table
from ...results.suite_answer import SuitePicture
from ...viz.overlay import laid
from ..map_sheet import SheetRow, enlarged, sheet
from ..shown_names import ShownNames
from .cue_shares import TRUTH
from .verdicts import extremes, network_rows

IMAGES, METHODS = 4, 3  # rows, and methods, of which each has two columns
ROLES = ("biased", "repaired")


def bias_sheet(record: Record, maps: pd.DataFrame, names: ShownNames) -> tuple[SuitePicture, ...]:
    """Up to four images, on which the swap of the cue changes the biased network most and the repaired one least.

    The biased network is the one that relies on the cue most, the repaired one that which relies on it least.

    Args:
        record: of the run.
        maps: a row per map, of ``Readings``.
        names: of the study; no control's map is shown.

    Returns:
        One picture; none where there are fewer than two networks, or no image with maps of both.
    """
    first = maps[(maps["dataset"] == maps["dataset"].iloc[0]) & (maps["layer"] == maps["layer"].iloc[0])]
    shown = [method for method in first["method"].unique() if method not in {*names.controls, TRUTH}][:METHODS]
    if first["model"].nunique() < 2 or not shown:
        return ()
    pair = extremes(network_rows(first).drop_duplicates("model"))
    samples = _samples(first[first["method"].isin(shown)], *pair, len(shown))
    if not samples:
        return ()
    dataset = str(first["dataset"].iloc[0])
    rows = [_row(record, pair, dataset, sample, {label: names.methods[label] for label in shown}) for sample in samples]
    biased, repaired = (names.models[model] for model in pair)
    caption = (
        f"The biased network is {biased}, the repaired one is {repaired}. Beneath each image: its label, and the class "
        "that is explained of each network with its probability."
    )
    return (sheet("biased-and-repaired", "Biased and repaired network", caption, rows),)


def _row(record: Record, pair: Sequence[str], dataset: str, sample: str, titles: Mapping[str, str]) -> SheetRow:
    photos = {model: _photo(record, model, dataset, sample) for model in pair}
    pictures = {model: _picture(record, photo) for model, photo in photos.items()}
    columns = {
        f"{title}, {role}": laid(pictures[model], _map(record, model, dataset, sample, method))
        for method, title in titles.items()
        for model, role in zip(pair, ROLES, strict=True)
    }
    first = next(iter(photos.values()))
    says = [f"{role}: {_says(photo)}" for role, photo in zip(ROLES, photos.values(), strict=True)]
    caption = "\n".join([f"label: {first['label_name'] or 'unknown'}", *says])
    return SheetRow(next(iter(pictures.values())), columns, caption)


def _samples(maps: pd.DataFrame, biased: str, repaired: str, methods: int) -> list[str]:
    """With every map of both networks, in the order of how much more the swap changes the biased one."""
    here = maps[maps["model"].isin([biased, repaired])]
    counts = here.groupby("sample").size()
    whole = here[here["sample"].isin(counts[counts == 2 * methods].index)]
    table = whole.assign(size=whole["change"].abs()).groupby(["sample", "model"])["size"].first().unstack()
    if table.empty:
        return []
    gap = (table[biased] - table[repaired]).sort_values(ascending=False, kind="stable")
    return [str(sample) for sample in gap.index[:IMAGES]]


def _photo(record: Record, model: str, dataset: str, sample: str) -> Mapping[str, object]:
    rows = record.photos
    here = rows[(rows["model"] == model) & (rows["dataset"] == dataset) & (rows["sample"] == sample)]
    return {str(key): value for key, value in here.iloc[0].to_dict().items()}


def _picture(record: Record, photo: Mapping[str, object]) -> Image.Image:
    """The image as the network saw it."""
    return enlarged(record.picture(str(photo["file"])))


def _map(record: Record, model: str, dataset: str, sample: str, method: str) -> torch.Tensor:
    rows = with_network_table(record.maps)
    chosen = rows["model"].eq(model) & rows["dataset"].eq(dataset) & rows["sample"].eq(sample)
    row = rows[chosen & rows["method"].eq(method)].iloc[0]
    return torch.from_numpy(record.map(str(row["file"]), int(row["row"])))


def _says(photo: Mapping[str, object]) -> str:
    return f"{photo['target_name']} {photo['probability']:.2f}"
