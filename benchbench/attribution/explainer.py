"""The network and the method behind a map, for metrics of other libraries that run them themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import NotApplicable
from ..maps.normalise import saliency
from ..network.capture import eval_frozen
from ..network.reference_batch import ReferenceBatch
from ..network.scorer import Scorer
from ..seeds import sample_seeds
from ..study.plan import MapCell
from ..types import Explainer
from .captured_maps import NOT_AGAIN
from .method_maps import method_maps


def explainer_of(original: ReferenceBatch, cell: MapCell) -> Explainer:
    """The explainer of one map cell on a batch."""

    def explain(network: nn.Module, images: Tensor, targets: Tensor, ids: tuple[str, ...]) -> Tensor:
        """(n, H, W): maps as metrics see them, of images (n, C, H, W), by the method at its layer of ``network``."""
        if "dataset" in cell.method.needs:
            raise NotApplicable(NOT_AGAIN)
        seeds = sample_seeds(original.seed, f"{cell.method.plugin.name}/{cell.layer}", ids)
        with torch.enable_grad(), eval_frozen(network):
            scorer = Scorer(network, original.scorer.batch, activation=original.scorer.activation)
            arguments = (cell.method.plugin, cell.method.params, network, images, cell.layer)
            references = original.pool.of(ids, images) if original.pool else None
            maps = method_maps(*arguments, lambda _: targets, seeds, scorer=scorer, references=references)
        original.scorer.passes.forwards += scorer.passes.forwards
        original.scorer.passes.backwards += scorer.passes.backwards
        original.scorer.passes.rests += scorer.passes.rests
        return saliency(maps, (images.shape[2], images.shape[3]))

    return Explainer(original.network, original.targets, original.ids, explain)
