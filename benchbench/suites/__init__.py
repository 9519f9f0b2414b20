"""Studies that answer a question of their own. Importing this package registers those that have a name."""

from . import bias as bias
from . import depth as depth
from . import fooling as fooling
from . import sanity as sanity
from . import theorem as theorem
from . import trojan as trojan
from . import weakness_suite as weakness_suite
from . import wsol as wsol
