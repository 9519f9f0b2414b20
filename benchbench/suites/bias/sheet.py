"""The sheet of the suite ``bias``, as in the Grad-CAM paper: image, biased network's map, repaired network's map."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping

import pandas as pd
import torch
from PIL import Image

from ...results.record import Record, with_network_table
from ...results.suite_answer import SuitePicture
from ...study.spec import StudySpec
from ...viz.overlay import Overlay, laid
from .cue_shares import TRUTH
from .verdicts import extremes, network_rows

IMAGES, METHODS = 4, 3  # rows, and methods, of which each has two columns
_ENLARGED = 256  # pixels, at least


def bias_sheet(
    study: StudySpec, record: Record, maps: pd.DataFrame, titles: Mapping[str, str], controls: Collection[str]
) -> tuple[SuitePicture, ...]:
    """Up to four images, on which the swap of the cue changes the biased network most and the repaired one least.

    The biased network is the one that relies on the cue most, the repaired one that which relies on it least.

    Args:
        study: for the networks' names.
        record: of the run.
        maps: a row per map, of ``Readings``.
        titles: by label, the methods' names.
        controls: labels of controls, of which no map is shown.

    Returns:
        One picture; none where there are fewer than two networks, or no image with maps of both.
    """
    first = maps[(maps["dataset"] == maps["dataset"].iloc[0]) & (maps["layer"] == maps["layer"].iloc[0])]
    shown = [method for method in first["method"].unique() if method not in {*controls, TRUTH}][:METHODS]
    if first["model"].nunique() < 2 or not shown:
        return ()
    biased, repaired = extremes(network_rows(first).drop_duplicates("model"))
    samples = _samples(first[first["method"].isin(shown)], biased, repaired, len(shown))
    if not samples:
        return ()
    names = {choice.label: choice.title for choice in study.models}
    dataset = str(first["dataset"].iloc[0])
    pairs = ((biased, "biased"), (repaired, "repaired"))
    rows, captions = [], []
    for sample in samples:
        photos = {model: _photo(record, model, dataset, sample) for model, _ in pairs}
        laid_over = [
            laid(_picture(record, photos[model]), _map(record, model, dataset, sample, method))
            for method in shown
            for model, _ in pairs
        ]
        rows.append((_picture(record, photos[biased]), *laid_over))
        says = [f"{role}: {_says(photos[model])}" for model, role in pairs]
        captions.append("\n".join([f"label: {photos[biased]['label_name'] or 'unknown'}", *says]))
    heads = ("image", *(f"{titles[method]}, {role}" for method in shown for _, role in pairs))
    caption = (
        f"Biased: {names[biased]}. Repaired: {names[repaired]}. Per image, what each network predicts or was asked to "
        "explain, with its probability, and where each method says that it looked."
    )
    png = Overlay(tuple(rows), heads, tuple(captions))._repr_png_()
    return (SuitePicture("biased-and-repaired", "Biased and repaired network", caption, png),)


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
    """The image as the network saw it, enlarged by a whole number where it is small."""
    picture = Image.open(io.BytesIO(record.photo(str(photo["file"])))).convert("RGB")
    times = max(1, -(-_ENLARGED // max(picture.size)))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _map(record: Record, model: str, dataset: str, sample: str, method: str) -> torch.Tensor:
    rows = with_network_table(record.maps)
    chosen = rows["model"].eq(model) & rows["dataset"].eq(dataset) & rows["sample"].eq(sample)
    row = rows[chosen & rows["method"].eq(method)].iloc[0]
    return torch.from_numpy(record.map(str(row["file"]), int(row["row"])))


def _says(photo: Mapping[str, object]) -> str:
    return f"{photo['target_name']} {photo['probability']:.2f}"
