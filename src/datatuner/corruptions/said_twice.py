"""Operations after which the text says something twice."""

import re
from collections.abc import Iterator
from random import Random

from datatuner.corruptions.clauses import appendable, removable
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case, surface, surface_slot
from datatuner.corruptions.splicing import splice

_TRIES = 6
_ENDING = re.compile(r"[\s.!?]+(?:[\"”’'] ?)*$|$")  # a sentence's mark, and quotes that close behind it


def sentence_repeated(case: Case, rng: Random) -> Iterator[Edit]:
    """A sentence once more, after itself or later."""
    spans = case.sentences
    for i in rng.sample(range(len(spans)), len(spans)):
        after = rng.randrange(i, len(spans))
        yield put_sentence(case, case.text[slice(*spans[i])], after)


def put_sentence(case: Case, sentence: str, after: int) -> Edit:
    """`sentence` behind the sentence of that number."""
    place = case.sentences[after][1]
    if case.text[:place].endswith((".", "!", "?", '"', "”", "'", ")", "…")):
        sentence = " " + sentence
    else:
        sentence = ". " + sentence
    text = case.text[:place] + sentence + case.text[place:]
    return Edit(case.source, text, place + len(sentence) - len(sentence.lstrip(". ")), place + len(sentence))


def sentence_reworded(case: Case, rng: Random) -> Iterator[Edit]:
    """A sentence of another reference, all of whose values the text says already."""
    others = [text for text in dict.fromkeys(case.example.references) if text != case.text]
    said = {(m.slot, m.value) for m in case.aligned.mentions}
    for other in rng.sample(others, min(len(others), _TRIES)):
        i = case.example.references.index(other)
        neighbour = Case(case.example, i, case.pool)
        spans = [s for s in neighbour.sentences if neighbour.text[slice(*s)] not in case.text]
        for start, end in rng.sample(spans, len(spans)):
            values = {(m.slot, m.value) for m in neighbour.aligned.mentions if start <= m.start and m.end <= end}
            if len(values) > 1 and values <= said:
                yield put_sentence(case, neighbour.text[start:end], len(case.sentences) - 1)


def clause_repeated(case: Case, rng: Random) -> Iterator[Edit]:
    """A part of a sentence once more, at the end of the text's last sentence or of its own."""
    parts = [
        (number, part)
        for number, (start, end) in enumerate(case.sentences)
        for part in removable(case.text, start, end)
        if appendable(case.text[part.start : part.end])
    ]
    for number, part in rng.sample(parts, len(parts)):
        yield from append(
            case, case.text[part.start : part.end].rstrip(","), rng.choice([number, len(case.sentences) - 1])
        )


def append(case: Case, part: str, number: int) -> Iterator[Edit]:
    """`part` at the end of the sentence of that number, before its mark."""
    start, end = case.sentences[number]
    body = _ENDING.sub("", case.text[start:end])
    if len(body.split()) > 2:
        yield Edit(case.source, *splice(case.text, start + len(body), start + len(body), part))


def value_repeated(case: Case, rng: Random) -> Iterator[Edit]:
    """A value's words once more, at a place of the same sentence where such words can stand."""
    mentions = case.aligned.mentions
    for mention in rng.sample(mentions, len(mentions)):
        words = surface(case.text, mention)
        places = [m.start for m in mentions if m.end <= mention.start or m.start >= mention.end]
        for place in rng.sample(places, len(places)):
            edit = Edit(case.source, *splice(case.text, place, place, words + " "))
            edit = Edit(edit.source, edit.text, edit.start, edit.end - 1)
            slot = surface_slot(case.source, mention, words)
            if case.pool.fits(slot, edit.text, edit.start, edit.end) and _reads_well(case, edit):
                yield edit
        if case.text[mention.end :].startswith(" and "):
            continue
        edit = Edit(case.source, *splice(case.text, mention.end, mention.end, f" and {words}"))
        if _reads_well(case, edit):
            yield edit


def _reads_well(case: Case, edit: Edit) -> bool:
    return case.pool.reads_well(edit.text, edit.start, edit.end)
