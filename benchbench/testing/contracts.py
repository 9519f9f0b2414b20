"""The contracts of methods and metrics as one test, parametrised: each check of each plugin has an id of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, TypeAlias

from ..errors import BenchError
from ..registry import METHODS, METRICS, Plugin
from ..study.spec import read_metric
from .method_contract import CHECKS, Case
from .metric_contract import METRIC_CHECKS, MetricCase, trial

Request: TypeAlias = str | Mapping[str, Any]  # a name (a metric's, with @protocol), or {"name": ..., parameter: ...}
_TESTABLE = {"probes", "rivals", "map", "mask", "pixels"}
TOLERANCE = 1e-4


def contract_suite(
    *,
    methods: Sequence[Request] = (),
    metrics: Sequence[Request] = (),
    package: str = "",
    constant: Collection[str] = (),
    tolerance: float | Mapping[str, float] = TOLERANCE,
) -> Callable[..., None]:
    """A test of pytest that holds methods and metrics to their contracts; every check of each is a test by itself.

        test_contract = contract_suite(methods=["mine", {"name": "mine", "power": 2.0}], metrics=["half"])

    Args:
        methods, metrics: as in a study: a name, ``metric@protocol``, or a name with parameters.
        package: all that this package registers, beside those named: what it registers later is tested too.
        constant: names of methods whose map may be the same everywhere.
        tolerance: by how much a map, in shares of its largest value, or a metric's value may differ between batches;
            of all, or by name.

    Raises:
        BenchError: nothing to check, no such plugin or parameter, or one that this cannot run.
    """
    import pytest

    checks = dict(_method_checks(methods, constant, tolerance)) | dict(_metric_checks(metrics, tolerance))
    if package:
        checks |= dict(_package_checks(package, constant, tolerance))
    if not checks:
        hint = 'Use methods=["mine"], metrics=["half"] or package="mine"'
        raise BenchError("there is nothing to check", where="contract_suite", hint=hint)

    @pytest.mark.parametrize("check", [pytest.param(check, id=name) for name, check in checks.items()])
    def contract(check: Callable[[], None]) -> None:
        __tracebackhide__ = True
        check()

    return contract


def check_method(name: str, *, constant: bool = False, tolerance: float = TOLERANCE, **params: Any) -> None:
    """Hold a registered method, with these parameters, to every check of CHECKS.

    Raises:
        AssertionError: it breaks one; the message says which, and how.
        BenchError: no such method or parameter, or one made of a whole dataset's maps.
    """
    for _, check in _method_checks([{**params, "name": name}], {name} if constant else (), tolerance):
        check()


def check_metric(name: str, *, tolerance: float = TOLERANCE, **params: Any) -> None:
    """Hold a registered metric, with these parameters or ``protocol``, to every check of METRIC_CHECKS.

    Each runs it through the engine on a small network, maps and masks, as a run would. Metrics of cost, and those that
    need the method again, are not checked here.

    Raises:
        AssertionError: it breaks one; the message says which, and how.
        BenchError: no such metric or parameter, or one that this cannot run.
    """
    request = f"{name}@{params.pop('protocol')}" if "protocol" in params else {**params, "name": name}
    for _, check in _metric_checks([request], tolerance):
        check()


def _method_checks(
    requests: Sequence[Request], constant: Collection[str], tolerance: float | Mapping[str, float]
) -> Iterator[tuple[str, Callable[[], None]]]:
    for request in _listed("methods", requests):
        arguments = {"name": request} if isinstance(request, str) else dict(request)
        name = str(arguments.pop("name", ""))
        plugin = METHODS[name]
        params = plugin.bind(arguments)
        if "dataset" in plugin.needs:
            raise BenchError(f"{name} needs the maps of a whole dataset and reads no layer to be tested on")
        case = Case(name, params, name in constant, _of(tolerance, name))
        for title, check in CHECKS.items():
            yield f"{plugin.label(params)}-{title}", partial(_held, f"{name}: {title}", partial(check, case))


def _metric_checks(
    requests: Sequence[Request], tolerance: float | Mapping[str, float]
) -> Iterator[tuple[str, Callable[[], None]]]:
    for request in _listed("metrics", requests):
        choice = read_metric(request)
        name = choice.plugin.name
        unsupported = choice.plugin.needs - _TESTABLE
        if unsupported:
            raise BenchError(f"{name} needs {', '.join(sorted(unsupported))}, which check_metric does not make")
        case = cache(partial(trial, choice, _of(tolerance, name)))  # made when a check runs, and once
        for title, check in METRIC_CHECKS.items():
            run = partial(_tried, check, case)
            yield f"{choice.label}-{title}", partial(_held, f"{name}: {title}", run)


def _package_checks(
    package: str, constant: Collection[str], tolerance: float | Mapping[str, float]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Of all that is registered from a package; what cannot be run here is a test that is skipped, with the reason."""
    for method in _of_package(METHODS.load(), package):
        if "dataset" in method.needs:
            yield f"{method.name}-all", partial(_skip, f"{method.name} needs the maps of a whole dataset")
        else:
            yield from _method_checks([method.name], constant, tolerance)
    for metric in _of_package(METRICS.load(), package):
        unsupported = metric.needs - _TESTABLE
        for protocol in metric.protocols:
            label = f"{metric.name}@{protocol}"
            if unsupported:
                yield f"{label}-all", partial(_skip, f"{metric.name} needs {', '.join(sorted(unsupported))}")
            else:
                yield from _metric_checks([label], tolerance)


def _of_package(plugins: Mapping[str, Any], package: str) -> list[Any]:
    return [plugin for plugin in plugins.values() if _belongs(plugin, package)]


def _belongs(plugin: Plugin, package: str) -> bool:
    module = plugin.function.__module__
    return module == package or module.startswith(f"{package}.")


def _held(what: str, check: Callable[[], None]) -> None:
    __tracebackhide__ = True
    try:
        check()
    except BenchError as error:
        raise AssertionError(f"{what}: {error}") from None
    except AssertionError as error:
        message = str(error).split("\nassert ")[0]  # pytest adds the expression, which is of our code and not of theirs
        raise AssertionError(f"{what}: {message}") from None


def _tried(check: Callable[[MetricCase], None], case: Callable[[], MetricCase]) -> None:
    __tracebackhide__ = True
    check(case())


def _skip(reason: str) -> None:
    import pytest

    pytest.skip(f"{reason}: its contract is not checked here")


def _listed(key: str, requests: Sequence[Request]) -> Sequence[Request]:
    if isinstance(requests, (str, Mapping)):
        raise BenchError(f"{key} is not a list", where="contract_suite", hint=f"Use {key}=[{requests!r}]")
    return requests


def _of(tolerance: float | Mapping[str, float], name: str) -> float:
    return tolerance.get(name, TOLERANCE) if isinstance(tolerance, Mapping) else tolerance
