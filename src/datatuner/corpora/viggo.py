"""ViGGO: `inform(name[Dirt: Showdown], release_year[2012])`, a dialogue act around slots, one reference per record."""

import re
from pathlib import Path

from datatuner.corpora.corpus import Corpus, OnError, Tally
from datatuner.corpora.slots import parse_slots, read_slot_corpus
from datatuner.example import SlotValues

FILES = {"train": "viggo-train.csv", "validation": "viggo-valid.csv", "test": "viggo-test.csv"}
LAYOUT = ", ".join(FILES.values())

_ACT = re.compile(r"(?P<act>\w+)\s*\((?P<slots>.*)\)")


def files(folder: Path, split: str) -> tuple[Path, ...]:
    return (folder / FILES[split],)


def parse(text: str) -> SlotValues | None:
    """The act and its slots; None if `text` is not `act(slot[value], ...)`. Values may hold commas and parentheses."""
    match = _ACT.fullmatch(text)
    slots = parse_slots(match["slots"]) if match else None
    return SlotValues(slots, act=match["act"]) if match and slots else None


def read(folder: Path, split: str, on_error: OnError) -> Corpus:
    (path,) = files(folder, split)
    return read_slot_corpus(path, split, parse, form="'act(slot[value], ...)'", tally=Tally(on_error))
