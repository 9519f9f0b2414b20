"""``--suite localisation``: weakly supervised localisation and segmentation as people publish them."""

from __future__ import annotations

import gc
from pathlib import Path

import pandas as pd

from ...engine.device import device_of
from ...engine.progress import Progress
from ...engine.setup import load
from ...files import publish
from ...registry import suite
from ...reports.escape import csv
from ...results.record import Record
from ...results.schema import SEEDS, typed
from ...results.store import Store
from ...study.spec import StudySpec
from .segmentation_seeds import seed_rows

KEYS = {
    "models": ["efficientnet_lite0"],
    "datasets": ["cutouts"],
    "layers": "last",
    "methods": ["cam", "gradcam", "gradcam++", "layercam", "random", "center"],
    "metrics": [
        "max_box_acc",
        "max_box_acc_v2",
        "top1_localisation",
        "top5_localisation",
        "pxap",
        "iou",
    ],
    "target": "label",
    "samples": 60,
}


@suite("localisation", keys=KEYS, title="weakly supervised localisation", paper="arXiv:2007.04178")
def localise(study: StudySpec, folder: Path, progress: Progress) -> None:
    """MaxBoxAcc v1 and v2, top-1 and top-5 localisation, PxAP, IoU, and mIoU of seeds, on data with boxes or masks.

    The seeds are made here, of the maps that the run stored; see docs/localisation.md.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.

    Raises:
        BenchError: the networks or the data cannot be read again.
    """
    device, rows = device_of(study), []
    record = Record.load(folder)
    for choice in study.models:
        plan = load(choice, study, device).plan
        gc.collect()  # one network in memory at a time
        rows += list(seed_rows(plan, record, study.seed, progress.say))
    table = typed(pd.DataFrame(rows), SEEDS)
    Store(folder).write_results({"seeds.parquet": table}, record.info)
    (folder / "tables").mkdir(exist_ok=True)
    publish(folder / "tables" / "seeds.csv", csv(table))
