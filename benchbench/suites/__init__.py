"""Studies that answer a question of their own. Importing this package registers those that have a name."""

from . import weakness_suite as weakness_suite
from . import wsol as wsol
