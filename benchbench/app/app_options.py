"""What ``benchbench app`` is started with."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BenchError

HOST, PORT = "127.0.0.1", 7860


@dataclass(frozen=True)
class AppOptions:
    """How the app is served, and what visitors may choose.

    Attributes:
        models: by the spelling of the command line, the network as a study takes it; the first is shown at the start.
        runs: folders of runs that every visitor may open.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        BenchError: there is no network, a port that is none, or a folder that holds no run.
    """

    models: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[Path, ...] = ()
    host: str = HOST
    port: int = PORT
    device: str = "auto"

    def __post_init__(self) -> None:
        if not self.models:
            raise BenchError("no network is named", where="--model", hint="Name one, or leave the option out")
        if not 0 <= self.port < 1 << 16:
            hint = "Give a number from 1 to 65535; 0 takes a free port"
            raise BenchError(f"it is {self.port}", where="--port", hint=hint)
        for folder in self.runs:
            if not (folder / "run.json").is_file():
                raise BenchError("it holds no run", where=f"--run {folder}", hint="Name the folder that has a run.json")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the app."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
