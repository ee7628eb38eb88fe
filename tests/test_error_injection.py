"""Errors injected by rules of their own: every slot, the label's construction, and independence of what they judge."""

import ast
import os
from collections import defaultdict
from pathlib import Path

import pytest

from datatuner import corpora
from datatuner.example import AmrGraph, AmrNode, Example, Slot, SlotValues, Triple, Triples
from datatuner.records import LABELS
from tests.error_injection import KINDS, Injected, inject

TESTS = Path(__file__).parent
MODULES = ("error_injection", "injected", "injection_rules", "injection_slots", "injection_triples", "injection_graphs")
FORBIDDEN = ("alignment", "corruptions")


def slot_values(text: str, act: str | None = None) -> SlotValues:
    pairs = (part.partition("=") for part in text.split("; "))
    return SlotValues(tuple(Slot(name, value) for name, _, value in pairs), act)


def example(number: int, source: SlotValues | Triples | AmrGraph, *references: str) -> Example:
    return Example(f"train-{number}", "train", source, references)


E2E_EXAMPLES = [
    example(
        1,
        slot_values("name=Côté Pont; eatType=pub; food=Italian; priceRange=cheap; area=riverside; near=Café Nord"),
        "Côté Pont is a cheap pub near Café Nord. It serves Italian food in the riverside area.",
    ),
    example(
        2,
        slot_values(
            "name=Le Moulin; eatType=coffee shop; customer rating=5 out of 5; familyFriendly=yes; near=Zum Bären"
        ),
        "Le Moulin is a family friendly coffee shop near Zum Bären. It has a 5 out of 5 customer rating.",
    ),
    example(
        3,
        slot_values("name=Harbour; food=French; customer rating=low; familyFriendly=no; priceRange=more than £30"),
        "Harbour serves French food for more than £30. It is not family friendly and has a low customer rating.",
    ),
    example(4, slot_values("name=Öresund; eatType=pub; area=city centre"), "Öresund is a pub in the city centre."),
]
VIGGO_EXAMPLES = [
    example(
        1,
        slot_values(
            "name=Pokémon Ruins; release_year=2014; developer=Amber Forge; genres=puzzle, indie; "
            "platforms=PlayStation, Xbox; available_on_steam=no; has_linux_release=no; has_mac_release=yes",
            "inform",
        ),
        "Pokémon Ruins is an indie puzzle game developed by Amber Forge. It came out in 2014 for PlayStation, Xbox, "
        "and has a Mac release. It is not available on Steam, and there is no Linux release.",
    ),
    example(
        2,
        slot_values(
            "name=Quiet Harbour; esrb=T (for Teen); rating=excellent; player_perspective=first person; "
            "has_multiplayer=yes",
            "give_opinion",
        ),
        "Quiet Harbour is an excellent first person game. It has multiplayer. It is rated T (for Teen).",
    ),
    example(
        3,
        slot_values("name=Nébula Seven; exp_release_date=June 29, 2031; platforms=PC", "confirm"),
        "Do you mean Nébula Seven, the PC game that comes out on June 29, 2031?",
    ),
    example(4, slot_values("specifier=boring; release_year=1999", "request"), "What's the most boring game from 1999?"),
    example(
        5,
        slot_values("name=Crimson Vale; genres=shooter; available_on_steam=yes; has_linux_release=yes", "recommend"),
        "Try Crimson Vale, a shooter. It is available on Steam. It has a Linux release.",
    ),
    example(6, slot_values("name=Iron Fjord; exp_release_date=2019", "inform"), "Iron Fjord is due in 2019."),
    example(7, slot_values("specifier=relaxing; genres=music", "request"), "What's a relaxing music game?"),
    example(9, slot_values("name=Salt Road; platforms=Xbox", "suggest"), "Do you play Xbox games such as Salt Road?"),
    example(8, slot_values("name=Opal Tide; developer=Kestrel Nine", "confirm"), "Is it Opal Tide by Kestrel Nine?"),
]
WEBNLG_EXAMPLES = [
    example(
        1,
        Triples((Triple("Göta_Bro", "architect", "Ulla_Ström"), Triple("Göta_Bro", "completionDate", '"1987-02-27"'))),
        "Göta Bro was designed by Ulla Ström. It was completed on February 27, 1987.",
    ),
    example(
        2,
        Triples((Triple("Pont_Vieux", "architect", "Jean_Béart"), Triple("Pont_Vieux", "floorCount", "45"))),
        "Jean Béart is the architect of Pont Vieux, which has 45 floors.",
    ),
    example(
        3, Triples((Triple("Old_Mill", "completionDate", '"1911-05-03"'),)), "Old Mill was finished on 3 May 1911."
    ),
    example(4, Triples((Triple("Tower", "floorCount", "23"),)), "Tower has 23 floors."),
]
GRAPHS = [
    example(
        1,
        AmrGraph(AmrNode("c", "carry-01", ((":ARG0", AmrNode("h", "horse", ((":mod", AmrNode("w", "winter")),))),))),
        "The winter horse carries .",
    ),
    example(2, AmrGraph(AmrNode("f", "flower", ((":quant", "12"),))), "The 12 flower pots ."),
]
FIXTURES = {"e2e": E2E_EXAMPLES, "viggo": VIGGO_EXAMPLES, "webnlg": WEBNLG_EXAMPLES, "ldc2017t10": GRAPHS}
SLOTS = {
    "e2e": {"name", "eatType", "food", "priceRange", "customer rating", "area", "familyFriendly", "near"},
    "viggo": {
        *("name", "release_year", "exp_release_date", "esrb", "genres", "platforms", "available_on_steam", "developer"),
        *("has_linux_release", "has_mac_release", "specifier", "rating", "player_perspective", "has_multiplayer"),
    },
}


@pytest.fixture(scope="module", params=FIXTURES)
def injected(request):
    return inject(FIXTURES[request.param], seed=1, per_kind=100)


@pytest.fixture(scope="module")
def real():
    """Reads a split of a real corpus, or skips."""

    def read(name: str, split: str) -> list[Example]:
        root = os.environ.get("DATATUNER_DATA")
        if not root or not (Path(root) / name).is_dir():
            pytest.skip(f"no {name} under DATATUNER_DATA ({root or 'not set'})")
        return list(corpora.read(name, Path(root) / name, split))

    return read


def by_kind(pairs: list[Injected]) -> dict[str, set[str]]:
    found = defaultdict(set)
    for pair in pairs:
        found[pair.kind].add(pair.slot)
    return found


def check(pair: Injected, examples: dict[str, Example]) -> None:
    """What holds of every pair, whatever its kind."""
    origin = examples[pair.example_id]
    assert pair.label in LABELS
    assert pair.original in origin.references
    changed = (pair.text != pair.original) + (pair.source != origin.source)
    assert changed == (pair.kind != "unchanged"), "either text or data, never both, never neither"
    assert (pair.text != pair.original) == pair.kind.startswith("text_")
    assert 0 <= pair.start <= pair.end <= len(pair.text)
    pair.text.encode("utf-8")


def test_never_returns_its_input_and_spans_lie_in_the_text(injected):
    examples = {
        each.id: each
        for each in next(
            known for known in FIXTURES.values() if known[0].references[0] in {p.original for p in injected}
        )
    }
    assert {pair.label for pair in injected} == set(LABELS)
    for pair in injected:
        check(pair, examples)


def test_unicode_is_kept(injected):
    """Everything but the changed span stands in the text as it stood in the reference, letter by letter."""
    for pair in injected:
        if pair.kind in ("text_swap", "text_flip"):
            kept = pair.text[: pair.start].rstrip("an "), pair.text[pair.end :]
            assert pair.original.startswith(kept[0])
            assert pair.original.endswith(kept[1])
        if pair.kind in ("text_repeat", "text_foreign"):
            rest = pair.text[: pair.start].rstrip() + pair.text[pair.end :]
            assert rest.rstrip(".") == pair.original.rstrip(".")


@pytest.mark.parametrize("name", FIXTURES)
def test_same_seed_same_pairs(name):
    pairs = inject(FIXTURES[name], seed=3, per_kind=5)
    assert pairs == inject(FIXTURES[name], seed=3, per_kind=5)
    assert max(sum(pair.kind == kind for pair in pairs) for kind in KINDS) <= 5


def test_another_seed_makes_other_pairs():
    assert inject(VIGGO_EXAMPLES, seed=1, per_kind=9) != inject(VIGGO_EXAMPLES, seed=2, per_kind=9)


@pytest.mark.parametrize("name", SLOTS)
def test_every_slot_is_covered(name):
    pairs = [pair for seed in range(40) for pair in inject(FIXTURES[name], seed=seed, per_kind=100)]
    found = by_kind(pairs)
    for kind in ("data_change", "data_remove"):
        assert found[kind] == SLOTS[name], kind
    assert found["data_add"] >= SLOTS[name] - {"specifier", "name"}  # which are seldom absent
    said_yes_or_no = {slot for slot in SLOTS[name] if slot.startswith(("has_", "available", "family"))}
    assert found["text_flip"] == said_yes_or_no
    assert found["text_swap"] == SLOTS[name] - said_yes_or_no
    assert found["text_drop_clause"] | found["data_add"] == SLOTS[name]
    assert found["text_foreign"] >= SLOTS[name] - {"name", "specifier"}


def made(pairs: list[Injected], kind: str, slot: str) -> Injected:
    return next(pair for pair in pairs if (pair.kind, pair.slot) == (kind, slot))


def test_meanings_are_exchanged_not_words():
    """`cheap` never becomes `less than £20`, nor `5 out of 5` `high`."""
    low, high = {"cheap", "less than £20"}, {"high", "5 out of 5"}
    pairs = [pair for seed in range(20) for pair in inject(E2E_EXAMPLES, seed=seed, per_kind=50)]
    for pair in pairs:
        values = dict(pair.source.slots)  # type: ignore[union-attr]
        if (pair.kind, pair.slot, pair.example_id) == ("data_change", "priceRange", "train-1"):
            assert values["priceRange"] not in low
        if (pair.kind, pair.slot, pair.example_id) == ("data_change", "customer rating", "train-2"):
            assert values["customer rating"] not in high
        if (pair.kind, pair.slot, pair.example_id) == ("text_swap", "priceRange", "train-1"):
            assert pair.text[pair.start : pair.end] in ("moderately priced", "expensive")


def test_an_indefinite_article_follows_its_word():
    pairs = [pair for seed in range(20) for pair in inject(VIGGO_EXAMPLES, seed=seed, per_kind=50)]
    swapped = {pair.text for pair in pairs if (pair.kind, pair.slot) == ("text_swap", "rating")}
    assert "Quiet Harbour is a poor first person game. It has multiplayer. It is rated T (for Teen)." in swapped
    assert "Quiet Harbour is an average first person game. It has multiplayer. It is rated T (for Teen)." in swapped


def test_a_cut_leaves_nothing_of_the_value():
    for name, said in {"near": "Bären", "customer rating": "5", "area": "river", "priceRange": "cheap"}.items():
        cut = [p for s in range(9) for p in inject(E2E_EXAMPLES, seed=s, per_kind=50) if p.kind == "text_drop_clause"]
        for pair in cut:
            if pair.slot == name and said in pair.original:
                assert said not in pair.text


def test_a_flip_says_the_opposite():
    pairs = inject(VIGGO_EXAMPLES, seed=1, per_kind=100)
    assert "doesn't have multiplayer" in made(pairs, "text_flip", "has_multiplayer").text


@pytest.mark.parametrize("name", [*SLOTS, "webnlg", "ldc2017t10"])
def test_real_corpora(real, name):
    """Validation texts: what holds of every pair, and every slot of E2E and ViGGO in both directions."""
    examples = real(name, "validation")
    pairs = inject(examples, seed=4, per_kind=40)
    known = {each.id: each for each in examples}
    for pair in pairs:
        check(pair, known)
    found = by_kind(pairs)
    if name in SLOTS:
        changed = set.union(*(found[kind] for kind in ("text_swap", "text_flip", "data_change", "data_remove")))
        assert changed == SLOTS[name]
    if name == "webnlg":
        assert len(found["text_swap"]) >= 20
    assert all(sum(pair.kind == kind for pair in pairs) >= 10 for kind in found)


@pytest.mark.parametrize("module", MODULES)
def test_judge_is_independent(module):
    """It may use the examples and nothing of what it judges, nor of any other of the project's modules."""
    tree = ast.parse((TESTS / f"{module}.py").read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "datatuner"}
    ours = {name for name in names if name.startswith(("datatuner", "tests"))}
    allowed = {"datatuner.example", *(f"tests.{each}" for each in MODULES)}
    assert ours <= allowed, ours - allowed
    assert not any(word in name for name in names for word in FORBIDDEN)
    assert not any(isinstance(node, ast.Name) and node.id in ("__import__", "importlib") for node in ast.walk(tree))
