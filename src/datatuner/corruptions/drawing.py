"""Drawing pairs: which references get which corruption, the same for any order of the examples."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random

from datatuner.alignment import Aligner
from datatuner.corruptions.accepting import accepted
from datatuner.corruptions.pair import Edit, Pair
from datatuner.corruptions.pool import Case, Pool
from datatuner.corruptions.recipes import OPERATIONS, RECIPES, Operation
from datatuner.errors import ConfigError, did_you_mean
from datatuner.example import AmrGraph, Example, Source
from datatuner.records import LABELS

PROPOSALS = 6  # of one operation for one reference: what none of them achieves is taken for impossible
ROUNDS = 3  # pairs of one label from one reference, at most
HARD = 0.25  # share of references of which a second accurate pair is made, both sides changed


def corrupt(
    examples: Sequence[Example],
    aligner: Aligner,
    *,
    recipe: str = "audited",
    seed: int,
    pairs: int | None = None,
    leave_out: str | None = None,
) -> list[Pair]:
    """Labelled pairs of the references of `examples`, ordered by id, reference and label.

    About `pairs` of them, balanced over `LABELS` and drawn uniformly over references. There are fewer where these do
    not yield as many: no label has more than `accurate`, which has each distinct reference once as it is, and for some
    a second pair whose both sides are changed. Without `pairs`, `audited` gives as many as there are in this way, and
    `released` all that the original makes. A pair depends on seed, its reference, and what the other examples offer,
    and neither on their order nor on `pairs`. A text of one word, or data without values, may only give `accurate`.

    Raises:
        ConfigError: no such recipe, or none of its operations is called `leave_out`.
    """
    maker = Maker(Pool(examples, aligner), recipe=recipe, seed=seed, leave_out=leave_out)
    made = maker.everything(maker.pool.cases) if pairs is None else maker.balanced(maker.pool.cases, pairs)
    return sorted(made, key=lambda p: (p.example_id, p.reference, LABELS.index(p.label), p.operation, p.start))


def operations(recipe: str, leave_out: str | None = None) -> Mapping[str, Operation]:
    """The operations of a recipe without the one that is left out.

    Raises:
        ConfigError: no such recipe or operation.
    """
    if recipe not in RECIPES:
        raise ConfigError(f"no recipe {recipe!r}.{did_you_mean(recipe, RECIPES)} There are: {', '.join(RECIPES)}.")
    known = OPERATIONS[recipe]
    if leave_out is not None and leave_out not in known:
        hint = did_you_mean(leave_out, known)
        raise ConfigError(
            f"corruptions.leave_out={leave_out}: no operation of {recipe}.{hint} There are: {', '.join(known)}."
        )
    return {name: operation for name, operation in RECIPES[recipe].items() if name != leave_out}


class Maker:
    """Makes pairs by one recipe, from references of one pool.

    Raises:
        ConfigError: as `corrupt`.
    """

    def __init__(self, pool: Pool, *, recipe: str, seed: int, leave_out: str | None = None) -> None:
        self.table = operations(recipe, leave_out)
        self.pool, self._recipe, self._seed = pool, recipe, seed
        self._right = {(case.source, case.text) for case in pool.cases}

    def everything(self, cases: Sequence[Case]) -> list[Pair]:
        """All that the recipe makes of the references where it is not asked for a number."""
        if self._recipe == "released":
            return [pair for case in cases for pair in self._all_of(case)]
        return self.balanced(cases, None)

    def balanced(self, cases: Sequence[Case], pairs: int | None) -> list[Pair]:
        """Label by label, over the references in a drawn order, until there are enough."""
        cases = self.drawn(cases)
        accurate = self._accurate(cases, None if pairs is None else pairs // len(LABELS))
        made = [*accurate]
        for label in LABELS[1:]:
            made += self._of_label(cases, label, len(accurate))
        return made

    def drawn(self, cases: Sequence[Case]) -> list[Case]:
        """The references in an order drawn for the seed, the same for any order they come in."""
        return sorted(cases, key=lambda case: self._rng(case, "order").random())

    def _accurate(self, cases: Sequence[Case], count: int | None) -> list[Pair]:
        found: dict[tuple[Source, str], Pair] = {}
        for case in cases:
            if count is not None and len(found) >= count:
                break
            found.setdefault((case.source, case.text), _pair(case, "accurate", "", Edit(case.source, case.text, 0, 0)))
            if self._rng(case, "hard").random() < HARD:
                for pair in islice(self._corruptions(case, "accurate"), 1):
                    found.setdefault((pair.source, pair.text), pair)
        return list(found.values())[:count]

    def _of_label(self, cases: Sequence[Case], label: str, count: int) -> list[Pair]:
        """Round by round: every reference gives its first pair before one gives its second."""
        found: dict[tuple[Source, str], Pair] = {}
        for number in range(ROUNDS):
            for case in cases:
                if len(found) >= count:
                    return list(found.values())
                for pair in islice(self._corruptions(case, label), number, number + 1):
                    found.setdefault((pair.source, pair.text), pair)
        return list(found.values())

    def _corruptions(self, case: Case, label: str) -> Iterator[Pair]:
        """One pair for each operation of a label that succeeds, in an order drawn for this reference."""
        names = [name for name, (made, _) in self.table.items() if made == label]
        for name in self._rng(case, label).sample(names, len(names)):
            pair = self.pair(case, name)
            if pair is not None:
                yield pair

    def pair(self, case: Case, name: str) -> Pair | None:
        """What one operation makes of a reference; None where it is not possible."""
        label = self.table[name][0]
        for edit in self._proposals(case, name):
            checked = self._checked(case, label, name, edit)
            if checked is not None:
                return _pair(case, label, name, checked)
        return None

    def _proposals(self, case: Case, name: str) -> Iterator[Edit]:
        """What an operation proposes for a reference, without what changes nothing or is right as well."""
        _, function = self.table[name]
        for edit in islice(function(case, self._rng(case, name)), PROPOSALS):
            if edit.text.strip() and (edit.source, edit.text) not in self._right:
                yield edit

    def _checked(self, case: Case, label: str, name: str, edit: Edit) -> Edit | None:
        if self._recipe == "released" or certain(name, case):
            return edit
        return accepted(label, case, edit, self.pool.aligner)

    def _all_of(self, case: Case) -> Iterator[Pair]:
        """The reference as it is, and all that the operations propose for it."""
        yield _pair(case, "accurate", "", Edit(case.source, case.text, 0, 0))
        for name, (label, _) in self.table.items():
            yield from (_pair(case, label, name, edit) for edit in self._proposals(case, name))

    def _rng(self, case: Case, what: str) -> Random:
        return Random(f"{self._seed}-{case.example.split}-{case.example.id}-{case.reference}-{what}")


def certain(name: str, case: Case) -> bool:
    """Whether an operation only proposes what is wrong, in a way that no aligner sees: a whole clause denied."""
    return name in ("polarity", "negated") and isinstance(case.source, AmrGraph)


def _pair(case: Case, label: str, operation: str, edit: Edit) -> Pair:
    return Pair(case.example.id, case.reference, edit.source, edit.text, label, operation, edit.start, edit.end)
