"""``audit``: the methods of an installed library beside ours."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import BenchError, folded, nearest
from ..formatting import join_words, plural
from ..results.audit_rows import AuditReport
from .audit_method import audit_method, only_ours
from .audit_networks import IMAGES, NETWORKS, AuditNetwork, audit_networks
from .captum_library import CAPTUM
from .library import Library, LibraryMethod
from .pytorch_grad_cam import PYTORCH_GRAD_CAM
from .torch_cam import TORCH_CAM

LIBRARIES = {library.name: library for library in (TORCH_CAM, PYTORCH_GRAD_CAM, CAPTUM)}


def library_named(name: str) -> Library:
    """A library that can be audited.

    Raises:
        BenchError: it is none of them.
    """
    for library in LIBRARIES.values():
        if folded(name) in {folded(each) for each in (library.name, library.package, *library.spellings)}:
            return library
    raise BenchError(f"cannot audit {name!r}", where="audit", hint=nearest(name, LIBRARIES))


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
        library: ``torch-cam``, ``pytorch-grad-cam`` or ``captum``.
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
        >>> report.rows[0].verdict
        'agrees to 1e-7'
    """
    chosen = library_named(library)
    known = chosen.methods()
    wanted = _wanted(known, methods, chosen)
    networks = audit_networks(models, layers, images)
    rows = []
    for method in wanted:
        progress(f"{chosen.name} {method.name}")
        rows.append(audit_method(method, networks))
    packages = {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    version = importlib.metadata.version("benchbench-saliency")
    setting = _setting(networks, images)
    return AuditReport(chosen.name, chosen.version, version, packages, setting, tuple(rows), only_ours(known))


def _wanted(known: Sequence[LibraryMethod], names: Sequence[str], library: Library) -> list[LibraryMethod]:
    by_name = {method.name: method for method in known}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        message = f"{library.name} {library.version} has no method {unknown[0]!r}"
        raise BenchError(message, where="--methods", hint=nearest(unknown[0], by_name))
    return [by_name[name] for name in names] if names else list(known)


def _setting(networks: Sequence[AuditNetwork], images: int) -> str:
    places = join_words(
        f"{network.name} ({join_words(place.layer for place in network.places)})" for network in networks
    )
    return f"{plural(images, 'scene')} of the data set shapes on {places}"
