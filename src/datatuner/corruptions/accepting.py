"""Whether an edit has made a text wrong in the way of its label: by what the aligner says of it that it did not before.

The reference's own errors, and the aligner's, stand on both sides and so do not matter.
"""

import re
from collections import Counter
from dataclasses import dataclass

from datatuner.alignment import Aligner, Alignment, Mention, SlotError
from datatuner.corruptions.facts import spoken
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case
from datatuner.example import AmrGraph, SlotValues, Triples

OTHER_WORDS = 2  # foreign to a graph, that make a sentence one of something else
_LONG_WORD = re.compile(r"[^\W\d_]{5,}")


@dataclass(frozen=True)
class Difference:
    """Errors that are new, by kind, and mentions whose words now say nothing."""

    missing: tuple[SlotError, ...]
    wrong: tuple[SlotError, ...]
    added: tuple[SlotError, ...]
    repeated: tuple[SlotError, ...]
    lost: tuple[Mention, ...]

    @property
    def any(self) -> bool:
        return bool(self.missing or self.wrong or self.added or self.repeated)


def difference(before: Alignment, after: Alignment) -> Difference:
    known = Counter(map(_key, before.errors))
    new: dict[str, list[SlotError]] = {"missing": [], "wrong": [], "added": [], "repeated": []}
    for error in after.errors:
        if known[_key(error)]:
            known[_key(error)] -= 1
        else:
            new[error.kind].append(error)
    lost = tuple(m for m in before.mentions if not any(o.start < m.end and m.start < o.end for o in after.mentions))
    return Difference(**{name: tuple(errors) for name, errors in new.items()}, lost=lost)


def _key(error: SlotError) -> tuple[str, str, str, str]:
    return error.kind, error.slot, error.value, error.found.lower()


def accepted(label: str, case: Case, edit: Edit, aligner: Aligner) -> Edit | None:
    """The edit, where its text is wrong in the way of `label` and in no worse one; a data edit with its span."""
    after = aligner.align(edit.source, edit.text)
    found = difference(case.aligned, after)
    if edit.source is case.source:
        return edit if _text_is(label, case, edit, found, after) else None
    if edit.text != case.text:  # both sides changed alike
        return edit if label == "accurate" and not found.any else None
    if not _data_are(label, case, found):
        return None
    lost = found.lost[0] if found.lost else None
    return Edit(edit.source, edit.text, lost.start if lost else 0, lost.end if lost else 0)


def _text_is(label: str, case: Case, edit: Edit, found: Difference, after: Alignment) -> bool:
    match label:
        case "value_error":
            values = {error.slot for error in (*found.missing, *found.wrong)}
            return bool(values) and (isinstance(case.source, Triples) or {e.slot for e in found.added} <= values)
        case "omission":
            return bool(found.missing) and not found.wrong and not found.added
        case "repetition":
            again = says_again(case.aligned, after, edit.start, edit.end)
            return again and not (found.missing or found.wrong or found.added)
        case _:
            foreign = bool(found.added) or (isinstance(case.source, AmrGraph) and _says_other_things(case, edit, after))
            return foreign and not (found.missing or found.wrong or _contradicts(case, found))


def _contradicts(case: Case, found: Difference) -> bool:
    """Whether what is new is another value of a slot that the data have with one value."""
    own = {fact.slot for fact in case.facts} - case.pool.lists
    return isinstance(case.source, SlotValues) and any(error.slot in own for error in found.added)


def _says_other_things(case: Case, edit: Edit, after: Alignment) -> bool:
    """Whether an inserted part has several long words that neither the graph explains nor the text had.

    An aligner that has learned from few sentences knows no words that are foreign to a graph but names.
    """
    known = set(_LONG_WORD.findall(case.text.lower()))
    words = [m for m in _LONG_WORD.finditer(edit.text.lower(), edit.start, edit.end) if m[0] not in known]
    said = [m for m in words if any(o.start < m.end() and m.start() < o.end for o in after.mentions)]
    return len(words) - len(said) >= OTHER_WORDS


def says_again(before: Alignment, after: Alignment, start: int, end: int) -> bool:
    """Whether the new text, between `start` and `end`, says a value that the old one said."""
    inside = {(m.slot, m.value) for m in after.mentions if m.start < end and start < m.end}
    return bool(inside & {(m.slot, m.value) for m in before.mentions})


def _data_are(label: str, case: Case, found: Difference) -> bool:
    match label:
        case "value_error":
            return bool(found.missing or found.wrong) and bool(found.lost)
        case "omission":
            return bool(found.missing) and not (found.wrong or found.added or found.lost)
        case _:
            if found.missing or found.wrong or not found.lost:
                return False
            return bool(found.added) or not isinstance(case.source, SlotValues) or _verbatim(case, found.lost)


def _verbatim(case: Case, lost: tuple[Mention, ...]) -> bool:
    """Whether the words that no data stand behind any more are a value's very own."""
    return any(case.text[m.start : m.end].lower() == spoken(m.value).lower() for m in lost)
