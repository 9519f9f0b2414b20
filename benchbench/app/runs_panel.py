"""The third tab: a run's folder, browsed, filtered, and compared with another run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import BenchError
from .map_cards import message
from .run_library import COLUMNS, FILTERS, OpenRun, comparison, overview
from .visitor_desk import VisitorDesk

_TEXTS = 6  # columns of the leaderboard that are words
_KINDS = ["number" if k >= _TEXTS and name != "groups" else "str" for k, name in enumerate(COLUMNS)]


def runs_panel(gr: Any, desk: VisitorDesk) -> Callable[[Any], None]:
    """Lay out the tab; as ``maps_panel``."""
    names, typed = desk.library.names, desk.library.typed
    label = "a run: choose it, or type the path of its folder" if typed else "a run"
    place = {"choices": names, "allow_custom_value": typed, "interactive": typed or bool(names), "min_width": 300}
    with gr.Row():
        folder = gr.Dropdown(label=f"Open {label}", value=names[0] if names else None, elem_id="run-a", **place)
        other = gr.Dropdown(label="Compare it with", value=None, elem_id="run-b", **place)
    with gr.Row():
        opening = gr.Button("Open", variant="primary", elem_id="open-run")
        comparing = gr.Button("Compare", elem_id="compare-runs")
    status = gr.HTML(elem_id="run-status")
    compared = gr.HTML(elem_id="comparison")
    shown = gr.HTML(elem_id="overview")
    with gr.Row():
        filters = [
            gr.Dropdown([], multiselect=True, label=name, elem_id=f"filter-{name}", min_width=160) for name in FILTERS
        ]
    board = gr.Dataframe(
        headers=list(COLUMNS), datatype=_KINDS, interactive=False, label="Leaderboard", elem_id="board", max_height=420
    )
    sample = gr.Dropdown([], label="Maps of an image", elem_id="sample")
    maps = gr.HTML(elem_id="run-maps")
    on_open, on_filter, on_sample, on_compare, on_compared = _handlers(gr, desk)

    def connect(blocks: Any) -> None:
        how = {"preprocess": False, "api_visibility": "private", "concurrency_limit": 1, "concurrency_id": "runs"}
        opening.click(on_open, [folder], [status, shown, compared, *filters, board, sample, maps], **how)
        gr.on([each.input for each in filters], on_filter, [folder, *filters], [status, board], **how)
        gr.on([sample.input, *(each.input for each in filters)], on_sample, [folder, sample, *filters], [maps], **how)
        comparing.click(on_compare, [folder, other, *filters], [compared], **how)
        gr.on([each.input for each in filters], on_compared, [folder, other, compared, *filters], [compared], **how)

    return connect


def _handlers(gr: Any, desk: VisitorDesk) -> tuple[Callable[..., Any], ...]:
    """What happens when a run is opened, a filter or an image is chosen, and two runs are compared."""

    def on_open(name: Any) -> Any:
        try:
            opened = desk.library.opened(name)
            choices = [gr.update(choices=opened.choices(column), value=[]) for column in FILTERS]
            samples = gr.update(choices=opened.samples, value=None)
            return "", overview(opened), "", *choices, _rows(opened, ()), samples, ""
        except BenchError as error:
            empty = [gr.update(choices=[], value=[]) for _ in FILTERS]
            return message(str(error), wrong=True), "", "", *empty, None, gr.update(choices=[], value=None), ""

    def on_filter(name: Any, *chosen: Any) -> Any:
        try:
            return "", _rows(desk.library.opened(name), chosen)
        except BenchError as error:
            return message(str(error), wrong=True), gr.skip()

    def on_sample(name: Any, sample: Any, *chosen: Any) -> Any:
        if not sample:
            return ""
        try:
            return desk.library.opened(name).maps_page(str(sample), _chosen(chosen))
        except BenchError as error:
            return message(str(error), wrong=True)

    def on_compare(name: Any, other: Any, *chosen: Any) -> Any:
        try:
            return comparison(desk.library.opened(name), desk.library.opened(other), _chosen(chosen))
        except BenchError as error:
            return message(str(error), wrong=True)

    def on_compared(name: Any, other: Any, page: Any, *chosen: Any) -> Any:
        return on_compare(name, other, *chosen) if page else ""

    return on_open, on_filter, on_sample, on_compare, on_compared


def _rows(opened: OpenRun, chosen: tuple[Any, ...]) -> Any:
    return opened.filtered(_chosen(chosen))


def _chosen(values: tuple[Any, ...]) -> dict[str, Any]:
    """By column, the names that a visitor chose."""
    return {
        column: [str(name) for name in names]
        for column, names in zip(FILTERS, values, strict=False)
        if isinstance(names, list)
    }
