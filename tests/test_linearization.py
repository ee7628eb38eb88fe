"""Exact linearizations: METHOD's four rows, the edges of each corpus's format, and every real example."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from datatuner import corpora
from datatuner.corpora.amr import parse
from datatuner.example import AmrGraph, AmrNode, Slot, SlotValues, Source, Triple, Triples
from datatuner.linearization import DATA, OTHER, TEXT, Segment, linearize, linearized_text, tag_words, tags_of


def triples(*rows: tuple[str, str, str]) -> Triples:
    return Triples(tuple(Triple(*row) for row in rows))


def slots(*pairs: tuple[str, str], act: str | None = None) -> SlotValues:
    return SlotValues(tuple(Slot(*pair) for pair in pairs), act)


METHOD_ROWS = [
    pytest.param(
        triples(("Michelle_Obama", "authorOf", "Becoming")),
        "<subject> Michelle Obama <predicate> author of <object> Becoming",
        id="webnlg",
    ),
    pytest.param(
        slots(("name", "Alimentum"), ("area", "city centre"), ("familyFriendly", "no")),
        "<name> name = [ Alimentum ] ; <area> area = [ city centre ] ; <familyFriendly> familyFriendly = [ no ]",
        id="e2e",
    ),
    pytest.param(
        slots(("name", "Dirt: Showdown"), ("release_year", "2012"), act="inform"),
        "<inform> inform ( <name> name: [ Dirt: Showdown ], <release_year> release year: [ 2012 ] )",
        id="viggo",
    ),
    pytest.param(
        parse(
            '(w / want-01 :ARG0 (p / person :wiki "Barack_Obama" :name (n / name :op1 "Barack" :op2 "Obama"))'
            " :ARG1 (g / go-02 :ARG0 p))"
        ),
        "want <:ARG0> ( person <:name> ( Barack Obama ) ) <:ARG1> ( go <:ARG0> person )",
        id="ldc2017t10",
    ),
]

TRIPLES = [
    pytest.param(triples(), "", id="none"),
    pytest.param(
        triples(("A_B", "birthPlace", "C"), ("C", "country", "D_E"), ("D_E", "leader", "A_B")),
        "<subject> A B <predicate> birth place <object> C ; "
        "<subject> C <predicate> country <object> D E ; "
        "<subject> D E <predicate> leader <object> A B",
        id="joined-in-order",
    ),
    pytest.param(
        triples(("Airport", "elevationAboveTheSeaLevel_(in_metres)", "12.0")),
        "<subject> Airport <predicate> elevation above the sea level (in metres) <object> 12.0",
        id="camel-case-and-parentheses",
    ),
    pytest.param(
        triples(("X", "ISBN_number", '"100305.0"(minutes)'), ("X", "LCCN", "39500.0 (square metres)")),
        '<subject> X <predicate> isbn number <object> "100305.0"(minutes) ; '
        "<subject> X <predicate> lccn <object> 39500.0 (square metres)",
        id="quotes-units-and-acronyms",
    ),
    pytest.param(
        triples(("<text>", "is", "<object> ; <subject>")),
        "<subject> <text> <predicate> is <object> <object> ; <subject>",
        id="values-that-look-like-tags",
    ),
    pytest.param(
        triples(("Élan__Vital_", "p", "")), "<subject> Élan Vital <predicate> p <object>", id="spaces-and-empty"
    ),
]

SLOTS = [
    pytest.param(slots(), "", id="none"),
    pytest.param(slots(("name", "")), "<name> name = [ ]", id="empty-value"),
    pytest.param(
        slots(("area", "city centre"), ("area", "riverside")),
        "<area> area = [ city centre ] ; <area> area = [ riverside ]",
        id="repeated",
    ),
    pytest.param(
        slots(("customer rating", "1 out of 5")), "<customer_rating> customer rating = [ 1 out of 5 ]", id="two-words"
    ),
    pytest.param(
        slots(("text", "a"), ("data", "b"), ("other", "c")),
        "<text_> text = [ a ] ; <data_> data = [ b ] ; <other_> other = [ c ]",
        id="named-as-reserved-tags",
    ),
    pytest.param(slots(("price", "<text> £20 ]")), "<price> price = [ <text> £20 ] ]", id="value-like-a-tag"),
    pytest.param(slots(act="inform"), "<inform> inform ( )", id="act-alone"),
    pytest.param(
        slots(("player_perspective", ""), act="request_attribute"),
        "<request_attribute> request attribute ( <player_perspective> player perspective: [ ] )",
        id="act-with-empty-value",
    ),
    pytest.param(
        slots(("esrb", "E 10+ (for Everyone 10 and Older)"), ("genres", "a, b"), ("genres", "c"), act="inform"),
        "<inform> inform ( <esrb> esrb: [ E 10+ (for Everyone 10 and Older) ], "
        "<genres> genres: [ a, b ], <genres> genres: [ c ] )",
        id="act-with-commas-brackets-and-repeats",
    ),
    pytest.param(slots(("name", "a"), act="text"), "<text_> text ( <name> name: [ a ] )", id="act-named-text"),
]

AMRS = [
    pytest.param("(d / dog)", "dog", id="one-node"),
    pytest.param("(b / boy :ARG0-of (g / go-02))", "boy <:ARG0-of> ( go )", id="inverse-role"),
    pytest.param("(a / and :op1 (b / boy) :op2 b)", "and <:op1> ( boy ) <:op2> boy", id="re-entrancy"),
    pytest.param(
        "(w / want-01 :ARG0 b :ARG1 (g / go-02 :ARG0 (b / boy :mod (t / tall))))",
        "want <:ARG0> boy <:ARG1> ( go <:ARG0> ( boy <:mod> ( tall ) ) )",
        id="re-entrancy-to-a-later-node",
    ),
    pytest.param("(s / see-01 :ARG0 (i / i) :ARG1 i)", "see <:ARG0> ( i ) <:ARG1> i", id="re-entrancy-variable-i"),
    pytest.param("(c / city :wiki - :name (n / name))", "city <:name> ( name )", id="wiki-minus-and-name-without-ops"),
    pytest.param('(c / city :wiki "Big_City" :mod (b / big))', "city <:mod> ( big )", id="wiki-dropped"),
    pytest.param(
        '(p / person :name (n / name :op1 "de" :op2 "la" :op3 "O\'Hara" :mod (o / other)))',
        "person <:name> ( de la O'Hara <:mod> ( other ) )",
        id="name-with-another-edge",
    ),
    pytest.param('(n / name :op1 "Rose")', "Rose", id="name-as-root"),
    pytest.param(
        '(a / and :op1 (n / name :op1 "Ann") :op2 n)', "and <:op1> ( Ann ) <:op2> name", id="re-entrancy-to-a-name"
    ),
    pytest.param("(g / go-02 :polarity - :quant 3.5)", "go <:polarity> - <:quant> 3.5", id="constants"),
    pytest.param('(d / date-entity :time "19:40" :year 1999)', "date-entity <:time> 19:40 <:year> 1999", id="colon"),
    pytest.param('(s / say-01 :ARG1 "agree-01")', "say <:ARG1> agree-01", id="sense-kept-inside-a-string"),
    pytest.param('(t / thing :name (n / name :op1 "Area-51"))', "thing <:name> ( Area-51 )", id="sense-kept-in-a-name"),
    pytest.param("(h / have-org-role-91 :ARG2 (x / x-ray))", "have-org-role <:ARG2> ( x-ray )", id="senses-dropped"),
    pytest.param('(s / say-01 :ARG1 "<:ARG0>")', "say <:ARG1> <:ARG0>", id="constant-like-a-tag"),
    pytest.param('(s / say-01 :ARG1 "s")', "say <:ARG1> s", id="string-like-a-variable"),
    pytest.param("(r / rose :mod (r2 / red) :mod (o / old))", "rose <:mod> ( red ) <:mod> ( old )", id="siblings"),
]


@pytest.mark.parametrize(
    ("source", "expected"),
    [*METHOD_ROWS, *TRIPLES, *SLOTS, *(pytest.param(parse(p.values[0]), p.values[1], id=p.id) for p in AMRS)],  # type: ignore[arg-type]
)
def test_one_line(source, expected):
    assert linearized_text(source) == expected


def test_segments_part_tags_from_words():
    assert linearize(slots(("text", "<text>"), act="inform")) == (
        Segment("<inform>", "inform ("),
        Segment("<text_>", "text: [ <text> ] )"),
    )
    assert linearize(triples(("a", "b", ""), ("c", "d", "e"))) == (
        Segment("<subject>", "a"),
        Segment("<predicate>", "b"),
        Segment("<object>", " ;"),
        Segment("<subject>", "c"),
        Segment("<predicate>", "d"),
        Segment("<object>", "e"),
    )


def test_a_constant_that_looks_like_a_role_opens_no_segment():
    assert linearize(parse('(s / say-01 :ARG1 "<:ARG0>" :polarity -)')) == (
        Segment(DATA, "say"),
        Segment("<:ARG1>", "<:ARG0>"),
        Segment("<:polarity>", "-"),
    )


def test_words_before_the_first_role_belong_to_data():
    assert linearize(parse("(d / dog :mod (b / big))")) == (Segment(DATA, "dog"), Segment("<:mod>", "( big )"))


def test_a_graph_of_500_levels():
    node = AmrNode("x500", "thing-01")
    for level in reversed(range(500)):
        node = AmrNode(f"x{level}", "thing-01", ((":ARG1", node),))
    segments = linearize(AmrGraph(node))
    assert len(segments) == 501
    assert segments[:2] == (Segment(DATA, "thing"), Segment("<:ARG1>", "( thing"))
    assert segments[-1].text == "( thing" + " )" * 500


def test_deterministic_and_unchanged_by_order_of_variables():
    first, renamed = parse("(a / and :op1 (b / boy) :op2 b)"), parse("(z / and :op1 (y / boy) :op2 y)")
    assert linearize(first) == linearize(first) == linearize(renamed)


def test_tags_of_are_sorted_unique_and_not_reserved():
    sources: list[Source] = [
        slots(("name", "a"), ("text", "b"), ("name", "c"), act="inform"),
        parse("(w / want-01 :ARG1 (g / go-02))"),
        triples(("a", "b", "c")),
    ]
    tags = tags_of(sources)
    assert tags == ("<:ARG1>", "<inform>", "<name>", "<object>", "<predicate>", "<subject>", "<text_>")
    assert tags_of(sources[::-1]) == tags
    assert tags_of([]) == ()


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("<release_year>", "release year"),
        ("<:ARG0-of>", "ARG0 of"),
        ("<familyFriendly>", "family Friendly"),
        ("<:prep-on-behalf-of>", "prep on behalf of"),
        (DATA, "data"),
        (TEXT, "text"),
        (OTHER, "other"),
        ("<->", "<->"),
    ],
)
def test_tag_words(tag, words):
    assert tag_words(tag) == words


def real_splits(*names: str):
    """Each split of the real corpora; the two large training splits take long to read, so they are slow tests."""
    slow = {("webnlg", "train"), ("e2e", "train")}
    cases = [(name, split) for name in names for split in corpora.SPLITS]
    marks = [pytest.param(*case, marks=pytest.mark.slow if case in slow else ()) for case in cases]
    return pytest.mark.parametrize(("name", "split"), marks)


@pytest.fixture(scope="module")
def real():
    """The sources of a real split, read once."""
    kept: dict[tuple[str, str], list[Source]] = {}

    def read(name: str, split: str) -> list[Source]:
        root = os.environ.get("DATATUNER_DATA")
        if not root or not (Path(root) / name).is_dir():
            pytest.skip(f"no {name} under DATATUNER_DATA ({root or 'not set'})")
        if (name, split) not in kept:
            kept[name, split] = [example.source for example in corpora.read(name, Path(root) / name, split)]
        return kept[name, split]

    return read


@real_splits("webnlg", "e2e", "viggo", "ldc2017t10")
def test_every_real_example_linearizes(real, name, split):
    for source in real(name, split):
        segments = linearize(source)
        assert segments
        for tag, text in segments:
            assert re.fullmatch(r"<\S+>", tag)
            assert tag not in (TEXT, OTHER)
            assert text == " ".join(text.split())
        assert DATA not in [tag for tag, _ in segments[1:]]


@real_splits("webnlg")
def test_real_webnlg_has_three_segments_per_triple(real, name, split):
    for source in real(name, split):
        segments = linearize(source)
        assert [tag for tag, _ in segments] == ["<subject>", "<predicate>", "<object>"] * len(source.triples)
        assert not any("_" in text for _, text in segments)


@real_splits("e2e", "viggo")
def test_real_slots_have_a_segment_each_with_their_value(real, name, split):
    for source in real(name, split):
        segments = linearize(source)[0 if source.act is None else 1 :]
        assert len(segments) == len(source.slots)
        for (_, text), slot in zip(segments, source.slots, strict=True):
            assert f"[ {slot.value} ]" in text or (slot.value == "" and "[ ]" in text)


def walk(root: AmrNode):
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(target for _, target in node.edges if isinstance(target, AmrNode))


@real_splits("ldc2017t10")
def test_real_graphs_keep_each_role_but_wiki_and_a_names_words(real, name, split):
    for source in real(name, split):
        kept = Counter(
            f"<{role}>"
            for node in walk(source.root)
            for role, _ in node.edges
            if role != ":wiki" and not (node.concept == "name" and role.startswith(":op"))
        )
        segments = linearize(source)
        assert Counter(tag for tag, _ in segments if tag != DATA) == kept
        words = " ".join(text for _, text in segments).split()
        assert words.count("(") == words.count(")") == len(list(walk(source.root))) - 1
