"""A table's texts of one seed, as the report's page shows them: plain values, ready for JSON."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datatuner.errors import DataTunerError
from datatuner.example import Example
from datatuner.findings import SlotError
from datatuner.highlighting import Piece, error_words, pieces
from datatuner.judging import Judge
from datatuner.lineage import made_from
from datatuner.linearization import Segment, linearize, linearized_text
from datatuner.nbest import scored_rows
from datatuner.records import Prediction, Verdict
from datatuner.rows import Evaluation, Row, Table
from datatuner.stage_inputs import read_split
from datatuner.stages import PLAN, read_plan

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Text:
    """One text of an n-best list; `log_probability` and `complete` are None for another system's."""

    text: str
    verdict: Verdict
    log_probability: float | None
    complete: bool | None


@dataclass(frozen=True)
class System:
    """A row's texts of one seed.

    For each input `lists` has its n-best list in the beam's order, and `chosen` the place of the text that was scored.
    Systems with the same `origin` have the same lists. `calibration_error` is that of P(accurate) on the chosen texts.
    """

    name: str
    predictions: Sequence[Prediction]
    origin: Path
    lists: Sequence[Sequence[Text]]
    chosen: Sequence[int]
    calibration_error: float | None

    @property
    def ids(self) -> list[str]:
        return [prediction.id for prediction in self.predictions]


def content(table: Table, *, seed: int | None, say: Say) -> dict[str, Any]:
    """What the page of `table` shows.

    Args:
        seed: whose texts; None: the lowest one that most rows have.
        say: is told what the page lacks.
    """
    seed = _common_seed(table) if seed is None or not table.generator else seed
    systems = list(_systems(table, seed, lambda message: say(f"{table.title}: {message}")))
    marked = Marked.of(table, say)
    origins = {system.origin: system for system in systems}
    items = [
        {
            **marked.input(prediction),
            "lists": [
                [marked.text(prediction.id, each) for each in system.lists[place]] for system in origins.values()
            ],
            "chosen": [system.chosen[place] for system in systems],
        }
        for place, prediction in enumerate(systems[0].predictions if systems else ())
    ]
    if marked.others:
        say(f"{table.title}: {marked.others} inputs are plain text on the page, for the corpus has others now")
    numbers = list(origins)
    named = [
        {"name": each.name, "list": numbers.index(each.origin), "calibrationError": each.calibration_error}
        for each in systems
    ]
    return {"seed": seed if table.generator else None, "systems": named, "tags": list(marked.tags), "items": items}


def _common_seed(table: Table) -> int:
    counts = Counter(number for row in table.rows for number in row.seeds)
    return min(counts, key=lambda number: (-counts[number], number))


def _systems(table: Table, seed: int, say: Say) -> Iterator[System]:
    ids: list[str] | None = None
    known: dict[Path, Sequence[Sequence[Text]]] = {}  # rows share their lists
    for row in table.rows:
        if seed not in row.seeds:
            say(f"the page lacks {row.name}, which has no seed {seed}")
            continue
        system = _system(row, row.seeds[seed], known, say)
        if ids is not None and system.ids != ids:
            say(f"the page lacks {row.name}, whose inputs are others")
            continue
        ids = system.ids
        yield system


def _system(row: Row, evaluation: Evaluation, known: dict[Path, Sequence[Sequence[Text]]], say: Say) -> System:
    """With the texts alone where their n-best lists are no longer there; adds lists that it reads to `known`."""
    predictions = evaluation.predictions
    calibrated = evaluation.content.get("judges", {}).get("calibration_error", {}).get("value")
    score = made_from(evaluation.folder).get("score")
    if score is not None:
        try:
            if score not in known:
                known[score] = _lists(score, [prediction.id for prediction in predictions])
        except (OSError, ValueError, KeyError, DataTunerError) as error:
            say(f"{row.name} has no n-best lists on the page: {error}")
        else:
            chosen = [prediction.rank or 0 for prediction in predictions]
            return System(row.name, predictions, score, known[score], chosen, calibrated)
    elif evaluation.row:
        say(f"{row.name} has no n-best lists on the page: {evaluation.folder} does not say where they are")
    alone = [[Text(each.text, each.verdict, each.log_probability, each.complete)] for each in predictions]
    return System(row.name, predictions, evaluation.folder, alone, [0] * len(alone), calibrated)


def _lists(score: Path, ids: Sequence[str]) -> list[list[Text]]:
    return [
        [
            Text(each.hypothesis.text, each.verdict, each.hypothesis.log_probability, each.hypothesis.complete)
            for each in row.hypotheses
        ]
        for row in scored_rows(score, ids)
    ]


class Marked:
    """Inputs and texts in pieces: data by their tags, which are numbered in `tags`, texts by what they say.

    Where the corpus's files are not read, data are their linearization and texts have their errors marked alone.
    """

    def __init__(self, examples: Mapping[str, Example], judge: Judge | None) -> None:
        self.tags: dict[str, int] = {}
        self.others = 0  # inputs that the corpus's files have otherwise now
        self._examples, self._judge = dict(examples), judge

    @classmethod
    def of(cls, table: Table, say: Say) -> "Marked":
        reason = "no evaluation in it has a stage.json"
        for folder in (each.folder for row in table.rows for each in row.seeds.values()):
            if not (folder / PLAN).is_file():  # another system's texts, in an output_dir
                continue
            try:
                plan = read_plan(folder)
                corpus = read_split(plan, table.split)
                return cls({example.id: example for example in corpus}, Judge(plan, corpus))
            except (OSError, ValueError, KeyError, DataTunerError) as error:
                reason = str(error)
        lacks = "data are plain text and no value is marked on the page, for the corpus is not read"
        say(f"{table.title}: {lacks}: {reason}")
        return cls({}, None)

    def input(self, prediction: Prediction) -> dict[str, Any]:
        """An input's id, attributes, data and references."""
        example = self._examples.get(prediction.id)
        if example and linearized_text(example.source) != prediction.source:  # of other files than those of today
            del self._examples[prediction.id]
            self.others += 1
            example = None
        return {
            "id": prediction.id,
            "attributes": dict(example.attributes) if example else {},
            "data": self._data(example) if example else [[-1, prediction.source]],
            "references": [_json(self._pieces(prediction.id, text, None)) for text in prediction.references],
        }

    def text(self, identifier: str, text: Text) -> dict[str, Any]:
        """A text with its verdict, and the places in the data (segment, start, end) of values that it lacks."""
        errors = text.verdict.slot_errors
        probabilities = text.verdict.probabilities
        return {
            "pieces": _json(self._pieces(identifier, text.text, errors)),
            "label": text.verdict.label,
            "accurate": None if probabilities is None else round(probabilities["accurate"], 4),
            "logProbability": None if text.log_probability is None else round(text.log_probability, 2),
            "complete": text.complete,
            "errors": None if errors is None else [[error.kind, error_words(error)] for error in errors],
            "missing": self._missing(identifier, errors or ()),
        }

    def _data(self, example: Example) -> list[list[Any]]:
        return [[self.tags.setdefault(tag, len(self.tags)), text] for tag, text in linearize(example.source)]

    def _pieces(self, identifier: str, text: str, errors: Sequence[SlotError] | None) -> list[Piece]:
        """With the errors that were counted, or those of the alignment where none were."""
        example = self._examples.get(identifier)
        aligned = self._judge.align([(example.source, text)])[0] if example and self._judge else None
        mentions = aligned.mentions if aligned else ()
        found = aligned.errors if aligned else ()
        return pieces(text, mentions, found if errors is None else errors)

    def _missing(self, identifier: str, errors: Sequence[SlotError]) -> list[tuple[int, int, int]]:
        example = self._examples.get(identifier)
        if example is None:
            return []
        segments = linearize(example.source)
        found: list[tuple[int, int, int]] = []
        for error in errors:
            if error.kind == "missing":
                found += [place for place in _places(error, segments) if place not in found][:1]
        return found


def _places(error: SlotError, segments: Sequence[Segment]) -> list[tuple[int, int, int]]:
    """Where the data say a value, as a whole: in segments of its slot first; a slot's name comes before its value."""
    found = []
    for value in dict.fromkeys((error.value, error.value.replace("_", " "))):
        whole = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
        for number, segment in enumerate(segments if value else ()):
            own = segment.tag.strip("<>") == "_".join(error.slot.split())
            found += [(not own, number, -each.start(), each.end()) for each in whole.finditer(segment.text)]
    return [(number, -start, end) for _, number, start, end in sorted(found)]


def _json(found: Sequence[Piece]) -> list[Any]:
    """A piece without a mark as its text alone."""
    return [piece.text if piece.kind is None else list(piece) for piece in found]
