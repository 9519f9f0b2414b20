"""What a run says and refuses before it computes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..results.store import Store
from ..study.extension import refuse_changed, refuse_other_answers
from ..study.spec import StudySpec
from .model_survey import ModelSurvey
from .provenance import describe, earlier, machine


def first_info(
    study: StudySpec,
    known: ModelSurvey,
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
    cautions = known.cautions(study)
    described = describe(study, [plan.about for plan in known.plans], known.plans[0].datasets, known.shards)
    refuse_other_answers(store.read_info(), described, store.folder)
    refuse_changed(before, described, store.folder)
    return described | {
        "warnings": cautions,
        "earlier": earlier(described, before),
        "files": dict(before["files"]) if before else {},
        "device": machine(device),
    }
