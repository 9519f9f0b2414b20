"""The objects of a run in a store, through fsspec: each is written whole, checked, and read back only if asked for."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BenchError, raised
from ..files import ASIDE, read, write
from .run_url import RunURL

_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs", "oci": "ocifs"}
_WHOLE = {*_PACKAGES, "memory"}  # an object is there when all of it is; elsewhere a file is written aside and renamed
_AT_ONCE = 32 << 20  # bytes that are held in memory; larger objects are streamed
_HINT = "Check the URL, the network and the credentials: docs/scale.md says where the driver finds them"
_MD5 = re.compile(r"[0-9a-f]{32}")


class StoreFailure(BenchError):  # noqa: N818 - what a store does
    """A store did not do what was asked; it may do so later.

    Example:
        >>> from benchbench.remote.object_folder import StoreFailure
        >>> str(StoreFailure("cannot write a: timed out", where="s3://bucket/run"))
        's3://bucket/run: cannot write a: timed out'
    """


class StoredObject(NamedTuple):
    """An object as the store lists it.

    Attributes:
        size: bytes.
        stamp: another one when the object is written again.
    """

    size: int
    stamp: str


@dataclass(frozen=True, eq=False)
class ObjectFolder:
    """The objects below a URL, by their names: ``run.json``, ``cells/a.zip``.

    Args:
        files: an fsspec file system.
        root: the path of the folder there.
        url: what is shown of it.
    """

    files: Any
    root: str
    url: RunURL

    @classmethod
    def at(cls, url: RunURL) -> ObjectFolder:
        """The folder at a URL; nothing is read yet.

        Raises:
            BenchError: fsspec or the protocol's driver is not installed, or there is no such protocol.
        """
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            hint = "pip install 'benchbench-saliency[remote]'"
            raise BenchError("a run at a URL needs fsspec", where=url.shown, hint=hint) from None
        try:
            files, root = url_to_fs(url.text, use_listings_cache=False)
        except ImportError as error:
            package = _PACKAGES.get(url.protocol)
            hint = f"pip install {package}" if package else ""
            raise BenchError(f"{url.protocol}:// needs a driver: {error}", where=url.shown, hint=hint) from None
        except Exception as error:  # drivers have their own kinds, for a protocol that is unknown too
            raise BenchError(f"cannot open it: {url.redacted(raised(error))}", where=url.shown, hint=_HINT) from None
        return cls(files, root.rstrip("/"), url)

    def listing(self) -> dict[str, StoredObject]:
        """Every object that can be a run's file, by name.

        Raises:
            StoreFailure: the store does not answer.
        """
        with self._plainly("cannot list it"):
            self.files.invalidate_cache()
            try:
                infos: Mapping[str, Mapping[str, Any]] = self.files.find(self.root, detail=True)
            except FileNotFoundError:
                return {}
        names = {path[len(self.root) :].lstrip("/"): info for path, info in infos.items()}
        return {name: _stored(info) for name, info in sorted(names.items()) if is_name(name)}

    def get(self, name: str, place: Path, size: int) -> None:
        """Write an object into a file, whole or not at all.

        Args:
            size: its bytes, as it was listed.

        Raises:
            StoreFailure: it cannot be read.
            OSError: the file cannot be written.
        """
        place.parent.mkdir(parents=True, exist_ok=True)
        with self._plainly(f"cannot read {name}"):
            if size <= _AT_ONCE:
                data: bytes = self.files.cat_file(self._path(name))
            else:
                aside = place.with_name(f"{ASIDE}{place.name}")
                self.files.get_file(self._path(name), str(aside))
                os.replace(aside, place)
                return
        write(place, lambda file: file.write(data))

    def text(self, name: str) -> bytes | None:
        """The content of a small object; None where it is not there.

        Raises:
            StoreFailure: it cannot be read.
        """
        with self._plainly(f"cannot read {name}"):
            try:
                content: bytes = self.files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return content

    def put(self, name: str, place: Path) -> StoredObject:
        """Write a file as an object, whole or not at all; what the store has then is compared with what was sent.

        Raises:
            StoreFailure: it cannot be written, or the store has something else.
            OSError: the file cannot be read.
        """
        if place.stat().st_size > _AT_ONCE:
            return self._put_large(name, place)
        data = read(place)
        with self._plainly(f"cannot write {name}"), self._target(name) as target:
            self.files.pipe_file(target, data)
        return self._checked(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Write an object unless it is there; whether it was written.

        Where the store has conditional writes (S3, Google Cloud Storage, memory), one of several succeeds. Elsewhere it
        is looked whether the object is there first, and read back.

        Raises:
            StoreFailure: it cannot be written.
        """
        if self.text(name) is not None:
            return False
        with self._plainly(f"cannot write {name}"):
            if self.url.protocol not in _WHOLE:
                self.files.makedirs(self.root, exist_ok=True)
            try:
                self.files.pipe_file(self._path(name), data, mode="create")
            except Exception:  # of what kind it is, if the object is there, each driver says in its own way
                if self.text(name) is None:
                    raise
        return self.text(name) == data

    def remove(self, name: str) -> None:
        """Remove an object, if it is there.

        Raises:
            StoreFailure: it cannot be removed.
        """
        with self._plainly(f"cannot remove {name}"), suppress(FileNotFoundError):
            self.files.rm_file(self._path(name))

    def _put_large(self, name: str, place: Path) -> StoredObject:
        size = place.stat().st_size
        with self._plainly(f"cannot write {name}"):
            with self._target(name) as target:
                self.files.put_file(str(place), target)
            there = _stored(self.files.info(self._path(name)))
        if there.size != size:
            raise StoreFailure(f"{name} has {there.size:,} bytes there, and {size:,} here", where=self.url.shown)
        return there

    def _checked(self, name: str, data: bytes) -> StoredObject:
        """The object as the store has it, which is ``data``: by the store's own digest, or else read back."""
        with self._plainly(f"cannot check {name}"):
            info = self.files.info(self._path(name))
            sound = _md5_of(info) == hashlib.md5(data, usedforsecurity=False).hexdigest()
            if not sound and self.files.cat_file(self._path(name)) != data:
                raise StoreFailure(f"{name} is not there as it was sent", where=self.url.shown, hint=_HINT)
        return _stored(info)

    @contextmanager
    def _target(self, name: str) -> Iterator[str]:
        """Where an object is written to, which has its name after the block."""
        path = self._path(name)
        if self.url.protocol in _WHOLE:
            yield path
            return
        folder, _, last = path.rpartition("/")
        self.files.makedirs(folder, exist_ok=True)
        aside = f"{folder}/{ASIDE}{last}"
        yield aside
        self.files.mv(aside, path)

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    @contextmanager
    def _plainly(self, what: str) -> Iterator[None]:
        """What a driver raises, as a StoreFailure without secrets."""
        try:
            yield
        except BenchError:
            raise
        except Exception as error:  # botocore's and aiohttp's errors are no OSErrors
            reason = self.url.redacted(raised(error))
            raise StoreFailure(f"{what}: {reason}", where=self.url.shown, hint=_HINT) from None


def is_name(name: str) -> bool:
    r"""Whether an object's name can be that of a run's file: below the folder, and not hidden.

    Example:
        >>> from benchbench.remote.object_folder import is_name
        >>> [is_name(name) for name in ("cells/a.zip", "../a", "/a", "a//b", ".owner.json", "a\\b", "C:a")]
        [True, False, False, False, False, False, False]
    """
    parts = name.split("/")
    return all(part and not part.startswith(".") for part in parts) and not re.search(r"[\\:\x00-\x1f]", name)


def _stored(info: Mapping[str, Any]) -> StoredObject:
    """Of what a driver says of an object; a digest or a version counts more than a time."""
    size = int(info.get("size") or 0)
    for keys in (("ETag", "etag", "md5Hash", "generation"), ("mtime", "created", "LastModified", "last_modified")):
        marks = [_mark(info[key]) for key in keys if info.get(key)]
        if marks:
            return StoredObject(size, f"{size}-{hashlib.sha256(marks[0].encode()).hexdigest()[:24]}")
    return StoredObject(size, str(size))


def _mark(value: Any) -> str:
    """A time or a tag; drivers spell them in one way in a list and in another for one object."""
    return str(value.timestamp() if isinstance(value, datetime) else value).strip('"')


def _md5_of(info: Mapping[str, Any]) -> str:
    """The MD5 that a store says of an object; "" where it says none, or not as such (of several parts, encrypted)."""
    tag = str(info.get("ETag") or "").strip('"').lower()
    if _MD5.fullmatch(tag):
        return tag
    with suppress(ValueError, TypeError):
        return b64decode(info.get("md5Hash") or "", validate=True).hex()
    return ""
