"""How fast a network answers on this machine, from a few of a study's images: so that networks can be compared."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from ..cost.measure import synchronise
from ..errors import BenchError
from ..failure_policy import Failure, attempt
from ..network.capture import eval_frozen
from ..network.fast_copy import channels_last
from ..plugin_guard import random_states_kept
from ..results.store import Store
from ..study.plan import Task
from .missing_cells import missing_cells
from .sample_loader import load_sample
from .setup import LoadedModel

MOST = 8  # images
CALLS, ENOUGH = 8, 1.5  # timed, after one that warms up; fewer once so many seconds are spent


def forward_seconds(loaded: LoadedModel, device: torch.device) -> float | None:
    """Seconds that a scored forward takes for an image, in a batch; None where no image can be read or it fails."""
    images = _images(loaded.plan.tasks, min(loaded.plan.sizing.batch, MOST))
    if not images:
        return None
    batch = torch.stack(list(images)).to(device)
    network, prepared = loaded.prepared.network, loaded.prepared.used

    def call() -> float:
        synchronise(device)
        start = time.perf_counter()
        network(channels_last(batch) if prepared else batch)
        synchronise(device)
        return time.perf_counter() - start

    def timed() -> float:
        with torch.no_grad(), eval_frozen(network), random_states_kept():
            call()
            seconds = [call()]
            while len(seconds) < CALLS and sum(seconds) < ENOUGH:
                seconds.append(call())
            return min(seconds) / len(batch)  # what else the machine does only adds to it

    seconds = attempt(timed, contain_memory=True)
    return None if isinstance(seconds, Failure) else seconds


def lacks_any(tasks: Sequence[Task], store: Store) -> bool:
    """Whether anything of the tasks is to be computed."""
    return any(lacking.maps or lacking.metrics for lacking in (missing_cells(task, store) for task in tasks))


def _images(tasks: Sequence[Task], most: int) -> list[Tensor]:
    """The first readable images, of one shape."""
    images: list[Tensor] = []
    for task in tasks[:1]:
        for index in task.shard.indices[: 2 * most]:
            try:
                image = load_sample(task.shard.dataset, index, task.shard.model.preprocess)[1]
            except BenchError:
                continue
            if len(images) < most and image.shape == (images or [image])[0].shape:
                images.append(image)
    return images
