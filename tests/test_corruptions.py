"""Corruptions: what must hold of every pair, of any corpus and for any text."""

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from datatuner.alignment import Aligner, Alignment, Mention, SlotError, build_aligner
from datatuner.alignment.own_slots import list_slots
from datatuner.corpora import demo
from datatuner.corruptions import OPERATIONS, Pair, corrupt
from datatuner.corruptions.clauses import removable
from datatuner.corruptions.facts import facts, kind
from datatuner.corruptions.pool import Pool
from datatuner.corruptions.splicing import cuts_a_word, splice
from datatuner.errors import ConfigError
from datatuner.example import AmrGraph, AmrNode, Example, Slot, SlotValues, Source, Triple, Triples
from datatuner.records import LABELS

RECIPES = tuple(OPERATIONS)
SOME = tuple(demo.read("train")[:60])
TRIPLES = tuple(
    Example(
        f"city/{i}",
        "train",
        Triples(
            (Triple(city, "country", country), Triple(city, "population", str(n)), Triple(country, "capital", capital))
        ),
        (
            f"{city} in {country} has {n} people. The capital of {country} is {capital}.",
            f"{city}, where {n} people live, is in {country}, and its capital is {capital}.",
        ),
        {"category": "City"},
    )
    for i, (city, country, n, capital) in enumerate(
        (
            ("Aarhus", "Denmark", 290598, "Copenhagen"),
            ("Lyon", "France", 522250, "Paris"),
            ("Porto", "Portugal", 231800, "Lisbon"),
            ("Turku", "Finland", 197900, "Helsinki"),
            ("Graz", "Austria", 291134, "Vienna"),
        )
    )
)
GRAPHS = tuple(
    Example(
        f"fable.{i}",
        "train",
        AmrGraph(
            AmrNode(
                "s",
                "see-01",
                (
                    (":ARG0", AmrNode("f", animal, ((":mod", AmrNode("o", age)),))),
                    (":ARG1", AmrNode("l", place, ((":poss", "f"),))),
                    (":time", AmrNode("n", "now")),
                ),
            )
        ),
        (f"Now the {age} {animal} sees a {place} in the long evening light .",),
    )
    for i, (animal, age, place) in enumerate(
        (
            ("fox", "old", "river"),
            ("wolf", "young", "forest"),
            ("horse", "tired", "village"),
            ("goose", "proud", "meadow"),
        )
    )
)


class VerbatimAligner:
    """Finds values that stand in a text as they are written; names another input's as added."""

    def __init__(self, train: Sequence[Example]) -> None:
        self.lists = list_slots([each.source for each in train])
        self.known = {fact.value: fact.slot for each in train for fact in facts(each.source, self.lists)}

    def align(self, source: Source, text: str) -> Alignment:
        wanted = {fact.value.strip('"'): fact.slot for fact in facts(source, self.lists)}
        if isinstance(source, Triples):
            wanted |= {triple.subject: "subject" for triple in source.triples}
        mentions: list[Mention] = []
        errors: list[SlotError] = []
        for value, slot in wanted.items():
            words = value.removesuffix("-01")
            places = [i for i in range(len(text)) if text.startswith(words, i) and words]
            mentions += [Mention(slot, value, i, i + len(words)) for i in places]
            errors += [] if places else [SlotError("missing", slot, value)]
        for value, slot in self.known.items():
            if value not in wanted and value in text and not any(value in own for own in wanted):
                errors.append(SlotError("added", slot, "", value, text.index(value), text.index(value) + len(value)))
        return Alignment(tuple(mentions), tuple(errors), len(wanted))


CORPORA: dict[str, tuple[tuple[Example, ...], Aligner]] = {
    "slots": (SOME, build_aligner("demo", demo.read("train"))),
    "triples": (TRIPLES, VerbatimAligner(TRIPLES)),
    "graphs": (GRAPHS, VerbatimAligner(GRAPHS)),
}


@cache
def made(corpus: str, recipe: str, pairs: int | None = None, seed: int = 1) -> tuple[Pair, ...]:
    examples, aligner = CORPORA[corpus]
    return tuple(corrupt(examples, aligner, recipe=recipe, seed=seed, pairs=pairs))


each_corpus = pytest.mark.parametrize("corpus", CORPORA)
each_recipe = pytest.mark.parametrize("recipe", RECIPES)


@each_recipe
@each_corpus
def test_a_pair_is_never_its_reference_unless_it_says_so(corpus, recipe):
    originals = {each.id: each for each in CORPORA[corpus][0]}
    right = {(each.source, text) for each in originals.values() for text in each.references}
    for pair in made(corpus, recipe):
        original = originals[pair.example_id]
        unchanged = pair.source == original.source and pair.text == original.references[pair.reference]
        assert unchanged == (pair.operation == "")
        assert pair.label in LABELS
        assert pair.operation == "" or pair.operation in OPERATIONS[recipe]
        assert pair.label == "accurate" or (pair.source, pair.text) not in right
        assert pair.label != "accurate" or pair.operation == "" or recipe == "audited"


@each_recipe
@each_corpus
def test_spans_lie_in_texts_that_are_valid(corpus, recipe):
    for pair in made(corpus, recipe):
        assert 0 <= pair.start <= pair.end <= len(pair.text)
        assert pair.text.strip()


@each_corpus
def test_audited_cuts_no_word(corpus):
    """Each end of a span is a word's end, unless the words there are those of the reference."""
    for pair in made(corpus, "audited"):
        assert not cuts_a_word(pair.text, pair.start, pair.end), pair


@each_corpus
def test_audited_makes_as_many_of_each_label_as_it_can(corpus):
    """Every label has as many pairs as the accurate ones, but where the few references do not yield them."""
    counts = Counter(pair.label for pair in made(corpus, "audited"))
    assert set(counts) == set(LABELS)
    if corpus == "slots":
        assert len(set(counts.values())) == 1


@each_corpus
def test_each_distinct_reference_is_accurate_once(corpus):
    texts = Counter(pair.text for pair in made(corpus, "audited") if pair.operation == "")
    assert texts == Counter({text: 1 for each in CORPORA[corpus][0] for text in each.references})


@each_recipe
def test_a_number_of_pairs_is_balanced_over_the_labels(recipe):
    counts = Counter(pair.label for pair in made("slots", recipe, pairs=100))
    assert counts == dict.fromkeys(LABELS, 20)


def test_the_same_pairs_for_any_order_of_the_examples():
    examples, aligner = CORPORA["slots"]
    for recipe in RECIPES:
        for order in (examples[::-1], (*examples[7:], *examples[:7])):
            assert corrupt(order, aligner, recipe=recipe, seed=1, pairs=80) == list(made("slots", recipe, pairs=80))


def test_fewer_pairs_are_some_of_the_same():
    assert (
        set(made("slots", "audited", pairs=50))
        < set(made("slots", "audited", pairs=100))
        < set(made("slots", "audited"))
    )


def test_another_seed_makes_other_pairs():
    assert made("slots", "audited", pairs=50, seed=2) != made("slots", "audited", pairs=50)


def test_every_operation_is_seen():
    seen = {recipe: {pair.operation for corpus in CORPORA for pair in made(corpus, recipe)} for recipe in RECIPES}
    assert seen["released"] >= set(OPERATIONS["released"]) - {"not_deleted"}
    assert seen["audited"] == {"", *OPERATIONS["audited"]}


def test_what_is_left_out_does_not_occur():
    examples, aligner = CORPORA["slots"]
    for name in ("data_value", "sentence_repeated", "both_changed"):
        pairs = corrupt(examples, aligner, seed=1, pairs=100, leave_out=name)
        assert name not in {pair.operation for pair in pairs}
        assert Counter(pair.label for pair in pairs) == dict.fromkeys(LABELS, 20)


def test_unknown_recipes_and_operations_are_refused():
    examples, aligner = CORPORA["slots"]
    with pytest.raises(ConfigError, match="no operation of audited"):
        corrupt(examples, aligner, seed=1, leave_out="data_valu")
    with pytest.raises(ConfigError, match="Did you mean released"):
        corrupt(examples, aligner, seed=1, recipe="relased")
    with pytest.raises(ConfigError, match="no operation of released"):
        corrupt(examples, aligner, recipe="released", seed=1, leave_out="data_value")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (SlotValues(()), "It is a walk."),
        (SlotValues((Slot("name", ""),), act="request"), "What is its name?"),
        (SlotValues((Slot("name", "Foo Path"),)), "Foo"),
        (SlotValues((Slot("name", "Foo Path"),)), ""),
        (Triples(()), "Nothing is known."),
        (AmrGraph(AmrNode("a", "amr-empty")), "..."),
    ],
)
@each_recipe
def test_records_with_nothing_to_corrupt(recipe, source, text):
    """A record without values, a text of one word or none: the accurate pair, and nothing that is not wrong."""
    alone = Example("a", "train", source, (text,))
    aligner = CORPORA["slots"][1] if isinstance(source, SlotValues) else VerbatimAligner([alone])
    pairs = corrupt([alone], aligner, recipe=recipe, seed=1)
    assert pairs[0] == Pair("a", 0, source, text, "accurate")
    assert {pair.label for pair in pairs} <= {"accurate", "repetition", "value_error"}
    assert recipe == "released" or {pair.label for pair in pairs} <= {"accurate", "repetition"}


def game(name: str, genres: str, home: str) -> Example:
    source = SlotValues((Slot("name", name), Slot("genres", genres), Slot("home", home)))
    return Example(name, "train", source, (f"{name} from {home}: {genres.replace(', ', ' and ')}.",))


def test_alignment_and_corruptions_take_the_same_values_for_lists():
    """Parts of a list are values elsewhere, alone or in another list; "Paris" is no value without its country."""
    train = [
        game("Aba", "action, puzzle", "Paris, France"),
        game("Bebo", "action, racing", "Lyon, France"),
        game("Cici", "puzzle", "Rome, Italy"),
        game("Dodo", "racing", "Turin, Italy"),
    ]
    aligner = build_aligner("own", train)
    assert aligner.lists == {"genres"}
    unseen = [game("Efe", "racing, puzzle", "Nice, France")]  # which alone would tell of no list
    for examples in (train, unseen):
        for case in Pool(examples, aligner).cases:
            values = {(fact.slot, fact.value) for fact in case.facts}
            assert {(mention.slot, mention.value) for mention in case.aligned.mentions} == values
            assert len(values) == case.aligned.slots
    assert [fact.value for fact in case.facts] == ["Efe", "racing", "puzzle", "Nice, France"]


def test_no_examples_make_no_pairs():
    for recipe in RECIPES:
        assert corrupt([], CORPORA["slots"][1], recipe=recipe, seed=1) == []
        assert corrupt([], CORPORA["slots"][1], recipe=recipe, seed=1, pairs=50) == []


# Each is seen as one character: an accent apart from its letter, emoji of several, a flag.
CHARACTERS = (
    "e\u0301",
    "E\u0301",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f44d\U0001f3fd",
    "\U0001f1e9\U0001f1f0",
)
PARTS = frozenset("\u0301\u200d\U0001f3fd\U0001f1e9\U0001f1f0")
letters = st.characters(exclude_categories=["Cs", "Mn", "Me"], exclude_characters=PARTS)
words = st.lists(letters | st.sampled_from(CHARACTERS), min_size=1, max_size=12).map("".join)
names = st.sampled_from(["name", "kind", "price", "open"])


@st.composite
def examples_of_anything(draw):
    """Slots with any values, and texts made of them and of other words, with commas, marks and blanks between."""
    made_ = []
    for i in range(draw(st.integers(1, 4))):
        slots = [
            Slot(name, draw(words | st.sampled_from(["yes", "no", ""]))) for name in draw(st.lists(names, max_size=4))
        ]
        parts = [slot.value for slot in slots] + draw(st.lists(words, max_size=6))
        text = "".join(
            f"{part}{draw(st.sampled_from([' ', ', ', '. ', ' and ', ' is ', ' with ', '']))}" for part in parts
        )
        made_.append(Example(str(i), "train", SlotValues(tuple(slots)), (text,)))
    return made_


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(examples_of_anything(), st.sampled_from(RECIPES), st.integers(0, 3), st.booleans())
def test_no_character_is_broken_and_every_corruption_changes_something(examples, recipe, seed, verbatim):
    aligner = VerbatimAligner(examples) if verbatim else build_aligner("own", examples)
    for pair in corrupt(examples, aligner, recipe=recipe, seed=seed):
        original = next(each for each in examples if each.id == pair.example_id)
        left = pair.text
        for character in CHARACTERS:
            left = left.replace(character, "")
        assert PARTS.isdisjoint(left)
        assert 0 <= pair.start <= pair.end <= len(pair.text)
        if pair.operation:
            assert (pair.source, pair.text) != (original.source, original.references[0])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.data())
@example("an old pub", None)
def test_splicing_changes_only_one_place(text, data):
    start, end = (3, 6) if data is None else sorted(data.draw(st.integers(0, len(text))) for _ in range(2))
    new = "new" if data is None else data.draw(st.sampled_from(["", "x", "old", "New", " and x"]))
    spliced, first, last = splice(text, start, end, new)
    assert spliced[first:last].lower() == new.lower()
    left, right = text[:start].rstrip(" ,;"), text[end:].strip(" ,;")
    article = re.search(r"\b[Aa]n?$", left)  # which may change its "n"
    assert spliced[:first].startswith(left[: article.start()] if article else left)
    assert spliced[last:].strip(" ,;").casefold() == right.casefold()  # its first letter may be written large


@pytest.mark.parametrize(
    ("text", "gone", "new", "expected"),
    [
        ("It is a cheap pub.", "cheap ", "", "It is a pub."),
        ("It is an old pub.", "old ", "", "It is a pub."),
        ("It is a big old pub.", "big ", "", "It is an old pub."),
        ("It is a big pub.", "big", "E-rated", "It is an E-rated pub."),
        ("It is an old pub.", "old", "unique", "It is a unique pub."),
        ("Near Foo, it is a pub.", "Near Foo, ", "", "It is a pub."),
        ("It is a pub, near Foo.", ", near Foo", "", "It is a pub."),
        ("It is a pub. It is near Foo.", "It is near Foo.", "", "It is a pub."),
        ("It is a pub . It is near Foo .", "It is a pub . ", "", "It is near Foo ."),
        ("The Mill is a pub.", "The Mill", "the cafe", "The cafe is a pub."),
    ],
)
def test_splicing_reads_well(text, gone, new, expected):
    start = text.index(gone)
    assert splice(text, start, start + len(gone), new)[0].rstrip() == expected


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("The Mill, which is cheap, is a pub.", "The Mill is a pub."),
        ("The Mill is a pub and has a garden.", "The Mill is a pub."),
        ("The Mill is a pub with a garden.", "The Mill is a pub."),
        ("The Mill is a pub near the river.", "The Mill is a pub."),
        ("The Mill is a pub (built in 1900).", "The Mill is a pub."),
        ("Built in 1900, the Mill is a pub.", "the Mill is a pub."),
        ("The Mill is a pub, but it is not cheap.", "The Mill is a pub."),
    ],
)
def test_clauses_that_can_go(sentence, rest):
    parts = [(part.start, part.end) for part in removable(sentence, 0, len(sentence))]
    assert rest in [sentence[:start] + sentence[end:] for start, end in parts]


@pytest.mark.parametrize(
    "sentence",
    [
        "The Mill is near the river.",  # "The Mill is."
        "It runs on Linux, Windows, and Mac.",  # "It runs, Windows, and Mac."
        "The Mill is located in Foo.",
        "She likes games such as Foo.",
    ],
)
def test_nothing_goes_that_a_sentence_needs(sentence):
    rests = [sentence[: part.start] + sentence[part.end :] for part in removable(sentence, 0, len(sentence))]
    assert not {"The Mill is.", "The Mill is located.", "It runs.", "It runs, Windows, and Mac."} & set(rests)


def test_values_are_replaced_by_their_kind():
    for pair in made("triples", "audited"):
        if pair.operation != "data_value":
            continue
        original = next(each for each in TRIPLES if each.id == pair.example_id)
        assert isinstance(original.source, Triples)
        assert isinstance(pair.source, Triples)
        for old, new in zip(original.source.triples, pair.source.triples, strict=True):
            assert kind(old.object) == kind(new.object)
            assert old.predicate == new.predicate


def test_graphs_keep_their_variables():
    """No corruption leaves a re-entrancy to a node that is gone, or gives one variable to two nodes."""
    for pair in made("graphs", "audited"):
        assert isinstance(pair.source, AmrGraph)
        stack = [pair.source.root]
        variables: list[str] = []
        targets: list[str] = []
        while stack:
            node = stack.pop()
            variables.append(node.variable)
            stack += [target for _, target in node.edges if isinstance(target, AmrNode)]
            targets += [target for role, target in node.edges if role == ":poss" and isinstance(target, str)]
        assert len(set(variables)) == len(variables)
        assert set(targets) <= set(variables)


def test_pairs_are_frozen():
    pair = made("slots", "audited", pairs=50)[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair.label = "omission"  # type: ignore[misc]


def test_answers_of_yes_no_slots_are_turned_round_in_the_data_often_enough_to_be_learned():
    """Drawn as one slot among many they were few, and a classifier saw hardly a denial (experiments/fidelity)."""
    wrong = [pair for pair in made("slots", "audited") if pair.label == "value_error"]
    flipped = [pair for pair in wrong if pair.operation == "polarity"]
    assert len(flipped) > len(wrong) / 15
    sources = {example.id: example.source for example in SOME}
    for pair in flipped:
        before, after = dict(sources[pair.example_id].slots), dict(pair.source.slots)  # type: ignore[union-attr]
        (slot,) = (name for name in before if before[name] != after[name])
        assert {before[slot], after[slot]} == {"yes", "no"}
        assert pair.text in next(example.references for example in SOME if example.id == pair.example_id)
