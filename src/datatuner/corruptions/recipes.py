"""The operations of each recipe, by name: the label of what they make, and the function that proposes it."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import MappingProxyType

from datatuner.corruptions import left_out, made_up, released, said_twice, still_right, wrong_values
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case

Operation = tuple[str, Callable[[Case, Random], Iterator[Edit]]]

RELEASED: dict[str, Operation] = {
    "values_mixed": ("value_error", released.values_mixed),
    "value_cut": ("value_error", released.value_cut),
    "not_deleted": ("value_error", released.not_deleted),
    "yes_no_flipped": ("value_error", released.yes_no_flipped),
    "sentence_again": ("repetition", released.sentence_again),
    "shortest_sentence_removed": ("omission", released.shortest_sentence_removed),
    "comma_phrase_cut": ("omission", released.comma_phrase_cut),
    "foreign_sentence": ("hallucination", released.foreign_sentence),
    "foreign_sentence_in_place": ("hallucination", released.foreign_sentence_in_place),
}
AUDITED: dict[str, Operation] = {
    "both_changed": ("accurate", still_right.both_changed),
    "both_removed": ("accurate", still_right.both_removed),
    "value_swapped": ("value_error", wrong_values.value_swapped),
    "number_changed": ("value_error", wrong_values.number_changed),
    "negated": ("value_error", wrong_values.negated),
    "data_value": ("value_error", wrong_values.data_value),
    "polarity": ("value_error", wrong_values.polarity),
    "sentence_repeated": ("repetition", said_twice.sentence_repeated),
    "sentence_reworded": ("repetition", said_twice.sentence_reworded),
    "clause_repeated": ("repetition", said_twice.clause_repeated),
    "value_repeated": ("repetition", said_twice.value_repeated),
    "sentence_removed": ("omission", left_out.sentence_removed),
    "clause_removed": ("omission", left_out.clause_removed),
    "item_removed": ("omission", left_out.item_removed),
    "data_added": ("omission", left_out.data_added),
    "sentence_inserted": ("hallucination", made_up.sentence_inserted),
    "clause_inserted": ("hallucination", made_up.clause_inserted),
    "value_inserted": ("hallucination", made_up.value_inserted),
    "data_removed": ("hallucination", made_up.data_removed),
}
RECIPES: Mapping[str, Mapping[str, Operation]] = MappingProxyType({"audited": AUDITED, "released": RELEASED})
OPERATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType({name: tuple(table) for name, table in RECIPES.items()})
