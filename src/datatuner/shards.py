"""Work on a split shared among a stage's ranks: each writes its rows and counts, and rank 0 puts them together.

The ranks need nothing of each other, so they meet in the stage's folder alone: a rank's counts are its last file.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from datatuner.ranks import Place
from datatuner.writing import write_json, write_jsonl

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
_POLL = 0.2  # seconds


class Shards:
    """One file of rows, such as beams.jsonl, in the making by every rank of a stage.

    Args:
        path: where the whole file will be.
    """

    def __init__(self, path: Path, place: Place) -> None:
        self.path, self.place = path, place

    def mine(self, items: Sequence[T]) -> Sequence[T]:
        """This rank's share: every item is exactly one rank's, and neighbours, often alike in length, are not one's."""
        return items[self.place.rank :: self.place.ranks]

    @property
    def paths(self) -> list[Path]:
        """Each rank's part, such as beams.rank0.jsonl."""
        return [self.path.with_name(f"{self.path.stem}.rank{rank}.jsonl") for rank in range(self.place.ranks)]

    def write(self, rows: "Iterable[DataclassInstance]", counts: Mapping[str, Any]) -> None:
        write_jsonl(self.paths[self.place.rank], rows)
        write_json(self._counts(self.paths[self.place.rank]), counts)

    def deliver(
        self,
        rows: "Iterable[DataclassInstance]",
        counts: Mapping[str, Any],
        merge: "Callable[[Sequence[Path]], Iterable[DataclassInstance]]",
    ) -> dict[str, Any]:
        """This rank's part; on rank 0 then the whole, which `merge` makes of the parts, and the counts of all."""
        self.write(rows, counts)
        if self.place.rank > 0:
            return dict(counts)
        found = self.gather()
        write_jsonl(self.path, merge(self.paths))
        self.remove()
        return found

    def gather(self) -> dict[str, Any]:
        """Waits for the parts of all ranks, and returns the sum of their counts. A rank that dies ends the wait: see
        `ranks.run_ranks`."""
        counts = [self._counts(path) for path in self.paths]
        while not all(path.exists() for path in counts):
            time.sleep(_POLL)
        return summed([json.loads(path.read_text(encoding="utf-8")) for path in counts])

    def remove(self) -> None:
        """The parts, once the whole is written."""
        for path in self.paths:
            path.unlink()
            self._counts(path).unlink()

    def _counts(self, part: Path) -> Path:
        return part.with_suffix(".counts.json")


def summed(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers of the same name added up, those in mappings too."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for each in counts for name in each):
        values = [each[name] for each in counts if name in each]
        if isinstance(values[0], Mapping):
            total: Counter[str] = Counter()
            for value in values:
                total.update(value)
            found[name] = dict(total)
        else:
            found[name] = sum(values)
    return found
