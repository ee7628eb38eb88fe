"""AMR against texts: concepts by their word forms, names, numbers and negation."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner import corpora
from datatuner.alignment import build_aligner
from datatuner.corpora.amr import parse
from datatuner.example import AmrGraph, AmrNode, Example


@pytest.fixture(scope="module")
def aligner():
    return build_aligner("my_graphs", ())


def said(aligner, graph: str, text: str) -> list[tuple[str, str, str]]:
    return [(m.slot, m.value, text[m.start : m.end]) for m in aligner.align(parse(graph), text).mentions]


def errors(aligner, graph: str, text: str) -> list[tuple[str, str, str, str]]:
    found = aligner.align(parse(graph), text).errors
    assert all(text[e.start : e.end] == e.found for e in found)
    return [(e.kind, e.slot, e.value, e.found) for e in found]


@pytest.mark.parametrize(
    ("concept", "word"),
    [
        ("want-01", "wanted"),
        ("go-02", "went"),
        ("write-01", "written"),
        ("run-02", "running"),
        ("carry-01", "carries"),
        ("decide-01", "decision"),
        ("explore-01", "explorer"),
        ("happy-01", "happiness"),
        ("quick-02", "quickly"),
        ("goose", "geese"),
        ("city-planner", "city"),
        ("put-out-09", "put"),
        ("possible-01", "cannot"),
        ("obligate-01", "must"),
        ("recommend-01", "should"),
        ("cause-01", "because"),
        ("contrast-01", "but"),
        ("resemble-01", "like"),
        ("i", "my"),
        ("they", "them"),
        ("good-02", "better"),
        ("crème", "crème"),
    ],
)
def test_a_concept_by_its_forms(aligner, concept, word):
    slot = ":root-01" if concept[-2:].isdigit() else ":root"
    assert said(aligner, f"(x / {concept})", f"Da {word} .") == [(slot, concept, word)]


@pytest.mark.parametrize(
    ("concept", "word"),
    [("want-01", "wait"), ("go-02", "gold"), ("sing-01", "single"), ("he", "her"), ("rose", "prose")],
)
def test_another_word_is_none(aligner, concept, word):
    assert said(aligner, f"(x / {concept})", f"Then {word} came .") == []


GRAPH = """(s / sing-01 :ARG0 (p / person :wiki "U" :name (n / name :op1 "Ulla" :op2 "Brandt"))
    :ARG1 (s2 / song :quant 53 :poss p) :time (d / date-entity :year 2012 :month 4))"""


def test_names_numbers_and_dates_and_no_structure(aligner):
    text = "In April 2012 Brandt sang fifty - three songs ."
    assert said(aligner, GRAPH, text) == [
        (":root-01", "sing-01", "sang"),
        (":ARG1", "song", "songs"),
        (":name", "Ulla Brandt", "Brandt"),
        (":quant", "53", "fifty - three"),
        (":year", "2012", "2012"),
        (":month", "4", "April"),
    ]
    assert errors(aligner, GRAPH, text) == []
    assert aligner.align(parse(GRAPH), text).slots == 6


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("In April 2012 Olga sang 53 songs .", [("wrong", ":name", "Ulla Brandt", "Olga")]),
        ("In April 2012 Ulla Brandt sang 35 songs .", [("wrong", ":quant", "53", "35")]),
        ("In April 2012 Ulla Brandt sang 53 songs for Olga Ek .", [("added", "name", "", "Olga Ek")]),
        ("In April 2012 Ulla Brandt sang 53 songs of 80 .", [("added", "number", "", "80")]),
        ("In April 2012 Ulla Brandt never sang 53 songs .", [("added", ":polarity", "", "never")]),
        (
            "In April 2012 Ulla Brandt had 53 .",
            [("missing", ":root-01", "sing-01", ""), ("missing", ":ARG1", "song", "")],
        ),
    ],
)
def test_errors_with_their_places(aligner, text, found):
    assert errors(aligner, GRAPH, text) == found


@pytest.mark.parametrize("text", ["It is unreadable .", "It can not be read .", "It is not readable ."])
def test_what_is_not_possible(aligner, text):
    assert errors(aligner, "(p / possible-01 :polarity - :ARG1 (r / read-01 :ARG1 (i / it)))", text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("She is not happy .", []),
        ("She isn't happy .", []),
        ("She is n't happy .", []),
        ("She is unhappy .", []),
        ("She is happy .", [("wrong", ":polarity", "-", "")]),
    ],
)
def test_negation(aligner, text, found):
    assert errors(aligner, "(h / happy-01 :polarity - :ARG1 (s / she))", text) == found


def test_a_graph_that_says_nobody_needs_no_polarity(aligner):
    assert errors(aligner, "(s / sing-01 :ARG0 (n / nobody))", "Nobody sings .") == []


def test_an_order_says_no_you(aligner):
    assert errors(aligner, "(c / come-01 :mode imperative :ARG0 (y / you))", "Come !") == []
    assert errors(aligner, "(c / come-01 :ARG0 (y / you))", "Come !") == [("missing", ":ARG0", "you", "")]


def test_a_concept_counts_once_whatever_its_roles(aligner):
    graph = "(s / see-01 :ARG0 (d / dog) :ARG1 (d2 / dog) :ARG2 d)"
    assert aligner.align(parse(graph), "A dog sees a dog .").slots == 2


def test_what_training_sentences_leave_out_is_no_slot():
    graph = parse("(s / sing-01 :ARG0 (m / majesty))")
    train = [Example(str(n), "train", graph, ("She sings .",)) for n in range(3)]
    assert build_aligner("x", train).align(graph, "She sings .").slots == 1
    assert build_aligner("x", train[:2]).align(graph, "She sings .").slots == 2


SYLLABLES = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "to")
NOUNS = [f"{one}{two}x" for one in SYLLABLES for two in SYLLABLES]


def singers(nouns: list[str]) -> list[Example]:
    """Sentences whose graphs have all of their words but "now"."""
    return [
        Example(noun, "train", parse(f"(s / sing-01 :ARG0 (x / {noun}))"), (f"Now a {noun} sang .",)) for noun in nouns
    ]


@pytest.fixture(scope="module")
def taught():
    return build_aligner("my_graphs", singers(NOUNS))


DOG = "(s / sing-01 :ARG0 (d / dog) :time (m / moon))"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The dog sang under the moon .", []),
        ("Now the dog was singing to the moon by moonlight .", []),
        ("In this case the dog got to sing under two moons .", []),
        ("The loud dog sang under the moon .", [("added", "concept", "", "loud")]),
        ("The dog sang under the moon , didn't it ?", [("added", ":polarity", "", "n't")]),
        ("The dog sang under the moon and the clouds of winter .", [("added", "concept", "", "clouds of winter")]),
        (
            "The loud dog sang under the moon , clouds and stars .",
            [("added", "concept", "", "loud"), ("added", "concept", "", "clouds and stars")],
        ),
        ("The cat sang under the moon .", [("wrong", ":ARG0", "dog", "cat")]),
        (
            "Brave cats sang under the moon .",
            [("missing", ":ARG0", "dog", ""), ("added", "concept", "", "Brave cats")],
        ),
        ("The dog sang to Ulla under the moon .", [("added", "name", "", "Ulla")]),
    ],
)
def test_words_that_training_would_explain_and_the_graph_does_not(taught, text, found):
    assert errors(taught, DOG, text) == found


@pytest.mark.parametrize(
    ("concept", "word"),
    [("tragedy", "tragic"), ("color", "colours"), ("kind-01", "unkindness"), ("expect-01", "expectantly")],
)
def test_related_words_are_not_added(taught, concept, word):
    found = errors(taught, f"(s / sing-01 :mod (x / {concept}))", f"Singing is {word} .")
    assert all(error[0] == "missing" for error in found)


def test_what_a_name_is_given_with_is_not_added(taught):
    graph = '(s / sing-01 :ARG0 (d / dog :name (n / name :op1 "Ulm")))'
    assert errors(taught, graph, "A dog called Ulm sang .") == []


@pytest.mark.parametrize("n", [0, 3, 90])
def test_few_sentences_teach_nothing(n):
    few = build_aligner("my_graphs", singers(NOUNS[:n]))
    assert errors(few, DOG, "The loud dog sang under the moon and the clouds of winter .") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The old king sang a song .", []),
        ("The old king sang the king a song .", []),  # a noun alone comes again in good style
        ("The old king sang , and it was the old king who had a song .", ["the old king"]),
        ("The old king sang a song of the old king .", ["the old king"]),
        ("The old king sang a song a song .", ["a song"]),
        ("The old king sang and he was he was a song .", ["he was"]),
        ("He was old and he was a king and sang a song .", []),
        ("The old king sang a song . The old king sang a song .", ["old king sang a song"]),
    ],
)
def test_what_is_said_again_though_the_graph_has_it_once(aligner, text, found):
    graph = "(s / sing-01 :ARG0 (k / king :ARG1-of (o / old-01)) :ARG1 (s2 / song))"
    assert [e.found for e in aligner.align(parse(graph), text).errors if e.kind == "repeated"] == found


def test_what_the_graph_refers_to_twice_may_come_twice(aligner):
    graph = "(s / see-01 :ARG0 (k / king :mod (o / old)) :ARG1 (k2 / king :mod (o2 / old)) :time (m / moon) :place m)"
    assert errors(aligner, graph, "The old king sees the old king at full moon , at full moon there .") == [
        ("repeated", "text", "", "at full moon")
    ]
    assert errors(aligner, graph, "The old king sees the old king by moon and then by moon .") == []


targets = st.one_of(st.sampled_from(["-", "3", '"Ulla"', "imperative", '"19:40"']), st.text(max_size=8))
roles = st.sampled_from([":ARG0", ":op1", ":polarity", ":mode", ":month", ":name", ":quant"])
nodes = st.recursive(
    st.builds(AmrNode, st.text(max_size=3), st.sampled_from(["name", "see-01", "you", "ice-cream", "-", "Ulm"])),
    lambda inner: st.builds(
        AmrNode,
        st.text(max_size=3),
        st.one_of(st.text(max_size=8), st.just("name")),
        st.lists(st.tuples(roles, st.one_of(targets, inner)), max_size=3).map(tuple),
    ),
    max_leaves=5,
)


texts = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from(["Ulla", "sees", "the", "ice", "moon", ","])).map(" ".join)
)


@given(nodes, texts)
def test_never_fails_and_spans_lie_in_the_text(taught, root, text):
    alignment = taught.align(AmrGraph(root), text)
    assert all(0 <= m.start < m.end <= len(text) for m in alignment.mentions)
    assert all(error.found == text[error.start : error.end] for error in alignment.errors)
    lost = [e for e in alignment.errors if e.kind in ("missing", "wrong")]
    assert len(lost) + len({(m.slot, m.value) for m in alignment.mentions}) == alignment.slots


def test_references_cover_their_graphs_and_add_little():
    root = os.environ.get("DATATUNER_DATA")
    if not root or not (Path(root) / "ldc2017t10").is_dir():
        pytest.skip(f"no ldc2017t10 under DATATUNER_DATA ({root or 'not set'})")
    folder = Path(root) / "ldc2017t10"
    aligner = build_aligner("ldc2017t10", corpora.read("ldc2017t10", folder, "train"))
    counts: Counter[str] = Counter()
    for example in corpora.read("ldc2017t10", folder, "validation"):
        alignment = aligner.align(example.source, example.references[0])
        kinds = Counter(error.kind for error in alignment.errors)
        counts.update({"texts": 1, "slots": alignment.slots, "uncovered": kinds["missing"] + kinds["wrong"]})
        counts["added"] += bool(kinds["added"])
    assert counts["uncovered"] / counts["slots"] < 0.08
    assert counts["added"] / counts["texts"] < 0.03
