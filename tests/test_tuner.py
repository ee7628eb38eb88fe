"""`Tuner.generate`: the list that is ranked, which text is trusted, and what is said of records and of what was cut."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import datatuner as package
from datatuner import corpora
from datatuner.corpora.amr import parse
from datatuner.errors import ConfigError, RecordError
from datatuner.example import SlotValues, Triple, Triples
from datatuner.linearization import names_of, predicates_of
from datatuner.web import _answer

SOURCES = [example.source for example in corpora.read("demo", None, "test")[:12]]
RECORD = {"name": "Larkfield Path", "type": "walk", "region": "the north"}
POLICIES = ["none", "binary", "severity", "probability", "slots"]


@pytest.fixture(scope="module")
def tuner(judged: Path) -> Any:
    return package.load(judged)


# The list


@pytest.mark.parametrize("policy", POLICIES)
def test_the_first_texts_do_not_depend_on_how_many_are_wanted(tuner, policy):
    whole = tuner.generate(SOURCES, reranking=policy)
    assert {len(result.candidates) for result in whole} == {4}
    for n_best in (1, 2, 4):
        found = tuner.generate(SOURCES, reranking=policy, n_best=n_best)
        assert [result.candidates for result in found] == [result.candidates[:n_best] for result in whole]
    if policy not in ("none", "slots"):  # all texts of a model that has hardly learned leave everything out
        assert [r.text for r in whole] != [r.text for r in tuner.generate(SOURCES, reranking="none")]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_page_has_the_same_first_text(tuner, policy):
    html, _ = _answer(tuner, lambda: RECORD, policy)
    (first, *_) = html.split("</li>")
    for text in (tuner.generate(RECORD, reranking=policy, n_best=1).candidates[0],):
        assert f"log-probability {text.log_probability:.2f}" in first
        assert f"accurate: {text.fidelity:.0%}" in first


@pytest.mark.parametrize("n_best", [0, 5])
def test_more_texts_than_the_exports_own_list_are_refused_with_its_length(tuner, n_best):
    with pytest.raises(ConfigError) as refused:
        tuner.generate(RECORD, n_best=n_best)  # though the beam has five
    assert str(refused.value) == f"n_best={n_best} must lie between 1 and 4, the length of this export's own list."


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("n_best", 1.5), ("n_best", "3"), ("n_best", True)],
        *[("abstain_below", "0.5"), ("abstain_below", []), ("abstain_below", True)],
        *[("batch_size", 1.5), ("batch_size", "3"), ("batch_size", None), ("batch_size", False)],
        ("reranking", 1),
    ],
)
def test_an_option_of_another_kind_is_refused_before_any_work(tuner, option, value):
    with pytest.raises(ConfigError, match=f"{option}=.* must be "):
        tuner.generate(RECORD, **{option: value})


# Which text is trusted


@pytest.mark.parametrize("policy", POLICIES)
def test_the_first_text_in_the_policys_order_that_passes_is_the_one(tuner, policy):
    whole = tuner.generate(SOURCES, reranking=policy)
    fidelities = sorted(text.fidelity for result in whole for text in result.candidates)
    changed = abstained = 0
    for least in (fidelities[len(fidelities) // 2], fidelities[-8], 0.0, 1.0):
        found = tuner.generate(SOURCES, reranking=policy, abstain_below=least)
        for result, before in zip(found, whole, strict=True):
            passing = [text for text in before.candidates if text.complete and text.fidelity >= least]
            assert result.text == (passing[0].text if passing else None)
            assert result.abstained == (not passing)
            order = [*passing[:1], *(text for text in before.candidates if text not in passing[:1])]
            assert result.candidates == tuple(order)
            assert (result.label, result.fidelity) == (order[0].label, order[0].fidelity)
            assert result.missing == tuple(error for error in order[0].errors if error.kind == "missing")
            assert result.alternatives == tuple(order if result.abstained else order[1:])
            changed += bool(passing) and passing[0] != before.candidates[0]
            abstained += result.abstained
        short = tuner.generate(SOURCES, reranking=policy, abstain_below=least, n_best=1)
        assert [result.text for result in short] == [result.text for result in found]
    assert changed
    assert abstained


# What the classifier did not read


def test_a_text_says_how_much_of_its_data_the_classifier_did_not_read(tuner):
    encoder = tuner.classifier.encoder
    short, long = tuner.generate([RECORD, {**RECORD, "sights": "mill, " * 60}])
    assert {text.classifier_cut for text in short.candidates} == {0}
    for text in long.candidates:
        assert text.classifier_cut == encoder.pair(long.source, text.text).cut_data > 0


# Ids


@pytest.mark.parametrize("identifier", [1.5, float("nan"), None, True, ["a"], {}, ""])
def test_an_id_that_is_none_is_refused(tuner, identifier):
    for records in ({"id": identifier, "slots": RECORD}, [{"id": identifier, "slots": RECORD}]):
        with pytest.raises(RecordError, match=r"expected 'id' with a string or a whole number, found "):
            tuner.generate(records)


def test_an_id_that_stands_twice_is_refused(tuner):
    records = [{"id": "a", "slots": RECORD}, RECORD, {"id": 7, "slots": RECORD}]
    assert len(tuner.generate(records)) == 3
    for again in ("a", 7, "7"):
        with pytest.raises(RecordError) as refused:
            tuner.generate([*records, {"id": again, "slots": RECORD}])
        assert str(refused.value) == f"record 4: expected an id that no earlier record has, found '{again}'."


def test_among_bare_slots_an_id_is_a_slot(tuner):
    one, two = tuner.generate([{**RECORD, "id": "a"}, {**RECORD, "id": "a"}])
    assert one.source == two.source
    assert "id" in {slot.name for slot in one.source.slots}
    assert one.unseen == ("id",)


# Names that the training did not have


def test_a_name_that_the_training_did_not_have_is_said_once_and_in_each_result(judged, caplog):
    tuner = package.load(judged)
    strange = {**RECORD, "colour": "red", "\x1b[31mmood": "calm"}
    with caplog.at_level(logging.WARNING):
        results = tuner.generate([RECORD, strange, strange, {"act": "inform", "slots": RECORD}])
        tuner.generate(strange)
    assert [result.unseen for result in results] == [(), *[("colour", "\x1b[31mmood")] * 2, ("inform",)]
    assert caplog.messages == [
        f"{name} is no name of the training data: the model knows nothing of it"
        for name in ("'colour'", "'\\x1b[31mmood'", "'inform'")
    ]


def test_predicates_are_known_by_their_words(judged):
    tuner = package.load(judged)
    tuner.settings = {**tuner.settings, "predicates": ["birth place"]}
    tuner = type(tuner)(tuner.settings, tuner.trained, tuner.classifier, tuner.aligner)
    source = Triples((Triple("A", "birthPlace", "B"), Triple("A", "birth_place", "C"), Triple("A", "diedIn", "D")))
    assert tuner.unseen(source) == ("diedIn",)
    tuner.settings = {key: value for key, value in tuner.settings.items() if key != "predicates"}
    assert tuner.unseen(source) == ()  # an export that does not say


def test_the_names_of_each_kind_of_source():
    triples = Triples((Triple("A", "birthPlace", "B"), Triple("A", "died_in", "D")))
    assert names_of(triples) == {"birthPlace": "birth place", "died_in": "died in"}
    assert predicates_of([triples, *SOURCES]) == ("birth place", "died in")
    graph = parse("(w / want-01 :ARG0 (b / boy) :ARG1 (g / go-02 :ARG0 b))")
    assert names_of(graph) == {":ARG0": "<:ARG0>", ":ARG1": "<:ARG1>"}
    assert isinstance(SOURCES[0], SlotValues)
    slots = replace(SOURCES[0], act="inform")
    assert list(names_of(slots)) == ["inform", *dict.fromkeys(slot.name for slot in slots.slots)]
