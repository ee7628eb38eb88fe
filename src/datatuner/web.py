"""A page for one exported model: enter a record, see its n best texts with what is known of each, and the tokens that
the model reads, by state. Gradio serves it; every string of a record or a text is shown as text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from colorsys import hls_to_rgb
from contextlib import suppress
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio

from datatuner.errors import ConfigError, DataTunerError, RecordError
from datatuner.example import SlotValues, Source, Triples
from datatuner.highlighting import MARKS_STYLE, clipped, error_words, highlighted
from datatuner.inputs import line_record, read_record
from datatuner.tuner import Result, Text, Tuner

STYLE = Path(__file__).with_suffix(".css")
COLUMNS = {"triples": ["subject", "predicate", "object"], "slots": ["slot", "value"]}
FORMS = {
    "triples": "subject | predicate | object, one triple in each line, or JSON",
    "slots": "name[Alimentum], area[city centre]; with an act: inform(name[Dirt]); or JSON",
    "amr": "PENMAN notation",
}


def page(tuner: Tuner) -> gradio.Blocks:
    """The page of a model, not yet served."""
    title = f"{tuner.settings['generator']['name']} on {tuner.corpus}"
    example = tuner.settings["example"]
    # A component is made before it is rendered where its place is below what fills it.
    policy = gradio.Dropdown(
        list(tuner.policies), value=tuner.settings["reranking"]["policy"], label="Reranking", render=False
    )
    texts = gradio.HTML("<p>The texts will stand here, best first.</p>", padding=True, render=False)
    tokens = gradio.HighlightedText(
        label="What the model reads: tokens, coloured by state",
        show_legend=True,
        show_inline_category=False,
        render=False,
    )

    def writes(button: gradio.Button, record: Callable[..., object], *fields: Any) -> None:
        """Texts of `record(*fields)` when the button is pressed; one at a time, for all tabs share the model."""
        answer = partial(_answer, tuner, record)
        button.click(
            answer,
            [policy, *fields],
            [texts, tokens],
            concurrency_limit=1,
            concurrency_id="model",
            api_visibility="private",
        )

    blocks: gradio.Blocks
    with gradio.Blocks(title=title, analytics_enabled=False, fill_width=True) as blocks:
        gradio.HTML(f"<h1>{escape(title)}</h1>", padding=True)
        with gradio.Row():
            with gradio.Column(min_width=320):
                with gradio.Tabs():
                    for kind in [kind for kind in tuner.kinds if kind in COLUMNS]:
                        with gradio.Tab(f"Enter {kind}"):
                            _table(kind, read_record(example), writes)
                    with gradio.Tab("Type a row"):
                        forms = "; ".join(FORMS[kind] for kind in tuner.kinds)
                        typed = gradio.Textbox(_typed(example), label="Record", info=forms, lines=4)
                        writes(gradio.Button("Write", variant="primary"), _line, typed)
                policy.render()
            with gradio.Column(min_width=320):
                texts.render()
        tokens.render()
    return blocks


def serve(tuner: Tuner, host: str, port: int | None) -> None:
    """Serves the page until the process is interrupted, and prints its address first.

    Raises:
        ConfigError: the port is taken, or the host is none of this machine.
    """
    blocks = page(tuner)
    try:
        _, url, _ = blocks.launch(
            server_name=host,
            server_port=port,
            css_paths=[MARKS_STYLE, STYLE],
            footer_links=["settings"],  # where light and dark are chosen
            ssr_mode=False,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except (OSError, OverflowError) as error:
        raise ConfigError(f"no page at {host}:{port or ''}: {error} Pass another --port or --host.") from error
    print(f"{url}\nCtrl-C ends it.", flush=True)
    blocks.block_thread()


def _table(kind: str, example: Source, writes: Callable[..., None]) -> None:
    """A table of a record's rows, with the act above it where the corpus has acts."""
    rows: Sequence[Sequence[str]] = [[""] * len(COLUMNS[kind])]
    acts = []
    match kind, example:
        case "triples", Triples(triples):
            rows = list(map(list, triples))
        case "slots", SlotValues(slots, act):
            rows = list(map(list, slots))
            acts = [gradio.Textbox(act, label="Act")] if act is not None else []
    columns = len(COLUMNS[kind])
    table = gradio.Dataframe(
        rows, headers=COLUMNS[kind], type="array", column_count=columns, interactive=True, wrap=True, buttons=[]
    )
    with gradio.Row():
        more = gradio.Button("Add a row")
        more.click(lambda given: [*given, [""] * columns], table, table, api_visibility="private")
        writes(gradio.Button("Write", variant="primary"), partial(_record, kind), table, *acts)


def _record(kind: str, rows: Sequence[Sequence[Any]], act: str = "") -> object:
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    return {kind: [row for row in cells if any(map(str.strip, row))], **({"act": act} if act.strip() else {})}


def _line(typed: str) -> object:
    return line_record(typed, "record")[0]


def _typed(example: object) -> str:
    """The record as one would type it."""
    if isinstance(example, str):
        return example
    source, row = read_record(example), ""
    match source:
        case Triples(triples):
            row = "\n".join(map(" | ".join, triples))
        case SlotValues(slots, act):
            inside = ", ".join(f"{slot.name}[{slot.value}]" for slot in slots)
            row = inside if act is None else f"{act}({inside})"
    with suppress(RecordError):  # not every name and value can stand in a corpus's row
        if read_record(row) == source:
            return row
    return json.dumps(example, ensure_ascii=False)


def _answer(
    tuner: Tuner, record: Callable[..., object], policy: str, *values: Any
) -> tuple[str, gradio.HighlightedText]:
    try:
        source = tuner.read(record(*values))
        result = tuner.generate(source, reranking=policy)
    except DataTunerError as error:
        return f'<p class="problem" role="alert">{escape(str(error))}</p>', gradio.HighlightedText([], color_map={})
    encoder = tuner.trained.encoder
    columns: list[tuple[str, str | float | None]] = [
        (token, None if state == "-" else state) for token, state, _ in encoder.describe(encoder.prompt(source))
    ]
    states = dict.fromkeys(str(state) for _, state in columns if state)
    # Each a third of the circle of hues and some more from the one before: Gradio's own ten colours would come again.
    colours = {state: _pastel(place * 0.381966) for place, state in enumerate(states)}
    return texts_of(result) + calibrated(tuner.settings), gradio.HighlightedText(columns, color_map=colours)


def calibrated(settings: Mapping[str, Any]) -> str:
    """What the probabilities above are worth, as HTML."""
    if not settings["classifier"]:
        return ""
    said = "accurate: a probability, calibrated on corrupted references"
    if errors := settings["classifier"].get("calibration_error"):  # exports of earlier versions have none
        own = errors["own_texts"]
        here = f"{own['value']:.3f} on {own['n']} texts of this model" if own else "unknown on texts of this model"
        said += f". Its calibration error is {errors['corrupted_references']:.3f} there, and {here}"
    return f"<p>{escape(said)}.</p>"


def _pastel(hue: float) -> str:
    """Black text is read on it: #rrggbb, of a hue from 0 to 1 and round again."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in hls_to_rgb(hue % 1, 0.9, 0.9))


def texts_of(result: Result) -> str:
    """A record's texts as HTML, best first, each with what is known of it."""
    said = ""
    if result.cut:
        said += f'<p class="problem">The last {result.cut} tokens of the data are more than the model reads.</p>'
    if result.unseen:
        names = ", ".join(map(clipped, result.unseen))
        said += f'<p class="problem">Names that the training data do not have: {escape(names)}.</p>'
    return f'{said}<ol class="texts">{"".join(map(_text, result.candidates))}</ol>'


def _text(text: Text) -> str:
    errors = text.errors or ()
    missing = ", ".join(f"<u>{escape(f'{e.slot}: {clipped(e.value)}')}</u>" for e in errors if e.kind == "missing")
    others = "; ".join(escape(error_words(error)) for error in errors if error.kind != "missing")
    unread = f"{text.classifier_cut} tokens of data and text are more than the classifier reads"
    known = [
        text.label and f'<span class="label {text.label}">{text.label}</span> accurate: {text.fidelity:.0%}',
        None if text.complete else "not finished at the longest length",
        unread if text.classifier_cut else None,
        f'<span class="number">log-probability {text.log_probability:.2f}</span>',
    ]
    lines = [" · ".join(filter(None, known)), missing and f"Not said: {missing}", others and f"Wrong: {others}"]
    shown = highlighted(text.text, text.mentions or (), errors) or "<em>(an empty text)</em>"
    return f'<li><div class="text">{shown}</div>' + "".join(f"<div>{line}</div>" for line in lines if line) + "</li>"
