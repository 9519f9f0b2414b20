"""os._exit, which ends the process without a word, refused for as long as other people's code runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from ..errors import BenchError


@contextmanager
def no_hard_exit(who: str) -> Iterator[None]:
    """In the block os._exit raises BenchError; a child process that the block starts ends as it wants to."""
    end, process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:
            end(status)
        raise BenchError(f"{who} calls os._exit({status!r})", hint="Raise an Exception instead")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = end
