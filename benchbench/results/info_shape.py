"""The shape of run.json: what must be there, and of which kind, so that no reader of a foreign run meets anything else.

A digest tells that a file is as it was written, not who wrote it. Keys beyond these are left alone.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..files import Damaged

Texts = list[str]
TextOf = dict[str, str]
Count = Annotated[int, Field(ge=0, lt=2**53)]
FILE = r"^(cells/|maps/|photos/|suite/)?[A-Za-z0-9][A-Za-z0-9._-]{0,120}\z"  # of a run's folder: it leads nowhere else
Name = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9_-]{0,90}\z")]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())


class _Named(_Shape):
    name: str


Items = Annotated[list[str | _Named], Field(min_length=1)]


class _Study(_Shape):
    models: Items
    datasets: Items
    layers: str | Texts | dict[str, str | Texts]
    methods: Texts
    metrics: Texts
    target: Any
    samples: Count
    seed: int


class _Again(_Shape):
    plugins: Texts = []
    models: list[str | _Named] = []
    datasets: list[str | _Named] = []
    python: Texts = []


class _Earlier(_Shape):
    created: str
    images: dict[str, Count]
    added: Texts


class _Counts(_Shape):
    ok: Count
    failed: Count
    not_applicable: Count


class _Part(_Shape):
    created: str


class _Scoring(_Shape):
    prepared: bool
    captures: bool = False
    difference: float | None
    probability_difference: float | None = None
    reason: str
    precision: str
    compiled: bool


class _Model(_Shape):
    name: str
    title: str = ""
    weights: str
    fingerprint: str
    state: str
    warning: str
    note: str = ""
    preprocess: dict[str, Any]
    layers: Texts
    parameters: Count
    classes: Count
    scoring: _Scoring
    answers: list[float | None] = []
    data: dict[str, TextOf] = {}


class _Data(_Shape):
    name: str
    title: str = ""
    available: Count
    used: Count
    fingerprint: str
    samples: TextOf
    about: TextOf
    copies: TextOf = {}
    groups: TextOf = {}
    references: str = ""
    plugin: str = ""
    class_names: Texts = []


class _Method(_Shape):
    name: str
    title: str = ""
    renamed: bool = False
    spelling: str = ""
    plugin: str
    summary: str
    paper: str
    control: bool
    optimises: Texts = []
    parameters: dict[str, Any]
    needs: Texts
    code: str
    identity: str = ""
    note: str = ""
    library: str = ""


class _Metric(_Shape):
    name: str
    protocol: str
    title: str
    user_title: str = ""
    summary: str
    paper: str
    higher_is_better: bool
    unit: str
    family: str
    range: Annotated[list[float | None], Field(min_length=2, max_length=2)]
    parameters: dict[str, Any]
    needs: Texts
    truth: str = ""
    held_out: bool = False
    code: str
    identity: str = ""


class _Device(_Shape):
    kind: str
    name: str
    threads: int | None = None


class _Pictures(_Shape):
    labelled: Count
    several: Count
    right: Count


class _Accuracy(_Shape):
    model: str
    dataset: str
    right: Count
    labelled: Count
    readings: dict[str, Count] = {}
    pictures: _Pictures | None = None


class _Batch(_Shape):
    batch: Count
    chosen: bool
    bytes_per_image: Count | None = None
    at_end: Count | None = None


class _Work(_Shape):
    forwards: Count
    backwards: Count
    probes_asked: Count
    probes_scored: Count
    maps_asked: Count = 0
    maps_scored: Count = 0
    cells_computed: Count
    cells_reused: Count
    batches: dict[str, _Batch] = {}


class _Question(_Shape):
    name: str
    title: str
    text: str
    threshold: float
    source: str = ""
    range: Annotated[list[float], Field(min_length=2, max_length=2)]


class _Table(_Shape):
    name: Name
    title: str
    note: str
    headings: TextOf


class _Chart(_Shape):
    name: Name
    title: str
    caption: str
    table: str
    kind: Annotated[str, Field(pattern="^(lines|bars|points)$")]
    x: str
    y: str
    series: str
    panels: str
    low: str
    high: str


class _Picture(_Shape):
    name: Name
    title: str
    caption: str


class _Suite(_Shape):
    title: str = ""
    summary: str = ""
    paper: str = ""
    key: str
    sentence: str
    findings: Texts
    notes: Texts
    questions: list[_Question]
    tables: list[_Table]
    charts: list[_Chart]
    pictures: list[_Picture]


class _Unfinished(_Shape):
    shards: Count
    of: Count
    derived: bool
    costs: Count
    of_costs: Count
    owner: str = ""


class _Info(_Shape):
    benchbench: str
    created: str
    seconds: Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]
    seed: int
    study: _Study
    again: _Again = _Again()
    engine_code: str = ""
    versions: TextOf
    system: TextOf = {}
    device: _Device
    models: Annotated[list[_Model], Field(min_length=1)]
    datasets: Annotated[list[_Data], Field(min_length=1)]
    methods: Annotated[list[_Method], Field(min_length=1)]
    metrics: Annotated[list[_Metric], Field(min_length=1)]
    earlier: list[_Earlier] = []
    merged: list[_Part] | None = None
    accuracy: list[_Accuracy]
    warnings: Texts
    counts: _Counts
    work: _Work
    files: dict[Annotated[str, Field(pattern=FILE)], str] = {}
    suite: _Suite | None = None
    unfinished: _Unfinished | None = None


def refuse_other_shape(info: dict[str, Any]) -> None:
    """Raises Damaged of what is no run.json: the first key that is wrong is named."""
    try:
        _Info.model_validate(info)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Damaged(f"run.json is not as benchbench writes it: {place}: {first['msg']}") from None
    for kind in ("models", "datasets", "methods", "metrics"):
        names = [(entry["name"], entry["protocol"]) if kind == "metrics" else entry["name"] for entry in info[kind]]
        if len(set(names)) < len(names):
            raise Damaged(f"run.json is not as benchbench writes it: {kind}: a name stands twice")
    for data in info["datasets"]:
        for key in ("copies", "groups"):
            named = [*data.get(key, {}), *(data.get(key, {}).values() if key == "copies" else ())]
            if any(sample not in data["samples"] for sample in named):
                raise Damaged(f"run.json is not as benchbench writes it: {key} of a data set name no sample of it")
