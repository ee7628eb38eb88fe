"""METEOR, ROUGE-L and CIDEr as the MS-COCO caption scorer computes them, and with it the E2E challenge's scorer.

Formulas, jars and tables are those of the package pycocoevalcap, which is that scorer. Its two Java programs,
Stanford's tokenizer and METEOR 1.5, are started from here: its own wrapper writes into the installed package, does not
notice when a line break inside a text shifts all texts after it, and keeps METEOR's statistics to itself.
"""

import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from datatuner.errors import ConfigError
from datatuner.metrics.scorer import References, Statistics, signature

# What METEOR 1.5 takes for English (`-l en`): weights of exact, stem, synonym and paraphrase matches, and the
# parameters of its formula (Denkowski and Lavie 2014).
_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75


class PtbTokenizer:
    """Texts as Stanford's PTBTokenizer 3.4.1 leaves them: lower-cased, separated by spaces, without punctuation.

    Java takes half a second to start, so every distinct text is tokenized once and all in one go.
    """

    def __init__(self) -> None:
        from pycocoevalcap.tokenizer import ptbtokenizer

        self._jar = Path(ptbtokenizer.__file__).with_name(ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
        self._punctuation = frozenset(ptbtokenizer.PUNCTUATIONS)
        self._known: dict[str, str] = {}

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Raises: ConfigError, if Java fails."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            command = ["-cp", str(self._jar), "edu.stanford.nlp.process.PTBTokenizer"]
            lines = [" ".join(text.splitlines()) for text in new]
            tokenized = _java([*command, "-preserveLines", "-lowerCase", "-encoding", "UTF-8"], lines)
            self._known |= zip(new, map(self._without_punctuation, tokenized), strict=True)
        return [self._known[text] for text in texts]

    def _without_punctuation(self, line: str) -> str:
        return " ".join(token for token in line.rstrip().split(" ") if token not in self._punctuation)


class _CocoScorer:
    """What the three share: tokens, and a signature that names the package."""

    settings: ClassVar[Mapping[str, object]]

    def __init__(self, tokenize: PtbTokenizer) -> None:
        self._tokenize = tokenize

    def _prepared(self, hypotheses: Sequence[str], references: References) -> tuple[list[str], list[list[str]]]:
        self._tokenize([*hypotheses, *(text for texts in references for text in texts)])  # one start of Java
        return self._tokenize(hypotheses), [self._tokenize(texts) for texts in references]

    def signature(self, references: References, rounds: int | None, /) -> str:
        settings = {"case": "lc", "tok": "ptb-3.4.1", **self.settings}
        return signature(references, rounds, settings, f"pycocoevalcap-{metadata.version('pycocoevalcap')}")


class _SegmentMean(_CocoScorer):
    """A corpus score that is the mean of the segments' scores. Statistics: the score, and 1."""

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        return totals[:, 0] / np.maximum(totals[:, 1], 1)

    @staticmethod
    def _rows(scores: Sequence[float]) -> Statistics:
        return np.column_stack([np.array(scores, dtype=np.float64), np.ones(len(scores))])


class RougeL(_SegmentMean):
    """0 to 1: F-measure of the longest common subsequence, recall counting 1.2 times; best precision, best recall."""

    settings: ClassVar[Mapping[str, object]] = {"beta": 1.2}

    def statistics(self, hypotheses: Sequence[str], references: References, _corpus: References, /) -> Statistics:
        from pycocoevalcap.rouge.rouge import Rouge

        texts, truths = self._prepared(hypotheses, references)
        rouge = Rouge()
        return self._rows([rouge.calc_score([text], others) for text, others in zip(texts, truths, strict=True)])


class Cider(_SegmentMean):
    """0 to 10, as the scorer prints it: mean similarity of n-grams weighted by rarity (CIDEr-D, sigma 6).

    An n-gram's document frequency counts the inputs of the whole reference set with it in a reference.
    """

    settings: ClassVar[Mapping[str, object]] = {"n": 4, "sigma": 6.0}

    def statistics(self, hypotheses: Sequence[str], references: References, corpus: References, /) -> Statistics:
        from pycocoevalcap.cider.cider_scorer import CiderScorer, cook_refs, cook_test

        texts, truths = self._prepared(hypotheses, references)
        scorer = CiderScorer(n=4, sigma=6.0)
        documents = [cook_refs(others) for others in self._prepared([], corpus)[1]]
        scorer.crefs = documents
        scorer.compute_doc_freq()
        scores: list[float] = []
        # The number of documents is read off `crefs`, whose first entries belong to `ctest`: hence equal lengths.
        for start in range(0, len(texts), len(documents)):
            part = slice(start, start + len(documents))
            scorer.ctest = [cook_test(text) for text in texts[part]]
            cooked = [cook_refs(others) for others in truths[part]]
            scorer.crefs = cooked + documents[len(cooked) :]
            scores += scorer.compute_cider()
        return self._rows(scores)


class Meteor(_CocoScorer):
    """0 to 1: METEOR 1.5 for English, of the corpus's summed matches and chunks (not the mean of the segments)."""

    settings: ClassVar[Mapping[str, object]] = {"lang": "en", "norm": "yes", "meteor": "1.5"}

    def statistics(self, hypotheses: Sequence[str], references: References, _corpus: References, /) -> Statistics:
        """METEOR's own 23 numbers of each segment, for its best reference.

        Of hypothesis and reference: words, function words; for each of 4 matchers content words and function words
        matched; then chunks and the matched words of both. A full match in one chunk counts as 0 chunks, as in
        METEOR's own sums.
        """
        from pycocoevalcap.meteor import meteor

        texts, truths = self._prepared(hypotheses, references)
        # No text brings a bar of its own: the tokenizer has split "|||" into three tokens.
        lines = [" ||| ".join(["SCORE", *others, text]) for text, others in zip(texts, truths, strict=True)]
        jar = Path(meteor.__file__).with_name(meteor.METEOR_JAR)
        answers = _java(["-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"], lines)
        rows = np.array([line.split() for line in answers], dtype=np.float64).reshape(len(texts), 23)
        matches = rows[:, 4:20].reshape(-1, 4, 4)  # (segments, matcher, content/function x hypothesis/reference)
        matched = matches[:, :, :2].sum(axis=1) + matches[:, :, 2:].sum(axis=1)
        whole = (matched == rows[:, :2]).all(axis=1) & (rows[:, 20] == 1)
        rows[whole, 20] = 0
        return rows

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        """(1 - gamma * fragmentation ** beta) * F of weighted precision and recall; 0 where nothing matches."""
        matches = np.einsum("nmk,m->nk", totals[:, 4:20].reshape(-1, 4, 4), _WEIGHTS)
        weighted = _DELTA * matches[:, :2] + (1 - _DELTA) * matches[:, 2:]
        words, function_words = totals[:, :2], totals[:, 2:4]
        lengths = _DELTA * (words - function_words) + (1 - _DELTA) * function_words
        precision, recall = _ratio(weighted, lengths).T
        f = _ratio(precision * recall, _ALPHA * precision + (1 - _ALPHA) * recall)
        fragmentation = _ratio(totals[:, 20], totals[:, 21:].mean(axis=1))
        return np.asarray((1 - _GAMMA * fragmentation**_BETA) * f)


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 where the denominator is."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _java(arguments: Sequence[str], lines: Sequence[str]) -> list[str]:
    """A Java program's answer to each line; both ways in UTF-8.

    Raises:
        ConfigError: it failed, or did not answer line by line.
    """
    ran = subprocess.run(
        ["java", *arguments], input="".join(f"{line}\n" for line in lines).encode(), capture_output=True, check=False
    )
    answers = ran.stdout.decode("utf-8", "replace").removesuffix("\n").split("\n")
    if ran.returncode or len(answers) != len(lines):
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise ConfigError(
            f"`java {' '.join(arguments)}` gave {len(answers)} answers to {len(lines)} lines (exit code "
            f"{ran.returncode}): {''.join(said)}. Leave its metric out of metrics=[…], or check Java."
        )
    return answers
