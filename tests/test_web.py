"""The page of an exported model, in a real browser where one is installed, and the command that serves it."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import datatuner as package
from datatuner.example import Slot, SlotValues
from datatuner.findings import Mention, SlotError
from datatuner.records import LABELS
from datatuner.tuner import Result, Text
from datatuner.web import calibrated, texts_of
from tests.conftest import DATATUNER, hears_ctrl_c

IMAGE = "<img src=x onerror=window.harmed=1>"
HOSTILE = {
    "name": IMAGE,
    "type": "<script>window.harmed=1</script> ${window.harmed=1} {{window.harmed=1}}",
    "<b onmouseover=window.harmed=1>": "</mark></textarea><h2>x</h2>",
}


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process of `datatuner demo`, and the page's address as it prints it."""
    command = [str(DATATUNER), "demo", str(folder), *arguments]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=hears_ctrl_c, **pipes) as process:  # noqa: PLW1509 - no threads
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address(exported: Path) -> Iterator[str]:
    with served(exported) as (_, url):
        yield url


@pytest.fixture(params=["wide and light", "narrow and dark"])
def opened(request: Any, chromium: Any, address: str) -> Iterator[Any]:
    """The page; what it asked of other hosts, and what its console complained of, must be nothing."""
    wide = request.param.startswith("wide")
    size = {"width": 1280, "height": 900} if wide else {"width": 390, "height": 844}
    context = chromium.new_context(viewport=size, color_scheme="light" if wide else "dark")
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda asking: asked.append(asking.url))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.get_by_role("button", name="Write").first.wait_for()
    yield page
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    assert complaints == []
    context.close()


def texts(result: Result) -> list[str]:
    """What the page must show of it."""
    return [each.text or "(an empty text)" for each in result.candidates]


def write(page: Any) -> list[str]:
    """Presses the button of the open tab, and gives the texts that appear."""
    page.locator(".texts, .problem").evaluate_all("found => found.forEach(each => each.remove())")
    page.get_by_role("button", name="Write").locator("visible=true").click()
    page.locator(".texts li, .problem").first.wait_for()
    found: list[str] = page.locator(".texts .text").all_inner_texts()
    return found


@pytest.mark.slow
def test_a_record_in_the_table_gives_the_models_texts(opened, exported):
    tuner = package.load(exported)
    shown = tuner.generate(tuner.settings["example"])
    assert write(opened) == texts(shown)
    first = opened.locator(".texts li").first
    assert first.locator("u").all_inner_texts() == [f"{error.slot}: {error.value}" for error in shown.missing]
    tokens = tuner.trained.encoder.describe(tuner.trained.encoder.prompt(shown.source))
    assert opened.locator(".textfield .token").count() == len(tokens)
    width = opened.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]


@pytest.mark.slow
def test_a_row_is_added_and_filled(opened, exported):
    tuner = package.load(exported)
    example = tuner.settings["example"]
    opened.get_by_role("button", name="Add a row").click()
    added = opened.get_by_test_id(f"cell-{len(example)}-0")
    added.wait_for()
    assert write(opened) == texts(tuner.generate(example))  # an empty row is none
    added.dblclick()
    opened.keyboard.type("season")
    opened.keyboard.press("Tab")
    opened.keyboard.type(IMAGE)
    opened.keyboard.press("Enter")
    assert write(opened) == texts(tuner.generate({**example, "season": IMAGE}))
    assert opened.evaluate("window.harmed") is None


@pytest.mark.slow
def test_a_hostile_record_is_shown_as_text(opened, exported):
    opened.get_by_role("tab", name="Type a row").click()
    opened.get_by_label("Record").fill(json.dumps(HOSTILE))
    assert write(opened) == texts(package.load(exported).generate(HOSTILE))
    assert f"name: {IMAGE}" in opened.locator(".texts u").all_inner_texts()
    opened.get_by_label("Record").fill(IMAGE)
    write(opened)
    assert f"found {IMAGE!r}" in opened.locator(".problem").inner_text()
    assert opened.locator(".texts img, .texts script, .texts h2, .problem img").count() == 0
    assert opened.evaluate("window.harmed") is None


@pytest.mark.slow
def test_what_is_no_record_is_said(opened):
    opened.get_by_role("tab", name="Type a row").click()
    opened.get_by_label("Record").fill('{"slots": 3}')
    assert write(opened) == []
    assert opened.locator(".problem").inner_text() == (
        "record: expected 'slots' with an object, or a list of [name, value], found '3'."
    )


def test_each_text_has_its_label_probability_and_errors():
    errors = (
        SlotError("missing", "area", "the <north>"),
        SlotError("wrong", "type", "walk", "swim", 11, 15),
        SlotError("repeated", "name", "Fen", "Fen", 4, 7),
    )
    mentions = (Mention("name", "Fen", 0, 3),)
    candidates = [
        Text("Fen Fen is swim", label, 0.125, dict.fromkeys(LABELS, 0.2), errors, mentions, -3.5, complete=False)
        for label in LABELS
    ]
    html = texts_of(Result(SlotValues((Slot("name", "Fen"),)), tuple(candidates), cut=3))
    assert "The last 3 tokens of the data are more than the model reads." in html
    for label in LABELS:
        assert f'<span class="label {label}">{label}</span> accurate: 12%' in html
    assert "<u>area: the &lt;north&gt;</u>" in html
    assert '<mark class="wrong" title="swim for type: walk">swim</mark>' in html
    assert "name: Fen is said again: Fen" in unescape(html)
    assert "not finished at the longest length" in html


def test_what_the_probabilities_are_worth_stands_below_them():
    own = {"value": 0.1234, "n": 60, "of": "P(accurate) against no slot errors, by alignment"}
    said = "accurate: a probability, calibrated on corrupted references"
    errors = {"corrupted_references": 0.0181, "own_texts": own}
    known = f"{said}. Its calibration error is 0.018 there, and 0.123 on 60 texts of this model."
    assert calibrated({"classifier": {"calibration_error": errors}}) == f"<p>{known}</p>"
    unknown = f"{said}. Its calibration error is 0.018 there, and unknown on texts of this model."
    assert calibrated({"classifier": {"calibration_error": {**errors, "own_texts": None}}}) == f"<p>{unknown}</p>"
    assert calibrated({"classifier": {"labels": []}}) == f"<p>{said}.</p>"  # an export of an earlier version
    assert calibrated({"classifier": None}) == ""


@pytest.mark.slow
def test_the_page_is_for_this_machine_alone_and_a_taken_port_is_refused(exported, datatuner, address):
    port = int(address.rstrip("/").rpartition(":")[2])
    assert address == f"http://127.0.0.1:{port}/"
    with socket.socket() as here:
        here.settimeout(5)
        assert here.connect_ex(("127.0.0.2", port)) != 0
    refused = datatuner("demo", exported, "--port", port)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"datatuner: error: no page at 127.0.0.1:{port}: ")
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_ends_it(exported):
    with served(exported) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_the_example_of_an_export_is_a_record_of_its_corpus(exported):
    manifest = json.loads((exported / "export.json").read_text(encoding="utf-8"))
    assert package.load(exported).read(manifest["example"])
