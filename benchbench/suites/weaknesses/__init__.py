"""The suite ``weaknesses``: planted cases, and the same questions put to trained networks."""

from . import suite as suite
from .planted import WEAKNESSES as WEAKNESSES
from .planted import Weakness as Weakness
from .planted import weakness as weakness
