"""Sentence boundaries: abbreviations, initials, numbers, versions, quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["It is a pub.", "It is cheap!", "Is it near?", "Yes"],
        ["Dr. J. R. Smith lives in St. Louis, in the U.S. and was born in Akron.", "He is 40."],
        ["The U.S. President spoke.", "He is from the U.S.", "The end."],
        ["Konami Inc. made it with Foo Ltd.", "The game is old."],
        ["The runway is 1121.0 m long.", "Version 1.2.3 came in 2.5 years."],
        ["It is rated E 10+ (for Everyone 10 and Older).", "It is rated M.", "It's good."],
        ["Op. 5 and No. 3 are short.", "The answer is no.", "It is."],
        ['"Is it?" he said.', '"It is."', "They left."],
        ["It costs more than £30... or so.", "Perhaps..."],
        ["He plays for the club.", "they have 19238 members."],
        ["Wait…", "What?!", "No."],
    ],
)
def test_sentences_of_written_text(expected):
    assert split(" ".join(expected)) == expected


def test_tokenized_text_keeps_its_quotes():
    assert split('" Yes , a month .') == ['" Yes , a month .']
    assert split('He said : " It is . " She left .') == ['He said : " It is . "', "She left ."]
    assert split('It is . " Is it ? "') == ["It is .", '" Is it ? "']


def test_nothing_but_blanks_has_no_sentence():
    assert split("") == split("  \n ") == []
    assert split("  word ") == ["word"]


@given(st.text(alphabet="aB1. !?\"'(’)…\n", max_size=40) | st.text(max_size=40))
def test_sentences_are_in_order_and_lose_only_blanks(text):
    spans = sentences(text)
    ends = [0]
    for start, end in spans:
        assert ends[-1] <= start < end <= len(text)
        assert not text[ends[-1] : start].strip()
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        ends.append(end)
    assert not text[ends[-1] :].strip()
