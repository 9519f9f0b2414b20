"""The maps of a film's frames: all methods on one capture of each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from ...attribution.captured_maps import gradients_of
from ...attribution.layer_services import capture_batch
from ...attribution.method_call import run_method
from ...attribution.rounding import doubted
from ...engine.device import device_of
from ...engine.study_sources import check_target, ready_spec, returning_logits, with_target_score
from ...errors import BenchError, NotApplicable
from ...failure_policy import as_bench_error
from ...models.preprocess import prepare
from ...network.capture import eval_frozen
from ...network.custom_score import activation_of, is_scored
from ...network.layers import resolve
from ...network.scorer import Scorer, target_scores
from ...network.targets import chooser
from ...seeds import sample_seeds
from ...study.choices import MethodChoice
from ...study.plan import MapCell
from ...study.spec import StudySpec, Target
from ...types import INPUT, ModelSpec
from ..class_words import targets_of
from ..looked import chance


@dataclass(frozen=True, eq=False)
class FrameMaps:
    """The maps of some frames.

    Attributes:
        maps: by method, float32 (frames, h, w), at the layer's resolution and not normalised.
        targets: int64 (frames,), the classes. probabilities: float64 (frames,).
    """

    maps: tuple[npt.NDArray[np.float32], ...]
    targets: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FrameExplainer:
    """A network and methods, made ready once for all frames of a film.

    Attributes:
        layer: ``last`` or a module's path, resolved.
    """

    spec: ModelSpec
    methods: tuple[MethodChoice, ...]
    layer: str
    target: Target
    seed: int
    device: torch.device
    scorer: Scorer = field(repr=False)

    @classmethod
    def of(cls, study: StudySpec, asked: str, word: str | int) -> FrameExplainer:
        """Of a study with one network and methods; its data, layers and metrics do not count.

        Args:
            asked: the layer, ``last`` or a module's path.
            word: the class that is explained, as ``targets_of`` reads it.

        Raises:
            BenchError: an unknown layer or class, or a network that takes no photographs.
            NotApplicable: a method needs the maps of a whole data set, or other images.
        """
        device = device_of(study)
        spec = ready_spec(study.models[0], device)
        targets = targets_of([word], spec.classes)
        if len(targets) > 1 or targets[0] == "label":
            raise BenchError("a film is explained for one class", where="classes", hint="Give one, or predicted")
        study = study.model_copy(update={"target": targets[0]})
        side = spec.preprocess.crop
        blank = torch.zeros(1, len(spec.preprocess.mean), side, side, device=device)
        with as_bench_error("the network fails on a frame", where=f"models: {spec.name}", hint="Check its Preprocess"):
            spec = returning_logits(spec, blank, study.probability)
            with eval_frozen(spec.network), torch.no_grad():
                classes = spec.network(blank).shape[1]
        check_target(study, spec.network, classes, spec.name)
        spec = with_target_score(spec, study)
        for method in study.methods:
            if {"dataset", "references"} & method.needs:
                raise NotApplicable(f"{method.label} compares an image with others, which a film's frames have not")
        layer = resolve(spec.network, blank, asked if asked == "last" else [asked])[0]
        scorer = Scorer(spec.network, activation=activation_of(spec.network))
        return cls(spec, study.methods, layer, targets[0], study.seed, device, scorer)

    def explain(self, pictures: Sequence[Image.Image], numbers: Sequence[int]) -> FrameMaps:
        """The maps of a batch of frames.

        Args:
            numbers: of the frames, from 0: what a method draws depends on the number, not on the batch.

        Raises:
            BenchError: a method fails, or returns a map that is not finite.
        """
        images = torch.stack([prepare(picture, None, self.spec.preprocess)[0] for picture in pictures]).to(self.device)
        only = is_scored(self.spec.network)
        choose = chooser(self.target, [None] * len(pictures), only=only)
        cells = [MapCell("", self._place(method), method, "") for method in self.methods]
        with eval_frozen(self.spec.network), torch.inference_mode(False):
            batch = capture_batch(
                self.spec.network,
                self.scorer,
                images,
                sorted({cell.layer for cell in cells}),
                choose,
                gradient=gradients_of(cells),
            )
            maps = []
            for cell in cells:
                method = cell.method
                seeds = sample_seeds(self.seed, f"{method.plugin.name}/{cell.layer}", [f"frame {n}" for n in numbers])
                lent = batch.explaining(method.explains).layer(cell.layer, seeds)
                with as_bench_error("the method fails", where=f"{method.label} on {self.spec.name}"):
                    returned = run_method(method.plugin, doubted(lent), method.params)
                maps.append(_finite(returned, method.label))
        seen = batch.captured
        chances = target_scores(seen.logits, seen.targets, self.scorer.activation).probability
        return FrameMaps(tuple(maps), seen.targets.cpu().numpy(), chances.double().cpu().numpy())

    def words(self, target: int, probability: float) -> str:
        """``tabby, probability 0.620``; of a score that is no class, its name alone."""
        name = self.spec.classes[target] if target < len(self.spec.classes) else f"class {target}"
        return name if is_scored(self.spec.network) else f"{name}, probability {chance(probability)}"

    def _place(self, method: MethodChoice) -> str:
        return INPUT if "input" in method.needs else self.layer


def _finite(maps: torch.Tensor, label: str) -> npt.NDArray[np.float32]:
    plain: npt.NDArray[np.float32] = maps.detach().float().cpu().numpy()
    if not np.isfinite(plain).all():
        raise BenchError(f"{label} returns a map that is not finite", where="explain", hint="Leave the method out")
    return plain
