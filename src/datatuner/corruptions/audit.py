"""What a recipe does to a corpus: how often each operation is possible, changes nothing, cuts words, reaches a slot."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from datatuner.alignment import Aligner
from datatuner.corruptions.accepting import Difference, accepted, difference, says_again
from datatuner.corruptions.drawing import Maker, certain
from datatuner.corruptions.pair import Edit, Pair
from datatuner.corruptions.pool import Case, Pool
from datatuner.example import Example
from datatuner.records import LABELS

REFERENCES = 200  # that every operation is tried on
_WORD = re.compile(r"[^\W\d_]{2,}")


def audit(
    examples: Sequence[Example], aligner: Aligner, *, recipe: str, seed: int, references: int = REFERENCES
) -> tuple[dict[str, Any], dict[str, list[Pair]]]:
    """The figures of a recipe as JSON has them, and the pairs of each operation they were counted on.

    Every operation is tried on the same drawn references. Shares are 0..1: `possible` of references;
    `meaning_kept` of an operation's pairs, those in which the aligner finds nothing new (None where it cannot judge: a
    denied clause, an accurate pair); `not_as_labelled` those that `audited` would refuse; `words_cut` those with a
    word that no text and no value has.
    `labels` are the shares in all that the recipe makes of these references.

    Raises:
        ConfigError: no such recipe.
    """
    maker = Maker(Pool(examples, aligner), recipe=recipe, seed=seed)
    cases = maker.drawn(maker.pool.cases)[:references]
    known = _words_of(maker.pool)
    rows: dict[str, Any] = {}
    made: dict[str, list[Pair]] = {}
    for name, (label, _) in maker.table.items():
        found = [(case, pair) for case in cases if (pair := maker.pair(case, name)) is not None]
        made[name] = [pair for _, pair in found]
        rows[name] = {"label": label, "pairs": len(found), "possible": _share(len(found), len(cases))}
        rows[name] |= _measured(name, found, aligner, known)
    slots = Counter(fact.slot for case in cases for fact in case.facts)
    reached = {slot for row in rows.values() if row["label"] != "accurate" for slot in row["slots"]}
    labels = Counter(pair.label for pair in maker.everything(cases))
    report = {
        "recipe": recipe,
        "seed": seed,
        "references": len(cases),
        "operations": {name: row | {"slots": len(row["slots"])} for name, row in rows.items()},
        "labels": {label: _share(labels[label], labels.total()) for label in LABELS},
        "slots": _coverage(slots, rows),
        "slots_never_reached": sorted(set(slots) - reached),
    }
    return report, made


def _measured(name: str, found: Sequence[tuple[Case, Pair]], aligner: Aligner, known: set[str]) -> dict[str, Any]:
    slots: Counter[str] = Counter()
    kept = cut = refused = 0
    for case, pair in found:
        after = aligner.align(pair.source, pair.text)
        change = difference(case.aligned, after)
        slots.update(_slots(change))
        again = pair.label == "repetition" and says_again(case.aligned, after, pair.start, pair.end)
        kept += not (change.any or again or (pair.text == case.text and change.lost))
        edit = Edit(case.source if pair.source == case.source else pair.source, pair.text, pair.start, pair.end)
        refused += accepted(pair.label, case, edit, aligner) is None
        cut += any(word not in known for word in _WORD.findall(pair.text.lower()))
    judged = bool(found) and found[0][1].label != "accurate" and not certain(name, found[0][0])
    return {
        "meaning_kept": _share(kept, len(found)) if judged else None,
        "not_as_labelled": _share(refused, len(found)) if judged else None,
        "words_cut": _share(cut, len(found)),
        "slots": slots,
    }


def _slots(change: Difference) -> set[str]:
    errors = (*change.missing, *change.wrong, *change.added, *change.repeated)
    return {error.slot for error in errors} | {mention.slot for mention in change.lost}


def _words_of(pool: Pool) -> set[str]:
    texts = (case.text for case in pool.cases)
    values = (fact.value for example in pool.examples for fact in pool.facts_of(example))
    return {word for text in (*texts, *values) for word in _WORD.findall(text.lower().replace("_", " "))}


def _coverage(slots: Mapping[str, int], rows: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Slot -> how many of the references have it, and how many corruptions it was wrong in."""
    wrong = [row["slots"] for row in rows.values() if row["label"] != "accurate"]
    return {slot: {"values": slots[slot], "corrupted": sum(row[slot] for row in wrong)} for slot in sorted(slots)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
