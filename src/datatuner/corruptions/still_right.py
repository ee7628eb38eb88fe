"""Operations after which text and data still agree, though both are new: so that no edit gives a label away."""

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from datatuner.corruptions.accepting import difference
from datatuner.corruptions.facts import Fact, spoken, without
from datatuner.corruptions.left_out import clause_removed, item_removed, sentence_removed
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case
from datatuner.corruptions.wrong_values import changed, in_places
from datatuner.example import SlotValues

_TRIES = 3
_NAME = re.compile(r"[\"'(]*[A-Z\d]")  # other words are often put in a second way as well: "a sad, tearjerking game"


def both_changed(case: Case, rng: Random) -> Iterator[Edit]:
    """Another value in the data, and in all places of the text that say the old one word for word."""
    for fact in rng.sample(case.facts, len(case.facts)):
        places = [m for m in case.aligned.mentions if (m.slot, m.value) == (fact.slot, fact.value)]
        said = [case.text[m.start : m.end].lower() == spoken(fact.value).lower() for m in places]
        if not places or not all(said) or not (fact.slot in case.pool.lists or _NAME.match(fact.value)):
            continue
        for value in case.pool.others(case, fact, rng, 2):
            edit = in_places(case, places, spoken(value))
            yield replace(edit, source=changed(case, fact, value))


def both_removed(case: Case, rng: Random) -> Iterator[Edit]:
    """A sentence or part of one less, and the data without what it alone said."""
    operations = [sentence_removed, clause_removed, item_removed]
    for operation in rng.sample(operations, len(operations)):
        for _, edit in zip(range(_TRIES), operation(case, rng), strict=False):
            after = case.pool.aligner.align(case.source, edit.text)
            gone = difference(case.aligned, after)
            if gone.missing and not gone.wrong and not gone.added:
                yield from _without(case, [Fact(e.slot, e.value, ()) for e in gone.missing], edit)


def _without(case: Case, gone: list[Fact], edit: Edit) -> Iterator[Edit]:
    source = case.source
    wanted = {(fact.slot, fact.value) for fact in gone}
    for fact in reversed(case.facts):  # from the end: earlier places stay as they are
        if fact.place and (fact.slot, fact.value) in wanted:
            smaller = without(source, fact, case.pool.lists)
            if smaller is None:
                return
            source = smaller
            wanted.discard((fact.slot, fact.value))
    if not wanted and (isinstance(source, SlotValues) or source is not case.source):
        yield Edit(source, edit.text, edit.start, edit.end)
