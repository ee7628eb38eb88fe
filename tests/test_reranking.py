"""Reranking policies on hand-made n-best lists, the choice of a weight, and what is said of the lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner.findings import SlotError
from datatuner.nbest import abstention, best_weight, describe
from datatuner.records import LABELS, Hypothesis, ScoredHypothesis, ScoredRow, Verdict
from datatuner.reranking import POLICIES, rank, trusted

MISSING = SlotError("missing", "name", "Aspen Way")


def scored(
    text: str = "",
    label: str | None = "accurate",
    accurate: float = 0.5,
    score: float = -1.0,
    errors: int = 0,
    bleu: float = 0.0,
    complete: bool = True,
) -> ScoredHypothesis:
    rest = (1 - accurate) / (len(LABELS) - 1)
    probabilities = {name: accurate if name == "accurate" else rest for name in LABELS} if label else None
    verdict = Verdict(label, probabilities, (MISSING,) * errors)
    return ScoredHypothesis(Hypothesis(text, score * 8, 16, score, complete), verdict, bleu)


BEAM = [
    scored("a", "omission", accurate=0.2, score=-0.5, errors=1, bleu=30),
    scored("b", "repetition", accurate=0.3, score=-0.6, errors=2, bleu=20),
    scored("c", "accurate", accurate=0.6, score=-0.9, errors=1, bleu=40),
    scored("d", "accurate", accurate=0.9, score=-1.4, errors=0, bleu=10),
    scored("e", "accurate", accurate=1.0, score=-0.1, errors=0, bleu=99, complete=False),
]


@pytest.mark.parametrize(
    ("policy", "weight", "expected"),
    [
        ("none", 0.0, "abcde"),
        ("binary", 0.0, "cdabe"),  # accurate or not, then the beam
        ("severity", 0.0, "cdbae"),  # repetition is less severe than omission
        ("slots", 0.0, "dacbe"),
        ("oracle", 0.0, "cabde"),
        ("probability", 0.0, "abcde"),
        ("probability", 1.0, "dcbae"),
        ("probability", 0.6, "cdbae"),  # -0.08, -0.06, 0.0, -0.02
    ],
)
def test_a_policy_sorts_complete_hypotheses_first_and_then_by_its_own(policy, weight, expected):
    order = rank(BEAM, policy, weight=weight)
    assert "".join(BEAM[place].hypothesis.text for place in order) == expected


@pytest.mark.parametrize(
    ("order", "fidelities", "least", "expected"),
    [
        ([0, 1, 2], [0.9, 0.95, 0.2], 0.9, 0),  # the policy's choice passes, though another is higher
        ([2, 0, 1], [0.9, 0.95, 0.2], 0.9, 0),  # the choice fails, and the next in the policy's order passes
        ([2, 1, 0], [0.9, 0.95, 0.2], 0.9, 1),
        ([0, 1, 2], [0.1, 0.2, 0.3], 0.9, None),
        ([0, 1], [None, 0.5], 0.0, 1),
        ([0, 1], [0.0, 0.0], 0.0, 0),
        ([], [], 0.0, None),
    ],
)
def test_the_first_that_passes_in_the_policys_order_is_trusted(order, fidelities, least, expected):
    texts = [scored(label=None) if each is None else scored(accurate=each) for each in fidelities]
    assert trusted(texts, order, least) == expected


def test_a_text_that_is_cut_is_not_trusted():
    assert trusted(BEAM, rank(BEAM, "none"), 0.9) == 3
    assert trusted(BEAM, rank(BEAM, "none"), 0.95) is None


@pytest.mark.parametrize("policy", ["binary", "severity", "probability"])
def test_a_policy_that_needs_labels_refuses_a_list_without(policy):
    with pytest.raises(ValueError, match="without"):
        rank([scored(label=None), scored(label=None)], policy)
    assert rank([scored(label=None, errors=1), scored(label=None)], "slots") == [1, 0]


hypotheses = st.builds(
    scored,
    label=st.sampled_from(LABELS),
    accurate=st.floats(0, 1),
    score=st.floats(-9, 0),
    errors=st.integers(0, 3),
    bleu=st.floats(0, 100),
    complete=st.booleans(),
)


@given(st.lists(hypotheses, min_size=1, max_size=6), st.sampled_from(POLICIES), st.floats(0, 1))
def test_every_policy_permutes_the_list_and_leaves_no_incomplete_one_before_a_complete_one(beam, policy, weight):
    order = rank(beam, policy, weight=weight)
    assert sorted(order) == list(range(len(beam)))
    flags = [beam[place].hypothesis.complete for place in order]
    assert flags == sorted(flags, reverse=True)


def test_what_is_said_of_the_lists():
    rows = [
        ScoredRow("1", "", 3, tuple(BEAM)),  # first accurate at place 3
        ScoredRow("2", "", 3, (scored("x"), scored("y", "omission"))),  # at place 1
        ScoredRow("3", "", 3, (scored("x", "omission"), scored("x", "omission"))),  # nowhere
        ScoredRow("4", "", 3, (scored("x", complete=False), scored("y", "omission"))),  # at place 2, cut
    ]
    orders = [rank(row.hypotheses, "binary") for row in rows]
    assert describe(rows, orders) == {
        "judged_by": "classifier",
        "inputs_without_accurate": 0.25,
        "rank_of_first_accurate": {"1": 1, "2": 1, "3": 1},
        "first_places_changed": 0.25,
    }


def test_what_abstention_would_leave_of_the_lists():
    rows = [
        ScoredRow("1", "", 3, tuple(BEAM)),  # an error at 0.6; none at 0.9; the text at 1.0 is cut
        ScoredRow("2", "", 3, (scored("x", accurate=0.75, errors=1), scored("y", accurate=0.5))),
        ScoredRow("3", "", 3, (scored("x", "omission", accurate=0.1), scored("y", "omission", accurate=0.2))),
    ]
    found = abstention(rows, "none")
    assert found == {
        "inputs": 3,
        "table": [
            {"threshold": 0.5, "kept": 2 / 3, "errors": 1.0},
            {"threshold": 0.7, "kept": 2 / 3, "errors": 0.5},
            {"threshold": 0.8, "kept": 1 / 3, "errors": 0.0},
            {"threshold": 0.9, "kept": 1 / 3, "errors": 0.0},
            {"threshold": 0.95, "kept": 0.0, "errors": None},
            {"threshold": 0.99, "kept": 0.0, "errors": None},
        ],
    }
    first = abstention(rows, "slots")
    assert first is not None
    assert [row["errors"] for row in first["table"][:2]] == [0.0, 0.5]  # the policy's order decides who passes first
    assert abstention([ScoredRow("1", "", 3, (scored(label=None),))], "none") is None


@pytest.mark.parametrize(
    ("tuned", "expected"),
    [
        ([{"weight": 0.0, "bleu": 50.0, "ser": 9.0}, {"weight": 0.5, "bleu": 49.8, "ser": 3.0}], 0.5),
        ([{"weight": 0.0, "bleu": 50.0, "ser": 9.0}, {"weight": 0.5, "bleu": 49.6, "ser": 3.0}], 0.0),  # too much BLEU
        ([{"weight": 0.0, "bleu": 50.0, "coverage": 60.0}, {"weight": 0.5, "bleu": 49.8, "coverage": 70.0}], 0.5),
        ([{"weight": 0.0, "bleu": 50.0, "accurate": 70.0}, {"weight": 0.5, "bleu": 49.8, "accurate": 60.0}], 0.0),
        ([{"weight": 0.0, "bleu": 50.0, "ser": 3.0}, {"weight": 0.5, "bleu": 50.1, "ser": 3.0}], 0.5),
        ([{"weight": 0.0, "bleu": 50.0, "ser": 3.0}, {"weight": 0.5, "bleu": 50.0, "ser": 3.0}], 0.5),
    ],
)
def test_the_most_faithful_weight_that_costs_little_bleu_is_chosen(tuned, expected):
    assert best_weight(tuned) == expected


def test_without_a_classifier_the_alignment_says_what_is_accurate():
    rows = [ScoredRow("1", "", 3, (scored(label=None, errors=1), scored("b", label=None)))]
    found = describe(rows, [rank(rows[0].hypotheses, "slots")])
    assert found["judged_by"] == "alignment"
    assert found["rank_of_first_accurate"] == {"2": 1}
    assert found["first_places_changed"] == 1
