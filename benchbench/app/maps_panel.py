"""The first tab: a picture, what is asked of it, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..errors import BenchError
from ..viz.style import COLOURS
from .app_question import DEFAULT_METHODS, TYPED, AppQuestion, all_methods, method_choices
from .command_lines import FIRST_DATA, data_choices
from .map_cards import message
from .visitor_desk import RULES, VisitorDesk

_STYLES = (("overlay", "overlay"), ("contours", "contour"), ("highest 20 %", "top"), (f"map in {COLOURS}", "map"))


def maps_panel(gr: Any, desk: VisitorDesk, network: Any) -> Callable[[Any], None]:
    """Lay out the tab.

    Args:
        gr: Gradio's module. network: the component by which the network is chosen.

    Returns:
        What connects the tab's events, to be called with the page when all tabs are there.
    """
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            picture = gr.Image(
                label="Picture: upload, paste or camera",
                sources=["upload", "clipboard", "webcam"],
                type="filepath",
                height=300,
                buttons=[],
                elem_id="picture",
            )
            methods = gr.Dropdown(
                method_choices(),
                value=list(DEFAULT_METHODS),
                multiselect=True,
                label="Methods",
                elem_id="methods",
            )
            typed = gr.Textbox(label="More methods, with parameters", placeholder=TYPED, elem_id="typed")
            classes = gr.Dropdown(
                list(RULES), value=["predicted"], multiselect=True, label="Classes", elem_id="classes"
            )
            layers = gr.Dropdown(["last", "stages"], value=["last"], multiselect=True, label="Layers", elem_id="layers")
            style = gr.Dropdown(list(_STYLES), value="overlay", label="Style", elem_id="style")
            scores = gr.Checkbox(True, label="Deletion and insertion", elem_id="scores")
            button = gr.Button("Explain", variant="primary", elem_id="explain")
        with gr.Column(scale=5, min_width=300):
            status = gr.HTML(elem_id="status")
            answer = gr.HTML(elem_id="answer")
            with gr.Accordion("Repeat it", open=False, elem_id="repeat"):
                explain = gr.Code(language="shell", wrap_lines=True, label="This picture", elem_id="explain-command")
                data = gr.Dropdown(data_choices(), value=FIRST_DATA, label="A data set", elem_id="data")
                path = gr.Textbox(label="Its folder", placeholder="path/to/images", elem_id="data-path")
                run = gr.Code(language="shell", wrap_lines=True, label="On a data set", elem_id="run-command")
                python = gr.Code(language="python", wrap_lines=True, label="In Python", elem_id="python-lines")
    asked = [network, picture, methods, typed, layers, classes, scores, style]
    repeated = [network, picture, methods, typed, layers, classes, scores, data, path]

    def connect(blocks: Any) -> None:
        # a picture's input fires once for an upload, a paste, a photograph or a removal; its change fires twice
        alone = {"preprocess": False, "api_visibility": "private", "concurrency_limit": 1, "concurrency_id": "compute"}
        words = {**alone, "concurrency_id": "words", "show_progress": "hidden", "trigger_mode": "always_last"}
        on_network, on_picture, on_button, on_words = _handlers(gr, desk)
        network.change(on_network, [network, picture], [status, layers, classes, answer], **alone)
        picture.input(on_picture, asked, [status, classes, answer], **{**alone, "trigger_mode": "always_last"})
        button.click(on_button, asked, [status, answer], **alone)
        events = [picture.input, *(component.change for component in repeated if component is not picture)]
        gr.on(events, on_words, repeated, [explain, run, python], **words)
        blocks.load(on_network, [network, picture], [status, layers, classes, answer], **alone)

    return connect


def _handlers(gr: Any, desk: VisitorDesk) -> tuple[Callable[..., Any], ...]:
    """What happens when the network or the picture changes, at the button, and when any word changes."""

    def on_network(name: str, payload: Any) -> Any:
        try:
            words = desk.network_words(name, payload)
        except BenchError as error:
            return message(str(error), wrong=True), gr.skip(), gr.skip(), ""
        layers = gr.update(choices=list(words.layers), value=["last"])
        return message(words.sentence), layers, gr.update(choices=list(words.classes), value=["predicted"]), ""

    def on_picture(name: str, payload: Any, *asked: Any) -> Iterator[Any]:
        if not payload:
            yield "", gr.skip(), ""
            return
        try:
            words = desk.network_words(name, payload)
            yield message(words.sentence), gr.update(choices=list(words.classes)), ""
            yield message(words.sentence), gr.skip(), _page(desk, name, payload, *asked)
        except BenchError as error:
            yield message(str(error), wrong=True), gr.skip(), ""

    def on_button(name: str, payload: Any, *asked: Any) -> Any:
        try:
            return gr.skip(), _page(desk, name, payload, *asked)
        except BenchError as error:
            return message(str(error), wrong=True), ""

    def on_words(
        name: str, payload: Any, methods: Any, typed: Any, layers: Any, classes: Any, scores: Any, data: Any, path: Any
    ) -> Any:
        try:
            question = AppQuestion.of(all_methods(methods, typed), layers, classes, scores)
            return desk.commands(name, payload, question, data, path)
        except BenchError as error:
            return (f"# {error}",) * 3

    return on_network, on_picture, on_button, on_words


def _page(
    desk: VisitorDesk,
    name: str,
    payload: Any,
    methods: Any,
    typed: Any,
    layers: Any,
    classes: Any,
    scores: Any,
    style: Any,
) -> str:
    question = AppQuestion.of(all_methods(methods, typed), layers, classes, scores)
    return desk.maps_page(name, payload, question, str(style))
