"""Code of others (methods, metrics, networks, data): what it ends, sets or leaves spoils its own numbers alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .containment.process_settings import SETTINGS as SETTINGS
from .containment.process_settings import put_back, read_all
from .containment.random_state import random_states_kept as random_states_kept
from .containment.random_state import seeded as seeded
from .containment.random_state import set_random_states as set_random_states
from .containment.time_limit import TimeUp
from .errors import BenchError


@contextmanager
def contained(who: str) -> Iterator[None]:
    """The block runs code of others: what it sets is put back, and a sys.exit ends the block alone.

    Args:
        who: the code, as users name it.

    Raises:
        BenchError: the code called sys.exit, or left a setting changed that all code of the process shares.
    """
    before = read_all(SETTINGS)
    try:
        with no_exit(who):
            yield
    finally:
        changed = put_back(SETTINGS, before)
    if changed:
        raise BenchError(f"{who} leaves {', '.join(changed)} changed", hint="Put it back, or use a with statement")


@contextmanager
def no_exit(who: str) -> Iterator[None]:
    """Raises BenchError where the block, which runs code of others, calls sys.exit or raises what is no Exception."""
    try:
        yield
    except (Exception, KeyboardInterrupt, TimeUp):
        raise
    except BaseException as end:
        did = f"calls sys.exit({end.code!r})" if isinstance(end, SystemExit) else f"raises {type(end).__name__}"
        raise BenchError(f"{who} {did}", hint="Raise an Exception instead") from None
