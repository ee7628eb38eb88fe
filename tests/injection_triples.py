"""Errors in references of WebNLG, about triples whose object the text says word for word, once."""

import calendar
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random

from datatuner.example import Example, Triple, Triples
from tests.injected import Found, Injected, appended, make, negated, put, repeated, sentences, without

_MONTHS = calendar.month_name[1:]
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_ALIASES = (  # countries and peoples that share no beginning of a word
    ("united states", "u.s", "usa", "america"),
    ("united kingdom", "u.k", "uk", "england", "english", "brit", "scot", "wales", "london"),
    ("netherlands", "dutch", "holland"),
    ("germany", "german"),
    ("france", "french"),
    ("denmark", "danish", "danes"),
    ("philippines", "filipino", "philippine"),
    ("ireland", "irish"),
    ("spain", "spanish", "spani"),
    ("turkey", "turk"),
    ("poland", "polish"),
    ("greece", "greek"),
    ("wales", "welsh"),
)
_NESTED = ("mediaType", "category", "status")  # values of these do not exclude each other, or are said in passing
_CLAUSE = re.compile(
    r", (?:which|who|where|whose|and (?:was|is|has|it|he|she|its|his|her)|with|located in|born in)\b[^.;:,]*(?=\.$)"
)
_NAMES = tuple(re.compile("|".join(rf"\b{re.escape(name)}" for name in names)) for names in _ALIASES)
_SMALL = ("the", "and", "of", "in", "for", "de", "la", "on", "at", "a")


class TripleInjector:
    """Makes errors in references of WebNLG; `examples` lend objects, triples and texts."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.objects: dict[str, list[str]] = defaultdict(list)
        self.near: dict[str, set[str]] = defaultdict(
            set
        )  # what any triple links a thing to: true of it, or close to it
        self.lent: dict[str, list[tuple[Triple, str]]] = defaultdict(list)  # by subject: texts of one triple
        self.triples: dict[str, list[Triple]] = defaultdict(list)  # by category
        self.together: dict[str, set[str]] = defaultdict(set)  # predicates of one subject
        counts: Counter[tuple[str, str]] = Counter()
        for example in examples:
            for triple in _triples(example):
                counts[triple.predicate, triple.object] += 1
                self.near[_key(triple.subject)].add(_key(triple.object))
                self.near[_key(triple.object)].add(_key(triple.subject))
                mates = {each.predicate for each in _triples(example) if each.subject == triple.subject}
                self.together[triple.predicate] |= mates
                self.triples[example.attributes.get("category", "")].append(triple)
            self._lend(example)
        for predicate, value in sorted(counts):
            self.objects[predicate].append(value)

    def _lend(self, example: Example) -> None:
        if len(_triples(example)) != 1:
            return
        (triple,) = _triples(example)
        for text in example.references:
            whole = _surface(triple.subject) in text and _find(triple.object, text) and len(sentences(text)) == 1
            if whole and text.endswith("."):
                self.lent[example.attributes.get("category", "")].append((triple, text))

    def candidates(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        """Every error these rules can make in one reference."""
        if not all(_elsewhere(part, reference) for triple in _triples(example) for part in triple[::2]):
            return  # it may leave something out by itself
        said = [found for triple in _triples(example) if (found := _said(triple, example, reference))]
        for each in said:
            other = self._other(each, example, reference, random)
            if other:
                yield from self._exchanged(example, reference, each, other)
        yield from _cut(example, reference, said)
        yield from repeated(example, reference, lambda text: _speaks_of(text, said), random)
        yield from self._foreign(example, reference, random)
        yield from self._added(example, reference, random)
        yield from _removed(example, reference, said)

    def _other(self, said: "_Said", example: Example, text: str, random: Random) -> str | None:
        """An object of the same predicate and kind that is plainly false of the subject and not in the data."""
        triple = said.triple
        if triple.predicate in _NESTED:
            return None
        known = [text, *(_surface(part) for each in _triples(example) for part in (each.subject, each.object))]
        close = self.near[_key(triple.subject)] | self.near[_key(triple.object)]
        close |= {far for each in list(close) for far in self.near[each]} if _kind(triple.object) == "words" else set()
        values = self.objects[triple.predicate]
        for value in random.sample(values, len(values)):
            plain = _kind(value) == _kind(triple.object) and _key(value) not in close and _unlike(value, triple.object)
            if plain and not any(_overlap(value, each) for each in known):
                return value
        return None

    def _exchanged(self, example: Example, reference: str, said: "_Said", other: str) -> Iterator[Injected]:
        text, span = put(reference, said.span, _written(other, said.span.of(reference)))
        predicate = said.triple.predicate
        yield make(example, reference, "text_swap", predicate, span, text=text)
        triples = tuple(each._replace(object=other) if each == said.triple else each for each in _triples(example))
        yield make(example, reference, "data_change", predicate, said.span, source=Triples(triples))

    def _foreign(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        """A whole text of another example, about a subject of this one if there is any."""
        own = {_key(part) for triple in _triples(example) for part in (triple.subject, triple.object)}
        predicates = {triple.predicate for triple in _triples(example)}
        pool = self.lent[example.attributes.get("category", "")]
        texts = [
            (triple, text)
            for triple, text in random.sample(pool, min(200, len(pool)))
            if triple.predicate not in predicates and not _touches(triple.object, example, reference)
        ]
        about = [(triple, text) for triple, text in texts if _key(triple.subject) in own]
        if about or texts:
            triple, lent = random.choice(about or texts)
            text, span = appended(reference, lent)
            yield make(example, reference, "text_foreign", triple.predicate, span, text=text)

    def _added(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        triples = _triples(example)
        own = {triple.predicate for triple in triples}
        pool = self.triples[example.attributes.get("category", "")]
        close = {far for triple in triples for part in triple[::2] for far in (_key(part), *self.near[_key(part)])}
        for triple in random.sample(pool, min(60, len(pool))):
            mates = self.together[triples[0].predicate]
            fits = triple.predicate in mates - own and _key(triple.object) not in close
            if fits and triple.predicate not in _NESTED and not _touches(triple.object, example, reference):
                added = triple._replace(subject=triples[0].subject)
                source = Triples((*triples, added))
                yield make(example, reference, "data_add", triple.predicate, Found(0, 0), source=source)
                return


@dataclass(frozen=True)
class _Said:
    """A triple whose object the text says once."""

    triple: Triple
    span: Found


def _said(triple: Triple, example: Example, text: str) -> _Said | None:
    """None unless the object stands in one triple only, and no other entity's name holds it or is held by it."""
    triples = _triples(example)
    others = [part for each in triples for part in (each.subject, each.object)]
    others.remove(triple.object)
    spans = _find(triple.object, text)
    if len(spans) != 1 or any(_overlap(triple.object, other) for other in others) or negated(text, spans[0].start):
        return None
    if _elsewhere(triple.object, without(text, spans[0])[0]):
        return None
    return _Said(triple, spans[0])


def _cut(example: Example, reference: str, said: Sequence[_Said]) -> Iterator[Injected]:
    """A sentence that is not the first, or a clause at the end, without which an object is nowhere said."""
    clause = _CLAUSE.search(reference)
    spans = sentences(reference)[1:] + ([Found(*clause.span())] if clause else [])
    for span in spans:
        text, place = without(reference, span)
        for each in said:
            inside = span.start <= each.span.start and each.span.end <= span.end
            if inside and not _elsewhere(each.triple.object, text):
                yield make(example, reference, "text_drop_clause", each.triple.predicate, place, text=text)


def _removed(example: Example, reference: str, said: Sequence[_Said]) -> Iterator[Injected]:
    """A triple taken away whose subject is still in the data."""
    for each in said:
        triples = tuple(triple for triple in _triples(example) if triple != each.triple)
        named = {part for triple in triples for part in (triple.subject, triple.object)}
        if each.triple.subject in named and each.triple.predicate not in _NESTED:
            yield make(example, reference, "data_remove", each.triple.predicate, each.span, source=Triples(triples))


def _speaks_of(sentence: str, said: Sequence[_Said]) -> str | None:
    return next((each.triple.predicate for each in said if _find(each.triple.object, sentence)), None)


# Objects and how texts write them


def _triples(example: Example) -> tuple[Triple, ...]:
    assert isinstance(example.source, Triples)
    return example.source.triples


@cache
def _surface(value: str) -> str:
    """Underscores, quotes, a type or unit behind the value and "language" taken away."""
    value = re.sub(r'^"(.*)".*$', r"\1", value).replace("_", " ")
    value = re.sub(r"\s*\([^()]*\)$", "", value)
    return re.sub(r" language$", "", value).strip()


def _key(value: str) -> str:
    return _surface(value).lower()


@cache
def _kind(value: str) -> str:
    surface = _surface(value)
    if _DATE.fullmatch(surface):
        return "date"
    return "number" if _NUMBER.fullmatch(surface) else "words"


def _find(value: str, text: str) -> list[Found]:
    surface, kind = _surface(value), _kind(value)
    if kind == "date":
        pattern = "|".join(map(re.escape, _dates(surface)))
    elif kind == "number":
        whole, _, rest = surface.partition(".")
        grouped = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",?", whole)
        pattern = rf"(?<![\d.,]){grouped}(?:\.{rest or '0'}0*)?(?![\d]|[.,]\d)" if int(whole) > 12 else "(?!)"
        pattern = pattern if not rest.strip("0") else rf"(?<![\d.,]){grouped}\.{rest.rstrip('0')}0*(?![\d]|[.,]\d)"
    elif len(surface) < 3:
        return []
    else:
        pattern = rf"(?<![\w-]){re.escape(surface)}(?![\w-])"
    return [Found(*match.span()) for match in re.finditer(pattern, text)]


def _dates(iso: str) -> list[str]:
    year, month, day = (int(part) for part in iso.split("-"))
    if not 1 <= month <= 12:
        return [iso]
    name = _MONTHS[month - 1]
    ending = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    ways = (
        f"{name} {day}, {year}",
        f"{day} {name} {year}",
        f"{name} {day}{ending}, {year}",
        f"{day}{ending} {name} {year}",
    )
    return [*ways, f"{day}{ending} of {name} {year}", f"{day}{ending} of {name}, {year}", f"{day} {name}, {year}", iso]


def _written(value: str, like: str) -> str:
    """An object as a text would write it, in the manner of `like`."""
    surface, kind = _surface(value), _kind(value)
    if kind == "date":
        return surface if _DATE.fullmatch(like) else _dates(surface)[1 if like[0].isdigit() else 0]
    return re.sub(r"\.0+$", "", surface) if kind == "number" and "." not in like else surface


@lru_cache(maxsize=20_000)
def _stems(value: str) -> set[str]:
    """Beginnings of the words, so that Italy is in "Italian"; numbers whole."""
    words = re.findall(r"\w+", value.lower())
    return {
        word if word.isdigit() else word[:4]
        for word in words
        if word not in _SMALL and (len(word) > 2 or word.isdigit())
    }


@lru_cache(maxsize=20_000)
def _aliases(value: str) -> set[int]:
    """Which groups of _ALIASES a text names."""
    return {number for number, names in enumerate(_NAMES) if names.search(value.lower())}


def _overlap(one: str, other: str) -> bool:
    """Whether two values, or a value and a text, share a word's beginning or a people's name."""
    one, other = _surface(one), _surface(other)
    return bool(_stems(one) & _stems(other) or _aliases(one) & _aliases(other))


def _elsewhere(value: str, text: str) -> bool:
    """Whether a text may still speak of a value."""
    stems = _stems(_surface(value))
    if _kind(value) == "date":
        stems = {_surface(value)[:4]}
    return bool(stems & _stems(text) or _aliases(_surface(value)) & _aliases(text) or _find(value, text))


def _touches(value: str, example: Example, text: str) -> bool:
    """Whether a value may be spoken of by a text or its data; numbers in words count as unknown."""
    known = [text, *(part for triple in _triples(example) for part in (triple.subject, triple.object))]
    small = _kind(value) == "number" and float(_surface(value)) <= 20
    return small or not _stems(_surface(value)) or any(_elsewhere(value, _surface(each)) for each in known)


def _unlike(value: str, own: str) -> bool:
    if _kind(value) == "number":
        one, other = float(_surface(value)), float(_surface(own))
        return abs(one - other) > 0.2 * max(abs(one), abs(other)) or (1000 < one < 2100 and abs(one - other) >= 2)
    return not _overlap(value, own)
