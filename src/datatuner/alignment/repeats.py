"""What a text says twice over: a sentence, or a run of words long enough to be no accident."""

from collections.abc import Iterator

from datatuner.alignment.findings import SlotError
from datatuner.alignment.reading import Reading

LONG = 6


def repetitions(reading: Reading, taken: set[int]) -> Iterator[SlotError]:
    seen: dict[tuple[str, ...], int] = {}
    forms = [word.form for word in reading.words]
    for first, last in reading.sentences:
        sentence = tuple(forms[first : last + 1])
        if len(sentence) > 2 and sentence in seen:
            start, end = reading.characters((first, last))
            yield SlotError("repeated", "sentence", "", reading.text[start:end], start, end)
        seen[sentence] = first
