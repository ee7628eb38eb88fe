"""What a text says twice over: a sentence, or a run of words too long to come again by chance."""

from collections.abc import Iterator

from datatuner.alignment.reading import Reading, Span
from datatuner.findings import SlotError

# Human references repeat names and openings of up to four words ("crew member of Apollo 8"); five in one of a thousand.
LONG = 5


def repetitions(reading: Reading) -> Iterator[SlotError]:
    """Each stretch of words that an earlier stretch of the text says as well."""
    forms = reading.forms
    if len(set(forms)) == len(forms):
        return
    sentences = {forms[first : last + 1]: first for first, last in reversed(reading.sentences) if last - first > 1}
    again = [span for span in reading.sentences if sentences.get(forms[span[0] : span[1] + 1], span[0]) < span[0]]
    for span in again or _runs(forms):
        start, end = reading.characters(span)
        yield SlotError("repeated", "text", "", reading.text[start:end], start, end)


def _runs(forms: tuple[str, ...]) -> list[Span]:
    """Runs of LONG words and more that stand earlier too, none of them in another."""
    seen: dict[tuple[str, ...], int] = {}
    found: list[Span] = []
    for place in range(len(forms) - LONG + 1):
        first = seen.setdefault(forms[place : place + LONG], place)
        if first + LONG <= place:
            if found and place <= found[-1][1]:
                found[-1] = (found[-1][0], place + LONG - 1)
            else:
                found.append((place, place + LONG - 1))
    return found
