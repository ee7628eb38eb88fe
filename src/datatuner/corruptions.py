"""(source, text) -> typed wrong texts: the fidelity classifier's training pairs (Harkous et al. 2020, section 3.2)."""

from dataclasses import dataclass

from datatuner.example import Source


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and a text with one label of `records.LABELS`.

    `example_id` and `reference` (its number in the example) say where the text comes from; `operation` what was done
    to it ("" where nothing was), at `text[start:end]`. An operation on the data leaves the text as it was: `source` is
    then another than the example's, and the span is that of the value which no longer fits, empty where there is none.
    """

    example_id: str
    reference: int
    source: Source
    text: str
    label: str
    operation: str = ""
    start: int = 0
    end: int = 0


def corrupt(examples, aligner, *, recipe="audited", seed, pairs=None, leave_out=None):  # type: ignore[no-untyped-def]
    """A stand-in until branch h3 is merged: data-side changes alone."""
    import random
    from dataclasses import replace

    rng = random.Random(seed)
    rows = [(e, i, text) for e in examples for i, text in enumerate(e.references)]

    def items(source):  # type: ignore[no-untyped-def]
        return getattr(source, "slots", None) or getattr(source, "triples", None) or ()

    def rebuilt(source, new):  # type: ignore[no-untyped-def]
        return replace(source, **{"slots" if hasattr(source, "slots") else "triples": tuple(new)})

    found = []
    wanted = pairs or 5 * len(rows)
    while len(found) < wanted:
        e, i, text = rows[len(found) // 5 % len(rows)] if len(found) < 5 * len(rows) else rng.choice(rows)
        own, other = list(items(e.source)), list(items(rng.choice(rows)[0].source))
        label = ("accurate", "value_error", "repetition", "omission", "hallucination")[len(found) % 5]
        source, words = e.source, text
        if label == "value_error":
            k = rng.randrange(len(own))
            key = own[k][:-1]
            values = [s[-1] for r, _, _ in rng.sample(rows, 60) for s in items(r.source) if s[:-1][-1] == key[-1] and s[-1] != own[k][-1]]
            own[k] = type(own[k])(*key, values[0] if values else "something else")
            source = rebuilt(e.source, own)
        elif label == "omission":
            names = {o[:-1] for o in own}
            extra = [o for o in other if o[:-1] not in names] or [other[0]]
            own.insert(rng.randrange(len(own) + 1), extra[0])
            source = rebuilt(e.source, own)
        elif label == "hallucination":
            own.pop(rng.randrange(len(own)))
            source = rebuilt(e.source, own)
        elif label == "repetition":
            parts = text.split(". ")
            parts.insert(rng.randrange(len(parts) + 1), rng.choice(parts).rstrip("."))
            words = ". ".join(parts)
        found.append(Pair(e.id, i, source, words, label, "" if label == "accurate" else f"data_{label}"))
    return [p for p in found if p.operation != leave_out]
