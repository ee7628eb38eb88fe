"""WebNLG (XML): an entry is a set of RDF triples with its texts. Release 1.4, enriched English."""

import re
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml.sax
from defusedxml.common import DefusedXmlException

from datatuner.corpora.corpus import Corpus, OnError, Tally, file_error, read_bytes, row_error
from datatuner.example import Example, Triple, Triples

FOLDERS = {"train": "train", "validation": "dev", "test": "test"}
LAYOUT = "data/v1.4/en/{train,dev,test}/{1..7}triples/*.xml"

# The delexicalised templates of the enriched release put ` @ ` between two neighbouring entities, and 609 texts of
# 25,298 kept it ("American @ Alan Bean"). No text of the corpus has another @, so the sign is no part of its language.
_SEPARATOR = re.compile(r" @(?= )")
_FOLDER = re.compile(r"(\d+)triples")


def files(folder: Path, split: str) -> tuple[Path, ...]:
    """Files by triple count (as a number), then by name."""
    root = folder / "data" / "v1.4" / "en" / FOLDERS[split]
    sizes = {match: path for path in root.glob("*triples") if (match := _FOLDER.fullmatch(path.name))}
    folders = [sizes[match] for match in sorted(sizes, key=lambda match: int(match[1]))]
    return tuple(path for each in folders for path in sorted(each.glob("*.xml")))


def read(folder: Path, split: str, on_error: OnError) -> Corpus:
    """One Example per entry.

    Attributes: category, size (number of triples), and seen or unseen, which asks whether the training files have
    the category. An entry whose texts are all empty (two in the development files) is left out and counted.
    """
    tally = Tally(on_error)
    seen = _categories(files(folder, "train")) if split == "test" else None
    examples: list[Example] = []
    for path in files(folder, split):
        for entry in _entries(path):
            tally.counts["rows"] += 1
            with tally.row():
                example = _example(path, entry, split, seen, tally)
                if example.references:
                    examples.append(example)
                else:
                    tally.counts["without_reference"] += 1
    return tally.corpus(examples)


@dataclass
class _Entry:
    line: int
    attributes: dict[str, str]
    triples: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def _example(path: Path, entry: _Entry, split: str, seen: set[str] | None, tally: Tally) -> Example:
    for name in ("eid", "category"):
        if not entry.attributes.get(name):
            raise row_error(path, entry.line, f"an entry with the attribute {name}", str(entry.attributes))
    triples = tuple(_triple(path, entry, text) for text in entry.triples)
    if not triples:
        raise row_error(path, entry.line, "modifiedtripleset/mtriple in the entry", "none")
    if not entry.texts:
        raise row_error(path, entry.line, "at least one lex in the entry", "none")
    category = entry.attributes["category"]
    attributes = {
        "category": category,
        "seen": "seen" if seen is None or category in seen else "unseen",
        "size": str(len(triples)),
    }
    identifier = f"{path.parent.name}/{path.stem}/{entry.attributes['eid']}"
    tally.claim(identifier, path, entry.line)
    return Example(identifier, split, Triples(triples), _references(entry.texts, tally), attributes)


def _triple(path: Path, entry: _Entry, text: str) -> Triple:
    parts = [part.strip() for part in text.strip().split(" | ", maxsplit=2)]
    if len(parts) != 3 or not all(parts):
        raise row_error(path, entry.line, "mtriple 'subject | predicate | object'", text)
    return Triple(*parts)


def _references(texts: list[str], tally: Tally) -> tuple[str, ...]:
    tally.counts["separators_removed"] += sum(bool(_SEPARATOR.search(text)) for text in texts)
    return tally.references(_SEPARATOR.sub("", text) for text in texts)


def _categories(paths: tuple[Path, ...]) -> set[str]:
    return {entry.attributes.get("category", "") for path in paths for entry in _entries(path)}


def _entries(path: Path) -> list[_Entry]:
    """The entries of one file, whole: a broken or hostile file (entity bomb, external entity) yields none."""
    handler = _EntryHandler()
    try:
        defusedxml.sax.parse(BytesIO(read_bytes(path)), handler)
    except SAXParseException as error:
        raise file_error(path, error.getLineNumber(), "well-formed XML", error.getMessage()) from error
    except DefusedXmlException as error:
        raise file_error(path, None, "XML without entities of its own", type(error).__name__) from error
    except (ValueError, LookupError) as error:  # an unknown or multi-byte encoding
        raise file_error(path, 1, "XML in UTF-8", str(error)) from error
    if not handler.entries:
        raise file_error(path, None, "a benchmark with entries", "none")
    return handler.entries


class _EntryHandler(ContentHandler):
    """Collects entries with the lines they begin on. A text is `lex/text`, or the content of a `lex` without one."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[_Entry] = []
        self._locator: Locator | None = None
        self._open: list[str] = []  # elements from the root to here
        self._content: list[str] = []
        self._texts: list[str] = []  # lex/text of this lex

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        self._open.append(name)
        self._content = []
        if name == "entry":
            line = (self._locator and self._locator.getLineNumber()) or 1
            self.entries.append(_Entry(line, dict(attrs)))
        elif name == "lex":
            self._texts = []

    def characters(self, content: str) -> None:
        self._content.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()
        parent = self._open[-1] if self._open else ""
        content = "".join(self._content)
        if "entry" in self._open:
            match parent, name:
                case "modifiedtripleset", "mtriple":
                    self.entries[-1].triples.append(content)
                case "lex", "text":
                    self._texts.append(content)
                case "entry", "lex":
                    self.entries[-1].texts += self._texts or [content]
        self._content = []
