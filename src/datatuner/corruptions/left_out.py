"""Operations after which the text lacks something: cut out of the text, or put into the data alone."""

import re
from collections.abc import Iterator
from random import Random

from datatuner.alignment import Mention
from datatuner.corruptions import graphs
from datatuner.corruptions.clauses import removable
from datatuner.corruptions.facts import Fact, facts, with_slot, with_triple
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case, root_of
from datatuner.corruptions.splicing import splice
from datatuner.example import AmrGraph, SlotValues, Source, Triple, Triples

_POINTS_BACK = re.compile(
    r"(?:it|it's|its|he|she|they|their|his|her|this|these|there|also|the country)\b", re.IGNORECASE
)
_TRIES = 8
_NO_NOUN = r"(?!(?:and|or|but|is|are|was|were|has|have|had|with|in|on|at|by|for|from|of|to|that|which|who|as|can)\b)"


def sentence_removed(case: Case, rng: Random) -> Iterator[Edit]:
    """Without a sentence; not the first, where the second refers to it."""
    spans = case.sentences
    for i in rng.sample(range(len(spans)), len(spans) if len(spans) > 1 else 0):
        if i == 0 and _POINTS_BACK.match(case.text, spans[1][0]):
            continue
        yield Edit(case.source, *splice(case.text, *spans[i], ""))


def clause_removed(case: Case, rng: Random) -> Iterator[Edit]:
    """Without a part of a sentence that can go."""
    parts = [part for start, end in case.sentences for part in removable(case.text, start, end)]
    for part in rng.sample(parts, len(parts)):
        edit = Edit(case.source, *splice(case.text, part.start, part.end, ""))
        if case.pool.reads_well(edit.text, edit.start, edit.start) or part.kind == "leading":
            yield edit


def item_removed(case: Case, rng: Random) -> Iterator[Edit]:
    """Without an element of an enumeration, or a word before a noun."""
    mentions = [mention for mention in case.aligned.mentions if mention.slot not in ("name", "subject")]
    spans = [span for mention in mentions for span in item_spans(case, mention)]
    for start, end in rng.sample(spans, len(spans)):
        edit = Edit(case.source, *splice(case.text, start, end, ""))
        if case.pool.reads_well(edit.text, edit.start, edit.start):
            yield edit


def item_spans(case: Case, mention: Mention) -> Iterator[tuple[int, int]]:
    """What to cut so that a mention goes, with the comma or "and" that joined it to the mentions beside it."""
    start, end = mention.start, mention.end
    before, after = case.text[:start], case.text[end:]
    begins = {other.start for other in case.aligned.mentions}
    ends = {other.end for other in case.aligned.mentions}
    behind = re.match(r",? and |, |/", after)
    ahead = re.search(r",? and $| or $|, $|/$", before)
    if ahead and ahead.start() in ends and not (behind is None and ahead[0] == ", "):
        listed = re.search(r", \S+(?: \S+)?$", before[: ahead.start()])
        if behind or not listed:  # "A, B and C" is no "A, B"
            yield ahead.start(), end
    if behind and end + behind.end() in begins and behind[0] != ", and " and not (ahead and behind[0] == " and "):
        yield start, end + behind.end()
    if re.match(rf" {_NO_NOUN}[a-z\d]", after) and before.endswith((" ", "-")):
        yield start, end + 1


def data_added(case: Case, rng: Random) -> Iterator[Edit]:
    """Data that say one thing more: a slot, triple or node that other inputs of the same sort have."""
    for _ in range(_TRIES):
        source = _with_another(case, rng)
        if source is not None:
            yield Edit(source, case.text, 0, 0)


def _with_another(case: Case, rng: Random) -> Source | None:
    other = case.pool.neighbour(case, rng)
    known = facts(other.source, case.pool.lists)
    if not known:
        return None
    fact = rng.choice(known)
    match case.source:
        case SlotValues(slots):
            names = [slot.name for slot in slots]
            if fact.slot in names and fact.slot not in case.pool.lists:
                return None
            own = [f.value for f in case.facts if f.slot == fact.slot]
            if any(value in fact.value or fact.value in value for value in own):
                return None  # "adventure" beside "action-adventure" is half said
            return with_slot(case.source, fact.slot, fact.value, case.pool.place_of(fact.slot, names), case.pool.lists)
        case Triples(triples):
            return _with_triple(case.source, triples, other.source, fact, rng)
        case AmrGraph():
            return _with_node(case, fact, rng)


def _with_triple(source: Triples, triples: tuple[Triple, ...], other: Source, fact: Fact, rng: Random) -> Source | None:
    """A triple of another input, about the entity that most triples are about, or about one that both name."""
    if not isinstance(other, Triples):
        return None
    triple = other.triples[fact.place[0]]
    own = {entity for t in triples for entity in (t.subject, t.object)}
    if triple.subject not in own:
        if triple.subject != root_of(other):
            return None
        triple = triple._replace(subject=root_of(source))
    if triple.predicate in {t.predicate for t in triples} or triple.object in own:
        return None
    return with_triple(source, triple, rng.randrange(len(triples) + 1))


def _with_node(case: Case, fact: Fact, rng: Random) -> Source | None:
    assert isinstance(case.source, AmrGraph)
    role = fact.slot.removesuffix("-01")
    if role not in (":mod", ":time", ":location", ":manner", ":purpose", ":degree", ":ARG2", ":source", ":topic"):
        return None
    frames = [own.place for own in case.facts if own.slot.endswith("-01")] or [()]
    if fact.value[:1] in '"-+' or fact.value[:1].isdigit():
        return None
    return graphs.with_branch(case.source, rng.choice(frames), role, fact.value)
