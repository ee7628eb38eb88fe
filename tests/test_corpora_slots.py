"""E2E and ViGGO: CSV records, meaning representations, and the grouping of references by input."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner import corpora
from datatuner.corpora import e2e, viggo
from datatuner.errors import CorpusFormatError
from datatuner.example import Slot, SlotValues

FIXTURES = Path(__file__).parent / "fixtures"
PATHS = {"e2e": "test-fixed.csv", "viggo": "viggo-test.csv"}
GOOD = {"e2e": "name[Fen Inn]", "viggo": "inform(name[Fen Inn])"}


@pytest.fixture(scope="module")
def train():
    return corpora.read("e2e", FIXTURES / "e2e", "train")


@pytest.fixture
def read(tmp_path):
    """Reads a test file of E2E or ViGGO with this content."""

    def write_and_read(name: str, content: str, on_error: corpora.OnError = "raise") -> corpora.Corpus:
        (tmp_path / PATHS[name]).write_text(content, encoding="utf-8", newline="")
        return corpora.read(name, tmp_path, "test", on_error=on_error)

    return write_and_read


def slots(*pairs: tuple[str, str]) -> tuple[Slot, ...]:
    return tuple(Slot(*pair) for pair in pairs)


# E2E


def test_equal_inputs_are_one_example_although_spaces_differ_and_others_stand_between(train):
    assert [example.id for example in train] == ["train-1", "train-2", "train-3", "train-6"]
    assert train.counts["rows"] == 6
    assert train[0].source == SlotValues(slots(("name", "Copper Kettle"), ("eatType", "pub"), ("area", "city centre")))


def test_references_keep_order_and_duplicates_and_lose_extra_spaces(train):
    assert train[0].references == (
        "The Copper Kettle is a pub in the middle of town.",
        'In the city centre, the Copper Kettle pours "real" ale.',
        "The Copper Kettle is a pub in the middle of town.",
    )


def test_line_break_in_a_reference_is_a_space(train):
    assert train[1].references == ("Copper Kettle, a pub, has a door to the river and one to the city centre.",)


def test_repeated_slots_are_kept(train):
    assert [slot.value for slot in train[1].source.slots if slot.name == "area"] == ["city centre", "riverside"]


def test_name_may_be_absent_or_not_first(train):
    assert "name" not in [slot.name for slot in train[2].source.slots]
    assert [slot.name for slot in train[3].source.slots].index("name") == 1


def test_non_ascii_values_and_names_with_spaces(train):
    assert train[2].source.slots == slots(("eatType", "café"), ("priceRange", "£20-25"))
    assert Slot("customer rating", "3 out of 5") in train[3].source.slots


def test_original_headers_and_crlf():
    validation = corpora.read("e2e", FIXTURES / "e2e", "validation")  # `mr,ref`, CRLF
    assert [len(example.references) for example in validation] == [2, 1]
    test = corpora.read("e2e", FIXTURES / "e2e", "test")  # `MR,ref`
    assert [example.id for example in test] == ["test-1", "test-3"]


def test_empty_reference_beside_others_is_left_out_and_counted():
    corpus = corpora.read("e2e", FIXTURES / "e2e", "test")
    assert corpus[0].references == ("Blue Door is a restaurant.",)
    assert corpus.counts["empty_references"] == 1


# ViGGO


def test_act_is_read_and_an_attribute():
    corpus = corpora.read("viggo", FIXTURES / "viggo", "train")
    acts = [example.source.act for example in corpus if isinstance(example.source, SlotValues)]
    assert len(corpus) == len(set(acts)) == 9
    assert [example.attributes for example in corpus] == [{"act": act} for act in acts]


def test_values_with_commas_parentheses_colons_slashes():
    first = corpora.read("viggo", FIXTURES / "viggo", "train")[0]
    assert first.source == SlotValues(
        slots(
            ("name", "Moss: The Return"),
            ("exp_release_date", "June 29, 2031"),
            ("esrb", "E 10+ (for Everyone 10 and Older)"),
            ("genres", "role-playing, hack-and-slash/puzzle"),
        ),
        act="inform",
    )
    assert len(first.references) == 2


def test_values_with_apostrophes_and_ampersands():
    sources = [example.source for example in corpora.read("viggo", FIXTURES / "viggo", "train")]
    expected = slots(("name", "Pip & Pop's Farm"), ("rating", "good"), ("developer", "O'Malley & Sons"))
    assert SlotValues(expected, act="give_opinion") in sources


def test_empty_value_is_kept():
    corpus = corpora.read("viggo", FIXTURES / "viggo", "validation")
    assert corpus[1].source == SlotValues(slots(("esrb", "")), act="request_attribute")


def test_an_input_of_train_may_stand_in_test_too():
    sources = {split: {e.source for e in corpora.read("viggo", FIXTURES / "viggo", split)} for split in corpora.SPLITS}
    assert len(sources["train"] & sources["test"]) == 1


# both


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "bad",
    [
        "inform(name[BioShock,Cut off.",
        "inform(name[Fen] rating[good]),No comma.",
        "inform(name[Fen]]),A bracket too many.",
        "inform(name[Fen],),Nothing after a comma.",
        "name Fen,No brackets.",
        ",No input.",
        "name[Fen]",
        '"name[Fen], inform(area[sea])",An act that is none.',
        "name[Fen],A column,too many.",
        "name[No Text],",
    ],
)
def test_malformed_row_names_its_line_or_is_skipped(read, name, bad):
    content = f'mr,ref\n{GOOD[name]},"Two\nlines."\n\n{bad}\n{GOOD[name]},One.\n'
    with pytest.raises(CorpusFormatError, match=r"\.csv:5: expected .*, found .*corpus\.on_error=skip"):
        read(name, content)
    corpus = read(name, content, "skip")
    assert [example.references for example in corpus] == [("Two lines.", "One.")]
    assert (corpus.counts["rows"], corpus.counts["skipped"]) == (3, 1)
    assert f"{PATHS[name]}:5: " in corpus.skipped[0]


def test_malformed_message_in_full(read):
    with pytest.raises(CorpusFormatError) as caught:
        read("viggo", "mr,ref\ninform(name[BioShock,Text.\n")
    assert str(caught.value).endswith(
        "viggo-test.csv:2: expected 'act(slot[value], ...)', found 'inform(name[BioShock'. "
        "Fix the row, or pass corpus.on_error=skip to leave it out (counted)."
    )


@pytest.mark.parametrize("name", PATHS)
def test_every_row_of_a_malformed_input_is_counted(read, name):
    corpus = read(name, f"mr,ref\nbad,One.\n{GOOD[name]},Two.\nbad,Three.\n", "skip")
    assert (corpus.counts["skipped"], len(corpus)) == (2, 1)
    assert corpus[0].id == "test-2"


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("", r"\.csv: .*an empty file"),
        ("mr,ref\n", r"\.csv: .*the header alone"),
        ("input,output\na[b],c\n", r"\.csv:1: .*the columns mr and ref"),
        ("MR\na[b]\n", r"\.csv:1: .*the columns mr and ref \(inputs alone cannot be scored\)"),
        ('mr,ref\nx,"open\nto the end\n', r"\.csv:2: .*closed quotes"),
        ('mr,ref\nx,"a" b\n', r"\.csv:2: .*closed quotes"),
        (f"mr,ref\nx,{'long ' * 30_000}\n", r"\.csv:2: .*field limit"),
    ],
    ids=["empty", "header alone", "other columns", "no references", "truncated", "quotes", "huge field"],
)
def test_unreadable_file_is_refused_whole(read, name, content, where, on_error):
    with pytest.raises(CorpusFormatError, match=where):
        read(name, content, on_error)


VALUES = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)
NAMES = st.from_regex(r"[a-z][A-Za-z_ -]{0,8}[a-z0-9]", fullmatch=True)
SLOTS = st.lists(st.builds(Slot, NAMES, VALUES.map(str.strip)), min_size=1, max_size=8).map(tuple)
ACTS = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


def render(each: tuple[Slot, ...]) -> str:
    return ", ".join(f"{slot.name}[{slot.value}]" for slot in each)


@given(SLOTS)
def test_e2e_render_then_parse(each):
    assert e2e.parse(render(each)) == SlotValues(each)


@given(ACTS, SLOTS)
def test_viggo_render_then_parse(act, each):
    assert viggo.parse(f"{act}({render(each)})") == SlotValues(each, act=act)


@given(st.text("ab[](), \n", max_size=20))
def test_what_parses_is_what_was_written(text):
    for parse in (e2e.parse, viggo.parse):
        source = parse(text)
        if source is not None:
            written = f"{source.act}({render(source.slots)})" if source.act else render(source.slots)
            assert written.replace(" ", "") == "".join(text.split())
