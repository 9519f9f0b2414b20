"""Studies that answer a question of their own. Importing this package registers those that have a name."""

from . import fooling as fooling
from . import trojan as trojan
from . import wsol as wsol
