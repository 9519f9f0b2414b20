"""The suites ``fooling`` and ``trojan``: networks that were manipulated, whose truth is known."""

from . import fooling as fooling
from . import trojan as trojan
