"""BLEU as the WebNLG 2017 challenge computed it, for comparison with its published figures alone.

Its scripts wrote three reference files, "" where an input has fewer references, folded all texts to ASCII, lower-cased
them, split them at every character that is not part of a word, and ran Moses' multi-bleu.perl. An empty reference has
length 0, which may be the closest length, so short texts are hardly punished: figures of this kind are higher than
`bleu`, and may not be compared with it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import datatuner
from datatuner.metrics.scorer import References, Statistics, signature

ORDER, TAKEN = 4, 3  # n-grams; references of an input, the first ones
_SPELLED = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **{"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "Æ": "AE"},
    }
)


class BleuWebnlg2017:
    """0 to 100."""

    def statistics(self, hypotheses: Sequence[str], references: References, _corpus: References, /) -> Statistics:
        """Hypothesis length, closest reference length, 4 counts of matches and 4 of n-grams, whole numbers."""
        rows = []
        for text, others in zip(hypotheses, references, strict=True):
            words = tokens(text)
            truths = [tokens(other) for other in [*others, *[""] * TAKEN][:TAKEN]]
            allowed: Counter[tuple[str, ...]] = Counter()
            for truth in truths:
                allowed |= _ngrams(truth)
            closest = min((len(truth) for truth in truths), key=lambda length: (abs(length - len(words)), length))
            matched = Counter(len(ngram) for ngram in (_ngrams(words) & allowed).elements())
            counts = [max(len(words) - order, 0) for order in range(ORDER)]
            rows.append([len(words), closest, *(matched[order + 1] for order in range(ORDER)), *counts])
        return np.array(rows, dtype=np.float64)

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        length, closest = totals[:, 0], totals[:, 1]
        matched, counts = totals[:, 2 : 2 + ORDER], totals[:, 2 + ORDER :]
        with np.errstate(divide="ignore"):  # an order without a match: exp(-inf) is the right 0
            precision = np.exp(np.log(matched / np.maximum(counts, 1)).mean(axis=1))
            penalty = np.exp(np.minimum(0, 1 - closest / np.maximum(length, 1)))
        return np.asarray(100 * penalty * precision)

    def signature(self, _references: References, rounds: int | None, /) -> str:
        settings = {"case": "lc", "tok": "W-ascii", "refs": f"first-{TAKEN}-padded", "reflen": "closest"}
        return signature([[""] * TAKEN], rounds, settings, f"datatuner-{datatuner.__version__}")


def tokens(text: str) -> list[str]:
    """Lower-case ASCII words and single other characters."""
    spelled = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    plain = "".join(character for character in spelled if not unicodedata.combining(character))
    return " ".join(re.split(r"(\W)", plain.encode("ascii", "ignore").decode("ascii").lower())).split()


def _ngrams(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(
        tuple(words[start : start + order]) for order in range(1, ORDER + 1) for start in range(len(words) - order + 1)
    )
