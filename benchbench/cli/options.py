"""Options of commands: their spellings and what --help says of them."""

from __future__ import annotations

from typing import Annotated

import typer

Layers = Annotated[
    str | None, typer.Option("--layers", "--layer", help="last, stages, or module paths separated by commas")
]
Score = Annotated[str | None, typer.Option(help="What is explained: logit, probability, ...; several: logit,contrast")]
Processes = Annotated[str | None, typer.Option(help="Processes that work on shards at the same time")]
NumCpus = Annotated[str | None, typer.Option("--num-cpus", help="With ray: processors of a worker")]
NumGpus = Annotated[str | None, typer.Option("--num-gpus", help="With ray: GPUs of a worker, also 0.5")]
RayAddress = Annotated[
    str | None, typer.Option("--ray-address", help="Of a Ray cluster; default: RAY_ADDRESS, or this machine")
]
TimeLimit = Annotated[
    float | None, typer.Option(help="Seconds that a method or metric may take for a batch; default: no limit")
]
