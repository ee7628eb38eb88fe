"""Verdicts on texts about their data: slot errors by alignment, and a label where there is a classifier."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datatuner.alignment import Aligner, Alignment, build_aligner
from datatuner.corpora import Corpus
from datatuner.example import Source
from datatuner.findings import LANGUAGE
from datatuner.metrics.classification import event_calibration_error
from datatuner.records import Verdict
from datatuner.stage_inputs import device_of, read_split

if TYPE_CHECKING:
    from datatuner.fidelity import TrainedClassifier

log = logging.getLogger(__name__)


class Judge:
    """What a stage's plan says about judging: the corpus's aligner, and the classifier of its `classifier` parent.

    `corpus` is the plan's split, read already. There is no aligner for texts in a language that it does not read.

    Raises:
        CheckpointError: the parent is no classifier of this corpus and these labels.
    """

    def __init__(self, plan: Mapping[str, Any], corpus: Corpus) -> None:
        self.aligner: Aligner | None = None
        if plan["config"]["aligner"] is None:
            log.warning("no slot errors and no coverage: alignment reads %s alone (corpus.language)", LANGUAGE)
        else:
            train = corpus if plan["config"]["split"] == "train" else read_split(plan, "train")
            self.aligner = build_aligner(plan["config"]["corpus"]["name"], train)
        self.folder: str | None = plan["parents"].get("classifier")
        self._plan = plan
        self._known: dict[tuple[Source, str], Alignment] = {}

    def align(self, pairs: Sequence[tuple[Source, str]]) -> list[Alignment | None]:
        """The alignment of each text, or None for each; a pair is aligned once, however often it is asked for."""
        if self.aligner is None:
            return [None] * len(pairs)
        for pair in pairs:
            if pair not in self._known:
                self._known[pair] = self.aligner.align(*pair)
        return [self._known[pair] for pair in pairs]

    def verdicts(
        self,
        pairs: Sequence[tuple[Source, str]],
        alignments: Sequence[Alignment | None],
        on_batch: Callable[[int], object],
    ) -> list[Verdict]:
        """One verdict for each (source, text); `on_batch` is told how many are labelled."""
        errors = [None if alignment is None else alignment.errors for alignment in alignments]
        if self.folder is None:
            return [Verdict(None, None, found) for found in errors]
        from datatuner.fidelity import score

        scores = score(self._trained, pairs, batch_size=self._plan["settings"]["batch_size"], on_batch=on_batch)
        if scores.cut_data or scores.cut_text:
            log.warning(
                "%d of %d pairs were too long for the classifier: their data were cut, of %d the text too",
                *(scores.cut_data, len(pairs), scores.cut_text),
            )
        return [Verdict.by(row, found) for row, found in zip(scores.probabilities.tolist(), errors, strict=True)]

    @cached_property
    def _trained(self) -> "TrainedClassifier":
        from datatuner.checkpoints import load_classifier

        trained = load_classifier(Path(str(self.folder)))
        trained.ensure_fits(self._plan["config"]["corpus"]["name"])
        trained.classifier.to(device_of(self._plan["settings"]))
        return trained


def agreement(chosen: Sequence[Verdict], listed: Sequence[Verdict] = ()) -> dict[str, Any]:
    """How often classifier and alignment agree on the chosen texts, in which way they do not, and how far P(accurate)
    is from the share of texts without slot errors.

    Args:
        chosen: verdicts with labels and slot errors.
        listed: those of all texts of the n-best lists, where they are known.
    """
    pairs = [(verdict.label == "accurate", not verdict.slot_errors) for verdict in chosen]
    return {
        "agree": sum(label == slots for label, slots in pairs),
        "accurate_with_slot_errors": pairs.count((True, False)),
        "not_accurate_without_slot_errors": pairs.count((False, True)),
        "calibration_error": _calibration(chosen),
        **({"calibration_error_n_best": _calibration(listed)} if listed else {}),
    }


def _calibration(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The expected calibration error (0 to 1) of P(accurate) on these texts; its calibration was on corruptions."""
    accurate = np.array([(verdict.probabilities or {})["accurate"] for verdict in verdicts])
    right = np.array([not verdict.slot_errors for verdict in verdicts])
    value = event_calibration_error(accurate, right)
    return {"value": value, "n": len(verdicts), "of": "P(accurate) against no slot errors, by alignment"}


def judges_differ(verdict: Verdict) -> bool | None:
    """Whether the classifier and the alignment disagree; None where one of them says nothing."""
    if verdict.label is None or verdict.slot_errors is None:
        return None
    return (verdict.label == "accurate") != (not verdict.slot_errors)
