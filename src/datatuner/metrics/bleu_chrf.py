"""BLEU and chrF++: sacrebleu's own statistics, formulas and signatures. References may vary in number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from datatuner.metrics.scorer import References, Statistics, reference_count


class SacrebleuScorer:
    """A sacrebleu metric, 0 to 100. `force` only silences a warning about texts that look tokenized."""

    def __init__(self, metric: BLEU | CHRF) -> None:
        self._metric = metric

    def statistics(self, hypotheses: Sequence[str], references: References, _corpus: References, /) -> Statistics:
        """sacrebleu's sufficient statistics, whole numbers.

        BLEU: hypothesis length, closest reference length, 4 counts of matches, 4 of n-grams. chrF++: hypothesis,
        reference and matching n-grams for 8 orders, of the best reference. Segment by segment, so each brings the
        references it has: padding with "" would count as a reference of length 0 and lift the brevity penalty, and a
        whole corpus of n-grams would take gigabytes.
        """
        rows = [
            self._metric._extract_corpus_statistics([text], [[reference] for reference in others])[0]
            for text, others in zip(hypotheses, references, strict=True)
        ]
        return np.array(rows, dtype=np.float64)

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        rows = totals.astype(np.int64).tolist()  # Python integers keep sacrebleu's arithmetic exact
        return np.array([self._metric._compute_score_from_stats(row).score for row in rows], dtype=np.float64)

    def signature(self, references: References, rounds: int | None, /) -> str:
        count = reference_count(references)
        self._metric.num_refs = -1 if count is None else count  # -1: variable
        signature = self._metric.get_signature()
        if rounds is not None:
            signature.update("rounds", rounds)
        return str(signature.format())


def bleu() -> SacrebleuScorer:
    """Lower-cased BLEU."""
    return SacrebleuScorer(BLEU(lowercase=True, force=True))


def bleu_cased() -> SacrebleuScorer:
    return SacrebleuScorer(BLEU(force=True))


def chrf_pp() -> SacrebleuScorer:
    return SacrebleuScorer(CHRF(word_order=2))


_SENTENCE_BLEU = BLEU(lowercase=True, effective_order=True, force=True)


def sentence_bleu(text: str, references: Sequence[str]) -> float:
    """Lower-cased BLEU of one text, 0 to 100, over the orders that it is long enough for."""
    return float(_SENTENCE_BLEU.sentence_score(text, list(references)).score)
