"""Source -> segments: the structure tokens of every corpus, in one table.

A segment is a structure token (tag) and the words that follow it. Encoding tokenizes segments one by one, so no
string is ever searched for tags. The formats are those of METHOD (Harkous et al. 2020, section 3.1 and appendix):

    Triples             <subject> Michelle Obama <predicate> author of <object> Becoming ; <subject> …
    SlotValues          <name> name = [ Alimentum ] ; <area> area = [ city centre ]
    SlotValues with act <inform> inform ( <name> name: [ Dirt: Showdown ], <release_year> release year: [ 2012 ] )
    AmrGraph            want <:ARG0> ( person <:name> ( Barack Obama ) ) <:ARG1> ( go <:ARG0> person )
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from datatuner.example import AmrGraph, AmrNode, SlotValues, Source, Triples

DATA, TEXT, OTHER = "<data>", "<text>", "<other>"
RESERVED = (DATA, TEXT, OTHER)


class Segment(NamedTuple):
    """A tag and the words up to the next tag; `text` may be empty."""

    tag: str
    text: str


def linearize(source: Source) -> tuple[Segment, ...]:
    """The segments of DATA, without `<data>` itself unless words precede the first tag (an AMR's root concept)."""
    return tuple(_LINEARIZERS[type(source)](source))


def linearized_text(source: Source) -> str:
    """The linearization as one line, for a reader's eye: tags and words joined by spaces."""
    parts = (part for tag, text in linearize(source) for part in ((text,) if tag == DATA else (tag, text)))
    return " ".join(filter(None, parts))


def tag_words(tag: str) -> str:
    """The words a tag stands for: `<release_year>` gives "release year", `<:ARG0-of>` gives "ARG0 of"."""
    return _words(re.sub(r"[-_:<>]+", " ", tag)) or tag


@lru_cache(maxsize=4096)  # a corpus has few names, in very many places
def _tag(name: str) -> str:
    """A tag without spaces; a slot that is really called "text" gets `<text_>`, which is not `<text>`."""
    tag = f"<{'_'.join(name.split())}>"
    return f"{tag[:-1]}_>" if tag in RESERVED else tag


@lru_cache(maxsize=4096)
def _words(name: str) -> str:
    """camelCase split, underscores to spaces: "elevationAboveTheSeaLevel_(in_metres)" gives seven words."""
    return " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).replace("_", " ").split())


def _triples(source: Triples) -> Iterator[Segment]:
    last = len(source.triples) - 1
    for i, (subject, predicate, obj) in enumerate(source.triples):
        yield Segment("<subject>", _entity(subject))
        yield Segment("<predicate>", _predicate(predicate))
        yield Segment("<object>", _entity(obj) + (" ;" if i < last else ""))


def _predicate(name: str) -> str:
    return _words(name).lower()


def _entity(text: str) -> str:
    return " ".join(text.replace("_", " ").split())


def _slot_values(source: SlotValues) -> Iterator[Segment]:
    last = len(source.slots) - 1
    if source.act is None:
        for i, (name, value) in enumerate(source.slots):
            yield Segment(_tag(name), f"{name} = {_brackets(value)}" + (" ;" if i < last else ""))
        return
    yield Segment(_tag(source.act), f"{_words(source.act)} (" + ("" if source.slots else " )"))
    for i, (name, value) in enumerate(source.slots):
        yield Segment(_tag(name), f"{_words(name)}: {_brackets(value)}" + ("," if i < last else " )"))


def _brackets(value: str) -> str:
    return f"[ {value} ]" if value else "[ ]"


class _Role(str):
    """A role's tag, told apart from a constant that happens to look like one."""


def _amr(source: AmrGraph) -> Iterator[Segment]:
    concepts = {node.variable: _concept(node.concept) for node in _nodes(source.root)}
    tag, words = DATA, list[str]()
    for token in _amr_tokens(source.root, concepts):
        if isinstance(token, _Role):
            if words or tag != DATA:
                yield Segment(tag, " ".join(words))
            tag, words = token, []
        else:
            words.append(token)
    yield Segment(tag, " ".join(words))


def _nodes(root: AmrNode) -> Iterator[AmrNode]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(target for _, target in node.edges if isinstance(target, AmrNode))


def _amr_tokens(root: AmrNode, concepts: dict[str, str]) -> Iterator[str]:
    """PENMAN's token stream with the root's parentheses left out. A stack, not recursion: graphs can be deep."""
    stack: list[AmrNode | str] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        todo: list[AmrNode | str] = [*_opening(item)]
        for role, target in item.edges:
            if role == ":wiki" or _is_name_word(item, role, target):
                continue
            todo.append(_Role(f"<{role}>"))
            todo.append(target if isinstance(target, AmrNode) else concepts.get(target) or _constant(target))
        if item is not root:
            todo = ["(", *todo, ")"]
        stack.extend(reversed(todo))


def _opening(node: AmrNode) -> list[str]:
    """The concept; of a `name` node only its words, as in `( Barack Obama )`."""
    words = [_constant(str(target)) for role, target in node.edges if _is_name_word(node, role, target)]
    return words or [_concept(node.concept)]


def _is_name_word(node: AmrNode, role: str, target: AmrNode | str) -> bool:
    return node.concept == "name" and re.fullmatch(r":op\d+", role) is not None and isinstance(target, str)


def _concept(concept: str) -> str:
    """Without quotes and without PropBank's sense: `want-01` gives "want"."""
    return re.sub(r"(?<=.)-\d\d+$", "", _constant(concept))


def _constant(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


_LINEARIZERS: dict[type, Callable[..., Iterator[Segment]]] = {
    Triples: _triples,
    SlotValues: _slot_values,
    AmrGraph: _amr,
}


def names_of(source: Source) -> dict[str, str]:
    """The names in a source, each with what a model reads of it.

    Acts, slots and an AMR's roles are read as tags; predicates as words, so that `birth_place` is `birthPlace`.
    """
    if isinstance(source, Triples):
        return {predicate: _predicate(predicate) for _, predicate, _ in source.triples}
    if isinstance(source, SlotValues):
        acts = () if source.act is None else (source.act,)
        return {name: _tag(name) for name in (*acts, *(slot.name for slot in source.slots))}
    return {tag[1:-1]: tag for tag, _ in linearize(source) if tag != DATA}


def predicates_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """The words of the predicates that occur in `sources` (a training split), sorted."""
    return tuple(sorted({_predicate(p) for s in sources if isinstance(s, Triples) for _, p, _ in s.triples}))


def tags_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """The tags that occur in `sources` (a training split), sorted, reserved ones left out."""
    return tuple(sorted({segment.tag for source in sources for segment in linearize(source)} - set(RESERVED)))
