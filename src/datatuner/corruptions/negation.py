"""A clause that says the opposite: templates that put a "not" in, or take one out, near a place of a text."""

import re
from collections.abc import Iterator

# Words that deny, and words that are hard to tell from denials: where one stands, no clause is turned round blindly.
DENIAL = re.compile(
    r"\b(?:no|not|non|never|neither|nor|none|nothing|nobody|without|lack\w*|cannot|un\w+able|only|hardly|except)\b|n['’]t\b",
    re.IGNORECASE,
)
REACH = 60  # characters before a place, and after it, that a template may begin in

# What stands there -> what says the opposite; tried in both directions.
_OPPOSITES = (
    ("is", "is not"), ("is", "isn't"), ("are", "are not"), ("are", "aren't"), ("was", "was not"), ("was", "wasn't"),
    ("can", "cannot"), ("can", "can't"), ("it's", "it's not"), ("does support", "does not support"),
    ("has a", "doesn't have a"), ("has", "does not have"), ("has", "doesn't have"), ("have", "don't have"),
    ("has", "has no"), ("have", "have no"), ("has a", "has no"), ("there is a", "there is no"),
    ("there's a", "there's no"),
    ("offers", "does not offer"), ("offers", "doesn't offer"), ("supports", "doesn't support"),
    ("supports", "does not support"), ("includes", "doesn't include"), ("features", "doesn't feature"),
    ("allows", "doesn't allow"), ("allows", "does not allow"), ("welcomes", "does not welcome"),
    ("with", "without"), ("and has", "but doesn't have"), ("and is", "but is not"), ("and is", "but isn't"),
    ("and is also", "but is not"), ("is also", "is not"), ("but has", "and doesn't have"),
    ("multiplayer", "single-player"), ("a multiplayer", "a single-player"), ("available", "not available"),
    ("available", "unavailable"), ("family friendly", "not family friendly"),
    ("family-friendly", "not family-friendly"), ("child friendly", "not child friendly"),
    ("kid friendly", "not kid friendly"), ("kids friendly", "non kids friendly"),
    ("child friendly", "non child friendly"), ("children friendly", "not children friendly"),
    ("suitable", "not suitable"), ("good for", "not good for"), ("do", "do not"), ("do", "don't"), ("does", "does not"),
    ("did", "did not"), ("did", "didn't"), ("would", "would not"), ("could", "could not"), ("will", "will not"),
    ("welcome", "not welcome"), ("friendly", "unfriendly"), ("both", "neither"), ("suitable", "unsuitable"),
)  # fmt: skip
# Tokenized text has "do n't" as two words.
_TOKENIZED = (("is", "is n't"), ("are", "are n't"), ("was", "was n't"), ("could", "could n't"), ("do", "do n't"),
              ("did", "did n't"), ("does", "does n't"), ("will", "wo n't"), ("can", "ca n't"))  # fmt: skip
_TABLE: dict[str, list[str]] = {}
for _plain, _denied in (*_OPPOSITES, *_TOKENIZED):
    _TABLE.setdefault(_plain, []).append(_denied)
    _TABLE.setdefault(_denied, []).append(_plain)
_PATTERN = re.compile(
    rf"(?<![\w'’-])(?:{'|'.join(re.escape(words) for words in sorted(_TABLE, key=len, reverse=True))})(?![\w'’-])",
    re.IGNORECASE,
)


def opposites(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """(start, end, new words) of each template near `text[start:end]`, the nearest place first."""
    plain = text.replace("’", "'")
    low, high = max(0, start - REACH), min(len(text), end + REACH)
    places = sorted(_PATTERN.finditer(plain, low, high), key=lambda m: max(start - m.end(), m.start() - end, 0))
    for match in places:
        for new in _TABLE[match[0].lower()]:
            yield match.start(), match.end(), new
