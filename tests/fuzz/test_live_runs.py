"""What a run says of itself while it runs, and of what hung in it: files of a folder that may be anyone's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.containment.hang_record import CALL, LIST, HangRecord
from benchbench.results.lock_owner import owner_of
from benchbench.results.run_log import LOG

from .mutations import ODD_VALUES, changed_trees
from .outcomes import assert_clear, outcome
from .profile import counted, tries
from .run_files import sealed, shown, status

pytestmark = pytest.mark.filterwarnings("ignore")
LIVE = {
    "format": 1,
    "started": "2026-01-02T03:04:05+00:00",
    "process": 123,
    "machine": "host",
    "host": "host",
    "since": "2026-01-02T03:04:05+00:00",
    "time": "2026-01-02T03:04:05+00:00",
    "user": "ann",
    "began": 1.0,
    "info": {"warnings": []},
    "seed": 0,
    "networks": {},
    "data": {},
    "methods": {"gradcam": "Grad-CAM"},
    "metrics": [],
    "models": [],
}
EVENTS = [
    {"event": "start", "run": 1, "time": "2026-01-02T03:04:05+00:00", "process": 1, "machine": "host"},
    {"event": "plan", "run": 1, "time": "2026-01-02T03:04:06+00:00", "shards": 3, "rows": 9, "shards_there": 1},
    {"event": "shard", "run": 1, "time": "2026-01-02T03:04:07+00:00", "rows": 3, "seconds_left": 5.0, "work": "x"},
    {"event": "warning", "run": 1, "time": "2026-01-02T03:04:08+00:00", "warning": "w"},
]


@tries(40)
@given(data=st.data())
def test_what_a_run_says_of_itself_while_it_runs(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "live"
    folder.mkdir(exist_ok=True)
    plan, owner = data.draw(changed_trees(LIVE)), data.draw(changed_trees(LIVE))
    keys = ("user", "host", "process", "began", "since")
    owner = {key: owner[key] for key in keys if key in owner} if isinstance(owner, dict) else owner
    events = data.draw(changed_trees(EVENTS))
    (folder / "unfinished.json").write_bytes(sealed(plan))
    (folder / ".owner.json").write_text(json.dumps(owner))
    lines = [json.dumps(event) for event in events] if isinstance(events, list) else [json.dumps(events)]
    (folder / LOG).write_text("\n".join(lines))
    outcome(status, folder)
    owner_read = owner_of(folder)
    if owner_read is not None:
        assert_clear(str(owner_read))
        _ = owner_read.dead, owner_read.here
    outcome(shown, folder)


@pytest.mark.parametrize("value", counted("runs.given-up", [*ODD_VALUES]))
def test_odd_records_of_what_hung(value: Any, tmp_path: Path) -> None:
    text = json.dumps(value)
    (tmp_path / LIST).write_text(text)
    (tmp_path / CALL).write_text(text.ljust(1000)[:1000] + "more")
    for who, reason in HangRecord(tmp_path).hung.items():
        assert isinstance(who, str)
        assert isinstance(reason, str)
