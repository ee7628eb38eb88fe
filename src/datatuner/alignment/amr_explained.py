"""Which words of a text a graph explains: more of them than say a concept, for what nothing explains is an error."""

from functools import lru_cache

from datatuner.alignment.amr_content import nodes
from datatuner.alignment.amr_words import NEGATIVE_PREFIX, concept_words, endless, fits, phrases, stems
from datatuner.example import AmrGraph

ROOT = 4  # letters that related words share: "tragic" and "tragedy", "colour" and "color"; "moonlight" and "moon"


class Explained:
    """The words that the concepts, names and constants of one graph explain."""

    def __init__(self, graph: AmrGraph) -> None:
        all_nodes = [node for _, node in nodes(graph)]
        said = {word for node in all_nodes for word in phrases(node.concept)}
        written = [node.concept for node in all_nodes]
        written += [target for node in all_nodes for _, target in node.edges if isinstance(target, str)]
        words = [concept_words(text) for text in written]
        self._stems = {stem for parts in words for word in parts for stem in endless(word)}
        self._stems |= {"".join(parts) for parts in words} | {word for word in said if "~" not in word}
        if "name" in written:
            self._stems.add("call")  # "a book called Ulm": its name is all that the graph has
        self._patterns = tuple(word for word in said if "~" in word)
        long = {word for parts in words for word in parts if len(word) >= ROOT}
        self._roots = {word[:ROOT] for word in long}
        self._ends = tuple(long)

    def __contains__(self, word: str) -> bool:
        """Whether any concept, name or constant explains a folded word, or what it denies: "unhappy" of happy-01."""
        return self._explains(word) or self._explains(NEGATIVE_PREFIX.sub("", word))

    def _explains(self, word: str) -> bool:
        return (
            word[:ROOT] in self._roots
            or not self._stems.isdisjoint(_far_stems(word))
            or word.endswith(self._ends)
            or any(fits(pattern, word) for pattern in self._patterns)
        )


@lru_cache(maxsize=4096)
def explained(graph: AmrGraph) -> Explained:
    return Explained(graph)


@lru_cache(maxsize=100_000)
def _far_stems(word: str) -> frozenset[str]:
    """Stems of a word and of these: "expectantly" is "expectant", and that is "expect"."""
    return frozenset(stem for shorter in endless(word) for stem in stems(shorter))
