"""Studies that answer a question of their own. Importing this package registers those that have a name."""

from . import depth as depth
from . import theorem as theorem
from . import sanity as sanity
from . import weakness_suite as weakness_suite
from . import bias as bias
from . import wsol as wsol
