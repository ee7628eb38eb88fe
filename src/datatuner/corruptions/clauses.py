"""Parts of a sentence that can go and leave a sentence: relative clauses, second predicates, "with …", phrases.

English by rules: each pattern of `_TRAILING` begins a part that runs to a comma or to the sentence's end.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_VERBS = (
    r"(?:is|are|was|were|isn't|has|have|had|can|does|did|doesn't|serves|offers|features|includes|comes|provides|plays|"
    r"played|lies|belongs|boasts|contains|runs|sits|costs|caters|welcomes|supports|lacks|uses|became|won|died|lives|"
    r"served|worked|studied|graduated|joined|received|it's|it is|they are|they're|there is|there are)"
)
_PARTICIPLES = (
    r"(?:located|situated|serving|offering|featuring|developed|released|made|designed|published|created|rated|priced|"
    r"based|born|built|established|founded|written|starring|owned|operated|led|costing|ranging|providing|found)"
)
# A part does not begin behind one of these.
_HELPER = re.compile(
    r"is|are|was|were|be|been|being|am|has|have|had|having|not|also|get|gets|got|a|an|the|and|"
    r"or|by|to|very|highly|can|it's|it|he|she|they|you|i|we|well|poorly|moderately|reasonably|"
    r"cheaply|both|in|on|at|near|for|from|of|with|as|located|situated|found|based|called|named|"
    r"set|close|next|right|just|currently|originally|first|that|like|such|than|about"
)
_INNER = r"(?:[^,;()]|,(?=\d))*?"
_WITHOUT_VERB = rf"(?:(?! (?:is|are|was|were|has|have|had|which|who|that) ){_INNER[:-2]})*?"
_END = r"(?=[ .!?]*[\"'”’) ]*$)"
# A comma ends a part only where no enumeration goes on behind it.
_COMMA = (
    r"(?=,\s(?:which|who|where|whose|but|while|with|by|located|developed|released|rated|serving|offering|"
    rf"(?:and )?(?:it |he |she |they )?{_VERBS})\b)"
)
_JOINED = rf"(?= (?:and|but) {_VERBS} )"
_NEXT_PHRASE = r"(?= (?:and|but|which|that|in|on|at|near|by|for|from|with|is|are|was|has) )"

_PARENTHESIS = re.compile(r"\s\([^()]*\)")
_TRAILING = {
    name: re.compile(f"{begins} {inner}(?:{'|'.join(ends)})")
    for name, begins, inner, ends in (
        (
            "relative",
            r" ?, (?:which|who|where|whose|although|though|while|because|as)",
            _INNER,
            (r" ?,(?=\s)(?![^,]*,? and \S+ ?[.,])", _END),
        ),
        (
            "predicate",
            rf" ?,? (?:and|but) (?:also )?(?:(?:it|he|she|they|the \w+) )?{_VERBS}",
            _INNER,
            (_COMMA, _END),
        ),
        ("with", r",? (?:with|without|along with|featuring|plus)", _WITHOUT_VERB, (_COMMA, _JOINED, _END)),
        ("participle", rf",? {_PARTICIPLES}", _WITHOUT_VERB, (_COMMA, _JOINED, _END)),
        (
            "phrase",
            r" (?:in|on|at|near|by|for|from|close to|next to|beside|through)",
            _WITHOUT_VERB,
            (_COMMA, _NEXT_PHRASE, _END),
        ),
    )
}
_LEADING = re.compile(
    rf"(?:With|In|On|Near|From|At|By|As|For|Located|Situated|Established|Founded|Born|Built|Developed|Released|Priced|"
    rf"Rated|Serving|Offering|Based|Set|Designed|Published|Created|Written|Owned) {_INNER},\s(?=[^,]*\s{_VERBS}\s)"
)
_FINITE = re.compile(rf"\b{_VERBS}\b|\w(?:ed|es|ts|ls|ns|rs|ds)\b")
_LAST_WORD = re.compile(r"([\w'’]+)\W*$")
# Parts that can follow another sentence of the same kind, whatever it says.
_APPENDABLE = re.compile(rf"(?:,? (?:and|but) (?:also )?(?:(?:it|they) )?{_VERBS} | with | without )")


class Part(NamedTuple):
    """`text[start:end]`: what can go."""

    kind: str
    start: int
    end: int


def removable(text: str, start: int, end: int) -> Iterator[Part]:
    """The parts of the sentence `text[start:end]` that can be cut out of it, in no order of merit."""
    sentence = text[start:end]
    for match in _PARENTHESIS.finditer(sentence):
        yield Part("parenthesis", start + match.start(), start + match.end())
    if (leading := _LEADING.match(sentence)) and not _is_quoted(leading[0]):
        yield Part("leading", start, start + leading.end())
    for name, pattern in _TRAILING.items():
        for place in range(len(sentence)):
            part = pattern.match(sentence, place) if sentence[place] in ", " else None
            if part is None or _is_quoted(part[0]) or not _stands(name, sentence[:place]):
                continue
            if name != "relative" or part[0].endswith(",") or _FINITE.search(sentence[:place]):
                yield Part(name, start + place, start + part.end())


def _stands(name: str, before: str) -> bool:
    """Whether what stands before a part is something that can end there."""
    last = _LAST_WORD.search(before)
    if last is None or before.endswith(",") or (name != "relative" and len(before.split()) < 2):
        return False
    word = last[1].lower()
    if name in ("relative", "predicate"):
        return word not in ("and", "or", "both")
    return not _HELPER.fullmatch(word) and not (
        name == "phrase" and word.endswith(("ed", "ing", "born", "made", "available"))
    )


def _is_quoted(part: str) -> bool:
    """Whether a quotation or parenthesis begins or ends inside, but not both."""
    return part.count('"') % 2 == 1 or part.count("(") != part.count(")")


def appendable(part: str) -> bool:
    """Whether a part can be put at the end of another sentence."""
    return _APPENDABLE.match(part) is not None and 2 < len(part.split()) < 14
