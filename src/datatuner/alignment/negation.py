"""Whether a text denies what it mentions: negations, and how far they reach."""

import re
from functools import lru_cache

# "Why don't you like games on Steam?" says nothing against Steam, nor does "I can't remember a better one".
_ATTITUDE = (
    r"(?!(?: \w+){0,3} (?:like[ds]?|enjoy\w*|fond|fans?|care|impress\w*|love|big|into|interested|happy|find)\b)"
    r"(?! (?:know|remember|recall|salvage|help|mind|wait|believe|say|only|just|sure)\b)"
)
_NEGATION = re.compile(
    rf"\b(?:not|never){_ATTITUDE}\b|n't{_ATTITUDE}\b|"
    r"\b(?:no(?! (?:doubt|excuse|matter|wonder))|non|nor|none|without|lacks?|lacking|cannot|unable|unavailable|unsupported|unplayable|"
    r"unsuitable|minus|nope|skips?|skipp\w+|omit\w*|omission|miss(?:es|ing)|exclud\w+|except|absent|absence|sans|"
    r"dropped|out of luck|ha(?:s|ve) yet to|wish(?:ed)?|if only|bans?|banned|forbid\w*|forbidden|prohibit\w*|"
    r"closed to|discourag\w+|neither(?! good))\b"
)

# Where the reach of a "not" ends: the next sentence, or a part of it with a subject or a verb of its own.
_SUBJECT = (
    r"(?:it|it's|this|there|there's|the game|you(?!'re out of luck| are out of luck)|they|players?|users?|i|i'm|we|"
    r"is|was|has|have|can|also|comes|even|does|features?|includes?|offers?|boasts?|supports?|runs?|plays?)\b"
)
_CLAUSE_END = (
    r"[.!?;:](?:\s|$)|[,(]?\s(?:but|though|although|however|while|whereas|plus|instead|because|since|so|despite)\b|"
    r",\s(?:and\s)?yet\b|[()]|"
    rf",\s(?:and\s)?(?:{_SUBJECT}|(?:available|playable|released|rated)\b)|,\sand\sthe\b|\sand\s{_SUBJECT}|"
    r"(?<!compatible)(?<!compatibility)\swith\b|\s-+\s|--"
)
# A "not" behind what it denies reaches back over less: "Mac, not Linux", "on Steam, which has no ...".
_BACKWARD_END = (
    rf"{_CLAUSE_END}|\s(?:that|which|who|without|minus|except)\b|\s(?:and|or|just|only|though)\s(?:not?|without)\b|"
    r",(?!\s[\w-]+(?:,|\s(?:and|or|nor)\s)|\s(?:and|or|nor)\s[\w-]+\s(?:is|are|was|were|do|does|support\w*|releases?)\b)"
)
_FORWARD, _BACKWARD = re.compile(_CLAUSE_END), re.compile(_BACKWARD_END)
_OWN_VERB = re.compile(r"\s(?:is|are|was|were|can|may|will|has|have|aren't|isn't|do|does|not|welcome|allowed)\b")


@lru_cache(maxsize=256)
def _negations(plain: str) -> tuple[tuple[int, int], ...]:
    return tuple(match.span() for match in _NEGATION.finditer(plain))


@lru_cache(maxsize=256)
def _clause_ends(plain: str) -> tuple[int, ...]:
    return tuple(match.end() for match in _FORWARD.finditer(plain))


def is_denied(plain: str, start: int, end: int) -> bool:
    """Whether a negation reaches the words at `plain[start:end]` (flattened): one in the same clause, or behind them."""
    negations = _negations(plain)
    if not negations:
        return False
    left = max((place for place in _clause_ends(plain) if place <= start), default=0)
    if plain[:start].endswith((", ", ", and ")) and _OWN_VERB.match(plain, end):
        left = start  # "not cheap, kids are welcome"
    if any(left <= first and last <= start for first, last in negations):
        return True
    behind = _BACKWARD.search(plain, end)
    right = behind.start() if behind else len(plain)
    return any(start <= first and last <= right for first, last in negations)
