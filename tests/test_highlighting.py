"""Texts as HTML: what is marked, and that nothing of a text is ever markup."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner.findings import KINDS, Mention, SlotError
from datatuner.highlighting import MARKS, error_words, highlighted


class Shown(HTMLParser):
    """What a browser makes of it: the text, and the elements."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.elements: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)

    def handle_data(self, data):
        self.text += data


TEXT = "Blue Spice is a cheap pub, a pub near Crowne Plaza."


def test_mentions_and_errors_are_marked_where_they_stand():
    mentions = [Mention("name", "Blue Spice", 0, 10), Mention("eatType", "pub", 22, 25)]
    errors = [
        SlotError("wrong", "priceRange", "high", "cheap", 16, 21),
        SlotError("repeated", "eatType", "pub", "pub", 29, 32),
        SlotError("added", "near", "", "Crowne Plaza", 38, 50),
        SlotError("missing", "area", "riverside"),
    ]
    assert highlighted(TEXT, mentions, errors) == (
        '<mark class="mentioned" title="name: Blue Spice">Blue Spice</mark> is a '
        '<mark class="wrong" title="cheap for priceRange: high">cheap</mark> '
        '<mark class="mentioned" title="eatType: pub">pub</mark>, a '
        '<mark class="repeated" title="eatType: pub is said again: pub">pub</mark> near '
        '<mark class="added" title="near: Crowne Plaza is not in the data">Crowne Plaza</mark>.'
    )


def test_an_error_is_shown_where_a_mention_is_too():
    shown = highlighted("not cheap", [Mention("p", "cheap", 4, 9)], [SlotError("wrong", "p", "x", "not cheap", 0, 9)])
    assert shown == '<mark class="wrong" title="not cheap for p: x">not cheap</mark>'


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_words(kind):
    assert "area" in error_words(SlotError(kind, "area", "riverside", "the centre"))


PIECES = st.text(alphabet=st.one_of(st.sampled_from("<>&\"'/ ab"), st.characters(exclude_characters="\r\x00")))


@given(text=PIECES, slot=PIECES, value=PIECES, data=st.data())
def test_every_character_is_shown_as_text(text, slot, value, data):
    place = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(st.sampled_from(MARKS), place, place), max_size=4))
    mentions = [Mention(slot, value, start, end) for kind, start, end in spans if kind == "mentioned"]
    errors = [SlotError(kind, slot, value, "x", start, end) for kind, start, end in spans if kind != "mentioned"]
    shown = Shown(highlighted(text, mentions, errors))
    assert shown.text == text
    assert shown.elements <= {"mark"}
