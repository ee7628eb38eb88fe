"""E2E: `name[Alimentum], area[city centre]` with one reference per CSV record. The cleaned and the original release.

Two corpora, `e2e` (cleaned, the paper's) and `e2e_original`, for the reason WebNLG's releases are: one name for the
folder under `runs/`, the sweep and the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from datatuner.corpora.corpus import Corpus, OnError, Tally
from datatuner.corpora.slots import parse_slots, read_slot_corpus
from datatuner.example import SlotValues


@dataclass(frozen=True)
class Release:
    names: Mapping[str, str]  # of the file of each split
    note: str = ""

    @property
    def layout(self) -> str:
        return ", ".join(self.names.values()) + self.note

    def files(self, folder: Path, split: str) -> tuple[Path, ...]:
        return (folder / self.names[split],)

    def read(self, folder: Path, split: str, on_error: OnError) -> Corpus:
        (path,) = self.files(folder, split)
        return read_slot_corpus(path, split, parse, form="'slot[value], ...'", tally=Tally(on_error))


RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "e2e": Release(
            {"train": "train-fixed.no-ol.csv", "validation": "devel-fixed.no-ol.csv", "test": "test-fixed.csv"}
        ),
        "e2e_original": Release(
            {"train": "trainset.csv", "validation": "devset.csv", "test": "testset_w_refs.csv"},
            note=" (testset.csv has inputs only)",
        ),
    }
)


def parse(text: str) -> SlotValues | None:
    """The slots of a meaning representation; None if `text` is not one. Names may repeat, values may be empty."""
    slots = parse_slots(text)
    return SlotValues(slots) if slots else None
