"""The Python faces: Study, Run and explain, with the same words as the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from . import study as _study
from .allocator import out_of_memory
from .asked import read_layers, read_target, refuse_unused_labels
from .capture import check_logits, quiet
from .datasets.forms import Parts, each_batch, parts_of, stacked
from .disturbing import Disturbances, disturb
from .errors import BenchError, NotApplicable
from .finished import Run
from .given import check_answers, check_images, check_maps, check_network, names_of
from .layers import resolve
from .paths import expanded
from .perturb import saliency
from .plan import sample_seeds
from .progress import Progress
from .registry import METHODS, MethodPlugin
from .reliability import LEVELS, with_levels
from .reports import reliability
from .rounding import doubted, made_of_rounding
from .runner import run
from .scoring import Scorer
from .services import Batch, look, run_method
from .targets import difference, is_scored, pair_of, scored, unharmed
from .types import INPUT, ModelSpec


class Study(_study.Study):
    """What to compare; see the study file's keys. ``models`` and ``datasets`` may be mappings of names to objects.

    Example:
        >>> Study(models={"mine": network}, datasets={"val": (images, labels)}, layers=["layer4"],
        ...       methods=["gradcam", "scorecam"], metrics=["deletion", "insertion"]).run("runs/mine")  # doctest: +SKIP
    """

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)

    def run(
        self,
        out: str | Path = "runs/study",
        *,
        progress: Progress | None = None,
        report: bool = True,
        overwrite: bool = False,
        retry_failed: bool = False,
    ) -> Run:
        """Compute whatever ``out`` does not hold yet, write its tables and its report, and read it back.

        A folder is one study's. If it holds results of a study with fewer methods, metrics, samples, layers, networks
        or datasets, this study extends them; methods and metrics that this study does not name are kept.

        Args:
            out: the run's folder.
            progress: what is told of the run's progress and of warnings; nothing by default.
            report: write report.html and tables/ too.
            overwrite: the folder's results become this study's alone. What the folder holds of the same work is still
                not computed again.
            retry_failed: also try again what failed the same way twice. What failed once is always tried again.

        Raises:
            BenchError: the request cannot be met, another run writes into the folder, or the folder holds results of
                another study: other networks, data, target or seed.
        """
        run(self, expanded(out), progress, overwrite=overwrite, retry_failed=retry_failed)
        done = Run.load(out)
        if report:
            done.report()
        return done

    def reliability(
        self,
        out: str | Path = "runs/reliability",
        *,
        disturbances: Disturbances | None = None,
        levels: Sequence[float] = LEVELS,
        progress: Progress | None = None,
        overwrite: bool = False,
        retry_failed: bool = False,
    ) -> Run:
        """Study the study's metrics: whether each falls on maps that get worse, and what disturbances do to it.

        The study is run with each method's map blended with noise at every level, with controls and without metrics
        of cost; then all is scored again under disturbances. ``Run.reliability`` is the result; tables/reliability.csv
        and .md hold it. docs/reliability.md defines every number. What ``out`` holds already is not computed again;
        ``overwrite`` and ``retry_failed`` are those of ``run``.

        Raises:
            BenchError: the request cannot be met.
        """
        asked = with_levels(self, levels)
        folder = expanded(out)
        run(asked, folder, progress, overwrite=overwrite, retry_failed=retry_failed)
        disturb(asked, folder, disturbances or Disturbances(), progress)
        done = Run.load(folder)
        reliability.write_tables(done.reliability(), done.folder / "tables")
        return done


@overload
def explain(
    network: nn.Module | ModelSpec,
    images: Any,
    *,
    method: str = ...,
    layer: Literal["stages"] | list[Any] | tuple[Any, ...],
    target: Any = ...,
    labels: Any = ...,
    seed: int = ...,
    **params: Any,
) -> dict[str, Tensor]: ...


@overload
def explain(
    network: nn.Module | ModelSpec,
    images: Any,
    *,
    method: str = ...,
    layer: str | nn.Module = ...,
    target: Any = ...,
    labels: Any = ...,
    seed: int = ...,
    **params: Any,
) -> Tensor: ...


def explain(
    network: nn.Module | ModelSpec,
    images: Any,
    *,
    method: str = "gradcam",
    layer: Any = "last",
    target: Any = None,
    labels: Any = None,
    seed: int = 0,
    **params: Any,
) -> Tensor | dict[str, Tensor]:
    """Saliency maps (B, 1, H, W) in [0, 1] for images (B, channels, H, W), by one method.

    Args:
        network: returns logits (B, C); it is left as it was found. A ModelSpec stands for its network.
        images: as the network takes them: a float tensor or NumPy array (B, channels, H, W), a list of them
            (channels, H, W), ``(images, labels)``, a mapping such as ``{"pixel_values": ..., "labels": ...}``, or a
            DataLoader that does not shuffle, which is explained batch by batch.
        method: a registered name: ``benchbench list methods``.
        layer: a module's path, a module of the network, or ``last``, the last stage with a spatial map. A list of
            them, or ``stages``, gives a dictionary of maps by layer; a method that explains the network as a whole has
            the single entry ``"input image"``.
        target: what is explained. By a word, as in a study: ``predicted`` (also None), the most likely class, or the
            score of a network that ``scored`` made; ``label``; ``top-2``, the second most likely class; ``281-285``,
            the logit of class 281 less that of 285. Or by number: a class for all images; (B,), a class for each; or
            (B, T), several classes of each: the maps are (B, T, H, W), and masked forwards, as of Score-CAM, are
            shared. Numbers may be Python's, NumPy's, a list or a tensor. (B, C) of bools, floats, or, with C > 2,
            integers is one-hot where every row has a single 1.
        labels: for ``target="label"``: a class for each image, or one-hot (B, C). Labels that come with the images
            need not be repeated.
        seed: of methods that draw at random. What is drawn for an image does not depend on the others.
        params: the method's own parameters.

    Raises:
        BenchError: an unknown method, parameter, layer or target; images that the network cannot take.
        NotApplicable: the method has no meaning on this network; the message says why.
    """
    if not isinstance(method, str):
        raise BenchError(f"method is {method!r}", where="explain", hint="Give a name: benchbench list methods")
    refuse_unused_labels(labels, target)
    found: list[dict[str, Tensor]] = []
    with torch.inference_mode(False):  # autograd is needed
        checked = check_network(network, "explain")
        names, several = read_layers(checked, layer)
        wanted = names if several else names[0]
        for parts in _parts(images):
            shown = _stacked(parts.images, checked)
            known = parts.labels if labels is None else labels
            found.append(_explain(checked, shown, method, wanted, target, known, seed, params))
    if not found:
        raise BenchError("there are no images", where="explain", hint="Give at least one")
    maps = {name: torch.cat([one[name] for one in found]) for name in found[0]}
    return maps if several else next(iter(maps.values()))


def _parts(images: Any) -> Iterable[Parts]:
    try:
        return each_batch(images) if isinstance(images, DataLoader) else [parts_of(images)]
    except BenchError as error:
        raise error.at("explain") from None


def _stacked(images: Any, network: nn.Module) -> Tensor:
    """The images in one tensor, where the network is."""
    try:
        found = check_images(stacked(images))
    except BenchError as error:
        raise error.at("explain") from None
    own = next((tensor.device for tensor in [*network.parameters(), *network.buffers()]), found.device)
    return found.to(own)


def _explain(
    network: nn.Module,
    images: Tensor,
    method: str,
    layer: str | list[str],
    target: Any,
    labels: Any,
    seed: int,
    params: dict[str, Any],
) -> dict[str, Tensor]:
    """The maps by layer; of ``last`` or one path, a single entry."""
    plugin = METHODS[method]
    bound = plugin.bind(params)
    needs = plugin.needs_of(bound)
    if "dataset" in needs:
        raise NotApplicable(f"{method} needs the maps of a whole dataset: run a Study")
    network, classes = _settled(network, images[:1])
    pair = pair_of(target)
    if pair is not None:
        network, classes = _settled(scored(network, difference(*pair, of=network)), images[:1])
        target = None
    aim = read_target(target, labels, len(images), classes, only=is_scored(network))
    images = images.repeat_interleave(aim.several, 0)
    names = [INPUT] if "input" in needs else resolve(network, images[:1], layer)
    with quiet(network):
        batch = look(network, Scorer(network), images, names, aim.choose, gradient="gradient" in needs)
        check_answers(batch.captured.logits)
        maps = {name: _maps(plugin, batch, name, bound, seed) for name in names}
    height, width = images.shape[2:]
    return {name: saliency(own, (height, width)).view(-1, aim.several, height, width) for name, own in maps.items()}


def _maps(plugin: MethodPlugin, batch: Batch, name: str, params: dict[str, Any], seed: int) -> Tensor:
    """The method's maps (B, h, w) at one layer of the batch, each of them sound."""
    layer = batch.layer(name, sample_seeds(seed, f"{plugin.name}/{name}", names_of(batch.images)))
    maps = run_method(plugin, doubted(layer), params)
    rounding = made_of_rounding(plugin, layer, params, maps)
    if any(rounding):
        raise NotApplicable(next(filter(None, rounding)))
    check_maps(maps, batch.sound(name, gradient="gradient" in plugin.needs_of(params)), plugin.name)
    return maps


def _settled(network: nn.Module, image: Tensor) -> tuple[nn.Module, int]:
    """The network, which has run on an example (1, channels, H, W), and how many classes it has.

    Raises:
        BenchError: it fails on the example, or returns no logits of two classes or more.
    """
    try:
        network = unharmed(network, image)
        with quiet(network), torch.no_grad():
            classes = check_logits(network(image), image).shape[1]
    except BenchError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        said = f"the network fails on an image {tuple(image.shape)}: {type(error).__name__}: {error}"
        hint = "Give images as the network takes them"
        raise BenchError(" ".join(said.split())[:400], where="explain", hint=hint) from error
    if classes < 2:
        hint = "Give two logits, [0, z]; or bb.scored(network, lambda z: z[:, 0])"
        raise BenchError("the network has one output, and its softmax is always 1", where="explain", hint=hint)
    return network, classes
