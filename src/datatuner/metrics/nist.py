"""NIST (Doddington 2002) as mteval-v13a.pl computes it, the script behind the E2E challenge's figures.

No package gives that value. nltk takes each n-gram order's best reference instead of clipping by all of them: 6.22 on
the E2E scorer's sample, for 7.8212. sacrebleu has mteval's tokenizer, which is used here, but not the metric.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

import datatuner
from datatuner.metrics.scorer import References, Statistics, signature

ORDER = 5
_BETA = math.log(0.5) / math.log(1.5) ** 2  # a text of 2/3 of the references' length loses half of its score

Ngram = tuple[str, ...]


class Nist:
    """From 0 upwards, without a bound: the information, in bits, of what matches per n-gram, summed over 5 orders.

    Lower-cased. An n-gram's information comes from its counts in the whole reference set.

    The length penalty compares with the words of all references divided by the mean number of references that an input
    has, empty ones left out, as mteval does. E2E's Python port divides per input and gives 7.7889 on the sample;
    published figures are the Perl ones.
    """

    def statistics(self, hypotheses: Sequence[str], references: References, corpus: References, /) -> Statistics:
        """5 sums of information and 5 counts of n-grams; then reference words, references that have any, and 1."""
        tokenize = _tokenizer()
        information = _information(tokenize(text) for texts in corpus for text in texts)
        rows = []
        for text, others in zip(hypotheses, references, strict=True):
            words, truths = tokenize(text), [tokenize(other) for other in others]
            allowed: Counter[Ngram] = Counter()
            for truth in truths:
                allowed |= _ngrams(truth)
            gained = [0.0] * ORDER
            for ngram, count in (_ngrams(words) & allowed).items():
                gained[len(ngram) - 1] += count * information[ngram]
            counts = [max(len(words) - order, 0) for order in range(ORDER)]
            rows.append([*gained, *counts, sum(map(len, truths)), sum(map(bool, truths)), 1])
        return np.array(rows, dtype=np.float64)

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        gained, counts = totals[:, :ORDER], totals[:, ORDER : 2 * ORDER]
        words, references, segments = totals[:, 2 * ORDER :].T
        length, ratio = words * segments / np.maximum(references, 1), np.ones(len(totals))
        np.divide(counts[:, 0], length, out=ratio, where=length > 0)
        with np.errstate(divide="ignore"):  # no words at all: exp(-inf) is the right 0
            penalty = np.exp(_BETA * np.log(np.minimum(ratio, 1)) ** 2)
        return np.asarray(penalty * (gained / np.maximum(counts, 1)).sum(axis=1))

    def signature(self, references: References, rounds: int | None, /) -> str:
        settings = {"case": "lc", "tok": "13a", "n": ORDER, "reflen": "mean"}
        return signature(references, rounds, settings, f"datatuner-{datatuner.__version__}")


def _tokenizer() -> Callable[[str], list[str]]:
    tokenizer, known = Tokenizer13a(), dict[str, list[str]]()

    def tokenize(text: str) -> list[str]:
        if text not in known:
            known[text] = tokenizer(text.lower()).split()
        return known[text]

    return tokenize


def _ngrams(words: Sequence[str]) -> Counter[Ngram]:
    return Counter(
        tuple(words[start : start + order]) for order in range(1, ORDER + 1) for start in range(len(words) - order + 1)
    )


def _information(texts: Iterable[Sequence[str]]) -> dict[Ngram, float]:
    """log2 of how much rarer an n-gram is than itself without its last word."""
    counts: Counter[Ngram] = Counter()
    for words in texts:
        counts.update(_ngrams(words))
        counts[()] += len(words)
    return {ngram: math.log2(counts[ngram[:-1]] / count) for ngram, count in counts.items() if ngram}
