from __future__ import annotations

import platform

import pytest

from benchbench.cost.allocator import keep_memory


def test_it_can_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHBENCH_MALLOC", "default")
    assert keep_memory() is False


def test_it_is_glibc_s_to_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCHBENCH_MALLOC", raising=False)
    assert keep_memory() is (platform.libc_ver()[0] == "glibc")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_memory() is False
