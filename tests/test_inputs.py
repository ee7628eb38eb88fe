"""What users hand to an exported model: every form, and what is like none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner.corpora.amr import parse
from datatuner.errors import RecordError
from datatuner.example import AmrGraph, Slot, SlotValues, Triple, Triples
from datatuner.inputs import AMR_EXAMPLE, as_given, is_record, line_record, read_record

CHICAGO = Triple("Michelle_Obama", "birthPlace", "Chicago")
ASTEROID = Triple("(19255)_1994_VK8", "density", "2.0")
DIRT = SlotValues((Slot("name", "Dirt"), Slot("genres", "sport")), "inform")
SPICE = SlotValues((Slot("name", "Blue Spice"), Slot("area", "city centre")))


@pytest.mark.parametrize(
    ("record", "source"),
    [
        ([tuple(CHICAGO)], Triples((CHICAGO,))),
        ([list(CHICAGO), tuple(ASTEROID)], Triples((CHICAGO, ASTEROID))),
        ("Michelle_Obama | birthPlace | Chicago", Triples((CHICAGO,))),
        ("(19255)_1994_VK8 | density | 2.0", Triples((ASTEROID,))),
        ("Michelle_Obama | birthPlace | Chicago\n(19255)_1994_VK8 | density | 2.0\n", Triples((CHICAGO, ASTEROID))),
        ({"triples": [list(CHICAGO)]}, Triples((CHICAGO,))),
        ({"name": "Blue Spice", "area": "city centre"}, SPICE),
        ("name[Blue Spice], area[city centre]", SPICE),
        ({"slots": [["name", "Blue Spice"], ["area", "city centre"]]}, SPICE),
        ({"act": "inform", "slots": {"name": "Dirt", "genres": "sport"}}, DIRT),
        ("inform(name[Dirt], genres[sport])", DIRT),
        ({"text": "x", "amr": "yes"}, SlotValues((Slot("text", "x"), Slot("amr", "yes")))),
        (AMR_EXAMPLE, parse(AMR_EXAMPLE)),
        ({"amr": AMR_EXAMPLE}, parse(AMR_EXAMPLE)),
        ({"id": "4", "amr": AMR_EXAMPLE, "references": ["The boy wants to go."]}, parse(AMR_EXAMPLE)),
        (SPICE, SPICE),
    ],
)
def test_every_form_of_one_record(record, source):
    assert is_record(record)
    assert read_record(record) == source


@pytest.mark.parametrize(
    "records",
    [
        [],
        [SPICE],
        ["Michelle_Obama | birthPlace | Chicago", "(19255)_1994_VK8 | density | 2.0"],
        [[tuple(CHICAGO)], [tuple(ASTEROID)]],
        [{"name": "Blue Spice"}, {"name": "Dirt"}],
    ],
)
def test_lists_of_records(records):
    assert not is_record(records)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (("A", "population", 3), "a triple of three texts"),
        (("A", "bornIn"), "a triple of three texts"),
        (["A | b | c", "A | d | e", "A | f | g"], "the rows of a record as one text, a line each"),
        (7, "triples "),
        ("no record at all", "triples "),
        ({"slots": 3}, "'slots' with an object"),
        ("(w / want-01", "PENMAN notation"),
        ({}, "'slots' with one or more names"),
    ],
)
def test_what_is_none(record, expected):
    with pytest.raises(RecordError) as refused:
        read_record(record, "record 3")
    assert str(refused.value).startswith(f"record 3: expected {expected}")


WORDS = st.text(min_size=1, max_size=8).map(str.strip).filter(lambda word: word and " | " not in word)
SOURCES = st.one_of(
    st.lists(st.builds(Triple, WORDS, WORDS, WORDS), min_size=1, max_size=3).map(tuple).map(Triples),
    st.builds(SlotValues, st.lists(st.builds(Slot, WORDS, WORDS), min_size=1).map(tuple), st.none() | WORDS),
)


@given(SOURCES)
def test_what_is_shown_as_typed_is_read_again(source: Any) -> None:
    if isinstance(source, SlotValues) and source.act is None and {slot.name for slot in source.slots} == {"amr"}:
        return  # one slot that is called amr cannot be told from a graph
    shown = as_given(source)
    assert is_record(shown)
    assert read_record(shown) == source
    assert read_record(json.loads(json.dumps(shown))) == source


@pytest.mark.parametrize(
    ("line", "found"),
    [("[" * 100_000, "nested too deeply"), ('{"name": "A", "name": "B"}', "a key stands twice"), ('{"a"', "Expecting")],
)
def test_a_line_that_is_no_json(line, found):
    with pytest.raises(RecordError, match=found):
        line_record(line, "facts.jsonl:1")


def test_graphs_are_graphs():
    assert isinstance(read_record(AMR_EXAMPLE), AmrGraph)
