"""The records that methods, metrics, data and the engine share."""

from ..seeds import streamed
from ..vocabulary import INPUT
from .data import Dataset, ModelSpec, Preprocess, Sample
from .layer import Layer, Services
from .layer_records import (
    Activation,
    Attention,
    AttentionGradient,
    Change,
    Head,
    Pictures,
    Precision,
    Score,
    ScoreKind,
)
from .library_call import LibraryCall
from .measured_cost import Cost, CostShare, PassCount
from .metric import Explainer, Pixels, Reexplained, Scored, Seen
from .probes import (
    Above,
    Band,
    Filled,
    FillName,
    Keep,
    Multiply,
    PartsName,
    PlainFill,
    Probe,
    Random,
    Region,
    Remove,
    Thinned,
    Whole,
)
from .references import ReferencePool, References
from .views import Averaged, Jpeg, Masked, Noisy, NoisyWeights, OtherTarget, RandomWeights, Shifted, View

__all__ = [
    "INPUT",
    "Above",
    "Activation",
    "Attention",
    "AttentionGradient",
    "Averaged",
    "Band",
    "Change",
    "Cost",
    "CostShare",
    "Dataset",
    "Explainer",
    "FillName",
    "Filled",
    "Head",
    "Jpeg",
    "Keep",
    "Layer",
    "LibraryCall",
    "Masked",
    "ModelSpec",
    "Multiply",
    "Noisy",
    "NoisyWeights",
    "OtherTarget",
    "PartsName",
    "PassCount",
    "Pictures",
    "Pixels",
    "PlainFill",
    "Precision",
    "Preprocess",
    "Probe",
    "Random",
    "RandomWeights",
    "Reexplained",
    "ReferencePool",
    "References",
    "Region",
    "Remove",
    "Sample",
    "Score",
    "ScoreKind",
    "Scored",
    "Seen",
    "Services",
    "Shifted",
    "Thinned",
    "View",
    "Whole",
    "streamed",
]
