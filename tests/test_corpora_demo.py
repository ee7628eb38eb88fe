"""The embedded corpus: every text says exactly what its input says, in decent English, and always the same."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest
import sacrebleu

from datatuner.corpora.demo import SIZES, read
from datatuner.corpora.demo_grammar import FORMS, REGIONS, SIGHTS, TYPES, USUAL_ORDER
from datatuner.corpora.demo_sentences import Unit, Writer, listed, plan, with_article, write
from datatuner.example import Example, SlotValues

SHA256 = "b78c1596c7d68154f97ee5c661ece454b94c6496c2df33ec73a5aa70c689843f"
NUMBER = re.compile(r"\d+(?:\.\d+)?(?: km| m| out of 5)?\b")
MENTION = {"dogs": r"\bdogs?\b", "camping": r"\b(camp|camping|tents)\b"}
NO = {  # how a "no" is said; a mention without one of these is a "yes"
    "dogs": r"not allow dogs|bans dogs|closed to dogs|dogs are not|no dogs|not bring a dog|dogs have to|neither dogs"
    r"|but not dogs",
    "camping": r"not allow camping|forbids camping|camping is (not|forbidden)|cannot camp|no tents|dogs nor|dogs or"
    r"|neither is camping|but not camping|tents are not",
}


def everything() -> list[Example]:
    return [example for split in SIZES for example in read(split)]


def slots_of(example: Example) -> dict[str, str]:
    assert isinstance(example.source, SlotValues)
    return dict(example.source.slots)


def texts() -> Iterator[tuple[dict[str, str], str]]:
    for example in everything():
        for reference in example.references:
            yield slots_of(example), reference


def checksum() -> str:
    return hashlib.sha256(json.dumps([asdict(example) for example in everything()]).encode()).hexdigest()


def said(slot: str, text: str) -> str | None:
    """Whether `text` answers yes or no, by patterns of this test's own; None without a mention."""
    if not re.search(MENTION[slot], text, re.IGNORECASE):
        return None
    return "no" if re.search(NO[slot], text, re.IGNORECASE) else "yes"


def mentioned(words: tuple[str, ...], text: str) -> set[str]:
    return {word for word in words if re.search(rf"\b{word}\b", text)}


def test_sizes_and_ids() -> None:
    assert {split: len(read(split)) for split in SIZES} == {"train": 1500, "validation": 200, "test": 200}
    assert read("train")[0].id == "demo-train-0001"
    assert len({example.id for example in everything()}) == 1900
    assert all(example.split in example.id for example in everything())


def test_inputs_are_unique_within_and_across_splits() -> None:
    inputs = {frozenset(slots_of(example).items()) for example in everything()}
    assert len(inputs) == 1900


def test_inputs_have_three_to_eight_slots_the_name_mostly_first() -> None:
    sizes = [len(slots_of(example)) for example in everything()]
    assert set(sizes) == {3, 4, 5, 6, 7, 8}
    first = [next(iter(slots_of(example))) for example in everything()]
    assert 0.7 < first.count("name") / len(first) < 0.9


def test_attributes_tell_size_and_whether_the_name_is_known() -> None:
    known = {slots_of(example)["name"] for example in read("train")}
    for example in everything():
        assert example.attributes["size"] == str(len(slots_of(example)))
        assert (example.attributes["seen"] == "seen") == (slots_of(example)["name"] in known)
    unseen = sum(example.attributes["seen"] == "unseen" for example in read("test"))
    assert 100 < unseen < 200


def test_every_input_has_two_or_three_different_references() -> None:
    for example in everything():
        assert len(example.references) in (2, 3)
        assert len(set(example.references)) == len(example.references)


def test_the_corpus_never_changes() -> None:
    assert checksum() == SHA256


def test_the_corpus_does_not_depend_on_the_hash_seed() -> None:
    command = [sys.executable, "-c", "import test_corpora_demo as tests; print(tests.checksum())"]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    run = subprocess.run(
        command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == SHA256


def test_texts_say_every_number_once_and_no_other() -> None:
    for slots, text in texts():
        expected = sorted(slots[slot] for slot in ("length", "climb", "opened", "rating") if slot in slots)
        assert sorted(NUMBER.findall(text)) == expected, text


def test_texts_say_type_region_and_sights_and_no_others() -> None:
    for slots, text in texts():
        assert mentioned(TYPES, text) == {slots[slot] for slot in ("type",) if slot in slots}, text
        assert mentioned(REGIONS, text) == {slots[slot] for slot in ("region",) if slot in slots}, text
        assert mentioned(SIGHTS, text) == set(filter(None, slots.get("sights", "").split(", "))), text


def test_texts_answer_yes_or_no_as_the_input_does() -> None:
    for slots, text in texts():
        assert {slot: said(slot, text) for slot in MENTION} == {slot: slots.get(slot) for slot in MENTION}, text


def test_texts_name_the_walk_and_nothing_else() -> None:
    for slots, text in texts():
        assert re.search(rf"[Tt]he {slots['name']}\b", text), text
        rest = text.replace(slots["name"], "").replace(slots.get("region", slots["name"]), "")
        assert re.fullmatch(r"[A-Z][^A-Z]*(\. [A-Z][^A-Z]*){0,2}\.", rest), text


def test_texts_are_well_formed() -> None:
    for _, text in texts():
        assert re.search(r"  | [,.]|,,|\.\.|[{}_]|^ | $|\b(\w+) \1\b", text) is None, text
        for article, word in re.findall(r"\b([Aa]n?) (\S+)", text):
            vowel = re.match(r"[aeiou]|(8|11|18)(\.5)?$", word) is not None
            assert (article.lower() == "an") == vowel, text


def test_every_form_is_used() -> None:
    """A template that the sentence plans cannot reach would be dead weight."""
    everything_said = " ".join(text.lower() for _, text in texts())
    for key, forms in FORMS.items():
        for template in (*forms.verbs, *forms.clauses, *forms.posts, *forms.fronts):
            pattern = re.escape(template).replace(r"\{v\}", ".+?").replace(r"\{noun\}", r"\w+")
            assert re.search(pattern, everything_said), f"{key}: {template}"


def test_references_agree_with_each_other_as_much_as_human_ones_do() -> None:
    """BLEU of each reference against its input's others: neither copies nor unrelated texts."""
    pairs = [(text, [other for other in e.references if other != text]) for e in read("test") for text in e.references]
    others = [[rest[k] if k < len(rest) else None for _, rest in pairs] for k in range(2)]
    bleu = sacrebleu.corpus_bleu([text for text, _ in pairs], others)  # type: ignore[arg-type]
    assert 35 < bleu.score < 60


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("chapel", "a chapel"),
        ("old mill", "an old mill"),
        ("8 km path", "an 8 km path"),
        ("8.5 km path", "an 8.5 km path"),
        ("11 km path", "an 11 km path"),
        ("18.5 km path", "an 18.5 km path"),
        ("1 km path", "a 1 km path"),
        ("28 km path", "a 28 km path"),
        ("upland trail", "an upland trail"),
    ],
)
def test_with_article(phrase: str, expected: str) -> None:
    assert with_article(phrase) == expected


def test_listed() -> None:
    assert [listed(parts) for parts in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert listed(["welcomes dogs", "forbids camping"], "but") == "welcomes dogs but forbids camping"


def test_opposite_answers_are_joined_by_but() -> None:
    writer = Writer({"name": "Foxgate Way"}, Random(0))
    assert " but " in writer.predicate([Unit("dogs=yes", ""), Unit("camping=no", "")])
    assert " and " in writer.predicate([Unit("dogs=no", ""), Unit("camping=no", "")])
    assert " but " in writer.predicate([Unit("rating", "5 out of 5"), Unit("dogs=no", "")])


def test_a_plan_says_each_unit_once_in_at_most_three_sentences() -> None:
    units = [Unit("sights", "a chapel"), Unit("dogs=yes camping=no", ""), *(Unit(key, "1") for key in USUAL_ORDER[:3])]
    for seed in range(100):
        groups = plan(units, Random(seed))
        assert sorted(unit for group in groups for unit in group) == sorted(units)
        assert len(groups) <= 3
        assert all(1 <= len(group) <= 3 for group in groups)


def test_the_shortest_input_can_be_said() -> None:
    said_so = {
        write({"name": "Foxgate Way", "type": "canal walk", "region": "Old Carrick"}, Random(n)) for n in range(50)
    }
    assert "The Foxgate Way is a canal walk in Old Carrick." in said_so
    assert "In Old Carrick there is a canal walk called the Foxgate Way." in said_so


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, datatuner.corpora.demo; print({'torch', 'transformers', 'hydra'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
