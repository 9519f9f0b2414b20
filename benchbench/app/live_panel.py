"""The second tab: a camera's stream, each frame under its maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import BenchError
from .app_question import TYPED, all_methods, method_choices
from .map_cards import message
from .visitor_desk import RULES, VisitorDesk

EVERY = 0.1  # seconds between frames that the browser offers; it offers the next when the former is done
_VISITORS = 8  # that may stream at a time; they take turns


def live_panel(gr: Any, desk: VisitorDesk, network: Any) -> Callable[[Any], None]:
    """Lay out the tab; as ``maps_panel``."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            camera = gr.Image(
                label="Camera",
                sources=["webcam"],
                streaming=True,
                type="filepath",
                height=300,
                buttons=[],
                elem_id="camera",
            )
            methods = gr.Dropdown(
                method_choices(),
                value=["gradcam"],
                multiselect=True,
                label="Methods",
                elem_id="live-methods",
            )
            typed = gr.Textbox(label="More methods, with parameters", placeholder=TYPED, elem_id="live-typed")
            word = gr.Dropdown([RULES[0]], value="predicted", label="Class", elem_id="live-class")
            layer = gr.Dropdown(["last"], value="last", label="Layer", elem_id="live-layer")
            slow = gr.Checkbox(False, label="Slow methods too", elem_id="live-slow")
        with gr.Column(scale=5, min_width=300):
            status = gr.HTML(elem_id="live-status")
            answer = gr.HTML(elem_id="live-answer")

    def on_frame(payload: Any, name: str, methods: Any, typed: Any, *words: Any) -> Any:
        try:
            page = desk.live(name, payload, all_methods(methods, typed), *words)
        except BenchError as error:
            return message(str(error), wrong=True), ""
        return (gr.skip(), gr.skip()) if page is None else ("", page)

    def on_network(name: str) -> Any:
        try:
            words = desk.network_words(name, None)
        except BenchError:  # the first tab says what is wrong
            return gr.skip(), gr.skip()
        classes = gr.update(choices=[RULES[0], *words.classes[len(RULES) :]], value="predicted")
        layers = [layer for layer in words.layers if layer != "stages"]
        return classes, gr.update(choices=layers, value="last")

    def connect(blocks: Any) -> None:
        hidden = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}
        turns = {"stream_every": EVERY, "time_limit": None, "concurrency_limit": _VISITORS}
        camera.stream(
            on_frame, [camera, network, methods, typed, layer, word, slow], [status, answer], **hidden, **turns
        )
        alone = {"concurrency_limit": 1, "concurrency_id": "compute"}
        network.change(on_network, [network], [word, layer], **hidden, **alone)
        blocks.load(on_network, [network], [word, layer], **hidden, **alone)

    return connect
