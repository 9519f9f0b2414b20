"""What the shards of a network are worked on with: the scorer, the loader and the store."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..cost.ledger import Ledger, Passes
from ..network.scorer import Scorer
from ..results.store import Store
from ..study.spec import StudySpec
from .sample_loader import Loader
from .setup import LoadedModel
from .shard import RunContext


def desk_of(
    loaded: LoadedModel,
    study: StudySpec,
    store: Store,
    device: torch.device,
    loader: Loader,
    passes: Passes,
    advance: Callable[[int], None],
) -> RunContext:
    """For a network that is in memory.

    Args:
        passes: what its passes are counted in. advance: told how many images were scored.
    """
    prepared, plan = loaded.prepared, loaded.plan
    scorer = Scorer(
        prepared.network,
        plan.sizing.batch,
        prepared.used,
        passes,
        advance,
        padded=prepared.compiled,
        proven=plan.model.proven,
        activation=plan.model.settings.get("score", "softmax"),
        ledger=ledger_of(study, passes),
    )
    return RunContext(study, loaded.network, store, scorer, device, loader)


def ledger_of(study: StudySpec, passes: Passes) -> Ledger:
    """An empty account; it times nothing where no metric asks for shared costs."""
    return Ledger(passes, any("shared" in metric.plugin.needs for metric in study.metrics))
