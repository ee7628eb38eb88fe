"""Whether a text denies what it mentions: negations, and how far they reach."""

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache

# "Why don't you like games on Steam?" says nothing against Steam, nor does "I can't remember a better one".
_ATTITUDE = (
    r"(?!(?: (?:you|i|really|too|very|that|so|all|much|an?|the|at|been|be|being|particularly|usually|typically|quite|"
    r"real|big|huge|to|not))* (?:like[ds]?|enjoy\w*|fond|fans?|care|impress\w*|love|into|interested|happy|excited)\b)"
    r"(?! (?:an? |become )?(?:non|unavailable|unsuitable|unsupported)\b)"  # "not unavailable" denies nothing
    r"(?! (?:know|remember|recall|salvage|help|mind|wait|believe|say|only|just|sure|about)\b)"
)
_NOT = (
    rf"\b(?:not|never){_ATTITUDE}\b|n't{_ATTITUDE}\b|\bno go\b|"
    r"\b(?:cannot|(?<!not )(?:unavailable|unsupported|unsuitable)|unplayable|nope|absent|absence|dropped|out of luck|"
    r"bans?|banned|forbid\w*|prohibit\w*)\b|\b(?:is|are|was|were) (?:lacking|missing)\b"
)
_WITHOUT = (
    r"\b(?:no(?! (?:doubt|excuse|matter|wonder))|(?<!not )(?<!not a )non|nor|none|neither|without|lacks?|lacking|"
    r"lack of|unable|minus|skips?|skipp\w+|omit\w*|omission|miss(?:es|ing)|exclud\w+|except|sans|ha(?:s|ve) yet to|"
    r"wish(?:ed)?|if only|closed to|discourag\w+)\b"
)
_AHEAD, _BEHIND = re.compile(f"{_NOT}|{_WITHOUT}"), re.compile(_NOT)  # "no" reaches forward alone: "Mac and no Linux"

# Where the reach of a "not" ends: the next sentence, or a part of it with a subject or a verb of its own. A name has
# been blanked out with \0 by then.
_SUBJECT = (
    r"(?:it|it's|this|there|there's|the game|you(?!'re out of luck| are out of luck)|they|players?|users?|i|i'm|we|"
    r"is|was|has|have|can|also|comes|even|does|features?|includes?|offers?|boasts?|supports?|runs?|plays?|serves?|"
    r"allows?|permits?|welcomes?|forbids?|bans?)\b"
)
_CLAUSE_END = (
    r"[.!?;:](?:\s|$)|[,(]?\s(?:but|though|although|while|whereas|plus|instead|because|since|despite)\b|"
    r",\s(?:and\s)?(?:yet|so|however)\b|[()]|"
    rf",\s(?:and\s)?(?={_SUBJECT}|(?:available|playable|released|rated|the)\b|\0)|\sand\s(?={_SUBJECT})|"
    r"(?<!compatible)(?<!compatibility)(?<!\bplay)(?<! it)(?<!come)(?<!comes)(?<!released)(?<!friendly)\swith\b|"
    r"\s-+\s|--"
)
# A "not" behind what it denies reaches back over less: "Mac, not Linux", "on Steam, which has no ...".
_BACKWARD_END = (
    rf"{_CLAUSE_END}|\s(?:that|which|who|without|minus|except)\b|\s(?:and|or|just|only|though)\s(?:not?|without)\b|"
    r",(?!\s[\w-]+(?:,|\s(?:and|or|nor)\s)|"
    r"\s(?:and|or|nor)\s[\w-]+\s(?:is|are|was|were|do|does|support\w*|releases?)\b)"
)
_FORWARD, _BACKWARD = re.compile(_CLAUSE_END), re.compile(f"(?={_BACKWARD_END})")
_OWN_VERB = re.compile(r"\s(?:is|are|was|were|can|may|will|has|have|aren't|isn't|do|does|not|welcome|allowed)\b")


Places = tuple[tuple[int, int], ...]


@lru_cache(maxsize=256)
def _negations(plain: str) -> tuple[Places, Places]:
    """Places of those that reach ahead, and of those that also reach back."""
    ahead, behind = (tuple(match.span() for match in each.finditer(plain)) for each in (_AHEAD, _BEHIND))
    return ahead, behind


@lru_cache(maxsize=256)
def _clause_ends(plain: str) -> tuple[int, ...]:
    return tuple(match.end() for match in _FORWARD.finditer(plain))


@lru_cache(maxsize=256)
def _backward_ends(plain: str) -> tuple[int, ...]:
    """Wherever what ends the reach of a "not" behind it starts; one may start inside another."""
    return tuple(match.start() for match in _BACKWARD.finditer(plain))


def is_denied(plain: str, start: int, end: int) -> bool:
    """Whether a negation reaches the words at `plain[start:end]` (flattened): in the same clause, or behind them."""
    ahead, behind = _negations(plain)
    if not ahead:
        return False
    ends = _clause_ends(plain)
    left = ends[bisect_right(ends, start) - 1] if ends and ends[0] <= start else 0
    if plain.endswith((", ", ", and "), 0, start) and _OWN_VERB.match(plain, end):
        left = start  # "not cheap, kids are welcome"
    if _has_between(ahead, left, start):
        return True
    if not behind:
        return False
    ends = _backward_ends(plain)
    after = bisect_left(ends, end)
    return _has_between(behind, start, ends[after] if after < len(ends) else len(plain))


def _has_between(places: Places, start: int, end: int) -> bool:
    """Whether one of the places, which follow each other, lies between `start` and `end`."""
    first = bisect_left(places, (start,))
    return first < len(places) and places[first][1] <= end
