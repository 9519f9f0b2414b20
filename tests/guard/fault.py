"""Faults of the kind that people make in saliency methods and metrics, each as an edit of one file of ours.

Many stood in published code: docs/definitions.md tells in which. ``proof.py`` plants each of them in a copy of the
code and runs the part of a guarded study that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One edit, and where it must show.

    Attributes:
        says: what is wrong, in words.
        file: the file that is edited.
        old, new: ``old`` stands in the file exactly once.
        study: the guarded study that is run.
        methods, metrics: of the study, those that are run; names as registered. All, of nothing.
    """

    says: str
    file: str
    old: str
    new: str
    study: str
    methods: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
