"""The suites that have a name; importing this registers them, and takes seconds."""

from . import bias as bias
from . import depth as depth
from . import localisation as localisation
from . import manipulation as manipulation
from . import sanity as sanity
from . import theorem as theorem
from . import weaknesses as weaknesses
