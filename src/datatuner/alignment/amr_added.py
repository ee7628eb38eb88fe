"""Content words of a text that nothing of its graph explains, though training sentences explain nearly all such words.

No list says which words need a concept: the training split counts how often each stands in a sentence whose graph
explains it, and how often that holds for rare words. What it has not seen often enough is no error; a split of a few
sentences teaches nothing.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from math import prod

from datatuner.alignment.amr_explained import explained
from datatuner.alignment.amr_grammar import is_grammar
from datatuner.alignment.amr_words import PlainWord, plain_words, stems
from datatuner.example import AmrGraph

UNUSUAL = 0.05  # chance that a human sentence has a run of words which its graph does not explain
RARE = 2  # sentences; words of so few stand for those that training does not have
LEAST = 100  # times that rare words were seen; fewer teach nothing
WEIGHT = 3  # sentences that the chance of a rare word counts for beside a word's own
BOUND = 3  # unexplained cases added: 3/n is the upper bound (95 %) where none of n was seen
_CLAUSE_END = re.compile(r"[.,;:!?()\"“”—]|--|- -")

Run = list[PlainWord]


class Unexplained:
    """How often the content words of training sentences have nothing in their graphs."""

    def __init__(self, had: Mapping[str, int], lone: Mapping[str, int]) -> None:
        """`had`: in how many sentences a content word stands; `lone`: in how many of them nothing explains it."""
        self.had, self.lone = had, lone
        rare = [form for form, n in had.items() if n <= RARE]
        seen = sum(had[form] for form in rare)
        self._rare = (sum(lone.get(form, 0) for form in rare) + BOUND) / (seen + BOUND) if seen >= LEAST else 1.0
        self._had, self._lone = _by_stem(had), _by_stem(lone)

    @classmethod
    def of(cls, train: Iterable[tuple[AmrGraph, str]]) -> "Unexplained":
        had: Counter[str] = Counter()
        lone: Counter[str] = Counter()
        for graph, text in train:
            known = explained(graph)
            content = {word.form for word in plain_words(text) if not is_grammar(word.form)}
            had.update(content)
            lone.update(form for form in content if form not in known)
        return cls(had, lone)

    def chance(self, form: str) -> float:
        """Of a content word to have nothing in the graph of its sentence, by that of its stems which has it most."""
        return max((self._lone[stem] + WEIGHT * self._rare) / (self._had[stem] + WEIGHT) for stem in stems(form))

    def added(self, graph: AmrGraph, text: str, words: Iterable[PlainWord], taken: Collection[int]) -> Iterator[Run]:
        """Runs of content words that nothing explains, where such a run is unusual; `taken` are characters to skip."""
        for run in _runs(graph, text, words, taken):
            if prod(self.chance(word.form) for word in run) <= UNUSUAL:
                yield run


def _by_stem(counts: Mapping[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for form, n in counts.items():
        found.update(dict.fromkeys(stems(form), n))
    return found


def _runs(graph: AmrGraph, text: str, words: Iterable[PlainWord], taken: Collection[int]) -> Iterator[Run]:
    """Unexplained content words with neither an explained one nor the end of a clause between them."""
    known = explained(graph)
    run: Run = []
    for word in words:
        if is_grammar(word.form):
            continue
        is_known = word.form in known or word.span[0] in taken
        if run and (is_known or _CLAUSE_END.search(text, run[-1].span[1], word.span[0])):
            yield run
            run = []
        if not is_known:
            run.append(word)
    if run:
        yield run
