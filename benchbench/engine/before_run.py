"""What a run says and refuses before it computes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..results.store import Store
from ..study.extension import refuse_changed, refuse_other_answers
from ..study.spec import StudySpec
from .data_checks import image_cautions, refuse_without_truth
from .provenance import data_warnings, describe, earlier, machine, titles_of
from .setup import ModelPlan


def first_info(
    study: StudySpec,
    plans: Sequence[ModelPlan],
    store: Store,
    before: Mapping[str, Any] | None,
    device: torch.device,
) -> dict[str, Any]:
    """What run.json says, as far as it is known before anything is computed.

    Args:
        before: run.json of the results that the folder holds; None where there are none.

    Raises:
        BenchError: the folder's results are of other networks, layers or images.
    """
    pieces = [task.shard for task in plans[0].tasks]
    cautions = [
        *refuse_without_truth(study, pieces),
        *(caution for plan in plans for caution in plan.warnings),
        *data_warnings(titles_of(study)[1], *(plan.datasets for plan in plans)),
        *image_cautions(pieces),
        *(f"{choice.title}: {choice.plugin.note}" for choice in study.methods if choice.plugin.note),
    ]
    described = describe(study, [plan.about for plan in plans], plans[0].datasets, pieces)
    refuse_other_answers(store.read_info(), described, store.folder)
    refuse_changed(before, described, store.folder)
    return described | {
        "warnings": cautions,
        "earlier": earlier(described, before),
        "files": dict(before["files"]) if before else {},
        "device": machine(device),
    }
