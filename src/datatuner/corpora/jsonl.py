"""Own data as JSON Lines: one record per line, its source as triples, slots, act and slots, or an AMR.

{"id": "1", "triples": [["Michelle Obama", "birthPlace", "Chicago"]], "references": ["She was born in Chicago."]}
{"id": "2", "slots": {"name": "Alimentum", "area": "city centre"}, "references": ["Alimentum is in the centre."]}
{"id": "3", "act": "inform", "slots": [["name", "Dirt"], ["genres", "sport"]], "references": ["…", "…"]}
{"id": "4", "amr": "(b / boy)", "references": ["A boy."], "attributes": {"domain": "books"}}
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from datatuner.corpora.amr import AmrSyntaxError, parse
from datatuner.corpora.corpus import Tally, file_error, read_text, row_error
from datatuner.errors import RecordError, shorten
from datatuner.example import AmrGraph, Example, Slot, SlotValues, Source, Triple, Triples
from datatuner.fields import Fields, fields_of


class JsonlReader:
    """Reads `train.jsonl`, `validation.jsonl` and `test.jsonl` (`corpus=jsonl`)."""

    layout = "{train,validation,test}.jsonl"

    def files(self, folder: Path, split: str) -> Sequence[Path]:
        return (folder / f"{split}.jsonl",)

    def read(self, folder: Path, split: str, tally: Tally) -> Iterator[Example]:
        """One Example per line; blank lines are left out."""
        (path,) = self.files(folder, split)
        found = False
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            found = True
            tally.counts["rows"] += 1
            example = None
            with tally.row():
                example = self._example(path, number, line, split, tally)
            if example:
                yield example
        if not found:
            raise file_error(path, None, "one JSON object per line", "no line")

    def _example(self, path: Path, number: int, line: str, split: str, tally: Tally) -> Example:
        try:
            fields = fields_of(line, str(path))
            identifier, source = fields.identifier(), read_source(fields)
            texts, attributes = fields.texts("references"), fields.words("attributes")
        except RecordError as error:
            raise row_error(path, number, error.expected, error.found, quote=False) from error
        references = tally.references(texts)
        if not references:
            raise row_error(
                path,
                number,
                "'references' with one or more texts",
                "none but blank ones" if texts else "none",
                quote=False,
            )
        tally.claim(identifier, path, number)
        return Example(identifier, split, source, references, attributes)


def read_source(fields: Fields) -> Source:
    """The one source of a record.

    Raises:
        RecordError: none or several, an unknown field, or one that is not what it should be.
    """
    if unknown := sorted(fields.values.keys() - KNOWN):
        fields.refuse(f"no fields but {', '.join(sorted(KNOWN))}", shorten(unknown[0]))
    kinds = [kind for kind in _SOURCES if kind in fields.values]
    if len(kinds) != 1:
        fields.refuse("one of 'triples', 'slots' and 'amr'", " and ".join(kinds) or "none of them")
    if "act" in fields.values and kinds != ["slots"]:
        fields.refuse("'act' beside 'slots' alone", f"it beside {kinds[0]}")
    return _SOURCES[kinds[0]](fields)


def _triples(fields: Fields) -> Triples:
    rows = fields.rows("triples", 3, "a list of [subject, predicate, object]")
    if not rows:
        fields.refuse("'triples' with one or more", "none")
    if not all(subject.strip() and predicate.strip() for subject, predicate, _ in rows):
        fields.refuse("'triples' with a subject and a predicate each", "a blank one")
    return Triples(tuple(Triple(*row) for row in rows))


def _slots(fields: Fields) -> SlotValues:
    act = fields.text("act") if "act" in fields.values else None
    if act is not None and not act.strip():
        fields.refuse("'act' with a name", "a blank one")
    if isinstance(fields.values["slots"], dict):
        pairs = [(name, value) for name, value in fields.words("slots").items()]
    else:
        pairs = [(name, value) for name, value in fields.rows("slots", 2, "an object, or a list of [name, value]")]
    if (not pairs and act is None) or not all(name.strip() for name, _ in pairs):
        fields.refuse("'slots' with one or more names", "none, or a blank one")
    return SlotValues(tuple(Slot(name, value) for name, value in pairs), act)


def _amr(fields: Fields) -> AmrGraph:
    text = fields.text("amr")
    try:
        return parse(text)
    except AmrSyntaxError as error:
        fields.refuse(f"'amr' with {error.expected}", shorten(error.found))


_SOURCES: dict[str, Callable[[Fields], Source]] = {"triples": _triples, "slots": _slots, "amr": _amr}
KNOWN = {"id", "act", "references", "attributes", *_SOURCES}
