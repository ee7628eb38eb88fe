"""WebNLG 1.4: what the reader keeps, leaves out and refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest

from datatuner import corpora
from datatuner.errors import CorpusFormatError
from datatuner.example import Example, Triple, Triples

FIXTURE = Path(__file__).parent / "fixtures" / "webnlg"


@pytest.fixture(scope="module")
def train():
    return {example.id: example for example in corpora.read("webnlg", FIXTURE, "train")}


@pytest.fixture(scope="module")
def validation():
    return corpora.read("webnlg", FIXTURE, "validation")


def entry(
    text: str = "<lex><text>A pie.</text></lex>", *, eid: str = "Id1", triple: str = "Pie | region | Fens"
) -> str:
    triples = f"<modifiedtripleset><mtriple>{triple}</mtriple></modifiedtripleset>"
    return f'<entry category="Food" eid="{eid}" size="1">\n{triples}\n{text}\n</entry>\n'


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes one validation file of WebNLG and returns the corpus folder."""

    def write(content: str, name: str = "1triples/Food.xml") -> Path:
        path = tmp_path / "data/v1.4/en/dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return tmp_path

    return write


def benchmark(*entries: str) -> str:
    return '<?xml version="1.0" ?>\n<benchmark><entries>\n' + "".join(entries) + "</entries></benchmark>\n"


def read(folder: Path, on_error: corpora.OnError = "raise") -> corpora.Corpus:
    return corpora.read("webnlg", folder, "validation", on_error=on_error)


def only_triple(example: Example) -> Triple:
    assert isinstance(example.source, Triples)
    (triple,) = example.source.triples
    return triple


def test_ids_are_unique_although_eids_are_not(train):
    assert list(train) == ["1triples/Airport/Id1", "1triples/Airport/Id2", "1triples/Food/Id1", "2triples/Airport/Id1"]


def test_modified_triples_are_read_not_the_original_ones(train):
    assert train["1triples/Airport/Id2"].source == Triples(
        (Triple("Elmo_Airfield", "operatingOrganisation", "Brightwater_Council"),)
    )


def test_property_with_parentheses(train):
    assert only_triple(train["1triples/Airport/Id1"]).predicate == "elevationAboveTheSeaLevel_(in_metres)"


def test_texts_commented_bad_or_to_fix_are_kept_in_order(train):
    assert train["1triples/Airport/Id1"].references == (
        "Elmo Airfield lies 12 metres above the sea.",
        "12 metres Elmo Airfield is high.",
        "Elmo Airfield is elevated by 12 metres",
    )


def test_duplicate_texts_are_kept(train):
    references = train["1triples/Airport/Id2"].references
    assert len(references) == 3
    assert references[0] == references[2]


def test_objects_are_kept_as_written(train, validation):
    triples = train["2triples/Airport/Id1"].source.triples
    assert [triple.object for triple in triples] == ["39500.0 (square metres)", '"100305.0"(crowns)']
    assert only_triple(train["1triples/Food/Id1"]).object == '"Salt & pepper, "wild" moss"'
    assert only_triple(validation[0]).object == "< 30 minutes"
    assert only_triple(validation[1]).object == '"Pie \\ "of the fens""'


def test_stray_separators_and_line_breaks_are_no_part_of_a_text(train):
    text = "The Brightwater airfield Elmo cost 100305 crowns and covers 39500 square metres."
    assert train["2triples/Airport/Id1"].references == (text,)
    assert corpora.read("webnlg", FIXTURE, "train").counts["separators_removed"] == 1


def test_an_at_sign_inside_a_word_stays(written):
    folder = written(benchmark(entry("<lex><text>Write to pie@fens.example.</text></lex>")))
    assert read(folder)[0].references == ("Write to pie@fens.example.",)


def test_empty_texts_are_left_out_and_an_entry_without_any_is_counted(validation):
    assert validation.counts["rows"] == 3
    assert validation.counts["empty_references"] == 3
    assert validation.counts["without_reference"] == 1
    assert [example.id for example in validation] == ["1triples/Food/Id1", "1triples/Food/Id3"]


def test_text_directly_in_lex(validation):
    assert validation[1].references == ("Nettle pie is also called pie of the fens.",)


def test_attributes_tell_unseen_categories_by_the_training_files():
    corpus = corpora.read("webnlg", FIXTURE, "test")
    assert [dict(example.attributes) for example in corpus] == [
        {"category": "Astronomer", "seen": "unseen", "size": "1"},
        {"category": "Food", "seen": "seen", "size": "1"},
    ]


def test_size_is_the_triple_count_and_training_is_seen(train):
    assert train["2triples/Airport/Id1"].attributes == {"category": "Airport", "seen": "seen", "size": "2"}


def test_folders_come_in_numeric_order(written):
    written(benchmark(entry()), "10triples/Food.xml")
    folder = written(benchmark(entry()), "2triples/Food.xml")
    written(benchmark(entry()), "notes/Food.xml")
    assert [example.id for example in read(folder)] == ["2triples/Food/Id1", "10triples/Food/Id1"]


def test_an_object_may_hold_the_separator(written):
    assert only_triple(read(written(benchmark(entry(triple="Pie | code | A | B"))))[0]).object == "A | B"


MALFORMED = {
    "two parts": entry(triple="Pie | region", eid="Id2"),
    "empty object": entry(triple="Pie | region | ", eid="Id2"),
    "no lex": entry("", eid="Id2"),
    "no eid": entry(eid=""),
    "eid twice": entry(),
    "no triples": '<entry category="Food" eid="Id2"><lex><text>A pie.</text></lex></entry>\n',
    "no category": '<entry eid="Id2"><lex><text>A pie.</text></lex></entry>\n',
}


@pytest.mark.parametrize("bad", MALFORMED.values(), ids=MALFORMED)
def test_malformed_entry_names_its_line_or_is_skipped(written, bad):
    folder = written(benchmark(entry(), bad, entry(eid="Id3")))
    with pytest.raises(CorpusFormatError, match=r"Food\.xml:7: expected .*, found .*corpus\.on_error=skip"):
        read(folder)
    corpus = read(folder, "skip")
    assert [example.id for example in corpus] == ["1triples/Food/Id1", "1triples/Food/Id3"]
    assert (corpus.counts["rows"], corpus.counts["skipped"]) == (3, 1)
    assert "Food.xml:7" in corpus.skipped[0]


BOMB = '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
BROKEN = {
    "truncated": benchmark(entry(), entry(eid="Id2"))[:-60],
    "unclosed": "<benchmark><entries>",
    "entity bomb": BOMB + benchmark(entry("<lex>&b;</lex>")).partition("\n")[2],
    "external entity": EXTERNAL + benchmark(entry("<lex>&x;</lex>")).partition("\n")[2],
    "no entries": "<benchmark/>",
    "unknown encoding": benchmark(entry()).replace(" ?>", ' encoding="klingon" ?>'),
    "multi-byte encoding": benchmark(entry()).replace(" ?>", ' encoding="shift_jis" ?>'),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_broken_or_hostile_file_is_refused_whole(written, content, on_error):
    with pytest.raises(CorpusFormatError, match="Replace the file"):
        read(written(content), on_error)
