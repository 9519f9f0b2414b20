"""What is registered: a function with its parameters, read off its signature, and what a listing shows of it."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Any

from ..digests import source_digest
from ..errors import BenchError, nearest, raised, safe
from ..formatting import with_score
from ..vocabulary import LOGIT
from . import method_score
from .parameter import Parameter as Parameter
from .parameter import named_value, shown_value


@dataclass(frozen=True)
class Plugin:
    """A registered function, with what a listing shows of it."""

    name: str
    function: Callable[..., Any]
    paper: str = ""
    title: str = ""

    @property
    def advice(self) -> str:
        """What an error says besides where a required parameter is missing."""
        return ""

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").split("\n")[0]

    @property
    def origin(self) -> str:
        """``file:line`` of the function."""
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """By name; read once, as annotations take a while to be evaluated."""
        try:
            hints = typing.get_type_hints(self.function, include_extras=True)
        except Exception as error:  # NameError, SyntaxError, ...: an annotation is code
            message = f"its annotations cannot be read: {error}"
            raise BenchError(message, where=self.origin, hint="Import what they name") from None
        signature = inspect.signature(self.function)
        return {
            p.name: Parameter(p.name, hints.get(p.name, Any), p.default)
            for p in signature.parameters.values()
            if p.kind is p.KEYWORD_ONLY
        }

    @cached_property
    def source_digest(self) -> str:
        """Changes when the code behind the function does, so that no stale result is reused; see digests.py.

        Taken once, at registration: a file edited later is not the code that runs.
        """
        return source_digest(self.function)

    @property
    def required(self) -> frozenset[str]:
        """Names of the parameters without a default."""
        return frozenset(name for name, parameter in self.parameters.items() if parameter.required)

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, checked: those given, the defaults for the others.

        Raises:
            BenchError: an unknown parameter, a wrong type, or a required one that is missing.
        """
        known = self.parameters
        for key in arguments:
            if key not in known:
                hint = nearest(key, known) if known else f"{self.name} has no parameters"
                raise BenchError(f"{self.name} has no parameter {key!r}", hint=hint)
        missing = [p.name for p in known.values() if p.required and p.name not in arguments]
        if missing:
            value = "PATH" if known[missing[0]].type is Path else "..."
            hint = ". ".join(filter(None, [f"Use {{name: {self.name}, {missing[0]}: {value}}}", self.advice]))
            raise BenchError(f"{self.name} needs {' and '.join(missing)}", hint=hint)
        return {k: p.check(arguments[k]) if k in arguments else p.default for k, p in known.items()}

    def label(self, params: Mapping[str, Any]) -> str:
        """The name, with the parameters that differ from their defaults: ``scorecam(variant=torchcam)``."""
        known = self.parameters
        differing = [f"{k}={v}" for k, v in sorted(params.items()) if k in known and v != known[k].default]
        return safe(f"{self.name}({', '.join(differing)})" if differing else self.name)

    def display_name(self, params: Mapping[str, Any]) -> str:
        """The name for reports: the title, its {fields} filled in, and the other parameters that are not defaults.

        ``Score-CAM (variant=torchcam)``, ``Inverted Grad-CAM``, ``Gradient (signed)``. The title alone names files and
        folders, by their last part.
        """
        known = self.parameters
        fields_of_title = {name for _, name, _, _ in Formatter().parse(self.title) if name}
        title = (
            self.title.format_map({key: shown_value(params[key]) for key in fields_of_title})
            if self.title
            else self.name
        )
        shown = {k: v for k, v in sorted(params.items()) if k in known and k not in fields_of_title}
        differing = [named_value(k, v) for k, v in shown.items() if v != known[k].default and not isinstance(v, Path)]
        return safe(f"{title} ({', '.join(differing)})" if differing else title)


_OF = "of"  # the parameter that takes a method


@dataclass(frozen=True)
class MethodPlugin(Plugin):
    """``needs``: any of NEEDS. A control is shown apart from the methods. ``fails``: when its maps mislead.

    ``optimises``: names of metrics that a control is made to win.
    ``note``: what is known to be wrong with this implementation; every run of it says so.
    ``convention``: where it follows another convention than the definition, which is no fault; every table says so.
    ``fixed_score``: why no other score than the definition's can be explained; if empty, the needs say whether one can.
    ``parts``: what the map's values belong to; if empty, pixels with the need ``input``, and else cells of a layer.
    """

    needs: frozenset[str] = frozenset()
    control: bool = False
    fails: str = ""
    optimises: frozenset[str] = frozenset()
    note: str = ""
    convention: str = ""
    fixed_score: str = ""
    parts: str = ""

    @property
    def library_version(self) -> str:
        """The library that implements it and its version; "" for a method of benchbench or of a user."""
        return ""

    def needs_of(self, params: Mapping[str, Any]) -> frozenset[str]:
        """What it needs with these parameters: a method among them adds its own needs."""
        return self.needs.union(*(getattr(value, "needs", ()) for value in params.values()))

    @property
    def has_own_score(self) -> bool:
        """Whether ``score`` is a parameter of its function, and says what the function says."""
        return method_score.SCORE in self.parameters

    def score_refusal(self, params: Mapping[str, Any]) -> str:
        """Why there is no score to choose in place of the target's logit; empty where there is."""
        return method_score.refusal(self.needs_of(params), self._fixed(params))

    def _fixed(self, params: Mapping[str, Any]) -> str:
        inner = (value.plugin._fixed(value.params) for value in params.values() if hasattr(value, "needs"))
        return self.fixed_score or next((reason for reason in inner if reason), "")

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """As of any plugin; and ``score``, if it is given and not the logit, of a method that reads a gradient.

        ``method`` is another spelling of ``of``, the method that a method takes.
        """
        if "method" in arguments and _OF not in arguments:  # asked first: the parameters are read anew each time
            known = self.parameters
            if _OF in known and "method" not in known:
                arguments = {_OF if key == "method" else key: value for key, value in arguments.items()}
        if self.has_own_score or method_score.SCORE not in arguments:
            return super().bind(arguments)
        mine, asked = self.apart(arguments)
        bound = super().bind(mine)
        return {**bound, **method_score.checked(asked[method_score.SCORE], self.name, self.score_refusal(bound))}

    def apart(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters of the function, and the score that it is lent the gradient of: empty for the logit."""
        asked = {} if self.has_own_score else {k: v for k, v in params.items() if k == method_score.SCORE}
        return {key: value for key, value in params.items() if key not in asked}, asked

    def explains(self, params: Mapping[str, Any]) -> str:
        """The score whose gradient the method is lent, a word of SCORES."""
        return str(self.apart(params)[1].get(method_score.SCORE, LOGIT))

    def label(self, params: Mapping[str, Any]) -> str:
        """As of any plugin, with the score: ``gradcam(score=probability)``."""
        mine, asked = self.apart(params)
        return with_score(super().label(mine), asked.get(method_score.SCORE))

    def display_name(self, params: Mapping[str, Any]) -> str:
        """As of any plugin, with the score: ``Grad-CAM (probability)``."""
        mine, asked = self.apart(params)
        return method_score.in_title(super().display_name(mine), asked.get(method_score.SCORE))

    def call(self, layer: Any, params: Mapping[str, Any]) -> Any:
        """What the function returns for a layer, which lends the gradient of the score that ``params`` name."""
        return self.function(layer, **self.apart(params)[0])


@dataclass(frozen=True)
class MetricReading:
    """How a metric's numbers are read under one protocol.

    Attributes:
        higher_is_better: the direction.
        unit: in words.
        range: what the values lie in; infinite on a side without a bound.
        equation: in words or symbols.
        truth: a word of TRUTHS, where the metric compares the map with the object; or "".
    """

    higher_is_better: bool
    unit: str
    range: tuple[float, float]
    equation: str
    truth: str = ""


@dataclass(frozen=True)
class MetricPlugin(Plugin):
    """What the engine must provide for a metric, and how to read its number.

    ``needs``: any of METRIC_NEEDS. ``probes`` takes the metric's parameters and returns the probes whose class scores
    it wants; ``views`` likewise, the views on which it wants the method's map again; ``rivals`` likewise, of how many
    other classes it wants the probability on every probe. ``protocols`` maps a protocol's name to parameters; the first
    one is the default. ``family``: one of FAMILIES. ``range``: what its values lie in. ``equation``: in words or
    symbols. ``reading`` takes the metric's parameters and returns what is different with them, of higher_is_better,
    unit, range, equation and truth: a mapping, empty where nothing is. ``ranks_only``: its value stays under any
    increasing change of the map's values. ``held_out``: from the x (S,) and y (N, S) of
    ``Scored.levels`` for all images of one method, and the fold (N,) of each, 0 or 1, to the values (N,) that stand in
    the table: what is chosen on other images. NaN where there are none. ``pooled``: from sums (R, S) over images of
    the y of ``Scored.levels`` to values (R,) of the whole data, which have a table of their own, pooled.parquet.
    ``truth``: a word of TRUTHS, what the map is compared with; "" where it is not compared with the object.
    """

    needs: frozenset[str] = frozenset()
    higher_is_better: bool = True
    probes: Callable[..., Any] | None = None
    views: Callable[..., Any] | None = None
    rivals: Callable[..., int] | None = None
    protocols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unit: str = ""
    family: str = "other"
    range: tuple[float, float] = (-math.inf, math.inf)
    equation: str = ""
    reading: Callable[..., Mapping[str, Any]] | None = None
    ranks_only: bool = False
    held_out: Callable[..., Any] | None = None
    pooled: Callable[..., Any] | None = None
    truth: str = ""

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """As of any plugin; and the probes, views and rivals can be made of them."""
        bound = super().bind(arguments)
        readings: dict[str, Callable[[Any], Any]] = {"probes": list, "views": list, "rivals": int}
        for name, read in readings.items():
            make = getattr(self, name)
            try:
                read(make(**bound)) if make else None
            except BenchError:
                raise
            except Exception as error:  # code of one's own
                message = f"{name}= fails: {raised(error)}"
                raise BenchError(message, where=f"metric {self.name}") from None
        return bound

    def reading_of(self, params: Mapping[str, Any]) -> MetricReading:
        """Direction, unit, range, equation and truth with these parameters, all of them: see ``bind``.

        Raises:
            BenchError: ``reading`` names something else, or a range that is empty.
        """
        base = MetricReading(self.higher_is_better, self.unit, self.range, self.equation, self.truth)
        changes = dict(self.reading(**params)) if self.reading else {}
        known = [each.name for each in fields(MetricReading)]
        for key in changes:
            if key not in known:
                raise BenchError(f"reading= returns {key!r}", where=f"metric {self.name}", hint=nearest(key, known))
        reading = replace(base, **changes)
        if not reading.range[0] < reading.range[1]:
            hint = "Give (low, high), with math.inf on a side without a bound"
            raise BenchError(f"the range is {reading.range}", where=f"metric {self.name}", hint=hint)
        return reading

    @property
    def of_images(self) -> bool:
        """Whether it has a value per image; a cost is measured, and has none."""
        return not (self.alone or "shared" in self.needs)

    @property
    def alone(self) -> bool:
        """Whether it reads what a method takes by itself, outside the study."""
        return bool(self.needs & {"cost", "passes"})


@dataclass(frozen=True)
class SuitePlugin(Plugin):
    """A named study: ``keys`` of a study file that stand where the user gives none.

    The function is called with the study, the run's folder, the progress and the suite's parameters, after the study
    has run into the folder. It returns the suite's answer, or writes what the suite adds to the run and returns None.
    """

    keys: Mapping[str, Any] | Callable[..., Mapping[str, Any]] = field(default_factory=dict)

    def keys_of(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The keys under the suite's parameters."""
        return self.keys(**params) if callable(self.keys) else self.keys


@dataclass(frozen=True)
class ModelPlugin(Plugin):
    """A function that returns a ModelSpec or an nn.Module."""


@dataclass(frozen=True)
class DatasetPlugin(Plugin):
    """A function that returns a Dataset; one that needs "model" is given the ModelSpec as its first argument."""

    needs: frozenset[str] = frozenset()
    source: str = ""  # what to download, from where, and how the folder must look

    @property
    def advice(self) -> str:
        return self.source
