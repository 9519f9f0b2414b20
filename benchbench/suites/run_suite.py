"""A suite's function is called with a finished run, and its answer is kept in the run's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..digests import digest
from ..engine.device import deterministic_cudnn
from ..engine.lock import locked
from ..engine.progress import Progress
from ..engine.runner import as_bench_errors
from ..errors import BenchError
from ..failure_policy import as_bench_error
from ..paths import expanded
from ..plugin_guard import no_exit
from ..results.record import Record
from ..results.store import Store
from ..results.suite_answer import SuiteAnswer, answer_key, read_answer, store_answer
from ..study.identity import engine_digest, identity
from ..study.spec import StudySpec, SuiteChoice

_READ = ("results.parquet", "maps/index.parquet")


def run_suite(study: StudySpec, folder: Path, progress: Progress, before: Mapping[str, Any] | None) -> None:
    """Ask the study's suite, unless the folder holds its answer to the same run.

    Args:
        study: which has run into the folder; without a suite nothing is done.
        folder: the run's.
        progress: where the work is told.
        before: run.json as it was before the run; None where there was none.

    Raises:
        BenchError: the suite's networks or data cannot be read again, or its answer is not what an answer must be.
    """
    if study.suite is None:
        return
    plugin, params = study.suite.plugin, study.suite.params
    with locked(folder, progress.warn), as_bench_errors(study, folder, progress), deterministic_cudnn():
        record = Record.load(folder)
        key = _key(study, record.info)
        if before is not None and answer_key(before) == key and _is_whole(record, before["suite"]):
            Store(folder).write_results({}, {**record.info, "suite": before["suite"]})
            return
        progress.say(f"asking the suite {plugin.name}")
        answer = _asked(study.suite, study, folder, progress)
        if answer is not None:
            about = {"title": plugin.display_name(params), "summary": plugin.summary, "paper": plugin.paper}
            store_answer(Store(folder), answer, key, Record.load(folder).info, about)


def _asked(suite: SuiteChoice, study: StudySpec, folder: Path, progress: Progress) -> SuiteAnswer | None:
    """What the suite's function returns.

    Raises:
        BenchError: the function raised an error, or returned something else than an answer.
    """
    where = f"suite: {suite.label}"
    with (
        as_bench_error("it fails", where=where, hint="The run's results are kept"),
        no_exit(f"the suite {suite.plugin.name}"),
    ):
        answer = suite.plugin.function(study, folder, progress, **suite.params)
    if answer is None or isinstance(answer, SuiteAnswer):
        return answer
    raise BenchError(f"it returned {type(answer).__name__}", where=where, hint="Return a SuiteAnswer, or None")


def _key(study: StudySpec, info: Mapping[str, Any]) -> str:
    """A digest of what the answer depends on: the suites' code, the suite with its parameters, and the run."""
    assert study.suite is not None
    code = [path.read_bytes().hex() for path in sorted(Path(__file__).parent.rglob("*.py"))]
    plugin = study.suite.plugin
    methods = [identity(method.plugin, method.params) for method in study.methods]
    networks = [model.get("state") for model in info["models"]]
    tables = [info["files"][name] for name in _READ]
    suite = (identity(plugin, study.suite.params), study.seed, list(_files(study.suite.params)))
    return digest("suite", suite, engine_digest(), code, methods, networks, tables)


def _files(value: Any) -> Iterator[str]:
    """What is in the files that parameters name, such as a network's ``FILE.py:function`` or its checkpoint."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _files(each)
    elif isinstance(value, str):
        for path in [expanded(name) for name in (value, value.rpartition(":")[0]) if name]:
            if path.is_file():
                yield path.read_bytes().hex()


def _is_whole(record: Record, words: Mapping[str, Any]) -> bool:
    """Whether the files of the answer are there, as they were written."""
    try:
        read_answer(record, words)
    except BenchError:
        return False
    return True
