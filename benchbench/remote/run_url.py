"""URLs of runs in object stores, and what of a URL may be shown."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from ..errors import BenchError
from ..paths import expanded

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_WITHOUT_SLASH = re.compile(r"[a-z][a-z0-9+.-]+:/[^/]")  # what Path makes of a URL
_SECRET_USER = re.compile(r"(?<=://)(?:[^/@\s'\"]+|[^/@\s'\"]*:[^@\s'\"]*)@")
_QUERY = re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]+")
_OF_THIS_MACHINE = ("file", "local")
_WITHOUT_USERS = ("s3", "s3a", "gs", "gcs")  # the drivers take credentials from elsewhere


@dataclass(frozen=True)
class RunURL:
    """The URL of a run.

    Attributes:
        text: as it was given; a password may be in it.

    Example:
        >>> from benchbench.remote.run_url import RunURL
        >>> url = RunURL.of("sftp://ann:secret@host/runs/a/")
        >>> url.shown, url.name, url.protocol
        ('sftp://host/runs/a', 'a', 'sftp')
    """

    text: str

    @classmethod
    def of(cls, text: str) -> RunURL:
        """The URL of a run's folder.

        Raises:
            BenchError: it names no folder, or has credentials that would not be used.
        """
        url = cls(text.strip().rstrip("/"))
        path = url.shown.partition("://")[2].split("/")
        if "::" in url.text:
            raise BenchError("a chain of URLs is no run's folder", where=url.shown, hint="Give one, such as s3://b/run")
        if url.protocol in _WITHOUT_USERS and url.shown != _without_query(url.text):
            hint = "Leave it out. docs/scale.md says how the driver finds credentials"
            raise BenchError("credentials in a URL are not used", where=url.shown, hint=hint)
        least = 1 if url.protocol == "memory" else 2
        if len(path) < least or not all(path[-1:]) or {".", ".."} & set(path):
            raise BenchError("a run needs a folder of its own", where=url.shown, hint="Give a name, as s3://bucket/run")
        return url

    @property
    def protocol(self) -> str:
        """What is in front of ``://``."""
        return self.text.partition("://")[0].lower()

    @property
    def shown(self) -> str:
        """The URL without user, password and query: nothing else is printed or stored."""
        return without_secrets(_without_query(self.text))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.shown.rpartition("/")[2]

    @property
    def key(self) -> str:
        """A name for files about it, which people recognise and no other URL has."""
        words = re.sub(r"[^A-Za-z0-9._]+", "-", self.shown)[-60:].strip("-.")
        return f"{words}-{hashlib.sha256(self.shown.encode()).hexdigest()[:12]}"

    def redacted(self, text: str) -> str:
        """A driver's text, without the URL's secrets."""
        user = urlsplit(self.text)
        for secret in filter(None, (user.password, user.query)):
            for spelling in {secret, unquote(secret)}:
                text = text.replace(spelling, "***")
        return without_secrets(text)


def _without_query(text: str) -> str:
    return text.partition("?")[0].partition("#")[0].rstrip("/")


def without_secrets(text: str) -> str:
    """The text; in its URLs, user names, passwords and queries (signatures) are left out.

    Example:
        >>> from benchbench.remote.run_url import without_secrets
        >>> without_secrets("GET https://ann:pw@host/a?X-Amz-Signature=1 failed")
        'GET https://host/a?*** failed'
    """
    return _QUERY.sub(r"\1?***", _SECRET_USER.sub("", text))


def is_url(place: str | Path) -> bool:
    """Whether a place is a URL of a store; a path, and a URL of this machine's files (``file://``), is not.

    Raises:
        BenchError: it is a Path that was made of a URL and has lost a slash.
    """
    if isinstance(place, Path):
        if _WITHOUT_SLASH.match(place.as_posix()) and not place.parents[-2].exists():
            hint = "Give the URL as a text: Path takes a slash out of it"
            raise BenchError("a URL is no path", where=without_secrets(str(place).replace(":/", "://", 1)), hint=hint)
        return False
    match = _URL.match(place)
    return match is not None and match[1].lower() not in _OF_THIS_MACHINE


def local_path(place: str | Path) -> Path:
    """The path of a place that is no URL of a store.

    Raises:
        BenchError: a ``file://`` URL of another machine, or without a whole path.
    """
    match = None if isinstance(place, Path) else _URL.match(place)
    if match is None:
        return expanded(place)
    parts = urlsplit(str(place))
    if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
        raise BenchError(f"not a file of this machine: {place}", hint="Write file:///whole/path, or the path")
    return Path(url2pathname(parts.path))
