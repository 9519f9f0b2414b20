"""The decorators that register plugins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from typing import Any, TypeVar

from ..errors import BenchError, nearest
from ..vocabulary import FAMILIES as FAMILIES
from ..vocabulary import METRIC_NEEDS as METRIC_NEEDS
from ..vocabulary import NEEDS as NEEDS
from ..vocabulary import TRUTHS as TRUTHS
from .importing import load_file as load_file
from .metadata import check_fields, check_name, check_protocols, check_range, known_words, word_set
from .plugin import DatasetPlugin as DatasetPlugin
from .plugin import MethodPlugin as MethodPlugin
from .plugin import MetricPlugin as MetricPlugin
from .plugin import MetricReading as MetricReading
from .plugin import ModelPlugin as ModelPlugin
from .plugin import Parameter as Parameter
from .plugin import Plugin as Plugin
from .plugin import SuitePlugin as SuitePlugin
from .registry import DATASETS, METHODS, METRICS, MODELS, SUITES, Registry

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", bound=Plugin)


def method(
    name: str,
    *,
    needs: str | Iterable[str],
    title: str = "",
    paper: str = "",
    control: bool = False,
    fails: str = "",
    optimises: str | Iterable[str] = (),
    fixed_score: str = "",
    parts: str = "",
) -> Callable[[F], F]:
    """Register a saliency method: a function of a Layer that returns a map (B, h, w), not normalised.

    The function's keyword-only arguments are the method's parameters: names, types and defaults come from the
    signature, and the first line of the docstring is the method's summary.

    Args:
        name: how studies, options and tables call the method. No name may have ``. @ : ,`` in it.
        needs: what the method reads of the Layer, words of ``benchbench.registry.NEEDS``: one or several.
        title: the method's name in reports, such as ``Grad-CAM++``; the name if not given. ``{parameter}`` stands for
            that parameter's value: ``Inverted {of}``.
        paper: where the method was published, such as ``arXiv:1610.02391``.
        control: whether the method is a control (random, center), which no ranking counts.
        fails: when the method fails, in a sentence, for its page in the documentation.
        optimises: of a control that is made to win a metric, the metrics' names. Tables show the share of its score
            that a method reaches, under the protocols whose parameters are those that the control has of the same name.
        fixed_score: why the method's definition leaves no choice of the score that is explained. If not given,
            ``score`` is a parameter of every method that reads a gradient, and ``layer.gradient`` is the gradient of
            the score that it names.
        parts: what the map's values belong to, such as ``superpixels``, where that is not what the needs say: pixels
            with the need ``input``, and else the cells of a layer. No metric adds up values of parts over pixels.

    Returns:
        A decorator that returns the function as it is.

    Raises:
        BenchError: the name is taken, a need is unknown, or what ``optimises`` a metric is no control.

    Example:
        >>> @bb.method("activation-mean", needs="activation")
        ... def activation_mean(layer: bb.Layer) -> torch.Tensor:
        ...     \"\"\"The mean over the layer's channels.\"\"\"
        ...     return layer.activation.mean(1)
        >>> bb.explain(network, images, method="activation-mean", layer="features").shape
        torch.Size([2, 1, 32, 32])
    """
    where = check_name("method", name)
    words = {"title": title, "paper": paper, "fails": fails, "fixed_score": fixed_score, "parts": parts}
    check_fields(where, words, {"control": control})
    wanted = known_words(needs, NEEDS, where)
    goals = word_set(optimises, where, "metric")
    if goals and not control:
        hint = "Use control=True: a method that is made to win a metric cannot be ranked by it"
        raise BenchError("optimises= is of controls alone", where=where, hint=hint)
    more = {"fixed_score": fixed_score, "parts": parts}
    return _adder(
        METHODS, lambda f: _titled(MethodPlugin(name, f, paper, title, wanted, control, fails, goals, **more))
    )


_MEASURED = frozenset({"cost", "passes", "shared"})


def metric(
    name: str,
    *,
    higher_is_better: bool,
    needs: str | Iterable[str],
    protocols: Mapping[str, Mapping[str, Any]],
    probes: Callable[..., Any] | None = None,
    views: Callable[..., Any] | None = None,
    rivals: Callable[..., int] | None = None,
    title: str = "",
    unit: str = "",
    paper: str = "",
    family: str = "other",
    range: tuple[float, float] = (-math.inf, math.inf),
    equation: str = "",
    reading: Callable[..., Mapping[str, Any]] | None = None,
    ranks_only: bool = False,
    held_out: Callable[..., Any] | None = None,
    pooled: Callable[..., Any] | None = None,
    truth: str = "",
) -> Callable[[F], F]:
    """Register a metric: a function of a Seen that returns a Scored.

    A metric of cost is a function of a Cost, a PassCount or a CostShare in place of the Seen. The function's
    keyword-only arguments are the metric's parameters.

    Args:
        name: how studies, options and tables call the metric.
        higher_is_better: whether a larger value means a better map.
        needs: what the metric reads, words of ``benchbench.registry.METRIC_NEEDS``: one or several. The Seen holds
            what is named here and nothing else.
        protocols: by protocol, the parameters that it stands for; the first protocol is the default.
        probes: from the parameters to the perturbed images whose class scores the metric needs, a list of
            ``Remove``, ``Keep``, ``Band``, ``Thinned``, ``Above``, ``Multiply``, ``Region``, ``Random``, ``Filled`` or
            ``Whole``.
        views: from the parameters to the changed images or networks on which the metric needs the method's map again.
        rivals: from the parameters to the number of other classes whose probabilities the metric needs on every probe,
            those most likely on the image itself: of a metric with the need ``rivals``.
        title: the metric's name in reports; the name with spaces if not given.
        unit: of the value, such as ``probability``.
        paper: where the metric was published.
        family: the group in reports, a word of ``benchbench.registry.FAMILIES``.
        range: the smallest and the largest possible value; infinite on a side without a bound.
        equation: the definition, in words or symbols.
        reading: from the parameters to whatever of ``higher_is_better``, ``unit``, ``range``, ``equation`` and
            ``truth`` is different with them, as a mapping.
        ranks_only: whether any increasing change of the map's values leaves the value as it is.
        held_out: from the thresholds (S,), the scores (N, S) of ``Scored.levels`` for all images of a method, and the
            fold (N,) of each image, 0 or 1, to values (N,): each image is scored at the threshold that is best on the
            other fold. NaN if the other fold is empty.
        pooled: from sums (R, S) over images of ``Scored.levels`` to values (R,) of the whole data set, for
            pooled.parquet.
        truth: where the object is, for a metric that asks: a word of ``benchbench.registry.TRUTHS``. If not given, what
            ``needs`` names: ``mask``, ``box``, or ``mask-else-box`` for both.

    Returns:
        A decorator that returns the function as it is.

    Raises:
        BenchError: the name is taken, a need or the family is unknown, ``protocols`` is empty, a metric of cost needs
            something else too, or ``rivals`` is given without the needs for it.

    Example:
        >>> @bb.metric("map-spread", higher_is_better=False, needs="map", protocols={"default": {}})
        ... def map_spread(seen: bb.Seen) -> bb.Scored:
        ...     \"\"\"The standard deviation of the map's values.\"\"\"
        ...     return bb.Scored(seen.map.flatten(1).std(1))
    """
    where = check_name("metric", name)
    words = {"title": title, "unit": unit, "paper": paper, "family": family, "equation": equation, "truth": truth}
    check_fields(where, words, {"higher_is_better": higher_is_better, "ranks_only": ranks_only})
    wanted = _needs_of_metric(needs, rivals is not None, where)
    range = check_range(range, where)
    check_protocols(protocols, where)
    if family not in FAMILIES:
        raise BenchError(f"unknown family {family!r}", where=where, hint=nearest(family, FAMILIES))
    title, truth = title or name.replace("_", " "), truth or _truth_of(wanted)
    if truth and truth not in TRUTHS:
        raise BenchError(f"unknown truth {truth!r}", where=where, hint=nearest(truth, TRUTHS))
    return _adder(
        METRICS,
        lambda f: _titled(
            MetricPlugin(
                name,
                f,
                paper,
                title,
                needs=wanted,
                higher_is_better=higher_is_better,
                probes=probes,
                views=views,
                rivals=rivals,
                protocols=protocols,
                unit=unit,
                family=family,
                range=range,
                equation=equation,
                reading=reading,
                ranks_only=ranks_only,
                held_out=held_out,
                pooled=pooled,
                truth=truth,
            )
        ),
    )


def _needs_of_metric(needs: str | Iterable[str], rivals: bool, where: str) -> frozenset[str]:
    """What a metric needs, if it can be had together."""
    wanted = known_words(needs, METRIC_NEEDS, where)
    if wanted & _MEASURED and not wanted <= {"cost", "passes"} and wanted != {"shared"}:
        message = f"needs {' and '.join(sorted(wanted))} together: what a method takes has no value per image"
        raise BenchError(message, where=where, hint="Make two metrics of it")
    if ("rivals" in wanted) != rivals or wanted & {"rivals", "probes"} == {"rivals"}:
        hint = 'Give rivals= and the needs "rivals" and "probes", or none of them'
        raise BenchError('the need "rivals" goes with rivals= and the need "probes"', where=where, hint=hint)
    return wanted


def model(name: str, *, title: str = "", paper: str = "") -> Callable[[F], F]:
    """Register a network: a function that returns a ModelSpec or an nn.Module.

    Args:
        name: how studies and options call the network.
        title: the network's name in reports; the name if not given.
        paper: where the network was published.

    Returns:
        A decorator that registers the function and returns it unchanged.

    Raises:
        BenchError: the name is taken.

    Example:
        >>> @bb.model("tiny")
        ... def tiny(*, classes: int = 5) -> torch.nn.Module:
        ...     \"\"\"A linear layer on pooled pixels.\"\"\"
        ...     return torch.nn.Sequential(torch.nn.AvgPool2d(32), torch.nn.Flatten(), torch.nn.Linear(3, classes))
    """
    check_fields(f"model {name}", {"title": title, "paper": paper}, {})
    return _adder(MODELS, lambda f: _titled(ModelPlugin(name, f, paper, title)))


def dataset(
    name: str, *, needs: str | Iterable[str] = (), title: str = "", paper: str = "", source: str = ""
) -> Callable[[F], F]:
    """Register a data set: a function that returns a Dataset, tensors, or a list of photographs.

    Args:
        name: how studies and options call the data.
        needs: ``model`` if the function's first argument is the network's ModelSpec: the data are made for a network.
        title: the data's name in reports; the name if not given. ``{root}`` stands for the parameter root's last part.
        paper: where the data were published.
        source: what to download, from where, and how the folder must look, in sentences. An error says it where a
            required parameter is missing.

    Returns:
        A decorator that registers the function and returns it unchanged.

    Raises:
        BenchError: the name is taken.

    Example:
        >>> @bb.dataset("two-noises")
        ... def two_noises(*, seed: int = 0) -> tuple[torch.Tensor, list[int]]:
        ...     \"\"\"Two images of noise.\"\"\"
        ...     return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)), [0, 1]
    """
    check_fields(f"dataset {name}", {"title": title, "paper": paper, "source": source}, {})
    words = word_set(needs, f"dataset {name}", "need")
    return _adder(DATASETS, lambda f: _titled(DatasetPlugin(name, f, paper, title, words, source)))


def suite(
    name: str, *, keys: Mapping[str, Any] | Callable[..., Mapping[str, Any]], title: str = "", paper: str = ""
) -> Callable[[F], F]:
    """Register a suite: a study with a name, and a function that answers a question from its run.

    The function is called with the study, the run's folder and the progress after the study has run; its keyword-only
    arguments are the suite's parameters (``--suite name:key=value``). The first line of its docstring is the suite's
    summary. It returns a ``benchbench.results.suite_answer.SuiteAnswer``, which the run keeps and the report, the
    terminal and the tables show; or None.

    Args:
        name: what ``--suite`` and the study key ``suite`` call it.
        keys: keys of a study file, or a function that is called with the parameters and returns them. A key that the
            user gives stands in place of the suite's.
        title: the suite's name in reports; the name if not given.
        paper: where the rules that it follows were published.

    Returns:
        A decorator that registers the class or function and returns it unchanged.

    Raises:
        BenchError: the name is taken, or there is no key of that name.

    Example:
        >>> @bb.registry.suite("quick-look", keys={"methods": ["gradcam"], "metrics": ["deletion"], "samples": 8})
        ... def quick_look(study, folder, progress) -> None:
        ...     \"\"\"Grad-CAM under deletion on eight images.\"\"\"
        >>> bb.Study(suite="quick-look", models={"mine": network}, datasets={"val": (images, labels)}).samples
        8
    """
    check_fields(f"suite {name}", {"title": title, "paper": paper}, {})
    return _adder(SUITES, lambda f: SuitePlugin(name, f, paper, title, keys=keys))


def _truth_of(needs: frozenset[str]) -> str:
    known = {frozenset({"mask"}): "mask", frozenset({"boxes"}): "box", frozenset({"mask", "boxes"}): "mask-else-box"}
    return known.get(needs & {"mask", "boxes"}, "")


def _adder(registry: Registry[Any], make: Callable[[Callable[..., Any]], Plugin]) -> Callable[[F], F]:
    def add(function: F) -> F:
        registry.add(make(function))
        return function

    return add


def _titled(plugin: P) -> P:
    """The plugin, whose title names only parameters that it has.

    Raises:
        BenchError: the title names another.
    """
    try:
        named = [name for _, name, _, _ in Formatter().parse(plugin.title) if name is not None]
    except ValueError as error:
        raise BenchError(f"the title {plugin.title!r} cannot be read: {error}", where=plugin.name) from None
    for name in named:
        if name not in plugin.parameters:
            hint = nearest(name, plugin.parameters) if plugin.parameters else "It has no parameters"
            raise BenchError(f"the title names the parameter {name!r}", where=plugin.name, hint=hint)
    return plugin
