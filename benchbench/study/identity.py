"""What numbers depend on besides images and seeds: the engine's code, libraries, plugins and their parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..digests import contents_of, imported_modules, versions_of
from ..registry.plugin import Plugin

# No number comes from these: they ask, keep, compare and show. Whatever is not listed is in the engine's digest.
# Plugins and networks have digests of their own.
NO_NUMBERS = (
    *("__init__.py", "__main__.py", "pytest_plugin.py", "files.py", "formatting.py", "processors.py"),
    *("console.py", "quick_imports.py"),
    *(
        "api/",
        "app/",
        "audit/",
        "cli/",
        "looking/",
        "metrics/",
        "methods/",
        "regression/",
        "remote/",
        "reports/",
        "results/",
        "stats/",
        "suites/",
        "testing/",
        "viz/",
    ),
    *(
        "models/builtin.py",
        "models/checkpoint.py",
        "models/checkpoint_file.py",
        "models/class_names.py",
        "models/dense_weights.py",
        "models/detection.py",
        "models/disconnected.py",
        "models/efficientnet_lite.py",
        "models/input_readings.py",
        "models/load.py",
        "models/manipulated.py",
        "models/nearest_network.py",
        "models/published_weights.py",
        "models/random_labels.py",
        "models/renamed_weights.py",
        "models/bias_networks.py",
        "models/segmentation.py",
        "models/timm_networks.py",
        "models/timm_titles.py",
        "models/titles.py",
        "models/vit_sizes.py",
        "models/weights_choice.py",
        "models/weights_fit.py",
        "models/zoo.py",
        "models/zoo_networks.py",
        "study/again.py",
        "study/extension.py",
        "study/item_text.py",
        "evaluation/cell_reader.py",
    ),
    *(
        "evaluation/seed_counts.py",
        "evaluation/seed_scores.py",
        "engine/prediction_tables.py",
        "engine/cautions.py",
    ),
    *(
        "engine/cost_tables.py",
        "engine/crew.py",
        "engine/data_checks.py",
        "engine/input_check.py",
        "engine/lock.py",
        "engine/budget.py",
        "engine/dry_run.py",
        "engine/estimate.py",
        "engine/measured_batch.py",
        "engine/missing_cells.py",
        "engine/model_survey.py",
        "engine/planned_work.py",
        "engine/plugin_marks.py",
        "engine/progress.py",
        "engine/read_run.py",
        "engine/provenance.py",
        "engine/speed.py",
        "engine/time_left.py",
        "engine/watch.py",
    ),
    *("engine/row_keys.py", "engine/runner.py", "engine/result_rows.py", "engine/workers/"),
    *(
        "engine/before_run.py",
        "engine/run_errors.py",
        "engine/run_info.py",
        "engine/run_plan.py",
        "engine/stopping.py",
        "engine/unfinished_run.py",
        "engine/threads.py",
    ),
)
NUMBERS = ("suites/reliability/disturbances.py",)  # of the suites, the one whose cells a folder keeps
# Libraries of the engine's files that make no number: they check, describe and list. The last two are of extras and
# read data: the results of other data are kept where an extra is installed later. What pycocotools decodes is named by
# the data (``decoded_by``); of what datasets decodes the fingerprint is the pixels.
NO_NUMBER_LIBRARIES = {"pandas", "psutil", "pydantic", "yaml", "datasets", "pycocotools"}


def identity(plugin: Plugin, params: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a plugin's numbers depend on; of a parameter that is a file or a folder, its content."""
    return plugin.name, plugin.source_digest, contents_of(params)


@cache
def engine_digest() -> str:
    """Changes with the engine's own files and the libraries that numbers depend on: old results are not reused then."""
    return _digest_of_files(repr(numeric_libraries()).encode())


@cache
def engine_code() -> str:
    """Changes with the engine's own files alone: run.json names the versions of the libraries beside it."""
    return _digest_of_files(b"")


def _digest_of_files(start: bytes) -> str:
    state = hashlib.sha256(start)
    for path in numeric_files():
        state.update(path.read_bytes())
    return state.hexdigest()[:16]


def numeric_files() -> list[Path]:
    """The engine's files that a number can depend on, in a fixed order."""
    home = Path(__file__).parent.parent
    names = {path.relative_to(home).as_posix(): path for path in home.rglob("*.py")}
    return [path for name, path in sorted(names.items()) if not name.startswith(NO_NUMBERS) or name in NUMBERS]


def numeric_libraries() -> dict[str, str]:
    """By module, the versions of the libraries that the engine's files import and that a number can depend on."""
    imported = (imported_modules(path.read_bytes()) for path in numeric_files())
    return versions_of(frozenset[str]().union(*imported) - NO_NUMBER_LIBRARIES)
