"""Calls of methods and metrics in a run: limited in time, on states of their own, and looked after."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from os import _exit as end_process  # taken now: it is refused while a plugin runs
from typing import TypeVar

import torch
from torch import nn

from ..errors import BenchError
from .hang_record import HangRecord
from .hard_exit import no_hard_exit
from .leftovers import LeftoverWatch
from .memory_watch import MemoryWatch
from .network_watch import NetworkWatch
from .process_settings import HABITS, SETTINGS, put_back, read_all
from .random_state import random_states_kept, set_random_states, state_marks, used_devices
from .time_limit import TookTooLong, limited

T = TypeVar("T")
PATIENCE = 3  # calls in a row that take too long, until there are no more of them
GRACE = 30.0  # seconds, at least; otherwise the limit itself
STUCK = "took longer than time_limit and could not be interrupted, so that its process ended"


class Spoils(BenchError):  # noqa: N818 - what the plugin does
    """A plugin leaves something changed that others stand on; it would with each image alone."""

    final = True


class GivenUp(BenchError):  # noqa: N818 - an answer, not a mistake
    """A plugin took too long too often, and is not called again."""

    final = True


@dataclass(eq=False)
class PluginWatch:
    """What one network's calls of plugins have in common.

    Attributes:
        seconds: the limit of a call; None: none.
        networks: those that other plugins' numbers come from.
        record: where a call that cannot be interrupted is noted.
        warn: what is told when it happens.
        grace: seconds until a call that cannot be interrupted ends the process; by default the limit, or 30.
        quiet: whether somebody else says why the process ended.

    Example:
        >>> from benchbench.containment.plugin_watch import PluginWatch
        >>> watch = PluginWatch(seconds=60)
        >>> watch.call("method mine", "layer4", lambda: 7, seed=0)
        7
    """

    seconds: float | None = None
    networks: NetworkWatch | None = None
    record: HangRecord | None = None
    warn: Callable[[str], None] = lambda _: None
    grace: float | None = None
    quiet: bool = False
    _careful: bool = False  # whether the networks are compared after each call
    _probe: Callable[[], object] | None = None
    _told: dict[tuple[str, str], str] = field(default_factory=dict)  # by who and the first words
    _late: Counter[str] = field(default_factory=Counter)  # by who, and by who and where: calls in a row
    _suspects: set[str] = field(default_factory=set)  # the networks are compared after each of their calls

    _beside: bool = False  # whether a network of ``also`` was spoilt in this batch

    def __post_init__(self) -> None:
        self._leftovers, self._memory = LeftoverWatch(self.tell), MemoryWatch(self.tell)

    def call(self, who: str, place: str, work: Callable[[], T], seed: int, *, calls: int = 1) -> T:
        """What the work gives.

        Args:
            who: the plugin, as users name it: ``method gradcam``.
            place: which of its uses this is: a layer, or the map that is judged.
            seed: of the global random states, which are the plugin's own for this call.
            calls: how many calls of the plugin the work is; each may take the limit.

        Raises:
            TookTooLong: the limit was passed. GivenUp: too often.
            Spoils: it left a network changed, which is as before now.
            BenchError: it called os._exit.
        """
        self._refuse(who, place)
        spoiled = ""
        before, settings = read_all(HABITS), read_all(SETTINGS)
        try:
            with ExitStack() as stack:
                stack.enter_context(no_hard_exit(who))
                stack.enter_context(self._leftovers.call(who))
                stack.enter_context(self._memory.call(who))
                stack.enter_context(self._apart(who, seed))
                result = self._in_time(who, place, work, calls)
        finally:
            put_back(SETTINGS, settings)  # where the time was up while the plugin's own guard did that
            if changed := put_back(HABITS, before):
                self.tell(who, f"leaves changed, and benchbench put back: {', '.join(changed)}")
            if self.networks is not None and (self._careful or who in self._suspects):
                spoiled = self.networks.settle(self._probe)
        if spoiled:
            self._suspects.add(who)
            message = f"{who} leaves {spoiled} of the network changed"
            raise Spoils(message, hint="Put them back, or work on a copy.deepcopy")
        return result

    def told(self) -> list[str]:
        """What plugins did that spoilt no number, in sentences."""
        return [f"{who} {what}" for (who, _), what in self._told.items()]

    @property
    def notes(self) -> dict[tuple[str, str], str]:
        """What was told, by who and the first words: for the watch of another process."""
        return dict(self._told)

    def tell(self, who: str, what: str) -> None:
        """Told once; of what is counted, the last figure stays for ``told``."""
        key = (who, what.partition(":")[0])
        if key not in self._told:
            self.warn(f"{who} {what}")
        self._told[key] = what

    def begin_batch(self, probe: Callable[[], object]) -> None:
        """Images are worked on.

        Args:
            probe: sends one of them through the networks, see ``NetworkWatch.settle``.
        """
        self._probe = probe

    def end_batch(self) -> bool:
        """Whether a plugin spoilt a network in this batch. It is put back; the batch is to be worked on again."""
        self._memory.end_batch()
        spoiled, beside = self._settled(), self._beside
        self._beside = False
        return (bool(spoiled) or beside) and not self._careful

    def _settled(self) -> str:
        spoiled = "" if self.networks is None else self.networks.settle(self._probe)
        if spoiled and self._careful:
            self.tell("code beside the study", f"changes {spoiled} of a network while it runs: numbers may be wrong")
        return spoiled

    @contextmanager
    def also(self, networks: Sequence[nn.Module], probe: Callable[[], object]) -> Iterator[None]:
        """In the block networks are compared that were made for it, as copies with other weights.

        Args:
            probe: sends an image through them, as that of ``begin_batch`` does through the others.
        """
        before = self.networks, self._probe
        usual = self._probe or (lambda: None)
        self.networks = (self.networks or NetworkWatch([])).with_more(networks)
        self._probe = lambda: (usual(), probe())
        try:
            yield
            self._beside |= bool(self._settled())
        finally:
            self.networks, self._probe = before

    @contextmanager
    def carefully(self, probe: Callable[[], object] | None = None) -> Iterator[None]:
        """In the block the networks are compared after each call, so that whoever spoils them is found.

        Args:
            probe: as of ``begin_batch``; None: that of the batch.
        """
        before = self._careful, self._probe
        self._careful, self._probe = True, probe or self._probe
        try:
            yield
        finally:
            self._careful, self._probe = before

    @contextmanager
    def _apart(self, who: str, seed: int) -> Iterator[None]:
        """Global random states of its own, and no inference mode that it forgets to leave."""
        with random_states_kept(), torch.inference_mode(mode=False), torch.set_grad_enabled(torch.is_grad_enabled()):
            set_random_states(seed)
            before = state_marks()
            try:
                yield
            finally:
                moved = [name for name, mark in state_marks().items() if mark != before[name]]
        if moved:
            self.tell(
                who,
                f"draws from or seeds the global random state of {' and '.join(moved)}: if its numbers depend on that, "
                "they depend on which images are in a batch",
            )

    def _refuse(self, who: str, place: str) -> None:
        if self.record is not None and who in self.record.hung:
            raise GivenUp(f"{who} {self.record.hung[who]}", hint="--retry-failed calls it again")
        for key in (who, f"{who} at {place}"):
            if self._late[key] >= PATIENCE:
                times = f"{PATIENCE} times in a row"
                raise GivenUp(f"{key} is given up: it took longer than time_limit: {self.seconds:g} s {times}")

    def _in_time(self, who: str, place: str, work: Callable[[], T], calls: int) -> T:
        if self.seconds is None:
            with self._recorded(who):
                return work()
        seconds = self.seconds * calls
        grace = max(GRACE, self.seconds) if self.grace is None else self.grace
        keys = (who, f"{who} at {place}")
        with self._recorded(who, seconds + 2 * grace):
            try:
                result = limited(lambda: _finished(work()), seconds, grace, lambda: self._end(who))
            except TookTooLong:
                self._late.update(keys)
                often = "" if calls == 1 else f" for each of {calls} calls"
                raise TookTooLong(f"{who} took longer than time_limit: {self.seconds:g} s{often}") from None
        for key in keys:
            self._late[key] = 0
        return result

    def _recorded(self, who: str, seconds: float | None = None) -> AbstractContextManager[None]:
        return nullcontext() if self.record is None else self.record.call(who, STUCK, seconds)

    def _end(self, who: str) -> None:
        """The process ends at once: the thread of the study is in a call that nothing ends."""
        if self.record is not None:
            self.record.give_up()
        if not self.quiet:
            self._explain_end(who)
        end_process(1)

    def _explain_end(self, who: str) -> None:
        show = "\x1b[?25h\n" if sys.stderr.isatty() else ""  # the progress bar hid the cursor
        print(
            f"{show}benchbench: {who} took longer than time_limit: {self.seconds:g} s in a call that nothing can "
            "interrupt, so the run ends here. Finished work is kept; the same command goes on without it",
            file=sys.stderr,
            flush=True,
        )


def _finished(result: T) -> T:
    """What a GPU was told to compute is done."""
    if used_devices():
        torch.cuda.synchronize()
    return result
