"""The report's page in a real browser: 2,000 inputs searched, filtered and opened, wide and narrow, light and dark."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datatuner.records import LABELS, PREDICTIONS
from datatuner.report import compared, write_report
from tests.made_runs import HOSTILE, SAMPLES, make_runs

pytestmark = pytest.mark.slow
INPUTS = 2000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_runs(tmp_path_factory.mktemp("made"), inputs=INPUTS, seeds=(3,))


@pytest.fixture(scope="module")
def page(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("report")
    results, _ = compared([runs], baseline=None, samples=SAMPLES)
    write_report(folder, results, say=lambda _: None)
    return folder / "walks-test-tiny-0a1b2c3d.html"


@pytest.fixture(params=["wide and light", "narrow and dark"])
def opened(request: Any, chromium: Any, page: Path) -> Iterator[Any]:
    """The page; it asked for nothing but itself, and its console complained of nothing."""
    wide = request.param.startswith("wide")
    size = {"width": 1280, "height": 900} if wide else {"width": 390, "height": 844}
    context = chromium.new_context(viewport=size, color_scheme="light" if wide else "dark", offline=True)
    found, asked, complaints = context.new_page(), [], []
    found.on("request", lambda asking: asked.append(asking.url))
    found.on("dialog", lambda dialog: complaints.append(dialog.message))
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda message: complaints.append(message.text))
    found.goto(page.as_uri())
    yield found
    assert found.evaluate("window.harmed") is None
    assert asked == [page.as_uri()]
    assert complaints == []
    context.close()


def texts(runs: Path, row: str) -> dict[str, dict[str, Any]]:
    """A row's predictions by id."""
    lines = (runs / f"evaluate-{row}" / PREDICTIONS).read_text(encoding="utf-8").splitlines()
    return {each["id"]: each for each in map(json.loads, lines)}


def count(page: Any) -> int:
    found: str = page.locator("#count").inner_text()
    return int(found.removesuffix(f" of {INPUTS} inputs"))


def test_an_input_is_searched_filtered_and_opened(opened, runs):
    fc, baseline = texts(runs, "fine-3-severity"), texts(runs, "fine-3-none")
    assert count(opened) == INPUTS
    assert opened.locator("#inputs li").count() == 50
    opened.get_by_role("button", name="After").click()
    assert opened.locator("#inputs button").first.get_attribute("data-id") == list(fc)[50]

    target = list(fc)[1234]
    opened.get_by_label("Search").fill(target.upper())
    assert count(opened) == 1
    assert opened.locator("#opened h3").inner_text() == target
    opened.get_by_label("Search").fill("no such words")
    assert count(opened) == 0
    assert opened.locator("#opened").inner_text() == "No input is like this."
    opened.get_by_label("Search").fill("")

    for label in LABELS:
        opened.get_by_label("A's label").select_option(label)
        assert count(opened) == sum(each["verdict"]["label"] == label for each in fc.values())
    opened.get_by_label("A's label").select_option("")
    opened.get_by_label("A's text").select_option("missing")
    kinds = {name: {error["kind"] for error in each["verdict"]["slot_errors"]} for name, each in fc.items()}
    assert count(opened) == sum("missing" in found for found in kinds.values())
    opened.get_by_label("A's text").select_option("none")
    assert count(opened) == sum(not found for found in kinds.values())
    opened.get_by_label("A's text").select_option("")

    opened.get_by_label("A and B differ").check()
    differing = [name for name, each in fc.items() if each["text"] != baseline[name]["text"]]
    assert count(opened) == len(differing)
    opened.locator("#inputs button").nth(3).click()
    assert opened.locator("#opened h3").inner_text() == differing[3]
    systems = opened.locator(".system")
    assert systems.locator("h4").all_inner_texts() == ["fc", "no_fc"]
    for system, row in zip(systems.all(), (fc, baseline), strict=True):
        assert system.locator("li.chosen .text").inner_text() == (row[differing[3]]["text"] or "(an empty text)")
        assert system.locator("ol.texts > li").count() == 3
    place = fc[differing[3]]["rank"] + 1
    assert f"Reranking put place {place} of the beam before place " in systems.first.locator(".moved").inner_text()
    width = opened.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]


def test_values_are_marked_and_data_have_their_states(opened, runs):
    fc = texts(runs, "fine-3-severity")
    opened.get_by_label("A's text").select_option("missing")
    identifier = opened.locator("#opened h3").inner_text()
    row = fc[identifier]
    system = opened.locator(".system").first
    missing = [error["value"] for error in row["verdict"]["slot_errors"] if error["kind"] == "missing"]
    assert sorted(system.locator(".data u").all_inner_texts()) == sorted(missing)
    states = system.locator(".data .segment b").all_inner_texts()
    assert " ".join(states) == " ".join(word for word in row["source"].split() if word.startswith("<"))
    colours = system.locator(".data .segment").evaluate_all(
        "found => found.map(e => getComputedStyle(e).backgroundColor)"
    )
    assert len(set(colours)) == len(set(states))
    opened.get_by_label("A's text").select_option("none")
    marks = opened.locator(".system").first.locator("li.chosen mark.mentioned")
    assert marks.count() > 0
    assert ": " in marks.first.get_attribute("title")


def test_an_attribute_of_any_name_filters(opened):
    opened.get_by_label("a/b $x^$").select_option(label="<i>$y^$ 1")
    assert count(opened) == INPUTS // 2
    assert "constructor: _x" in opened.locator("#opened").inner_text()
    opened.get_by_label("constructor").select_option(label="_x")
    assert count(opened) == INPUTS // 2


def test_hostile_texts_are_shown_as_text(opened):
    opened.get_by_label("Search").fill("onerror")
    assert opened.locator(".system li.chosen .text").first.inner_text() == HOSTILE
    assert opened.locator("#opened img, #opened script, #inputs img").count() == 0


def test_the_page_holds_no_address_of_another_host(page):
    found = re.findall(r"""\b(?:href|src|action|url)\s*[=(]\s*["']([^"']*)""", page.read_text(encoding="utf-8"))
    assert found
    assert [link for link in found if not link.startswith("#")] == []
