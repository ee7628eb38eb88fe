"""Changing a place of a text so that it still reads well: blanks, capitals, punctuation, "a" and "an"."""

import re
import unicodedata

_ARTICLE = re.compile(r"\b([Aa]n?) $")
_FIRST_WORD = re.compile(r"[\"'“‘(]?(\w+)")
_VOWEL_LETTERS = frozenset("AEFHILMNORSX")  # whose names begin with a vowel: "an FPS", "an M rating"
_LIKE_YOU = re.compile(r"(?:uni(?!n|mp)|use|user|usu|utili|eu|one|once|ubi)", re.IGNORECASE)
_JOINER = "\u200d"
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_SKIN_TONES = "".join(map(chr, range(0x1F3FB, 0x1F400)))
_SILENT_H = re.compile(r"(?:hour|honest|honou?r|heir)", re.IGNORECASE)


def splice(text: str, start: int, end: int, new: str) -> tuple[str, int, int]:
    """`text` with `new` in place of `text[start:end]`, mended around the place; and the span of `new` in it.

    Nothing else of the text changes. Blanks and a comma that a removal leaves over go; a sentence that loses its first
    word begins with a capital again; an article before the place agrees with what follows.
    """
    left, right = text[:start], text[end:]
    if not new:
        left, right = _closed(left, right)
    if begins_sentence(left):
        new, right = (capitalized(new), right) if new else (new, capitalized(right))
    left = _agreeing(left, new or right)
    return left + new + right, len(left), len(left) + len(new)


def _closed(left: str, right: str) -> tuple[str, str]:
    """Both sides of a removal, without doubled blanks and without a blank or comma before other punctuation."""
    if not left.strip(" "):  # other white space is the text's own
        return "", right.lstrip(" ,;")
    if left.endswith(" ") and (right.startswith((" ", *",.;:!?")) or not right):
        left = left.rstrip(" ") if right[:1] in ",.;:!?" and not right.startswith(" ") else left[:-1]
    if left.endswith((",", ";")) and (not right.strip() or right[:1] in ",.;:!?"):
        left = left[:-1]
    return left, right


def begins_sentence(left: str) -> bool:
    """Whether the next word after `left` stands at the beginning of a sentence."""
    return not left.strip(" \"'“‘(") or bool(re.search(r"[.!?][\"'”’)]* $", left))


def capitalized(text: str) -> str:
    """With its first letter in upper case, where that is one other letter ("ß" has none)."""
    found = re.search(r"\w", text)
    if found is None or len(found[0].upper()) != 1:
        return text
    return text[: found.start()] + found[0].upper() + text[found.end() :]


def lowered(text: str) -> str:
    """With its first letter in lower case, unless the word has other capitals, digits or is "I"."""
    found = _FIRST_WORD.match(text)
    if found is None or found[1] == "I" or not (found[1][1:].islower() or len(found[1]) == 1):
        return text
    return text[: found.start(1)] + text[found.start(1)].lower() + text[found.start(1) + 1 :]


def _agreeing(left: str, following: str) -> str:
    article, word = _ARTICLE.search(left), _FIRST_WORD.match(following)
    if article is None or word is None or word[1][0].isdecimal():
        return left
    wanted = article[1][0] + ("n" if _sounds_like_vowel(word[1]) else "")
    return left[: article.start()] + wanted + " "


def _sounds_like_vowel(word: str) -> bool:
    if word.isupper() and (len(word) < 4 or word in ("MMORPG", "MMO")):
        return word[0] in _VOWEL_LETTERS
    if _LIKE_YOU.match(word):
        return False
    return word[0].lower() in "aeiou" or bool(_SILENT_H.match(word))


def cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether one of the two ends lies between two letters or digits, or inside of what is seen as one character."""
    inside = [place for place in (start, end) if 0 < place < len(text)]
    return any((text[p - 1].isalnum() and text[p].isalnum()) or cuts_a_character(text, p) for p in inside)


def cuts_a_character(text: str, place: int) -> bool:
    """Whether an accent, a part of an emoji or the second half of a flag would stand alone behind `place`."""
    before, after = text[place - 1], text[place]
    if _JOINER in (before, after) or unicodedata.category(after) in ("Mn", "Me") or after in _SKIN_TONES:
        return True
    flags = len(text[:place]) - len(text[:place].rstrip(_FLAG_LETTERS))
    return after in _FLAG_LETTERS and flags % 2 == 1
