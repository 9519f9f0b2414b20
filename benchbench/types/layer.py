"""What a method reads: the layer with its services, the head, the attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from ..errors import BenchError, NotApplicable
from ..seeds import streamed
from ..vocabulary import NEEDS
from .block_tokens import BlockTokens
from .layer_records import Attention, AttentionGradient, Change, Head, Pictures, Score, ScoreKind
from .library_call import LibraryCall
from .references import NO_REFERENCES, References
from .token_grid import Grid, Layout


class Services(Protocol):
    """What the engine does for a method beyond the captured tensors. Every pass is counted."""

    def rest(self, activation: Tensor) -> Tensor: ...
    def score(self, images: Tensor, of: ScoreKind) -> Tensor: ...
    def score_masked(self, masks: Tensor, of: ScoreKind) -> Tensor: ...
    def score_changed(self, change: Change, count: int, of: ScoreKind) -> Tensor: ...
    def score_pictures(self, make: Pictures, count: int, of: ScoreKind) -> Tensor: ...
    def detection_similarity(self, make: Pictures, count: int) -> Tensor: ...
    def look(self, images: Tensor, score: Score | None, stream: str, *, gradient: bool) -> Layer: ...
    def forward(self, images: Tensor) -> Tensor: ...
    def head(self) -> Head: ...
    def stages(self, *, gradient: bool) -> tuple[Layer, ...]: ...
    def curvature(self, direction: Tensor) -> Tensor: ...
    def bias_gradients(self) -> tuple[Tensor, tuple[Tensor, ...]]: ...
    def attentions(self, gradient: AttentionGradient, *, scores: bool) -> tuple[tuple[Attention, ...], Grid]: ...
    def tokens(self) -> BlockTokens: ...
    def network(self) -> nn.Module: ...
    def borrow(self) -> AbstractContextManager[tuple[nn.Module, Layout]]: ...
    def probability(self) -> Tensor: ...
    def behind(self) -> nn.Module: ...
    def lending(self, activation: Tensor) -> Services: ...


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a network on one batch of images: what a saliency method is given.

    Attributes:
        name: the module's path in the network.
        activation: (B, K, h, w), the layer's output, before anything behind it can overwrite it.
        images: (B, channels, H, W), as the network sees them.
        targets: (B,), the class explained for each image.
        logits: (B, C).
        seeds: one integer per image, the same whatever the batch; what ``uniform`` and ``normal`` draw from.
        lends: the needs that the method declared. Reading anything else raises BenchError, whatever other methods of
            the study need.
        data_references: of the images, those of the data that a method may compare them with; see ``references``.
        verify: checks the maps of a method inside another; see rounding.doubted.

    Example:
        >>> @bb.method("weighted", needs=("activation", "gradient"))
        ... def weighted(layer: bb.Layer) -> torch.Tensor:
        ...     weights = layer.gradient.mean((2, 3), keepdim=True)
        ...     return (weights * layer.activation).sum(1).relu()
        >>> maps = bb.explain(network, images, method="weighted", layer="features")
        >>> torch.allclose(maps, bb.explain(network, images, method="gradcam", layer="features"), atol=1e-6)
        True
    """

    name: str
    activation: Tensor
    images: Tensor
    targets: Tensor
    logits: Tensor
    seeds: tuple[int, ...]
    services: Services
    captured_gradient: Tensor | None = None
    data_masks: Tensor | None = None
    data_references: References | None = None
    lends: Set[str] = frozenset(NEEDS)
    verify: Callable[..., None] | None = None

    def lending(self, needs: Set[str]) -> Layer:
        """The same layer for a method that declared ``needs``, any of registry.NEEDS: what it lends is that alone."""
        return replace(self, lends=needs)

    def copied(self) -> Layer:
        """The same layer with tensors of its own: whatever is written into them, no other method sees it."""
        names = ("activation", "images", "targets", "logits", "captured_gradient", "data_masks")
        copies = {name: held.detach().clone() for name in names if (held := getattr(self, name)) is not None}
        return replace(self, **copies, services=self.services.lending(copies["activation"]))

    def _ask(self, need: str, what: str) -> None:
        if need not in self.lends:
            what = f"the method reads layer.{what} and does not declare the need {need!r}"
            raise BenchError(what, hint=f'Use needs="{need}" in @method')

    @property
    def mask(self) -> Tensor:
        """(B, H, W) bool, true on the object that the image's label names.

        Raises:
            NotApplicable: the dataset has none.
        """
        self._ask("mask", "mask")
        if self.data_masks is None:
            raise NotApplicable("the dataset has no masks")
        return self.data_masks

    @property
    def references(self) -> References:
        """Other images of the data, for a method that compares each image with some: see ``References``.

        Raises:
            NotApplicable: an image has none: the data have no other image of its size that can be read.
        """
        self._ask("references", "references")
        if self.data_references is None or not all(self.data_references.places):
            raise NotApplicable(NO_REFERENCES)
        return self.data_references

    @property
    def gradient(self) -> Tensor:
        """(B, K, h, w): the derivative of the target's logit, or of the method's ``score``, in ``activation``."""
        self._ask("gradient", "gradient")
        if self.captured_gradient is None:
            raise BenchError(f"layer {self.name!r} was captured without its gradient", hint="Capture it with gradient")
        return self.captured_gradient

    @property
    def probability(self) -> Tensor:
        """(B,): the target's probability on ``images``, by the study's ``probability``: a softmax or a sigmoid."""
        return self.services.probability()

    @property
    def head(self) -> Head:
        """The linear layer behind global average pooling.

        Raises:
            NotApplicable: the logits are not a linear function of the layer's spatial mean.
        """
        self._ask("head", "head")
        return self.services.head()

    def rest(self, activation: Tensor) -> Tensor:
        """Logits (n * B, C) with ``activation`` (n * B, K, h, w) as the layer's output; row i is of image i % B."""
        self._ask("rest", "rest()")
        return self.services.rest(activation)

    def score(self, images: Tensor, of: ScoreKind = "probability") -> Tensor:
        """(n * B,): the target's score on ``images`` (n * B, channels, H, W); row i is of image i % B."""
        self._ask("scores", "score()")
        return self.services.score(images, of)

    def score_masked(self, masks: Tensor, of: ScoreKind = "probability") -> Tensor:
        """(B, n): the target's score on the images multiplied by each mask.

        Each of the ``masks`` (B, n, h, w) is upsampled to the image (bilinear, align_corners=False) and min-max
        normalised on the fly, a few at a time. A constant mask becomes all zero.
        """
        self._ask("scores", "score_masked()")
        return self.services.score_masked(masks, of)

    def score_changed(self, change: Change, count: int, of: ScoreKind = "logit") -> Tensor:
        """(B, count): the target's score of the network behind the layer on variants of each image's activation.

        A few (image, variant) pairs are scored at a time, which fill the batches.

        Args:
            change: from activations (m, K, h, w), a copy that it may write into, and which variant each row is to
                become, (m,) in 0 .. count - 1, to those variants (m, K, h, w).
        """
        self._ask("rest", "score_changed()")
        return self.services.score_changed(change, count, of)

    def score_pictures(self, make: Pictures, count: int, of: ScoreKind = "probability") -> Tensor:
        """(B, count): the target's score of pictures made on the fly, a few at a time.

        Args:
            make: from which image each picture is of, (m,) in 0 .. B - 1, and which of its variants it is, (m,) in
                0 .. count - 1, to the pictures (m, channels, H, W).
        """
        self._ask("scores", "score_pictures()")
        return self.services.score_pictures(make, count, of)

    def detection_similarity(self, make: Pictures, count: int) -> Tensor:
        """(B, count): how similar to the target's detection in each image is the most similar one in each picture.

        In 0 .. 1: see ``similarity`` in network/detection_similarity.py.

        Args:
            make: as of ``score_pictures``.

        Raises:
            NotApplicable: the network is no detector.
        """
        self._ask("detections", "detection_similarity()")
        return self.services.detection_similarity(make, count)

    def look(self, images: Tensor, *, score: Score | None = None, stream: str = "") -> Layer:
        """The same layer and targets on other images (B, channels, H, W); or with the gradient of another ``score``.

        ``score``: from logits (B, C) to (B,), in place of the score whose gradient this layer lends. ``stream``: what
        its own draws differ by from this layer's.
        """
        self._ask("look", "look()")
        layer = self.services.look(images, score, stream, gradient="gradient" in self.lends)
        return self._lent_to(layer)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C) of images (B, channels, H, W), differentiable in them. Every pass is counted."""
        self._ask("look", "forward()")
        return self.services.forward(images)

    @property
    def stages(self) -> tuple[Layer, ...]:
        """The network's stages of a finer resolution, from the finest, and this layer as the last."""
        self._ask("stages", "stages")
        stages = self.services.stages(gradient="gradient" in self.lends)
        return tuple(map(self._lent_to, stages))

    def _lent_to(self, layer: Layer) -> Layer:
        """Another layer, or this one of other images, for the same method."""
        return replace(layer, lends=self.lends, verify=self.verify, data_references=self.data_references)

    def curvature(self, direction: Tensor) -> Tensor:
        """(B, K, h, w): the Hessian of what ``gradient`` is of, in ``activation``, times ``direction`` (B, K, h, w)."""
        self._ask("curvature", "curvature()")
        return self.services.curvature(direction)

    def bias_gradients(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Image times gradient (B, channels, H, W); bias times gradient (B, K, h, w) of convolutions and batch norms.

        Raises:
            NotApplicable: there are none, or they and the linear layers' do not add up to the logit.
        """
        self._ask("biases", "bias_gradients()")
        return self.services.bias_gradients()

    def attentions(
        self, *, gradient: AttentionGradient = "logit", scores: bool = False
    ) -> tuple[tuple[Attention, ...], Grid]:
        """The attention of every block, and a grid: ``grid.tokens(values)`` is the map (B, h, w) of a value per token.

        ``grid.readers(matrix)`` is the mean of a matrix's rows of those tokens that the logits are read off.

        Args:
            gradient: of the network's logit for the target, of the logit that the head reads off each block's own
                tokens ("block"), or "none".
            scores: whether each block's ``score`` is kept.

        Raises:
            NotApplicable: the network has none of a known kind, or none among all patches.
        """
        self._ask("attention", "attentions()")
        if gradient == "block":
            self._ask("block-logits", 'attentions(gradient="block")')
        return self.services.attentions(gradient, scores=scores)

    @property
    def tokens(self) -> BlockTokens:
        """What all blocks of a vision transformer return, and its scores without some patches.

        Raises:
            NotApplicable: the network is no vision transformer of torchvision's or timm's.
        """
        self._ask("tokens", "tokens")
        return self.services.tokens()

    @property
    def network(self) -> nn.Module:
        """A copy of the network for other libraries that hook its modules; leave it as you found it.

        Every call of a module is a module of its own, every ReLU a module, nothing is done in place. In eval mode,
        with parameters that need no gradient. Its passes are counted.

        Raises:
            NotApplicable: the network cannot be traced.
        """
        self._ask("modules", "network")
        return self.services.network()

    @contextmanager
    def borrow(self, i: int) -> Iterator[LibraryCall]:
        """The network as it is, for another library's code on image ``i``: a copy with the same modules and paths.

        In eval mode, with parameters that require a gradient, as torch makes them. Its passes are counted. What the
        code leaves in the network (hooks, gradients, modes, weights) is put back at the end, and the run says so.

        Raises:
            NotApplicable: the network cannot be copied.
        """
        self._ask("original", "borrow()")
        with self.services.borrow() as (network, layout):
            yield LibraryCall(network, self.name, layout, self.images[i : i + 1], self.targets[i : i + 1])

    @property
    def behind(self) -> nn.Module:
        """As ``network``, of what is behind the layer: from ``activation`` to logits.

        Raises:
            NotApplicable: it cannot be cut or traced, or needs more than the layer's output.
        """
        self._ask("rest", "behind")
        return self.services.behind()

    def uniform(self, *shape: int, stream: str = "") -> Tensor:
        """(B, *shape), uniform in [0, 1): each image draws from its own seed, and anew for each ``stream``."""
        return torch.stack([torch.rand(shape, generator=g) for g in self._generators(stream)]).to(self.images.device)

    def normal(self, *shape: int, stream: str = "") -> Tensor:
        """(B, *shape), standard normal: each image draws from its own seed, and anew for each ``stream``."""
        return torch.stack([torch.randn(shape, generator=g) for g in self._generators(stream)]).to(self.images.device)

    def _generators(self, stream: str) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in streamed(self.seeds, stream)]
