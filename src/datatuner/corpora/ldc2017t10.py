"""LDC2017T10 (AMR 2.0), or any AMR files laid out like it. The LDC's release is licensed: the user names its folder."""

from pathlib import Path

from datatuner.corpora.amr import read_amr_file
from datatuner.corpora.corpus import Corpus, OnError, Tally
from datatuner.example import Example

FOLDERS = {"train": "training", "validation": "dev", "test": "test"}
LAYOUT = "data/amrs/split/{training,dev,test}/*.txt"


def files(folder: Path, split: str) -> tuple[Path, ...]:
    return tuple(sorted((folder / "data" / "amrs" / "split" / FOLDERS[split]).glob("*.txt")))


def read(folder: Path, split: str, on_error: OnError) -> Corpus:
    """One Example per graph, files by name.

    Raises:
        CorpusFormatError: a malformed file or block; an `::id` used twice.
    """
    tally = Tally(on_error)
    examples: list[Example] = []
    for path in files(folder, split):
        examples.extend(read_amr_file(path, split, tally))
    return tally.corpus(examples)
