"""An exported model: it writes texts of data, and says how far they are to be trusted.

    tuner = datatuner.load("exports/webnlg")
    best = tuner.generate([("Michelle Obama", "author of", "Becoming"), ("Michelle Obama", "birthplace", "Chicago")])
    best.text, best.label, best.fidelity, best.missing, best.alternatives

Reaches neither Hydra, Lightning, the configuration nor a run's folders.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from datatuner.alignment import Alignment, ByKind
from datatuner.beams import BeamSettings
from datatuner.checkpoints import TrainedGenerator
from datatuner.errors import ConfigError, RecordError, did_you_mean, shorten
from datatuner.example import Source, Triples
from datatuner.fidelity import TrainedClassifier, score
from datatuner.findings import Mention, SlotError
from datatuner.generation import Generated, generate
from datatuner.inputs import KINDS, identifier_of, is_record, read_record
from datatuner.linearization import linearized_text, names_of
from datatuner.records import ScoredHypothesis, Verdict
from datatuner.reranking import NEEDS_LABELS, POLICIES, rank, trusted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Text:
    """One text of a record, and what is known of it.

    `label` is the classifier's (accurate, value_error, repetition, omission or hallucination) and `fidelity` its
    probability, calibrated on corrupted references, that the text is accurate; both None without one. `errors` and
    `mentions` come from the alignment, with places in the text; None where texts are not aligned. `complete`: the text
    ended by itself; `log_probability` is the generator's. `classifier_cut`: tokens of the data, and of the text where
    it is long by itself, that the classifier did not read, since they are more than it can; its label is of the rest.
    """

    text: str
    label: str | None
    fidelity: float | None
    probabilities: Mapping[str, float] | None
    errors: tuple[SlotError, ...] | None
    mentions: tuple[Mention, ...] | None
    log_probability: float
    complete: bool
    classifier_cut: int = 0


@dataclass(frozen=True)
class Result:
    """The texts of one record, best first. `text` is None where none is trusted (`abstain_below`).

    The first candidate is the one that is chosen; the others follow in the policy's order. `cut`: tokens at the end of
    the data that the generator did not read, since they are more than it can. `unseen`: names of the record (acts,
    slots, predicates, an AMR's roles) that the training data do not have, and the model knows nothing of.
    """

    source: Source
    candidates: tuple[Text, ...]
    cut: int = 0
    abstained: bool = False
    unseen: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        return None if self.abstained else self.candidates[0].text

    @property
    def label(self) -> str | None:
        return self.candidates[0].label

    @property
    def fidelity(self) -> float | None:
        return self.candidates[0].fidelity

    @property
    def missing(self) -> tuple[SlotError, ...] | None:
        """Values that the best text does not say."""
        return self._of("missing")

    @property
    def added(self) -> tuple[SlotError, ...] | None:
        """What the best text says and the data do not, and where."""
        return self._of("added")

    @property
    def wrong(self) -> tuple[SlotError, ...] | None:
        """Values in whose place the best text says another one, and where."""
        return self._of("wrong")

    @property
    def repeated(self) -> tuple[SlotError, ...] | None:
        """Values, or stretches of text, that the best text says again, and where."""
        return self._of("repeated")

    @property
    def alternatives(self) -> tuple[Text, ...]:
        """The other texts, and where none is trusted the first one too."""
        return self.candidates if self.abstained else self.candidates[1:]

    def _of(self, kind: str) -> tuple[SlotError, ...] | None:
        errors = self.candidates[0].errors
        return None if errors is None else tuple(error for error in errors if error.kind == kind)


class Tuner:
    """An exported model, made by `load`. Threads may share it, and on the CPU forked processes too.

    `corpus` is what it was trained on, `kinds` which of triples, slots and amr; `settings` is the export's manifest.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        trained: TrainedGenerator,
        classifier: TrainedClassifier | None,
        aligner: ByKind | None,
    ) -> None:
        self._process = os.getpid()
        self.settings = settings
        self.corpus: str = settings["corpus"]
        self.kinds: tuple[str, ...] = tuple(settings["kinds"])
        self.trained, self.classifier, self.aligner = trained, classifier, aligner
        self.decoding = BeamSettings(**settings["decoding"])
        self._names = frozenset((*trained.encoder.tags.tags, *settings.get("predicates", ())))
        self._told: set[str] = set()

    def generate(
        self,
        records: Any,
        *,
        n_best: int | None = None,
        reranking: str | None = None,
        abstain_below: float | None = None,
        batch_size: int = 32,
    ) -> Any:  # Result | list[Result]: by values, not by types, for a list of triples is one record
        """The texts of one record, or of a list of them: one Result, or a list in the same order.

        Args:
            records: a record in any form of `inputs`; a list of triples is one record.
            n_best: texts for each record, the first ones of the export's own list, which is searched and ranked whole
                whatever this is; all of it by default.
            reranking: none, slots, binary, severity or probability; the export's own by default.
            abstain_below: a fidelity from 0 to 1. The first complete text in the policy's order that has it is chosen;
                `text` is None where none of the list has.
            batch_size: records in one forward pass; results do not depend on it.

        Raises:
            RecordError: a record is none of the known forms, or of another kind than the model was trained on; an id
                is none, or stands twice.
            ConfigError: an option that this export cannot serve; or the model lies on a GPU and was loaded by the
                process that this one was forked from.
        """
        if os.getpid() != self._process and self.device != "cpu":
            raise ConfigError(
                f"this model was loaded on {self.device} in process {self._process}, and a fork of it, {os.getpid()}, "
                "cannot use that device: load it in each worker, and in no parent."
            )
        _ensure_kinds(n_best, reranking, abstain_below, batch_size)
        policy = self._policy(reranking)
        if abstain_below is not None and self.classifier is None:
            raise ConfigError("abstain_below needs a fidelity classifier, and this export has none.")
        if abstain_below is not None and not 0 <= abstain_below <= 1:
            raise ConfigError(f"abstain_below={abstain_below} must lie between 0 and 1.")
        if batch_size < 1:
            raise ConfigError(f"batch_size={batch_size} must be at least 1.")
        wanted, one = self._wanted(n_best), is_record(records)
        sources = [self.read(records)] if one else self._read_all(records)
        found = self._results(sources, policy, abstain_below, wanted, batch_size)
        return found[0] if one else found

    def _read_all(self, records: Iterable[object]) -> list[Source]:
        sources, ids = [], set[str]()
        for number, record in enumerate(records, 1):
            where = f"record {number}"
            sources.append(self.read(record, where))
            if (identifier := identifier_of(record, where)) is None:
                continue
            if identifier in ids:
                raise RecordError.at(where, "an id that no earlier record has", shorten(identifier))
            ids.add(identifier)
        return sources

    def read(self, record: object, where: str = "record") -> Source:
        """The source of a record; `where` is how an error calls it.

        Raises:
            RecordError: as `generate`.
        """
        source = read_record(record, where)
        try:
            linearized_text(source).encode("utf-8")
        except UnicodeEncodeError as error:
            raise RecordError.at(where, "UTF-8", f"a lone surrogate or byte, {error.object[error.start]!r}") from error
        kind = KINDS[type(source)]
        if kind not in self.kinds:
            raise RecordError.at(where, f"{' or '.join(self.kinds)}, which this model was trained on", kind)
        return source

    def _wanted(self, n_best: int | None) -> int:
        own = self.decoding.n_best
        if n_best is not None and not 1 <= n_best <= own:
            raise ConfigError(f"n_best={n_best} must lie between 1 and {own}, the length of this export's own list.")
        return n_best or own

    def unseen(self, source: Source) -> tuple[str, ...]:
        """The names in `source` that the training data do not have; each is told of once, as a warning."""
        if isinstance(source, Triples) and "predicates" not in self.settings:  # an export of an earlier version
            return ()
        names = tuple(name for name, read in names_of(source).items() if read not in self._names)
        for name in names:
            if name not in self._told:
                self._told.add(name)
                log.warning("%s is no name of the training data: the model knows nothing of it", shorten(name))
        return names

    @property
    def device(self) -> str:
        """As torch names it, such as "cpu"."""
        return str(next(self.trained.generator.parameters()).device)

    @property
    def precision(self) -> str:
        """Of the weights: "float32" or "bfloat16"."""
        return str(next(self.trained.generator.parameters()).dtype).removeprefix("torch.")

    @property
    def policies(self) -> tuple[str, ...]:
        """The reranking policies that this export can serve."""
        return tuple(policy for policy in POLICIES if policy != "oracle" and not self._lacking(policy))

    def _policy(self, wanted: str | None) -> str:
        known = [policy for policy in POLICIES if policy != "oracle"]
        if wanted is not None and wanted not in known:
            hint = did_you_mean(wanted, known, 1)
            raise ConfigError(f"reranking={wanted} must be one of {', '.join(known)}.{hint}")
        policy: str = wanted or self.settings["reranking"]["policy"]
        if lacking := self._lacking(policy):
            raise ConfigError(f"reranking={policy} needs {lacking}, and this export has none.")
        return policy

    def _lacking(self, policy: str) -> str | None:
        if policy in NEEDS_LABELS and self.classifier is None:
            return "a fidelity classifier"
        if policy == "slots" and self.aligner is None:
            return "alignment"
        if policy == "probability" and self.settings["reranking"]["weight"] is None:
            return "a weight chosen on validation"
        return None

    def _results(
        self, sources: list[Source], policy: str, abstain_below: float | None, wanted: int, batch_size: int
    ) -> list[Result]:
        """Each source's whole list, labelled and ranked; its first `wanted` texts."""
        unseen = [self.unseen(source) for source in sources]
        generated = generate(self.trained, sources, self.decoding, batch_size=batch_size)
        judged = iter(self._judged(sources, generated, batch_size))
        results = []
        for source, own, cut, names in zip(sources, generated.lists, generated.cut, unseen, strict=True):
            found = [next(judged) for _ in own]
            scored = [each for each, *_ in found]
            order = rank(scored, policy, weight=self.settings["reranking"]["weight"] or 0.0)
            chosen: int | None = order[0]
            if abstain_below is not None:
                chosen = trusted(scored, order, abstain_below)
                order = sorted(order, key=lambda place: place != chosen)  # stable: the others stay in order
            texts = tuple(_text(*found[place]) for place in order[:wanted])
            results.append(Result(source, texts, cut, chosen is None, names))
        return results

    def _judged(self, sources: list[Source], generated: Generated, batch_size: int) -> list["_Judged"]:
        """All texts of all sources, in order, each with what is known of it."""
        hypotheses = [hypothesis for own in generated.lists for hypothesis in own]
        pairs = [(source, h.text) for source, own in zip(sources, generated.lists, strict=True) for h in own]
        alignments = [self.aligner.align(*pair) if self.aligner else None for pair in pairs]
        errors = [None if alignment is None else alignment.errors for alignment in alignments]
        verdicts, cut = [Verdict(None, None, each) for each in errors], [0] * len(pairs)
        if self.classifier:
            scores = score(self.classifier, pairs, batch_size=batch_size)
            rows, cut = scores.probabilities.tolist(), scores.cut.sum(axis=1).tolist()
            verdicts = [Verdict.by(row, each) for row, each in zip(rows, errors, strict=True)]
        scored = [ScoredHypothesis(h, verdict, 0.0) for h, verdict in zip(hypotheses, verdicts, strict=True)]
        return list(zip(scored, alignments, cut, strict=True))


def _ensure_kinds(n_best: object, reranking: object, abstain_below: object, batch_size: object) -> None:
    """
    Raises:
        ConfigError: an option is of another kind than it must be.
    """
    checks = {
        f"n_best={n_best!r} must be a whole number": n_best is None or _is_a(Integral, n_best),
        f"reranking={reranking!r} must be the name of a policy": reranking is None or isinstance(reranking, str),
        f"abstain_below={abstain_below!r} must be a number": abstain_below is None or _is_a(Real, abstain_below),
        f"batch_size={batch_size!r} must be a whole number": _is_a(Integral, batch_size),
    }
    for expected, holds in checks.items():
        if not holds:
            raise ConfigError(f"{expected}.")


def _is_a(kind: type, value: object) -> bool:
    """Booleans, which Python counts as numbers, are none here."""
    return isinstance(value, kind) and not isinstance(value, bool)


# One text, its alignment, and the tokens that the classifier did not read.
_Judged = tuple[ScoredHypothesis, Alignment | None, int]


def _text(scored: ScoredHypothesis, alignment: Alignment | None, cut: int) -> Text:
    hypothesis, verdict = scored.hypothesis, scored.verdict
    return Text(
        text=hypothesis.text,
        label=verdict.label,
        fidelity=None if verdict.probabilities is None else verdict.probabilities["accurate"],
        probabilities=verdict.probabilities,
        errors=verdict.slot_errors,
        mentions=None if alignment is None else alignment.mentions,
        log_probability=hypothesis.log_probability,
        complete=hypothesis.complete,
        classifier_cut=cut,
    )
