"""E2E, cleaned release: `name[Alimentum], area[city centre]` with one reference per CSV record."""

from pathlib import Path

from datatuner.corpora.corpus import Corpus, OnError, Tally
from datatuner.corpora.slots import parse_slots, read_slot_corpus
from datatuner.example import SlotValues

FILES = {"train": "train-fixed.no-ol.csv", "validation": "devel-fixed.no-ol.csv", "test": "test-fixed.csv"}
LAYOUT = ", ".join(FILES.values())


def files(folder: Path, split: str) -> tuple[Path, ...]:
    return (folder / FILES[split],)


def parse(text: str) -> SlotValues | None:
    """The slots of a meaning representation; None if `text` is not one. Names may repeat, values may be empty."""
    slots = parse_slots(text)
    return SlotValues(slots) if slots else None


def read(folder: Path, split: str, on_error: OnError) -> Corpus:
    (path,) = files(folder, split)
    return read_slot_corpus(path, split, parse, form="'slot[value], ...'", tally=Tally(on_error))
