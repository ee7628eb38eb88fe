"""Triples against texts: what is said where, what is missing, wrong, added or said twice."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner import corpora
from datatuner.alignment import Alignment, build_aligner
from datatuner.example import Example, Triple, Triples

TRAIN = (
    Example("1", "train", Triples((Triple("Vera_Lind", "birthPlace", "Aarhus"),)), ("Vera Lind comes from Aarhus .",)),
    Example("2", "train", Triples((Triple("Ola_Berg", "birthPlace", "Lower_Saxony"),)), ("He is from Lower Saxony.",)),
    Example("3", "train", Triples((Triple("Port_Hall", "owner", "Nordic_Water_Board"),)), ("It is the board's hall.",)),
)


@pytest.fixture(scope="module")
def aligner():
    return build_aligner("my_triples", TRAIN)


def source(*triples: str) -> Triples:
    return Triples(tuple(Triple(*(part.strip() for part in triple.split("|"))) for triple in triples))


def said(alignment: Alignment, text: str) -> set[tuple[str, str]]:
    return {(mention.value, text[mention.start : mention.end]) for mention in alignment.mentions}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("1923-11-18", "November 18, 1923"),
        ('"1923-11-18"', "18 November 1923"),
        ("1923-11-18", "18th of November, 1923"),
        ("1923-11-18", "Nov. 18th 1923"),
        ("1923-11-18", "18/11/1923"),
        ('"1923-11-18"^^xsd:date', "1923-11-18"),
        ('"June 1981"', "June, 1981"),
        ("2.0", "2"),
        ("2776.0", "2.776 km"),
        ("1.85", "185 centimetres"),
        ("12", "twelve"),
        ("53", "fifty-three"),
        ("39500.0 (square metres)", "39,500"),
        ('"100305.0"(minutes)', "100,305"),
        ("30843.8 (square metres)", "30,844"),
        ("120 million (dollars)", "120,000,000"),
        ("75000", "75 thousand"),
        ("Rosalía_de_Castro", "Rosalia de Castro"),
        ("Azerbaijan_(country)", "Azerbaijan"),
        ('"Kheria"@en', "Kheria"),
        ("Italy", "Italian"),
        ("United_States", "U.S."),
        ("United_States", "US"),
        ("United_States", "American"),
        ("Spaniards", "Spain"),
        ("Peruvian_cuisine", "Peru"),
        ("Akron,_Ohio", "Akron"),
        ("B.M._Reddy", "B. M. Reddy"),
        ("St._Louis", "Saint Louis"),
        ("Visvesvaraya_Technological_University", "VTU"),
        ("Juventus_F.C.", "Juventus"),
        ("Tudor_Revival_architecture", "Tudor Revival"),
        ("Sweet_potato", "sweet potatoes"),
        ("Ajoblanco", "ajo blanco"),
        ("Michelle_Obama", "Obama"),
        ("18L/36R", "18L/36R"),
    ],
)
def test_a_value_is_found_however_it_is_put(aligner, written, words):
    text = f"They tell that Vera Lind has {words} there."
    alignment = aligner.align(source(f"Vera_Lind | thing | {written}"), text)
    assert said(alignment, text) == {("Vera_Lind", "Vera Lind"), (written, words)}
    assert (alignment.errors, alignment.slots) == ((), 2)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("1923-11-18", "November 23, 1923"),
        ("1923-11-18", "December 18, 1923"),
        ("1963", "1936"),
        ("30843.8", "30,943"),
        ("2776.0", "2.776 m"),
        ("2776.0", "2.777 km"),
        ("12", "eleven"),
        ("Apollo_12", "Apollo 15"),
        ("United_States", "United Kingdom"),
        ("Italy", "French"),
        ("United_States", "us"),
        ("Adams_County,_Ohio", "Scott County"),
    ],
)
def test_another_value_is_not_taken_for_it(aligner, written, words):
    text = f"They tell that Vera Lind has {words} there."
    alignment = aligner.align(source(f"Vera_Lind | thing | {written}"), text)
    assert said(alignment, text) == {("Vera_Lind", "Vera Lind")}
    assert [(e.slot, e.value) for e in alignment.errors if e.kind in ("missing", "wrong")] == [("thing", written)]


def test_slots_are_distinct_values_under_subject_or_first_predicate(aligner):
    triples = source(
        "Akita | country | Japan", "Japan | leader | Mori", "Akita | location | Japan", "Akita | code | 53"
    )
    text = "Akita (code 53) lies in Japan, which Mori leads."
    alignment = aligner.align(triples, text)
    assert [(m.slot, m.value) for m in alignment.mentions] == [
        ("subject", "Akita"),
        ("subject", "Japan"),
        ("leader", "Mori"),
        ("code", "53"),
    ]
    assert alignment.slots == 4


@pytest.mark.parametrize(
    ("triples", "text", "missing"),
    [
        (["Lund | part | Adams_County,_Ohio", "Adams_County,_Ohio | in | Ohio"], "Lund is in Adams County, Ohio.", []),
        (["Lund | school | Ohio_State_School", "Lund | in | Ohio"], "Lund has the Ohio State School.", ["Ohio"]),
        (['Lund | food | "Rice, beans and corn"', "Lund | has | Beans"], "Lund has rice, beans and corn.", []),
        (["Spain | people | Spaniards", "Paella | from | Spain"], "Paella is from Spain.", ["Spaniards"]),
        (["Spain | people | Spaniards", "Paella | from | Spain"], "Paella of Spaniards is from Spain.", []),
        (["Italy | language | Italian_language", "Pesto | from | Italy"], "Pesto: they speak Italian.", ["Italy"]),
        (["Italy | language | Italian_language", "Pesto | from | Italy"], "Italian pesto: they speak Italian.", []),
    ],
)  # fmt: skip
def test_one_name_says_one_value(aligner, triples, text, missing):
    assert [e.value for e in aligner.align(source(*triples), text).errors if e.kind == "missing"] == missing


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ola Ek was born in Aarhus.", [("wrong", "birthPlace", "Ulm", "Aarhus")]),
        ("Ola Ek was born in Ulm and Lower Saxony.", [("added", "birthPlace", "", "Lower Saxony")]),
        ("Ola Ek was born in Ulm in 1930.", [("added", "number", "", "1930")]),
        ("Ola Ek was born in Ulm on 3 May 1930.", [("added", "date", "", "3 May 1930")]),
        ("Ola Ek was born in Ulm beside the Grimsvoll Kavlehuset.", [("added", "name", "", "Grimsvoll Kavlehuset")]),
        ("Ola Ek was born in Ulm. The board owns it.", []),
        ("Ola Ek was born.", [("missing", "birthPlace", "Ulm", "")]),
        ("Ola Ek was born in Ulm. Ola Ek was born in Ulm.", [("repeated", "text", "", "Ola Ek was born in Ulm")]),
        ("Ola Ek Ola Ek was born in Ulm.", [("repeated", "subject", "Ola_Ek", "Ola Ek")]),
        ("In Ulm, Ulm Street, was Ola Ek, Ola Ek born.", []),
        ("", [("missing", "subject", "Ola_Ek", ""), ("missing", "birthPlace", "Ulm", "")]),
    ],
)
def test_errors_with_their_places(aligner, text, found):
    errors = aligner.align(source("Ola_Ek | birthPlace | Ulm"), text).errors
    assert [(e.kind, e.slot, e.value, e.found) for e in errors] == found
    assert all(text[e.start : e.end] == e.found for e in errors)


def test_a_run_of_words_said_twice(aligner):
    text = "Ola Ek was born in the town of Ulm, and Ola Ek was born in the town of Ulm once more."
    (error,) = aligner.align(source("Ola_Ek | birthPlace | Ulm"), text).errors
    assert (error.kind, text[error.start : error.end]) == ("repeated", "Ola Ek was born in the town of Ulm")
    assert error.start > text.index("Ulm")


values = st.one_of(st.text(max_size=20), st.from_regex(r"[A-Z][a-z]+(_[A-Z][a-z]+)?(\d+)?", fullmatch=True))


@given(st.lists(st.tuples(values, values, values), min_size=1, max_size=4), st.text(max_size=60), st.randoms())
def test_never_fails_and_spans_lie_in_the_text(aligner, triples, extra, random):
    parts = [extra, *(part for triple in triples for part in triple)]
    random.shuffle(parts)
    text = " ".join(parts)
    alignment = aligner.align(Triples(tuple(Triple(*triple) for triple in triples)), text)
    assert all(0 <= m.start < m.end <= len(text) for m in alignment.mentions)
    for error in alignment.errors:
        assert error.found == text[error.start : error.end]
        assert bool(error.found) == (error.kind != "missing")
    lost = [e for e in alignment.errors if e.kind in ("missing", "wrong")]
    assert len(lost) + len({(m.slot, m.value) for m in alignment.mentions}) == alignment.slots


def test_the_same_for_any_order_of_the_training_split():
    triples = source("Ola_Ek | birthPlace | Ulm")
    text = "Ola Ek from Lower Saxony works for the Nordic Water Board, says Vera Lind."
    forwards, backwards = (build_aligner("x", train).align(triples, text) for train in (TRAIN, TRAIN[::-1]))
    assert forwards == backwards


@pytest.fixture(scope="module")
def webnlg():
    root = os.environ.get("DATATUNER_DATA")
    if not root or not (Path(root) / "webnlg").is_dir():
        pytest.skip(f"no webnlg under DATATUNER_DATA ({root or 'not set'})")
    folder = Path(root) / "webnlg"
    train = corpora.read("webnlg", folder, "train")
    return build_aligner("webnlg", train), corpora.read("webnlg", folder, "validation")


def test_webnlg_references_cover_their_inputs_and_add_little(webnlg):
    aligner, validation = webnlg
    counts: Counter[str] = Counter()
    for example in validation:
        for text in example.references:
            alignment = aligner.align(example.source, text)
            kinds = Counter(error.kind for error in alignment.errors)
            counts.update({"texts": 1, "slots": alignment.slots, "uncovered": kinds["missing"] + kinds["wrong"]})
            counts.update({kind: 1 for kind in ("added", "repeated") if kinds[kind]})
    assert counts["uncovered"] / counts["slots"] < 0.02
    assert counts["added"] / counts["texts"] < 0.005
    assert counts["repeated"] / counts["texts"] < 0.005
