"""An exported model: it writes texts of data, and says how far they are to be trusted.

    tuner = datatuner.load("exports/webnlg")
    best = tuner.generate([("Michelle Obama", "author of", "Becoming"), ("Michelle Obama", "birthplace", "Chicago")])
    best.text, best.label, best.fidelity, best.missing, best.alternatives

Reaches neither Hydra, Lightning, the configuration nor a run's folders.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datatuner.alignment import Alignment, ByKind
from datatuner.beams import BeamSettings
from datatuner.checkpoints import TrainedGenerator
from datatuner.errors import ConfigError, RecordError, did_you_mean
from datatuner.example import Source
from datatuner.fidelity import TrainedClassifier, score
from datatuner.findings import Mention, SlotError
from datatuner.generation import generate
from datatuner.inputs import KINDS, is_record, read_record
from datatuner.linearization import linearized_text
from datatuner.records import Hypothesis, ScoredHypothesis, Verdict
from datatuner.reranking import NEEDS_LABELS, POLICIES, rank


@dataclass(frozen=True)
class Text:
    """One text of a record, and what is known of it.

    `label` is the classifier's (accurate, value_error, repetition, omission or hallucination) and `fidelity` its
    probability, calibrated on corrupted references, that the text is accurate; both None without one. `errors` and
    `mentions` come from the alignment, with places in the text; None where texts are not aligned. `complete`: the text
    ended by itself; `log_probability` is the generator's.
    """

    text: str
    label: str | None
    fidelity: float | None
    probabilities: Mapping[str, float] | None
    errors: tuple[SlotError, ...] | None
    mentions: tuple[Mention, ...] | None
    log_probability: float
    complete: bool


@dataclass(frozen=True)
class Result:
    """The texts of one record, best first. `text` is None where the best one is not trusted (`abstain_below`).

    `cut`: tokens at the end of the data that the generator did not read, since they are more than it can.
    """

    source: Source
    candidates: tuple[Text, ...]
    cut: int = 0
    abstained: bool = False

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
        """The other texts, and where the best one is not trusted that one too."""
        return self.candidates if self.abstained else self.candidates[1:]

    def _of(self, kind: str) -> tuple[SlotError, ...] | None:
        errors = self.candidates[0].errors
        return None if errors is None else tuple(error for error in errors if error.kind == kind)


class Tuner:
    """An exported model, made by `load`. Threads may share it; a forked process may not.

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
            n_best: texts for each record, at most the beam's; the export's own number by default.
            reranking: none, slots, binary, severity or probability; the export's own by default.
            abstain_below: a fidelity from 0 to 1 below which `text` is None.
            batch_size: records in one forward pass; results do not depend on it.

        Raises:
            RecordError: a record is none of the known forms, or of another kind than the model was trained on.
            ConfigError: an option that this export cannot serve; or this process is a fork of the one that loaded it.
        """
        if os.getpid() != self._process:  # torch's threads did not come along, and it would wait for them for ever
            raise ConfigError(
                f"this model was loaded in process {self._process}, and a fork of it, {os.getpid()}, cannot use it: "
                "load it in each worker, after the fork."
            )
        policy = self._policy(reranking)
        if abstain_below is not None and self.classifier is None:
            raise ConfigError("abstain_below needs a fidelity classifier, and this export has none.")
        if abstain_below is not None and not 0 <= abstain_below <= 1:
            raise ConfigError(f"abstain_below={abstain_below} must lie between 0 and 1.")
        if batch_size < 1:
            raise ConfigError(f"batch_size={batch_size} must be at least 1.")
        one = is_record(records)
        sources = [self.read(records)] if one else [self.read(r, f"record {n}") for n, r in enumerate(records, 1)]
        found = self._results(sources, self._beams(n_best), policy, batch_size)
        if abstain_below is not None:
            found = [replace(each, abstained=(each.fidelity or 0.0) < abstain_below) for each in found]
        return found[0] if one else found

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

    def _beams(self, n_best: int | None) -> BeamSettings:
        if n_best is not None and not 1 <= n_best <= self.decoding.beam_size:
            raise ConfigError(f"n_best={n_best} must lie between 1 and the beam's {self.decoding.beam_size}.")
        return replace(self.decoding, n_best=n_best or self.decoding.n_best)

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

    def _results(self, sources: list[Source], settings: BeamSettings, policy: str, batch_size: int) -> list[Result]:
        generated = generate(self.trained, sources, settings, batch_size=batch_size)
        lists = generated.lists
        pairs = [(source, hypothesis.text) for source, own in zip(sources, lists, strict=True) for hypothesis in own]
        alignments = [self.aligner.align(*pair) if self.aligner else None for pair in pairs]
        verdicts = self._verdicts(pairs, alignments, batch_size)
        judged = iter(zip(verdicts, alignments, strict=True))
        return [
            Result(source, self._ranked(own, [next(judged) for _ in own], policy), cut)
            for source, own, cut in zip(sources, lists, generated.cut, strict=True)
        ]

    def _verdicts(
        self, pairs: list[tuple[Source, str]], alignments: list[Alignment | None], batch_size: int
    ) -> list[Verdict]:
        errors = [None if alignment is None else alignment.errors for alignment in alignments]
        if self.classifier is None:
            return [Verdict(None, None, each) for each in errors]
        rows = score(self.classifier, pairs, batch_size=batch_size).probabilities.tolist()
        return [Verdict.by(row, each) for row, each in zip(rows, errors, strict=True)]

    def _ranked(
        self, own: Sequence[Hypothesis], judged: list[tuple[Verdict, Alignment | None]], policy: str
    ) -> tuple[Text, ...]:
        scored = [ScoredHypothesis(h, verdict, 0.0) for h, (verdict, _) in zip(own, judged, strict=True)]
        order = rank(scored, policy, weight=self.settings["reranking"]["weight"] or 0.0)
        return tuple(_text(own[place], *judged[place]) for place in order)


def _text(hypothesis: Hypothesis, verdict: Verdict, alignment: Alignment | None) -> Text:
    return Text(
        text=hypothesis.text,
        label=verdict.label,
        fidelity=None if verdict.probabilities is None else verdict.probabilities["accurate"],
        probabilities=verdict.probabilities,
        errors=verdict.slot_errors,
        mentions=None if alignment is None else alignment.mentions,
        log_probability=hypothesis.log_probability,
        complete=hypothesis.complete,
    )
