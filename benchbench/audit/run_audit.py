"""``audit``: the methods of an installed library beside ours."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import BenchError, nearest
from ..formatting import join_words, plural
from ..results.audit_rows import AuditReport
from .audit_method import audit_method, only_ours
from .audit_networks import IMAGES, NETWORKS, AuditNetwork, audit_networks
from .audited_library import AuditedLibrary, AuditedMethod, audited_library


def audit(
    library: str,
    *,
    models: Sequence[Any] = NETWORKS,
    methods: Sequence[str] = (),
    layers: Sequence[str] = (),
    images: int = IMAGES,
    progress: Callable[[str], object] = lambda _: None,
) -> AuditReport:
    """Compare the methods of an installed library with ours: maps, batches, state, repetition, time and memory.

    Args:
        library: the prefix of its methods: ``torchcam``, ``pytorch-grad-cam``, ``captum``, ``zennit`` or
            ``xplique-torch``.
        models: networks as in a study; four small ones of the package by default.
        methods: names of the library's methods; all by default.
        layers: module paths; if none are given, the last module of each of the last two resolutions.
        images: scenes of the data set ``shapes``, 2 to 64.
        progress: is told each method before it runs.

    Returns:
        A row per method, and the methods that only benchbench has.

    Raises:
        BenchError: an unknown library, method, network or layer; the library is not installed.

    Example:
        >>> from benchbench.audit import audit
        >>> report = audit("captum", models=["zoo_residual"], methods=["Saliency"], images=2)
        >>> report.rows[0].verdict.startswith("agrees")  # exactly, or to 1e-7
        True
    """
    chosen = audited_library(library)
    wanted = _wanted(chosen, methods)
    networks = audit_networks(models, layers, images)
    rows = []
    for method in wanted:
        progress(f"{chosen.title} {method.name}")
        rows.append(audit_method(method, networks))
    packages = {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    version = importlib.metadata.version("benchbench-saliency")
    setting = _setting(networks, images)
    ours = only_ours(chosen.methods)
    return AuditReport(chosen.title, chosen.version, version, packages, setting, tuple(rows), ours)


def _wanted(library: AuditedLibrary, names: Sequence[str]) -> list[AuditedMethod]:
    by_name = {method.name: method for method in library.methods}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        message = f"{library.title} {library.version} has no method {unknown[0]!r}"
        raise BenchError(message, where="--methods", hint=nearest(unknown[0], by_name))
    return [by_name[name] for name in names] if names else list(library.methods)


def _setting(networks: Sequence[AuditNetwork], images: int) -> str:
    places = join_words(
        f"{network.name} ({join_words(place.layer for place in network.places)})" for network in networks
    )
    return f"{plural(images, 'scene')} of the data set shapes on {places}"
