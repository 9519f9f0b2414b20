"""What a study of so many images can see."""

from __future__ import annotations

import math

from scipy.stats import norm


def _power_factor(methods: int, power: float) -> float:
    pairs = methods * (methods - 1) / 2
    z = norm.ppf(1 - 0.05 / pairs / 2) + norm.ppf(power)
    return float(z) ** 2 * math.pi / 3  # pi / 3: the Wilcoxon signed-rank test against the t test, normal differences


def images_needed(methods: int, effect: float, power: float = 0.8) -> int:
    """Images for a paired Wilcoxon test at Holm's strictest step, all pairs of ``methods``, to see d_z = ``effect``."""
    return math.ceil(_power_factor(methods, power) / effect**2 - 1e-9)


def smallest_visible_effect(methods: int, images: int, power: float = 0.8) -> float:
    """The smallest standardised paired difference d_z that the test of ``images_needed`` sees with so many images."""
    return math.sqrt(_power_factor(methods, power) / images)
