"""The real corpora under DATATUNER_DATA, counted."""

import os
from collections import Counter
from pathlib import Path

import pytest

from datatuner import corpora
from datatuner.example import AmrGraph, AmrNode, Slot, SlotValues, Triples

COUNTS = {  # corpus: split: rows, examples, references, empty references
    "webnlg": {
        "train": (6940, 6940, 18102, 0),
        "validation": (872, 870, 2262, 6),  # two entries have empty texts only
        "test": (1862, 1862, 4928, 0),
    },
    "e2e": {
        "train": (33525, 12568, 33525, 0),
        "validation": (4299, 1484, 4299, 0),
        "test": (4693, 1847, 4693, 0),
    },
    "viggo": {
        "train": (5103, 1675, 5103, 0),
        "validation": (714, 238, 714, 0),
        "test": (1083, 359, 1083, 0),
    },
    "ldc2017t10": {
        "train": (1274, 1274, 1274, 0),
        "validation": (145, 145, 145, 0),
        "test": (143, 143, 143, 0),
    },
}


@pytest.fixture(scope="module")
def real():
    """Reads a split of a real corpus, once per module, or skips."""
    kept: dict[tuple[str, str], corpora.Corpus] = {}

    def read(name: str, split: str) -> corpora.Corpus:
        root = os.environ.get("DATATUNER_DATA")
        if not root or not (Path(root) / name).is_dir():
            pytest.skip(f"no {name} under DATATUNER_DATA ({root or 'not set'})")
        if (name, split) not in kept:
            kept[name, split] = corpora.read(name, Path(root) / name, split)
        return kept[name, split]

    return read


@pytest.mark.parametrize("split", corpora.SPLITS)
@pytest.mark.parametrize("name", COUNTS)
def test_counts(real, name, split):
    corpus = real(name, split)
    counts = corpus.counts
    found = tuple(counts[key] for key in ("rows", "examples", "references", "empty_references"))
    assert found == COUNTS[name][split]
    assert counts["skipped"] == 0
    assert len({example.id for example in corpus}) == len(corpus)
    assert all(all(example.references) for example in corpus)


@pytest.mark.parametrize(("split", "entries", "texts"), [("train", 0, 376), ("validation", 2, 38), ("test", 0, 195)])
def test_webnlg_separators_and_entries_without_text(real, split, entries, texts):
    corpus = real("webnlg", split)
    assert corpus.counts["without_reference"] == entries
    assert corpus.counts["separators_removed"] == texts
    assert not any("@" in text for example in corpus for text in example.references)


def test_webnlg_seen_and_unseen(real):
    corpus = real("webnlg", "test")
    assert Counter(example.attributes["seen"] for example in corpus) == {"seen": 971, "unseen": 891}
    unseen = {example.attributes["category"] for example in corpus if example.attributes["seen"] == "unseen"}
    assert unseen == {"Artist", "Athlete", "CelestialBody", "MeanOfTransportation", "Politician"}


def test_webnlg_sizes_are_those_of_the_folders(real):
    for example in real("webnlg", "test"):
        assert isinstance(example.source, Triples)
        assert example.id.startswith(f"{len(example.source.triples)}triples/")


def repeats_a_slot(source: object) -> bool:
    return isinstance(source, SlotValues) and max(Counter(slot.name for slot in source.slots).values()) > 1


@pytest.mark.parametrize(("split", "inputs"), [("train", 1148), ("validation", 190), ("test", 141)])
def test_e2e_repeated_slots(real, split, inputs):
    assert sum(repeats_a_slot(example.source) for example in real("e2e", split)) == inputs


@pytest.mark.parametrize(("split", "rows"), [("train", 93), ("validation", 21), ("test", 36)])
def test_viggo_empty_values(real, split, rows):
    corpus = real("viggo", split)
    empty = [e for e in corpus if isinstance(e.source, SlotValues) and any(not slot.value for slot in e.source.slots)]
    assert sum(len(example.references) for example in empty) == rows
    assert {example.attributes["act"] for example in empty} == {"request_attribute"}
    assert len({example.attributes["act"] for example in corpus}) == 9


def test_viggo_long_value_and_inputs_shared_with_train(real):
    first = real("viggo", "train")[0].source
    assert Slot("esrb", "E 10+ (for Everyone 10 and Older)") in first.slots
    train, test = ({example.source for example in real("viggo", split)} for split in ("train", "test"))
    assert len(train & test) == 10


def walk(node: AmrNode):
    yield node
    for _, target in node.edges:
        if isinstance(target, AmrNode):
            yield from walk(target)


def is_reentrant(source: object) -> bool:
    assert isinstance(source, AmrGraph)
    nodes = list(walk(source.root))
    variables = {node.variable for node in nodes}
    return any(isinstance(target, str) and target in variables for node in nodes for _, target in node.edges)


@pytest.mark.parametrize(("split", "graphs"), [("train", 524), ("validation", 59), ("test", 70)])
def test_amr_reentrancies(real, split, graphs):
    assert sum(is_reentrant(example.source) for example in real("ldc2017t10", split)) == graphs
