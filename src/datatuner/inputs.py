"""What a user hands to an exported model -> Source: Python values, and the raw rows of each corpus.

triples   [("Michelle Obama", "birthPlace", "Chicago"), …], or rows "Michelle_Obama | birthPlace | Chicago", a line each
slots     {"name": "Alimentum", "area": "city centre"}, or E2E's "name[Alimentum], area[city centre]"
act       {"act": "inform", "slots": {…}}, or ViGGO's "inform(name[Dirt], genres[sport])"
AMR       "(w / want-01 :ARG0 (b / boy))"
any       a line of own data, {"triples": [[…]]}, {"slots": …} or {"amr": "…"}, or an Example's source itself

An `id` beside `triples`, `slots` or `amr` is the record's own. Among the slots of the first form it is a slot like any
other in Python; in a line of text, where records are told apart by it, it is the record's there too.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from datatuner.corpora import e2e, viggo
from datatuner.corpora.amr import AmrSyntaxError, parse
from datatuner.corpora.jsonl import KNOWN, read_source
from datatuner.errors import RecordError, shorten
from datatuner.example import AmrGraph, SlotValues, Source, Triples
from datatuner.fields import Fields, json_of

FORMS = (
    "triples [(subject, predicate, object), …], slots {name: value, …}, {'act': …, 'slots': …}, a row of WebNLG, E2E "
    "or ViGGO, an AMR in PENMAN notation, or an Example's source"
)
KINDS: Mapping[type[Source], str] = {Triples: "triples", SlotValues: "slots", AmrGraph: "amr"}
MOST_IDS = 1_000_000  # most records of an input among which repeated ids are looked for
_KEYS = frozenset(KINDS.values())
AMR_EXAMPLE = "(w / want-01 :ARG0 (b / boy) :ARG1 (g / go-02 :ARG0 b))"  # what LDC sells may not be shown


def is_record(given: object) -> bool:
    """Whether it is one record, not a list of them: a list of triples is one, a list of texts is not."""
    if isinstance(given, list | tuple):
        return bool(given) and all(_is_triple(item) for item in given)
    return True


def read_record(given: object, where: str = "record") -> Source:
    """The source that `given` describes.

    Args:
        where: how an error calls the record.

    Raises:
        RecordError: it is none of the forms above; says what was expected and found.
    """
    if isinstance(given, Triples | SlotValues | AmrGraph):
        return given
    if isinstance(given, str):
        return _text(given, where)
    if isinstance(given, Mapping):
        return _mapping(given, where)
    if isinstance(given, list | tuple) and given and is_record(given):
        return _triples(given, where)
    flat = isinstance(given, list | tuple) and not any(isinstance(part, list | tuple | Mapping) for part in given)
    if flat and given:
        rows = all(isinstance(part, str) and _is_row(part) for part in given)  # type: ignore[attr-defined]
        expected = "the rows of a record as one text, a line each" if rows else "a triple of three texts"
        raise RecordError.at(where, expected, shorten(repr(given)))
    raise RecordError.at(where, FORMS, shorten(repr(given)))


def identifier_of(given: object, where: str = "record") -> str | None:
    """The id of a record in own data's form; None where it has none, or has another form.

    Raises:
        RecordError: the id is neither a string that is not empty nor a whole number.
    """
    if not isinstance(given, Mapping) or "id" not in given or not _is_own_data(given):
        return None
    return Fields(where, {"id": given["id"]}).identifier()


def line_record(line: str, where: str) -> tuple[object, str | None]:
    """The record in a line of text, for `read_record`, and its id: JSON, or a row as it stands in a corpus.

    Raises:
        RecordError: the line begins like JSON and is none, or the id is no id.
    """
    if not line.lstrip().startswith(("{", "[", '"')):
        return line.strip(), None
    value = json_of(line.strip(), where, "one JSON value")
    if not isinstance(value, dict) or "id" not in value:
        return value, None
    return {name: each for name, each in value.items() if name != "id"}, Fields(where, value).identifier()


class Ids:
    """The ids of an input so far: 16 bytes of each, by which no two of a million are taken for one."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def claim(self, identifier: str | None, number: int, where: str) -> None:
        """A record without an id goes by its line's number, which may be no other record's id.

        Raises:
            RecordError: an earlier line has it.
        """
        digest = hashlib.blake2b((identifier or str(number)).encode("utf-8"), digest_size=16).digest()
        if digest in self._seen:
            found = f"none, and {number} is the id of one" if identifier is None else shorten(identifier)
            raise RecordError.at(where, "an id that no earlier line has", found)
        self._seen.add(digest)


def as_given(source: Triples | SlotValues) -> object:
    """A record that `read_record` reads as `source`, as one would type it."""
    if isinstance(source, Triples):
        return [tuple(triple) for triple in source.triples]
    by_name = {slot.name: slot.value for slot in source.slots}
    whole = len(by_name) == len(source.slots)
    slots: object = by_name if whole else [list(slot) for slot in source.slots]
    act = {} if source.act is None else {"act": source.act}
    return {**act, "slots": slots} if act or not whole else slots


def _is_triple(item: object) -> bool:
    if not (isinstance(item, list | tuple) and len(item) == 3 and all(isinstance(part, str) for part in item)):
        return False
    return not all(map(_is_row, item))


def _is_row(line: str) -> bool:
    return line.count(" | ") >= 2


def _triples(rows: Sequence[Sequence[str]], where: str) -> Source:
    return _checked({"triples": [list(map(str.strip, row)) for row in rows]}, where)


def _mapping(given: Mapping[object, object], where: str) -> Source:
    """Own data's form where it has one of its keys with more than a text, else slots and their values."""
    values = {str(name): value for name, value in given.items()}
    if not _is_own_data(values):
        return _checked({"slots": values}, where)
    identifier_of(values, where)  # refused here, though a source does without it
    return _checked(values, where)


def _is_own_data(values: Mapping[Any, object]) -> bool:
    keys = _KEYS & values.keys()
    return any(not isinstance(values[key], str) for key in keys) or ("amr" in keys and values.keys() <= KNOWN)


def _checked(values: dict[str, object], where: str) -> Source:
    return read_source(Fields(where, values))


def _text(given: str, where: str) -> Source:
    text = given.strip()
    lines = [line for line in text.split("\n") if line.strip()]
    if lines and all(map(_is_row, lines)):  # before AMR: a subject may begin with a bracket
        return _triples([line.split(" | ", maxsplit=2) for line in lines], where)
    if text.startswith(("(", "#")):
        try:
            return parse(text)
        except AmrSyntaxError as error:
            raise RecordError.at(where, error.expected, shorten(error.found)) from error
    found = viggo.parse(text) or e2e.parse(text)
    if found is None:
        raise RecordError.at(where, FORMS, shorten(given))
    return found
