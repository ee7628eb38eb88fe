"""Where the sentences of an English text begin and end; rules alone, nothing to download.

A full stop ends no sentence after a title ("Dr. Who"), inside a number or version (2.5, v1.2), nor after an initial or
another abbreviation ("J. K. Rowling", "Konami Inc. made"), unless a word follows that commonly begins one.
"""

import re

_MARK = re.compile(r"(?:\.{3,}|…|[.!?]+)(?P<closing>[\"'”’)\]]*)(?=\s|$)")
_LAST_WORD = re.compile(r"[\"“‘'(\[]*(\S*)$")
_NEXT_WORD = re.compile(r"[\"“‘'(\[ ]*([\w'’]+)")
_INITIAL = re.compile(r"(?:\w\.)*\w")  # "J", "U.S", "e.g"

# These stand before a name or a number, so that what follows belongs to them.
_TITLE = re.compile(
    r"mr|mrs|ms|dr|prof|st|gen|col|lt|sgt|capt|cmdr|maj|rev|hon|gov|sen|rep|vol|vols|vs|fig|"
    r"ca|approx|mt|pp|eds|admin|sci|acad|univ|dept"
)
_ABBREVIATION = re.compile(r"inc|ltd|co|corp|jr|sr|etc|bros|ave|blvd|rd|ft|llc|plc|ph\.d|b\.sc|m\.sc|al")
_BEFORE_A_NUMBER = re.compile(r"no|nos|op|p|ch|sect")
_STARTER = re.compile(
    r"the|this|that|these|those|there|it|it's|its|he|she|they|his|her|their|you|your|i|i'm|"
    r"i've|we|our|a|an|in|on|at|for|from|with|by|as|if|when|while|what|which|who|whose|where|"
    r"how|why|do|does|did|have|has|had|is|are|was|were|can|could|would|will|also|however|but|"
    r"and|or|so|some|many|all|both|one|not|no|yes|since|although|though|after|before|because|"
    r"located"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without the blanks between them; none where there is nothing but blanks."""
    spans = []
    start = len(text) - len(text.lstrip())
    for match in _MARK.finditer(text):
        end = _with_closing_quote(text, start, match.end())
        if start < end and _is_end(text, start, end, match):
            spans.append((start, end))
            start = len(text) - len(text[end:].lstrip())
    if start < len(text.rstrip()):
        spans.append((start, len(text.rstrip())))
    return spans


def _with_closing_quote(text: str, start: int, end: int) -> int:
    """`end`, or the end of a straight quote after a blank (tokenized text) that closes one of this sentence."""
    if text.startswith(' "', end) and text.count('"', start, end) % 2:
        return end + 2
    return end


def _is_end(text: str, start: int, end: int, match: re.Match[str]) -> bool:
    """Whether the sentence that began at `start` ends with the mark of `match`, and its quotes at `end`."""
    following = _NEXT_WORD.match(text, end)
    if following is None:
        return not text[end:].strip()
    after = following[1]
    mark = match[0].removesuffix(match["closing"])
    if mark.startswith(("..", "…")) or (end > match.start() + len(mark) and "." not in mark):
        return after[0].isupper()  # a pause, or a question that is quoted
    if "." not in mark:
        return True
    word = _LAST_WORD.search(text, start, match.start())
    last = word[1].lower() if word else ""
    if _TITLE.fullmatch(last) or (_BEFORE_A_NUMBER.fullmatch(last) and after[0].isdecimal()):
        return False
    if _ABBREVIATION.fullmatch(last) or (_INITIAL.fullmatch(last) and not last.isdecimal()):
        return _STARTER.fullmatch(after.lower()) is not None and after[0].isupper()
    return True
