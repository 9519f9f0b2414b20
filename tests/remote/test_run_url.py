"""URLs of runs: what is one, what is refused, and that no secret of one is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import BenchError
from benchbench.remote.run_url import RunURL, is_url, local_path, without_secrets

LETTERS = st.text("abcXYZ0123456789!$%+=-_", min_size=4, max_size=12)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://bucket/run", True),
        ("gs://bucket/run", True),
        ("memory://run", True),
        ("file:///tmp/run", False),
        ("runs/a", False),
        ("runs/s3:/a", False),
        (r"C:\runs\a", False),
        (Path("runs/a"), False),
    ],
)
def test_what_is_a_url(place: str | Path, expected: bool) -> None:
    assert is_url(place) is expected


def test_a_path_that_was_a_url_is_refused() -> None:
    with pytest.raises(BenchError, match=r"s3://bucket/run: a URL is no path\. Give the URL as a text"):
        is_url(Path("s3://bucket/run"))


def test_files_of_this_machine_are_paths(tmp_path: Path) -> None:
    assert local_path(f"file://{tmp_path}/a%20b") == tmp_path / "a b"
    assert local_path(f"file://localhost{tmp_path}") == tmp_path
    assert local_path("runs/a") == Path("runs/a")
    for wrong in ("file://host/a", "file://", "file:///"):
        with pytest.raises(BenchError, match="not a file of this machine"):
            local_path(wrong)


@pytest.mark.parametrize("text", ["s3://bucket", "s3://bucket/", "memory://", "s3://bucket/a/../b", "s3://bucket/."])
def test_a_run_needs_a_folder(text: str) -> None:
    with pytest.raises(BenchError, match="a run needs a folder of its own"):
        RunURL.of(text)


def test_chains_are_refused() -> None:
    with pytest.raises(BenchError, match="a chain of URLs"):
        RunURL.of("simplecache::s3://bucket/run")


@pytest.mark.parametrize("text", ["s3://KEY:secret@bucket/run", "s3://KEY:sec/ret@bucket/run", "gs://KEY@bucket/run"])
def test_credentials_where_no_driver_reads_them_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(BenchError, match=r"^\w+://bucket/run: credentials in a URL are not used") as raised:
        RunURL.of(text)
    assert "sec" not in str(raised.value)
    assert "KEY" not in str(raised.value)


@given(LETTERS, LETTERS)
def test_secrets_are_in_nothing_that_is_shown(user: str, password: str) -> None:
    url = RunURL.of(f"sftp://{user}@Q:{password}@host/runs/a?token={password}".replace("@Q", ""))
    for text in (url.shown, url.name, url.redacted(f"403 for {url.text}"), without_secrets(f"'{url.text}' failed")):
        assert f":{password}" not in text
        assert f"={password}" not in text
    assert url.shown == "sftp://host/runs/a"
    assert password not in url.redacted(f"login with pw<{password}> failed")


def test_one_place_has_one_copy() -> None:
    assert RunURL.of("s3://bucket/run/").key == RunURL.of("s3://bucket/run").key
    assert RunURL.of("s3://bucket/a/b").key != RunURL.of("s3://bucket/a-b").key
    assert RunURL.of("s3://bucket/runs/a").key.startswith("s3-bucket-runs-a-")
    assert len(RunURL.of(f"s3://bucket/{'long/' * 100}run").key) < 80
