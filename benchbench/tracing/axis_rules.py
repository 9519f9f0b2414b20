"""How torch's operations move rows, columns and channels: the axes of an operation's results from those it is given.

The operations are those of ATen below autograd, as ``TorchDispatchMode`` shows them. An operation without a rule here
has results of unknown axes, and whoever asks must then find another way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from torch import Tensor

from .axes import Axes, Axis, agreed, has, plain, resized
from .axis_moves import MOVES, Call, MaybeAxes, Rule, Unknown, dim_of


def axes_of(name: str, pointwise: bool, call: Call) -> Sequence[MaybeAxes]:
    """The axes of each result of the operation; None where they are not known."""
    rule = _RULES.get(name) or next((rule for pattern, rule in _PATTERNS if re.fullmatch(pattern, name)), None)
    if rule is None and pointwise:
        rule = _pointwise
    nothing: list[MaybeAxes] = [None] * len(call.results)
    if rule is None:
        return nothing
    try:
        axes = list(rule(call))
    except Unknown:
        return nothing
    right = [f if f is not None and len(f) == r.ndim else None for f, r in zip(axes, call.results, strict=False)]
    return [*right, *nothing][: len(nothing)]


def _same(call: Call) -> Sequence[MaybeAxes]:
    return [call.first_axes if call.results[0].shape == call.first.shape else None]


def _strided(call: Call) -> Sequence[MaybeAxes]:
    """Other strides of one line of numbers, as behind global pooling, move nothing."""
    if call.results[0].shape != call.first.shape or sum(size > 1 for size in call.first.shape) > 1:
        raise Unknown
    return [call.first_axes]


def _pointwise(call: Call) -> Sequence[MaybeAxes]:
    """Element by element, broadcast; tensors of unknown axes take those of the known ones that they meet."""
    shape = call.results[0].shape
    tensors = [t for t in call.named.values() if isinstance(t, Tensor) and t.ndim and call.depends(t)]
    known = [(t, axes) for t in tensors if (axes := call.axes(t)) is not None]
    if not known:
        return [None]
    new_axes: list[Axis] = []
    for d in range(1, len(shape) + 1):
        here = [axes[-d] for t, axes in known if t.ndim >= d and t.shape[-d] == shape[-d]]
        unknown = any(t.ndim >= d and t.shape[-d] == shape[-d] for t in tensors if call.axes(t) is None)
        new_axes.append(agreed(here) if here else plain(shape[-d], "lost" if unknown else "none"))
    return [tuple(reversed(new_axes))]


def _reduce(call: Call) -> Sequence[MaybeAxes]:
    dims = call.named.get("dim")
    reduced = range(call.first.ndim) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
    gone = {d % max(1, call.first.ndim) for d in reduced}
    if call.named.get("keepdim"):
        axes = tuple(() if d in gone else axis for d, axis in enumerate(call.first_axes))
    else:
        axes = tuple(axis for d, axis in enumerate(call.first_axes) if d not in gone)
    return [axes] * len(call.results)


def _resized(call: Call, count: int) -> Sequence[MaybeAxes]:
    """The last ``count`` dimensions change their sizes."""
    before, after = call.first.shape, call.results[0].shape
    lead, axes = len(before) - count, call.first_axes
    new_axes = [resized(axis, before[d], after[d]) for d, axis in enumerate(axes)]
    return [(*axes[:lead], *new_axes[lead:])] * len(call.results)


def _convolution(call: Call) -> Sequence[MaybeAxes]:
    """A 2-D convolution of what is not known has rows and columns all the same: its last two dimensions."""
    weight, result = call["weight"], call.results[0]
    count, groups = weight.ndim - 2, call.named.get("groups", 1)
    lead = result.ndim - count - 1
    axes = call.axes(call.first)
    if axes is None:
        if count != 2:
            return [None]
        return [(*map(plain, result.shape[:-2]), plain(result.shape[-2], "row"), plain(result.shape[-1], "column"))]
    (moved,) = _resized(call, count)
    assert moved is not None
    depthwise = groups > 1 and groups == result.shape[lead] == call.first.shape[lead]
    return [(*moved[:lead], moved[lead] if depthwise else plain(result.shape[lead]), *moved[lead + 1 :])]


def _shuffled(call: Call) -> Sequence[MaybeAxes]:
    """Pixels into channels or back: rows and columns of another size."""
    (axes,) = _resized(call, 2)
    assert axes is not None
    return [(*axes[:-3], plain(call.results[0].shape[-3]), *axes[-2:])]


def _unfold_patches(call: Call) -> Sequence[MaybeAxes]:
    """``nn.Unfold``: patches as tokens, row by row."""
    before, rows, columns = call.first.shape[-2:], *call.first_axes[-2:]
    counts = []
    for i, size in enumerate(before):
        reach = call["dilation"][i] * (call["kernel_size"][i] - 1) + 1
        counts.append((size + 2 * call["padding"][i] - reach) // call["stride"][i] + 1)
    places = (*resized(rows, before[0], counts[0]), *resized(columns, before[1], counts[1]))
    return [(*call.first_axes[:-3], plain(call.results[0].shape[-2]), places)]


def _fold_patches(call: Call) -> Sequence[MaybeAxes]:
    height, width = call["output_size"]
    lead = call.first_axes[:-2]
    if any(has(axis, "lost") for axis in call.first_axes[-1:]):
        raise Unknown
    return [(*lead, plain(call.results[0].shape[-3]), plain(height, "row"), plain(width, "column"))]


def _windows(call: Call) -> Sequence[MaybeAxes]:
    """``Tensor.unfold``: windows along a dimension, their contents as a new last one."""
    dim = dim_of(call, "dimension")
    axis = resized(call.first_axes[dim], call.first.shape[dim], call.results[0].shape[dim])
    return [(*call.first_axes[:dim], axis, *call.first_axes[dim + 1 :], plain(call.results[0].shape[-1]))]


def _product(call: Call) -> Sequence[MaybeAxes]:
    """A matrix product: rows of the one, columns of the other."""
    first, second = (call["mat1"], call["mat2"]) if "mat1" in call.named else _pair(call)
    left, right = call.of(first), call.of(second)
    lead = [agreed(both) for both in zip(left[:-2], right[:-2], strict=True)]
    return [(*lead, left[-2], right[-1])]


def _pair(call: Call) -> tuple[Tensor, Tensor]:
    if "batch1" in call.named:
        return call["batch1"], call["batch2"]
    left, right = list(call.named.values())[:2]
    return left, right


def _linear(call: Call) -> Sequence[MaybeAxes]:
    return [(*call.first_axes[:-1], plain(call.results[0].shape[-1]))]


def _attention(call: Call) -> Sequence[MaybeAxes]:
    """One output for each query."""
    return [(*call.first_axes[:-1], plain(call.results[0].shape[-1]))]


def _flip(call: Call) -> Sequence[MaybeAxes]:
    gone = {d % call.first.ndim for d in call["dims"]}
    return [tuple(_shuffle(axis, call.first.shape[d]) if d in gone else axis for d, axis in enumerate(call.first_axes))]


def _shuffle(axis: Axis, after: int) -> Axis:
    return plain(after, "lost" if has(axis, "row", "column", "lost") else "none")


def _index(call: Call) -> Sequence[MaybeAxes]:
    """Of one index alone; several at once may move dimensions."""
    indices = call["indices"]
    places = [d for d, index in enumerate(indices) if index is not None]
    if len(places) != 1 or indices[places[0]].ndim != 1:
        raise Unknown
    return [_picked(call, places[0])]


def _picked(call: Call, dim: int) -> Axes:
    axes = list(call.first_axes)
    axes[dim] = _shuffle(axes[dim], call.results[0].shape[dim])
    return tuple(axes)


def _picks(call: Call) -> Sequence[MaybeAxes]:
    return [_picked(call, dim_of(call))] * len(call.results)


def _of_kind(rule: Callable[[Call, int], Sequence[MaybeAxes]], count: int) -> Rule:
    return lambda call: rule(call, count)


_RULES: dict[str, Rule] = {
    **MOVES, "as_strided": _strided, "convolution": _convolution, "im2col": _unfold_patches,
    "col2im": _fold_patches, "unfold": _windows, "linear": _linear, "flip": _flip,
    "constant_pad_nd": lambda call: _resized(call, call.first.ndim), "pixel_shuffle": _shuffled,
    "pixel_unshuffle": _shuffled, "index": _index, "index_select": _picks, "gather": _picks, "topk": _picks,
    "sort": _picks, "_native_multi_head_attention": _same, "_transformer_encoder_layer_fwd": _same,
}  # fmt: skip
_PATTERNS: list[tuple[str, Rule]] = [
    (
        r"_?softmax|_safe_softmax|_?log_softmax|clone|_to_copy|detach|alias|contiguous|lift_fresh|cum(sum|prod)|tri[lu]|roll",
        _same,
    ),
    (r"(native|cudnn|miopen|_native|_fused)?_?(layer|group|batch|rms)_norm.*|(native_|feature_)?dropout", _same),
    (r"channel_shuffle|native_channel_shuffle|_?prelu(_kernel)?|rrelu.*|log_sigmoid_forward", _same),
    (r"mean|sum|nansum|am(ax|in)|max|min|arg(max|min)|logsumexp|prod|any|all|median|(var|std)(_mean)?", _reduce),
    (r"linalg_vector_norm|norm|count_nonzero", _reduce),
    (r".*(pool1d|upsample\w*1d|pad1d).*", _of_kind(_resized, 1)),
    (r".*(pool2d|upsample\w*2d|pad2d).*", _of_kind(_resized, 2)),
    (r".*(pool3d|upsample\w*3d|pad3d).*", _of_kind(_resized, 3)),
    (r"mm|addmm|bmm|baddbmm", _product),
    (r"_?scaled_dot_product_.*attention.*", _attention),
    (r"hardswish|masked_fill|fill|where|addcmul|addcdiv|lerp", _pointwise),
]
