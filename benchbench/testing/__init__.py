"""What tests of saliency methods and metrics are made of.

docs/testing-a-method.md shows how to use it.

    from benchbench.testing import assert_matches_closed_form, assert_passes_weakness, contract_suite

    test_contract = contract_suite(methods=["mine"])

    def test_instances() -> None:
        assert_passes_weakness("mine", "several instances")

The asserts take registered methods by name, run them through the engine, and say what is wrong. They need no pytest;
``contract_suite`` and the fixtures of ``benchbench.pytest_plugin`` do.
"""

from __future__ import annotations

from .asserts import (
    Facts,
    assert_equal_maps,
    assert_matches_closed_form,
    assert_not_worse,
    assert_passes_weakness,
    assert_same_maps,
    example_maps,
    pooled_facts,
)
from .contracts import check_method, check_metric, contract_suite
from .method_contract import CHECKS, Case, Small, example_images, seeded, small_transformer
from .metric_contract import METRIC_CHECKS

__all__ = [
    "CHECKS",
    "METRIC_CHECKS",
    "Case",
    "Facts",
    "Small",
    "assert_equal_maps",
    "assert_matches_closed_form",
    "assert_not_worse",
    "assert_passes_weakness",
    "assert_same_maps",
    "check_method",
    "check_metric",
    "contract_suite",
    "example_images",
    "example_maps",
    "pooled_facts",
    "seeded",
    "small_transformer",
]
