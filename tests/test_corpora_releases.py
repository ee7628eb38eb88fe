"""The releases of WebNLG and E2E: where their files lie, what differs, and what is said when one is missing.

Every fixture is a whole small release, written for this project, in the layout of the official one.
"""

import shutil
from pathlib import Path

import pytest

from datatuner import corpora
from datatuner.errors import CorpusFormatError, CorpusNotFoundError
from datatuner.example import Slot, SlotValues, Triple, Triples
from datatuner.linearization import linearized_text

COUNTS = {  # release: split: rows, examples, references, empty references, texts of another language
    "webnlg_2017": {"train": (2, 2, 5, 0, 0), "validation": (1, 1, 1, 0, 0), "test": (2, 2, 3, 0, 0)},
    "webnlg_v2_1": {"train": (2, 2, 3, 1, 0), "validation": (1, 1, 1, 0, 0), "test": (2, 2, 2, 0, 0)},
    "webnlg_v3_en": {"train": (1, 1, 1, 0, 0), "validation": (1, 1, 1, 0, 0), "test": (2, 2, 3, 0, 0)},
    "webnlg_v3_ru": {"train": (2, 1, 2, 0, 3), "validation": (1, 1, 1, 0, 1), "test": (2, 2, 3, 0, 0)},
    "e2e_original": {"train": (6, 4, 6, 0, 0), "validation": (3, 2, 3, 0, 0), "test": (3, 2, 3, 0, 0)},
}
WEBNLG = [name for name in COUNTS if name.startswith("webnlg")]


@pytest.fixture
def release(fixtures, tmp_path):
    """release(name): a copy of its fixture, to be changed."""
    return lambda name: Path(shutil.copytree(fixtures / name, tmp_path / name))


@pytest.mark.parametrize(("name", "split"), [(name, split) for name in COUNTS for split in corpora.SPLITS])
def test_counts(fixtures, name, split):
    corpus = corpora.read(name, fixtures / name, split)
    keys = ("rows", "examples", "references", "empty_references", "other_language")
    assert tuple(corpus.counts.get(key, 0) for key in keys) == COUNTS[name][split]
    assert corpus.counts["skipped"] == 0


# WebNLG


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        (
            "webnlg_2017",
            ["1triples/1triple_allSolutions_Airport_train_challenge/Id1", "2triples/2triples_Food_train_challenge/Id1"],
            ["testdata_with_lex/Id1", "testdata_with_lex/Id2"],
        ),
        (
            "webnlg_v2_1",
            ["1triples/Building_allSolutions/Id1", "1triples/Building_allSolutions/Id2"],
            ["1triples/Painter/Id1", "2triples/Building/Id1"],
        ),
        (
            "webnlg_v3_en",
            ["1triples/Company_allSolutions/Id1"],
            [f"rdf-to-text-generation-test-data-with-refs-en/Id{i}" for i in (1, 2)],
        ),
        (
            "webnlg_v3_ru",
            ["1triples/Building_allSolutions/Id1"],
            [f"rdf-to-text-generation-test-data-with-refs-ru/Id{i}" for i in (1, 2)],
        ),
    ],
)
def test_ids_are_the_file_within_its_split_and_the_entry(fixtures, name, train, test):
    for split, ids in (("train", train), ("test", test)):
        assert [example.id for example in corpora.read(name, fixtures / name, split)] == ids


def test_text_directly_in_lex_whatever_its_comment(fixtures):
    first = corpora.read("webnlg_2017", fixtures / "webnlg_2017", "train")[0]
    assert first.references == (
        "The runway of Larkmoor Airfield is 1210 metres long.",
        "Larkmoor Airfield, whose runway has 1210 metre.",
        "Larkmoor runs 1210.",
    )


def test_only_the_enriched_release_loses_its_separators(fixtures):
    corpus = corpora.read("webnlg_2017", fixtures / "webnlg_2017", "train")
    assert corpus[1].references[1] == "In Eastmarch @ home, people cook samphire into a broth."
    assert "separators_removed" not in corpus.counts


@pytest.mark.parametrize(("name", "count"), [("webnlg_2017", 2), ("webnlg_v2_1", 3), ("webnlg_v3_en", 16)])
def test_modified_triples_alone_are_read_however_many_original_sets_there_are(fixtures, name, count):
    path = corpora.files(name, fixtures / name, "train")[0]
    first_entry = path.read_text(encoding="utf-8").partition("</entry>")[0]
    assert first_entry.count("<originaltripleset>") == count
    source = corpora.read(name, fixtures / name, "train")[0].source
    assert isinstance(source, Triples)
    assert len(source.triples) == 1


def test_shape_of_release_3_is_no_attribute_and_the_empty_language_of_its_test_is_kept(fixtures):
    corpus = corpora.read("webnlg_v3_en", fixtures / "webnlg_v3_en", "test")
    assert [len(example.references) for example in corpus] == [2, 1]
    assert linearized_text(corpus[1].source) == (
        "<subject> The Tide Clock <predicate> director <object> Ines Barr ; "
        "<subject> The Tide Clock <predicate> runtime <object> 97.0"
    )
    assert {key for example in corpus for key in example.attributes} == {"category", "seen", "size"}


def test_seen_are_the_categories_of_the_releases_own_training_files(fixtures):
    seen = {
        name: [e.attributes["seen"] for e in corpora.read(name, fixtures / name, "test")]
        for name in ("webnlg_2017", "webnlg_v2_1", "webnlg_v3_en", "webnlg_v3_ru")
    }
    assert seen == {
        "webnlg_2017": ["seen", "unseen"],
        "webnlg_v2_1": ["unseen", "seen"],
        "webnlg_v3_en": ["seen", "unseen"],
        "webnlg_v3_ru": ["seen", "seen"],
    }


def test_russian_texts_under_the_same_lid_as_english_ones(fixtures):
    (only,) = corpora.read("webnlg_v3_ru", fixtures / "webnlg_v3_ru", "train")
    assert only.source == Triples((Triple("Gull_Hall", "location", "Port_Selby"),))
    assert only.references == ("Галл-холл стоит в Порт-Селби.", "Галл-холл находится в Порт-Селби.")


def test_an_entry_without_a_russian_text_is_left_out_and_counted(fixtures):
    counts = corpora.read("webnlg_v3_ru", fixtures / "webnlg_v3_ru", "train").counts
    assert (counts["rows"], counts["without_reference"], counts["other_language"]) == (2, 1, 3)


def test_russian_texts_that_name_their_language_or_none(fixtures):
    references = [e.references for e in corpora.read("webnlg_v3_ru", fixtures / "webnlg_v3_ru", "test")]
    assert references == [
        ("В Терн-хаусе три этажа.", "Терн-хаус — трёхэтажное здание."),
        ("Терн-хаус построен в Порт-Селби.",),
    ]


def test_one_clone_of_the_official_repository_serves_every_release(fixtures, tmp_path):
    for name in WEBNLG:
        shutil.copytree(fixtures / name, tmp_path, dirs_exist_ok=True)
    for name in WEBNLG:
        assert list(corpora.read(name, tmp_path, "test")) == list(corpora.read(name, fixtures / name, "test"))


# E2E


def test_original_e2e(fixtures):
    train = corpora.read("e2e_original", fixtures / "e2e_original", "train")  # CRLF
    assert [example.id for example in train] == ["train-1", "train-2", "train-4", "train-5"]
    assert train[0].references == (
        "Reed Cafe is a coffee shop where you pay less than £20.",
        "A coffee shop for less than £20: Reed Cafe.",
        "Reed Cafe is a coffee shop where you pay less than £20.",
    )
    assert train[1].references == ("The Otter is a pub near Café Moss, with the best rating.",)
    slots = [("name", "The Otter"), ("area", "city centre"), ("area", "riverside")]
    assert train[3].source == SlotValues(tuple(Slot(*slot) for slot in slots))


def test_inputs_without_references_under_the_name_of_the_test_set(release):
    """Kept with no references they would be scored as nothing: the file is refused, with what to put there."""
    folder = release("e2e_original")
    (folder / "testset.csv").replace(folder / "testset_w_refs.csv")
    for on_error in ("raise", "skip"):
        with pytest.raises(CorpusFormatError, match=r"testset_w_refs\.csv:1: .*inputs alone cannot be scored.*Replace"):
            corpora.read("e2e_original", folder, "test", on_error=on_error)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("webnlg_2017", "testdata_no_lex.xml"),
        ("webnlg_v3_en", "rdf-to-text-generation-test-data-without-refs-en.xml"),
        ("webnlg_v3_ru", "rdf-to-text-generation-test-data-without-refs-ru.xml"),
    ],
)
def test_triples_without_texts_under_the_name_of_the_test_set(release, name, inputs):
    folder = release(name)
    (path,) = corpora.files(name, folder, "test")
    path.with_name(inputs).replace(path)
    with pytest.raises(CorpusFormatError, match=r"\.xml:4: expected at least one lex in the entry, found 'none'\."):
        corpora.read(name, folder, "test")


# What is not there


@pytest.mark.parametrize("split", corpora.SPLITS)
@pytest.mark.parametrize("name", [*COUNTS, "webnlg", "e2e", "viggo", "ldc2017t10"])
def test_a_missing_split_names_release_split_folder_and_layout(release, name, split):
    folder = release(name)
    for path in corpora.files(name, folder, split):
        path.unlink()
    with pytest.raises(CorpusNotFoundError) as caught:
        corpora.read(name, folder, split)
    message = str(caught.value)
    assert message.startswith(f"Corpus {name} lacks ")
    assert f"split {split} in {folder}. " in message
    assert "Expected layout: " in message
    assert f"PARENT/{name} is that folder" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("webnlg_2017", "the file webnlg_challenge_2017/test/testdata_with_lex.xml of split test"),
        (
            "webnlg_v3_ru",
            "the file release_v3.0/ru/test/rdf-to-text-generation-test-data-with-refs-ru.xml of split test",
        ),
        ("e2e_original", "the file testset_w_refs.csv of split test"),
    ],
)
def test_a_missing_test_file_with_its_inputs_beside_it_is_named(release, name, found):
    folder = release(name)
    corpora.files(name, folder, "test")[0].unlink()
    with pytest.raises(CorpusNotFoundError) as caught:
        corpora.read(name, folder, "test")
    assert found in str(caught.value)
    assert "has inputs only)" in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "there"),
    [("webnlg", "webnlg_v3_en"), ("webnlg_v3_en", "webnlg"), ("webnlg_v2_1", "webnlg_2017"), ("e2e", "e2e_original")],
)
def test_another_release_in_the_folder_is_named(fixtures, asked, there):
    expected = rf"Corpus {asked} lacks .* What is there is corpus={there}\. Expected layout: "
    with pytest.raises(CorpusNotFoundError, match=expected):
        corpora.read(asked, fixtures / there, "train")
