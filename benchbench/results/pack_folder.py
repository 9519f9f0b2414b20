"""The packs of a run's folder, and which of them has which part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..files import Damaged, remove
from .pack import SUFFIX, Pack, read_pack, write_pack

THREADS = 8  # that look at packs: most of the time they wait for a disk, or take digests without Python
KEPT = 64  # indexes in memory: who reads cells and maps goes from shard to shard
T = TypeVar("T")


def owner(part: str) -> str:
    """What a part belongs to: a cell and its maps (``CELL-0.npy``) are one, and so are a photograph and its mask."""
    stem, _, kind = part.rpartition(".")
    return stem.rsplit("-", 1)[0] if kind == "npy" else stem


class PackFolder:
    """The packs in a folder. They are looked at once, when a part is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, str] | None = None
        self._notes: dict[str, Any] = {}
        self._indexes: dict[str, Pack] = {}

    @property
    def places(self) -> dict[str, str]:
        """By part, the file name of its pack. Damaged packs are left out."""
        if self._known is None:
            self._enter(pack for pack in self._looked_at(_opened) if pack is not None)
        assert self._known is not None
        return self._known

    def note(self, part: str) -> Any:
        """What was noted of a part when it was written; None if nothing was, or the part is absent."""
        return self._notes.get(part) if part in self.places else None

    def read(self, pack: str, part: str) -> bytes:
        """The content of a part.

        Raises:
            Damaged: it is not what was written.
            OSError: the pack is absent or cannot be read.
        """
        return self.index(pack).read(part)

    def index(self, pack: str) -> Pack:
        """What a pack holds. A pack that another process replaced is looked at again.

        Raises:
            Damaged: it is not what was written.
            OSError: it is absent or cannot be read.
        """
        known = self._indexes.get(pack)
        return known if known is not None and known.is_current() else self._keep(read_pack(self.folder / pack))

    def publish(self, pack: str, parts: Mapping[str, bytes], notes: Mapping[str, Any]) -> None:
        """Write parts into a pack, all of them or none. Its other parts stay as they are.

        Args:
            pack: its file name.
            parts: by name. They replace what the pack has of the same owners.
            notes: by part.

        Raises:
            Damaged: a part that is to stay is not what was written.
            OSError: the pack cannot be written.
        """
        self._rewrite(pack, {owner(part) for part in parts}, parts, notes)

    def discard(self, pack: str, owners: Collection[str]) -> None:
        """Remove from a pack what belongs to these owners.

        Raises:
            Damaged: a part that is to stay is not what was written.
            OSError: the pack cannot be written.
        """
        self._rewrite(pack, owners, {}, {})

    def mend(self) -> list[str]:
        """Take out what is not what was written, and what belongs to it. Every part is read.

        Returns:
            The damaged packs (``PACK``) and parts (``PACK/PART``).

        Raises:
            BenchError: a folder stands in the place of a pack.
            OSError: a pack cannot be read.
        """
        looked_at = list(zip(self._paths(), self._looked_at(_checked), strict=True))
        self._enter(pack for _, (pack, _) in looked_at if pack is not None)
        damaged = []
        for path, (pack, lost) in looked_at:
            if pack is None:
                remove(path)
                damaged.append(path.name)
            elif lost:
                self._rewrite(path.name, {owner(part) for part in lost}, {}, {})
                damaged += [f"{path.name}/{part}".rstrip("/") for part in lost]
        return damaged

    def _enter(self, packs: Iterator[Pack]) -> None:
        places: dict[str, str] = {}
        notes: dict[str, Any] = {}
        for pack in packs:
            places.update(dict.fromkeys(pack.parts, pack.path.name))
            notes.update(pack.notes)
        self._known, self._notes = places, notes

    def _rewrite(
        self, name: str, owners: Collection[str], parts: Mapping[str, bytes], notes: Mapping[str, Any]
    ) -> None:
        """The pack without what belongs to these owners, and with these parts; no pack if nothing is left."""
        path, places, before = self.folder / name, self.places, self._before(name)
        kept: list[str] = []
        for part in before.parts if before is not None else ():
            if owner(part) not in owners:
                kept.append(part)
            elif places.get(part) == name:
                del places[part]
                self._notes.pop(part, None)
        if not kept and not parts:
            remove(path)
            self._indexes.pop(name, None)
            return
        contents: dict[str, Callable[[], bytes]] = {part: partial(bytes, content) for part, content in parts.items()}
        if before is not None:
            contents = {**{part: partial(before.read, part) for part in kept}, **contents}
            notes = {**{part: before.notes[part] for part in kept if part in before.notes}, **notes}
        written = self._keep(write_pack(path, contents, notes))
        places.update(dict.fromkeys(written.parts, name))
        self._notes.update(written.notes)

    def _before(self, name: str) -> Pack | None:
        """The pack as it is; None where it is absent or damaged."""
        try:
            return self.index(name)
        except (FileNotFoundError, Damaged):
            return None

    def _keep(self, pack: Pack) -> Pack:
        while len(self._indexes) >= KEPT:
            self._indexes.pop(next(iter(self._indexes)))
        self._indexes[pack.path.name] = pack
        return pack

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def _looked_at(self, look: Callable[[Path], T]) -> Iterator[T]:
        """What is seen in each pack, in the order of their names."""
        with ThreadPoolExecutor(THREADS) as pool:
            yield from pool.map(look, self._paths())


def _opened(path: Path) -> Pack | None:
    """The pack, or None where it is damaged; none of its parts is read."""
    try:
        return read_pack(path)
    except Damaged:
        return None


def _checked(path: Path) -> tuple[Pack | None, list[str]]:
    """The pack, or None where it is damaged; and its parts that are."""
    pack = _opened(path)
    return pack, [] if pack is None else pack.damaged()
