"""WebNLG (XML): an entry is a set of RDF triples with its texts. The official releases, and the enriched 1.4.

A release is a corpus of its own rather than a key of one corpus: its name is the folder under `runs/`, the value in a
sweep (`-m corpus=webnlg,webnlg_v3_en`) and the row of a table, so that two releases' scores are never mistaken for one
another. The official ones lie in one repository (`webnlg-dataset`), whose root is the corpus folder of each of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from datatuner.corpora.corpus import Corpus, OnError, Tally, file_error, read_bytes, row_error
from datatuner.example import Example, Triple, Triples

# The delexicalised templates of the enriched release put ` @ ` between two neighbouring entities, and 609 texts of
# 25,298 kept it ("American @ Alan Bean"). No text of that release has another @: the sign is no part of its language.
_SEPARATOR = re.compile(r" @(?= )")
_FOLDERS = {"train": "train", "validation": "dev", "test": "test"}
_SIZE = re.compile(r"(\d+)triples")
_SIZES = "{1..7}triples/*.xml"
_NEEDED = ("eid", "category")  # attributes of an entry


@dataclass(frozen=True)
class Release:
    """Where a release's files lie in the corpus folder, and which of their texts are its own.

    `root` holds the folders train, dev and test, each with folders by triple count, or a test of one `test_file`.
    Texts that name another `language` are left out, those that name none (`lang=""`) are kept.
    """

    root: str
    test_file: str | None = None
    no_references: str = ""  # the file that looks like `test_file`, and has inputs only
    language: str = "en"
    enriched: bool = False

    @property
    def layout(self) -> str:
        if self.test_file is None:
            return f"{self.root}/{{train,dev,test}}/{_SIZES}"
        return (
            f"{self.root}/{{train,dev}}/{_SIZES} and {self.root}/test/{self.test_file} "
            f"({self.no_references} has inputs only)"
        )

    def files(self, folder: Path, split: str) -> tuple[Path, ...]:
        """Files by triple count (as a number), then by name."""
        root = folder / self.root / _FOLDERS[split]
        if split == "test" and self.test_file is not None:
            return (root / self.test_file,)
        sizes = {match: path for path in root.glob("*triples") if (match := _SIZE.fullmatch(path.name))}
        folders = [sizes[match] for match in sorted(sizes, key=lambda match: int(match[1]))]
        return tuple(path for each in folders for path in sorted(each.glob("*.xml")))

    def read(self, folder: Path, split: str, on_error: OnError) -> Corpus:
        """One Example per entry.

        Attributes: category, size (number of triples), and seen or unseen, which asks whether this release's training
        files have the category. An entry without a text of the release's language that is not empty (1.4: two in the
        development files) is left out and counted, and so are single texts, as empty or of another language.
        """
        tally = Tally(on_error)
        seen = _categories(self.files(folder, "train")) if split == "test" else None
        examples: list[Example] = []
        for path in self.files(folder, split):
            for entry in _entries(path):
                tally.counts["rows"] += 1
                with tally.row():
                    example = self._example(path, entry, split, seen, tally)
                    if example.references:
                        examples.append(example)
                    else:
                        tally.counts["without_reference"] += 1
        return tally.corpus(examples)

    def _example(self, path: Path, entry: "_Entry", split: str, seen: set[str] | None, tally: Tally) -> Example:
        for name in _NEEDED:
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
        place = path.stem if path.name == self.test_file else f"{path.parent.name}/{path.stem}"
        identifier = f"{place}/{entry.attributes['eid']}"
        tally.claim(identifier, path, entry.line)
        return Example(identifier, split, Triples(triples), self._references(entry.texts, tally), attributes)

    def _references(self, texts: list["_Text"], tally: Tally) -> tuple[str, ...]:
        own = [text.content for text in texts if text.language in ("", self.language)]
        tally.counts["other_language"] += len(texts) - len(own)
        if self.enriched:
            tally.counts["separators_removed"] += sum(bool(_SEPARATOR.search(text)) for text in own)
            own = [_SEPARATOR.sub("", text) for text in own]
        return tally.references(own)


_V3_TEST = "rdf-to-text-generation-test-data-{}-refs-{}.xml"
RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "webnlg": Release("data/v1.4/en", enriched=True),
        "webnlg_2017": Release("webnlg_challenge_2017", "testdata_with_lex.xml", "testdata_no_lex.xml"),
        "webnlg_v2_1": Release("release_v2.1/xml"),
        "webnlg_v3_en": Release("release_v3.0/en", _V3_TEST.format("with", "en"), _V3_TEST.format("without", "en")),
        "webnlg_v3_ru": Release(
            "release_v3.0/ru", _V3_TEST.format("with", "ru"), _V3_TEST.format("without", "ru"), language="ru"
        ),
    }
)


@dataclass(frozen=True)
class _Text:
    language: str  # of its lex; "" where none is named
    content: str


@dataclass
class _Entry:
    line: int
    attributes: dict[str, str]
    triples: list[str] = field(default_factory=list)
    texts: list[_Text] = field(default_factory=list)


def _triple(path: Path, entry: _Entry, text: str) -> Triple:
    parts = [part.strip() for part in text.strip().split(" | ", maxsplit=2)]
    if len(parts) != 3 or not all(parts):
        raise row_error(path, entry.line, "mtriple 'subject | predicate | object'", text)
    return Triple(*parts)


def _categories(paths: tuple[Path, ...]) -> set[str]:
    return {entry.attributes.get("category", "") for path in paths for entry in _entries(path)}


def _entries(path: Path) -> list[_Entry]:
    """The entries of one file, whole: a broken or hostile file yields none.

    Document types are refused, not only entities in them: an attribute's default, written once, would be copied into
    every element. The file is parsed in one piece, because expat before 2.6 reads a token that ends in a later piece
    again from its start.
    """
    content = read_bytes(path)
    handler = _EntryHandler()
    parser = DefusedExpatParser(bufsize=len(content), forbid_dtd=True)
    parser.setContentHandler(handler)
    try:
        parser.parse(BytesIO(content))
    except SAXParseException as error:
        raise file_error(path, error.getLineNumber(), "well-formed XML", error.getMessage()) from error
    except DefusedXmlException as error:
        line = parser.getLineNumber()
        raise file_error(path, line, "XML without a document type or entities", type(error).__name__) from error
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
        self._inside = False  # an entry
        self._open: list[str] = []  # elements from the root to here
        self._content: list[str] = []
        self._language = ""  # of this lex
        self._texts: list[str] = []  # lex/text of this lex

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        self._open.append(name)
        self._content = []
        if name == "entry":
            line = (self._locator and self._locator.getLineNumber()) or 1
            self.entries.append(_Entry(line, {key: attrs[key] for key in _NEEDED if key in attrs}))
            self._inside = True
        elif name == "lex":
            self._language, self._texts = attrs.get("lang", ""), []

    def characters(self, content: str) -> None:
        self._content.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()
        if name == "entry":
            self._inside = False
        elif self._inside:
            self._keep("".join(self._content), name, parent=self._open[-1])
        self._content = []

    def _keep(self, content: str, name: str, parent: str) -> None:
        match parent, name:
            case "modifiedtripleset", "mtriple":
                self.entries[-1].triples.append(content)
            case "lex", "text":
                self._texts.append(content)
            case "entry", "lex":
                self.entries[-1].texts += [_Text(self._language, text) for text in self._texts or [content]]
