"""How methods, metrics, networks and data sets are registered and found."""

from ..vocabulary import FAMILIES, METRIC_NEEDS, NEEDS, TRUTHS
from .decorators import dataset, method, metric, model, suite
from .importing import load_file
from .plugin import (
    DatasetPlugin,
    MethodPlugin,
    MetricPlugin,
    MetricReading,
    ModelPlugin,
    Parameter,
    Plugin,
    SuitePlugin,
)
from .registry import DATASETS, METHODS, METRICS, MODELS, SUITES, Registry

__all__ = [
    "DATASETS",
    "FAMILIES",
    "METHODS",
    "METRICS",
    "METRIC_NEEDS",
    "MODELS",
    "NEEDS",
    "SUITES",
    "TRUTHS",
    "DatasetPlugin",
    "MethodPlugin",
    "MetricPlugin",
    "MetricReading",
    "ModelPlugin",
    "Parameter",
    "Plugin",
    "Registry",
    "SuitePlugin",
    "dataset",
    "load_file",
    "method",
    "metric",
    "model",
    "suite",
]
