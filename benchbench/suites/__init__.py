"""Studies that answer a question of their own. Importing this package registers those that have a name."""

from . import sanity as sanity
from . import wsol as wsol
