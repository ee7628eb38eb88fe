"""The embedded corpus: walks that do not exist, drawn from a seeded grammar. Nothing is read from disk.

Slots: name (about 9,000 possible, so most of a test split's are new and have to be copied), type, region, length,
climb, opened, sights (one to three, comma-separated), dogs and camping (yes or no), rating.
"""

from functools import cache
from random import Random

from datatuner.corpora import demo_grammar as grammar
from datatuner.corpora.demo_sentences import write
from datatuner.example import Example, Slot, SlotValues

SIZES = {"train": 1500, "validation": 200, "test": 200}
SLOT_COUNTS = (3, 4, 4, 5, 5, 5, 6, 6, 7, 8)  # of an input, name included, as often as listed
NAME_FIRST = 0.8


def read(split: str) -> tuple[Example, ...]:
    """The examples of "train", "validation" or "test"; no two inputs of the corpus have the same slots.

    Attributes are `size`, the number of slots, and `seen`: whether the walk's name occurs in the training split.
    """
    return corpus()[split]


@cache
def corpus() -> dict[str, tuple[Example, ...]]:
    taken: set[frozenset[Slot]] = set()
    sources = {split: sample_sources(split, taken) for split in SIZES}
    seen = {name_of(source) for source in sources["train"]}
    return {split: examples(split, sources[split], seen) for split in SIZES}


def sample_sources(split: str, taken: set[frozenset[Slot]]) -> list[SlotValues]:
    """Inputs whose sets of slots are not in `taken`, and are added to it."""
    rng = Random(f"demo-{split}-inputs")
    sources: list[SlotValues] = []
    while len(sources) < SIZES[split]:
        slots = sample_slots(rng)
        if frozenset(slots) not in taken:
            taken.add(frozenset(slots))
            sources.append(SlotValues(slots))
    return sources


def sample_slots(rng: Random) -> tuple[Slot, ...]:
    others = rng.sample([*grammar.VALUES, "sights"], rng.choice(SLOT_COUNTS) - 1)
    place = 0 if rng.random() < NAME_FIRST else rng.randrange(1, len(others) + 1)
    return tuple(Slot(name, sample_value(name, rng)) for name in [*others[:place], "name", *others[place:]])


def sample_value(slot: str, rng: Random) -> str:
    if slot == "name":
        start, end, kind = map(rng.choice, grammar.NAME_PARTS)
        return f"{start}{end} {kind}"
    if slot == "sights":
        return ", ".join(rng.sample(grammar.SIGHTS, rng.choice((1, 2, 2, 3))))
    return rng.choice(grammar.VALUES[slot])


def examples(split: str, sources: list[SlotValues], seen: set[str]) -> tuple[Example, ...]:
    rng = Random(f"demo-{split}-references")
    return tuple(
        Example(
            id=f"demo-{split}-{number:04}",
            split=split,
            source=source,
            references=references(source, rng),
            attributes={"size": str(len(source.slots)), "seen": "seen" if name_of(source) in seen else "unseen"},
        )
        for number, source in enumerate(sources, start=1)
    )


def references(source: SlotValues, rng: Random) -> tuple[str, ...]:
    """Two or three texts, all different."""
    count = rng.choice((2, 3))
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts[write(dict(source.slots), rng)] = None
    return tuple(texts)


def name_of(source: SlotValues) -> str:
    return dict(source.slots)["name"]
