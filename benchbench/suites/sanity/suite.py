"""``--suite sanity``: does a map depend on what the network learned? Adebayo et al. 2018, arXiv:1810.03292."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ...engine.device import device_of
from ...engine.progress import Progress
from ...registry import suite
from ...results.record import Record
from ...results.suite_answer import SuiteAnswer
from ...study.spec import StudySpec
from .label_similarities import LabelTest, network_named
from .map_similarities import Similarity, run_similarities
from .sanity_answer import sanity_answer

METHODS = [
    *("cam", "gradcam", "gradcam++", "layercam", "eigencam", "guidedgradcam", "guidedbackprop"),
    *("saliency", "inputxgradient", "fullgrad", "sobel", "random", "center"),
]


def _keys(random_labels: str | dict[str, Any], similarity: Similarity, stages: int) -> dict[str, Any]:
    if random_labels:
        network_named(random_labels)  # an unknown name is refused before anything runs
    tests = [
        {"name": "mprt", "kind": kind, "stages": stages, "similarity": measure}
        for kind in ("cascade", "independent")
        for measure in ("spearman", "ssim")
    ]
    return {
        "models": ["zoo_residual", "zoo_plain", "zoo_vit"],
        "datasets": [{"name": "shapes", "split": "train"}],
        "layers": "last",
        "methods": METHODS,
        "metrics": [*tests, "random_logit@random-spearman", "random_logit@random-ssim"],
        "target": "label",
        "samples": 32,
    }


@suite("sanity", keys=_keys, title="sanity checks", paper="arXiv:1810.03292")
def sanity(
    study: StudySpec,
    folder: Path,
    progress: Progress,
    *,
    random_labels: str | dict[str, Any] = "",
    similarity: Similarity = "spearman",
    stages: Annotated[int, Field(ge=2, le=100)] = 8,
) -> SuiteAnswer:
    """Whether maps change with the network's weights, the labels that it learned and the class.

    See docs/suites/sanity.md.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.
        random_labels: a network that learned permuted labels of the study's images, as the study key ``models`` names
            one. If not given, the bundled ``zoo_random_labels``, which is compared with ``zoo_residual`` alone.
        similarity: of two maps, which decides the verdicts: ``spearman`` at the layer's size, or ``ssim`` at the
            image's.
        stages: the number of blocks of layers that are randomised one after another.

    Raises:
        BenchError: the networks or the data cannot be read again.
    """
    record = Record.load(folder)
    labels = LabelTest(study, record, random_labels, device_of(study)).run(progress)
    return sanity_answer(study, record, run_similarities(study, record, labels), labels, similarity)
