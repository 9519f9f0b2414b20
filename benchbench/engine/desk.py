"""What the shards of a network are worked on with: the scorer, the loader and the store."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..containment.plugin_watch import PluginWatch
from ..cost.ledger import Ledger
from ..network.scorer import Scorer
from ..results.store import Store
from ..study.spec import StudySpec
from .reference_images import ReferenceImages
from .sample_loader import Loader
from .setup import LoadedModel
from .shard import RunContext


def desk_of(
    loaded: LoadedModel,
    study: StudySpec,
    store: Store,
    device: torch.device,
    loader: Loader,
    ledger: Ledger,
    calls: PluginWatch,
    advance: Callable[[int], None],
) -> RunContext:
    """For a network that is in memory.

    Args:
        ledger: the account of its maps, and what its passes are counted in.
        calls: what calls of plugins go through. advance: told how many images were scored.
    """
    prepared, plan = loaded.prepared, loaded.plan
    scorer = Scorer(
        prepared.network,
        plan.sizing.batch,
        prepared.used,
        ledger.passes,
        advance,
        padded=prepared.compiled,
        proven=plan.model.proven,
        activation=plan.model.settings.get("score", "softmax"),
        ledger=ledger,
        watch=calls,
    )
    return RunContext(study, loaded.network, store, scorer, device, loader, ReferenceImages(study.seed))


def shares_costs(study: StudySpec) -> bool:
    """Whether a metric asks what the methods had in common; nothing is timed otherwise."""
    return any("shared" in metric.plugin.needs for metric in study.metrics)
