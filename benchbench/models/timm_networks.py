"""timm's networks by name, ``timm:convnext_tiny``, with timm's own pre-processing. timm is an extra.

A name may have a tag, as timm has it: ``timm:vit_small_patch16_224.augreg_in1k``. Nothing is downloaded: weights are
looked for where timm and huggingface_hub keep them, by timm's configuration of the network.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..errors import BenchError, meant, nearest
from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from .load import IMAGENET, imagenet_classes
from .timm_titles import timm_title
from .weights_choice import Architecture, Classes, with_weights

FILES = ("model.safetensors", "pytorch_model.bin")  # of a network on the hub, in the order in which timm tries them


def timm_network(name: str) -> ModelPlugin:
    """The plugin of the network that timm calls ``name``, or another spelling of it.

    Raises:
        BenchError: timm is not installed, or has no such network or tag.
    """
    if importlib.util.find_spec("timm") is None:
        hint = "Install it: pip install 'benchbench-saliency[timm]'"
        raise BenchError(f"timm:{name} needs timm, which is not installed", hint=hint)
    return _plugin(_known_name(name))


@cache
def _plugin(known: str) -> ModelPlugin:
    """One plugin for all spellings of a name."""

    def build(*, weights: str = "auto", classes: Classes = None) -> ModelSpec:
        return with_weights(_architecture(known), weights, classes)

    build.__doc__ = (
        f"timm's {known}. weights: auto (weights that timm has cached, else random), random, or a checkpoint's PATH; "
        "classes: how many, or a FILE of their names"
    )
    return ModelPlugin(f"timm:{known}", build, title=timm_title(known))


def _known_name(name: str) -> str:
    import timm

    bare, dot, tag = name.partition(".")
    spelled = meant(bare, timm.list_models())
    if len(spelled) != 1:
        raise BenchError(f"unknown model 'timm:{name}'", hint=nearest(bare, timm.list_models(), most=5, prefix="timm:"))
    tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{spelled[0]}.*")]
    if dot and tag not in tags:
        raise BenchError(
            f"timm's {spelled[0]} has no weights {tag!r}", hint=nearest(tag, tags, prefix=f"timm:{spelled[0]}.")
        )
    return f"{spelled[0]}.{tag}" if dot else spelled[0]


def _architecture(name: str) -> Architecture:
    import timm

    cfg = timm.get_pretrained_cfg(name)
    preprocess, note = preprocess_of(cfg)
    classes = cfg.num_classes or IMAGENET
    return Architecture(
        f"timm:{name}",
        partial(_build, name),
        preprocess,
        classes,
        _names(cfg) if cfg.num_classes else (),
        partial(_cached, name, cfg),
        _put(cfg),
        note,
    )


def _build(name: str, classes: int) -> nn.Module:
    import timm

    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes)
    return network


def preprocess_of(cfg: Any) -> tuple[Preprocess, str]:
    """The pre-processing of a network's configuration, and a sentence where it differs from timm's.

    As timm's ``resolve_model_data_config`` and its transforms for evaluation: the shorter side is resized to
    floor(input / crop_pct), and the centre is cropped; or the whole image is squashed to the input. What a Preprocess
    cannot say is replaced, and the sentence says so: images that are padded, or squashed and then cropped, get the
    centre crop, and a filter that is neither bilinear nor bicubic is bicubic.

    Raises:
        BenchError: the input is not square.
    """
    from timm.data import resolve_data_config

    config = resolve_data_config(pretrained_cfg=cfg.to_dict())
    _, height, width = config["input_size"]
    if height != width:
        hint = "Give it as FILE.py:function, with tensors as data"
        raise BenchError(f"timm:{cfg.architecture} takes images of {height} x {width}, not squares", hint=hint)
    mode: Literal["bilinear", "bicubic"] = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"
    wanted = math.floor(height / config["crop_pct"])
    resize = None if config["crop_mode"] == "squash" and wanted == height else max(wanted, height)
    note = ". ".join(_replaced(config, wanted, resize, height, mode))
    return Preprocess(resize, height, tuple(config["mean"]), tuple(config["std"]), mode), note


def _replaced(config: Mapping[str, Any], wanted: int, resize: int | None, side: int, mode: str) -> Iterator[str]:
    """A sentence for each part of timm's pre-processing that benchbench replaces."""
    if config["crop_mode"] != "center" and resize is not None:
        other = {"squash": f"squashes the image to {wanted} x {wanted} first", "border": "pads the image to a square"}
        yield f"timm {other.get(config['crop_mode'], 'crops otherwise')}; benchbench crops the centre"
    if wanted < side:
        yield f"timm pads images of {wanted} pixels to {side}; benchbench resizes them to {side}"
    if config["interpolation"] != mode:
        yield f"timm resizes with the filter {config['interpolation']}; benchbench resizes with {mode}"


def _names(cfg: Any) -> tuple[str, ...]:
    """ImageNet-1k's names, or those that timm knows of a larger ImageNet."""
    if cfg.num_classes == IMAGENET:
        return imagenet_classes()
    return tuple(cfg.label_names or ())


def _cached(name: str, cfg: Any) -> tuple[nn.Module, str] | None:
    """The network with the weights that this machine has, loaded by timm's own code."""
    path = next(_files(cfg), None)
    if path is None:
        return None
    import timm

    if not cfg.num_classes:
        message = f"timm:{name} has no classes: it returns features"
        hint = "Give a checkpoint with a head, or a network of your own with bb.scored"
        raise BenchError(message, where="models", hint=hint)
    overlay = {"file": str(path), "custom_load": False}
    network: nn.Module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    tag = f".{cfg.tag}" if cfg.tag and "." not in name else ""
    return network, f"timm {name}{tag}, as cached on this machine"


def _files(cfg: Any) -> Iterator[Path]:
    """Weights that huggingface_hub or torch.hub keeps on this machine; no file is asked for over the network."""
    if cfg.hf_hub_id and importlib.util.find_spec("huggingface_hub") is not None:
        from huggingface_hub import try_to_load_from_cache

        repository, _, revision = cfg.hf_hub_id.partition("@")
        for file in (cfg.hf_hub_filename,) if cfg.hf_hub_filename else FILES:
            cached = try_to_load_from_cache(repository, file, revision=revision or None)
            if isinstance(cached, str):
                yield Path(cached)
    if cfg.url and not cfg.custom_load:
        path = _hub_path(cfg.url)
        if path.is_file():
            yield path


def _hub_path(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


def _put(cfg: Any) -> str:
    if cfg.hf_hub_id:
        return f"on a machine with internet access, hf download {cfg.hf_hub_id.partition('@')[0]} {FILES[0]}"
    return f"put {cfg.url} at {_hub_path(cfg.url)}" if cfg.url and not cfg.custom_load else ""


MODELS.add_family("timm", timm_network)
