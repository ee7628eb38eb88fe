"""The JSON Lines files between stages: hypotheses, final predictions, and any system's outputs.

UTF-8, one JSON object per line, keyed by example id. What is read back is checked field by field: damage is one
RecordError with file and line, never a traceback.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from datatuner.errors import RecordError, shorten
from datatuner.fields import Fields, lines_of, objects_of
from datatuner.findings import KINDS, SlotError

T = TypeVar("T")
OFFENDERS_SHOWN = 3

# Of a text about its data, as severity sorts them (Harkous et al. 2020, section 3.2).
LABELS = ("accurate", "value_error", "repetition", "omission", "hallucination")
BEAMS, SCORED, PREDICTIONS, METRICS = "beams.jsonl", "scored.jsonl", "predictions.jsonl", "metrics.json"
COMPARISON = "comparison.json"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One text for an input, as beam search left it.

    `tokens` counts generated tokens including `<eos>`; `log_probability` is their sum (natural log);
    `score` = log_probability / tokens**alpha; `complete` says whether `<eos>` was generated.
    """

    text: str
    log_probability: float
    tokens: int
    score: float
    complete: bool


@dataclass(frozen=True, slots=True)
class BeamRow:
    """One input's n-best list, never empty; a line of beams.jsonl. Complete ones come first, each kind by score.

    `source` is the linearized input, for a reader's eye.
    """

    id: str
    source: str
    hypotheses: tuple[Hypothesis, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a text about its data, beside the references.

    `probabilities` are the classifier's, one for each label and 1 in sum, calibrated on corrupted references; `label`
    is the most probable one. Both are None without a classifier. `slot_errors` come from the alignment of the text with
    its data; None where it cannot read the text's language.
    """

    label: str | None
    probabilities: Mapping[str, float] | None
    slot_errors: tuple[SlotError, ...] | None

    @classmethod
    def by(cls, probabilities: Sequence[float], slot_errors: tuple[SlotError, ...] | None) -> "Verdict":
        """By a classifier's probabilities, in the order of LABELS; the first of equal ones gives the label."""
        by_label = dict(zip(LABELS, probabilities, strict=True))
        return cls(max(by_label, key=by_label.__getitem__), by_label, slot_errors)


@dataclass(frozen=True, slots=True)
class ScoredHypothesis:
    """A hypothesis with its verdict; `sentence_bleu` (0..100, against the references) is for `oracle` alone."""

    hypothesis: Hypothesis
    verdict: Verdict
    sentence_bleu: float


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One input's scored n-best list in the beam's order; a line of scored.jsonl.

    `slots` counts what the data say; None where texts are not aligned with them.
    """

    id: str
    source: str
    slots: int | None
    hypotheses: tuple[ScoredHypothesis, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The text an evaluation scored for one input, beside what it was scored against; a line of predictions.jsonl.

    `source` is the linearized input, of which `slots` are counted. `rank` is the text's place in the beam, from 0.
    `complete`, `log_probability` and `rank` are None for texts of another system. `judges_differ`: the label is
    accurate though there are slot errors, or another one though there are none; None without a label or an alignment.
    """

    id: str
    source: str
    text: str
    references: tuple[str, ...]
    slots: int | None
    verdict: Verdict
    judges_differ: bool | None = None
    complete: bool | None = None
    log_probability: float | None = None
    rank: int | None = None


def read_beams(path: Path) -> list[BeamRow]:
    """The rows of one beams file, in file order.

    Raises:
        RecordError: the file cannot be read, a line is not a beam row (says which, what was expected, what was
            found), or an id stands twice.
    """
    rows: dict[str, BeamRow] = {}
    for fields in objects_of(path):
        row = BeamRow(
            id=fields.text("id"),
            source=fields.text("source"),
            hypotheses=tuple(_hypothesis(item) for item in fields.objects("hypotheses")),
        )
        if row.id in rows:
            fields.refuse("an id that no earlier line has", shorten(row.id))
        rows[row.id] = row
    return list(rows.values())


def merge_beams(paths: Sequence[Path], ids: Sequence[str]) -> list[BeamRow]:
    """The rows of several ranks' beams files, one per id of the split and in its order.

    Raises:
        RecordError: as `read_beams`, or an id is repeated, missing or unknown; gives counts and the first ids.
    """
    pairs = ((row.id, row) for path in paths for row in read_beams(path))
    return _in_order(", ".join(map(str, paths)), pairs, ids, "Decode this split again.")


def merge_scored(paths: Sequence[Path], beams: Sequence[BeamRow]) -> list[ScoredRow]:
    """The rows of several ranks' scored files, in the order of the decoding that they must be of.

    Raises:
        RecordError: as `read_beams`, or inputs or hypotheses of the decoding are missing, or others are there.
    """
    path = ", ".join(map(str, paths))
    pairs = ((row.id, row) for each in paths for row in map(_scored_row, objects_of(each)))
    rows = _in_order(path, pairs, [row.id for row in beams], "Score this split again.")
    for row, beam in zip(rows, beams, strict=True):
        found = tuple(scored.hypothesis for scored in row.hypotheses)
        if found != beam.hypotheses:
            raise RecordError(
                f"{path}: input {shorten(row.id)}: expected the decoding's {len(beam.hypotheses)} hypotheses, found "
                f"{len(found)}{' others' if len(found) == len(beam.hypotheses) else ''}. Score this split again."
            )
    return rows


def read_scored(path: Path, beams: Sequence[BeamRow]) -> list[ScoredRow]:
    """As `merge_scored`, of one file."""
    return merge_scored([path], beams)


def read_evaluated(path: Path) -> list[Prediction]:
    """The rows of an evaluation's own predictions file, in file order.

    Raises:
        RecordError: the file cannot be read, or a line is not such a row: of another system, or of an older version.
    """
    return [_prediction(fields) for fields in objects_of(path)]


def read_predictions(path: Path, ids: Sequence[str]) -> list[str]:
    """Any system's texts, in the order of `ids`.

    `*.jsonl` holds objects with at least `id` and `text`, in any order. Any other name is plain text, one line per id
    in the split's order; only `\\n` and `\\r\\n` end a line, and an empty line is an empty text.

    Raises:
        RecordError: the file cannot be read, a line is malformed, or count or ids do not match the split.
    """
    if path.suffix == ".jsonl":
        pairs = ((fields.identifier(), fields.text("text")) for fields in objects_of(path))
        return _in_order(str(path), pairs, ids, "Write one line per input of this split, or name the right split.")
    texts = lines_of(path)
    if len(texts) != len(ids):
        raise RecordError(
            f"{path}: expected {len(ids)} lines, one per input of this split, found {len(texts)}. "
            "Name the split these texts belong to, or give predictions as JSON Lines with id and text."
        )
    return texts


def _in_order(name: str, pairs: Iterable[tuple[str, T]], ids: Sequence[str], way_out: str) -> list[T]:
    """The values of (id, value) pairs in the order of `ids`, where both hold the same ids once each."""
    found: dict[str, T] = {}
    repeated = []
    for key, value in pairs:
        if key in found:
            repeated.append(key)
        found[key] = value
    known = set(ids)
    offenders = {
        "repeated": repeated,
        "missing": [key for key in ids if key not in found],
        "unknown": [key for key in found if key not in known],
    }
    if any(offenders.values()):
        listed = "; ".join(f"{len(keys)} {kind} ({_first(keys)})" for kind, keys in offenders.items() if keys)
        raise RecordError(f"{name}: expected each of the split's {len(ids)} ids once, found {listed}. {way_out}")
    return [found[key] for key in ids]


def _first(keys: Sequence[str]) -> str:
    more = ["…"] if len(keys) > OFFENDERS_SHOWN else []
    return ", ".join([*map(shorten, keys[:OFFENDERS_SHOWN]), *more])


def _hypothesis(fields: Fields) -> Hypothesis:
    return Hypothesis(
        text=fields.text("text"),
        log_probability=fields.number("log_probability"),
        tokens=fields.count("tokens"),
        score=fields.number("score"),
        complete=fields.flag("complete"),
    )


def _scored_row(fields: Fields) -> ScoredRow:
    return ScoredRow(
        id=fields.text("id"),
        source=fields.text("source"),
        slots=fields.nullable("slots", lambda name: fields.count(name, least=0)),
        hypotheses=tuple(
            ScoredHypothesis(
                _hypothesis(item.object("hypothesis")), _verdict(item.object("verdict")), item.number("sentence_bleu")
            )
            for item in fields.objects("hypotheses")
        ),
    )


def _prediction(fields: Fields) -> Prediction:
    return Prediction(
        id=fields.text("id"),
        source=fields.text("source"),
        text=fields.text("text"),
        references=tuple(fields.texts("references")),
        slots=fields.nullable("slots", lambda name: fields.count(name, least=0)),
        verdict=_verdict(fields.object("verdict")),
        judges_differ=fields.optional("judges_differ", fields.flag),
        complete=fields.optional("complete", fields.flag),
        log_probability=fields.optional("log_probability", fields.number),
        rank=fields.optional("rank", lambda name: fields.count(name, least=0)),
    )


def _verdict(fields: Fields) -> Verdict:
    label = fields.nullable("label", fields.text)
    if label is not None and label not in LABELS:
        fields.refuse(f"'label' with one of {', '.join(LABELS)}", shorten(label))
    probabilities = fields.nullable("probabilities", fields.object)
    errors = fields.nullable("slot_errors", lambda name: fields.objects(name, least=0))
    return Verdict(
        label,
        None if probabilities is None else {name: probabilities.number(name) for name in LABELS},
        None if errors is None else tuple(map(_slot_error, errors)),
    )


def _slot_error(fields: Fields) -> SlotError:
    kind = fields.text("kind")
    if kind not in KINDS:
        fields.refuse(f"'kind' with one of {', '.join(KINDS)}", shorten(kind))
    slot, value, found = (fields.text(name) for name in ("slot", "value", "found"))
    start, end = (fields.count(name, least=0) for name in ("start", "end"))
    return SlotError(kind, slot, value, found, start, end)
