"""A run's folder -> what an export is made of. Loads no model, so that a mistake is told at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datatuner.errors import ExportError
from datatuner.lineage import intact
from datatuner.records import METRICS
from datatuner.stages import DONE, PLAN, is_done, read_plan


@dataclass(frozen=True)
class Run:
    """What an export is made of: the folders of the stages, and how they are used."""

    plan: Mapping[str, Any]  # of the folder that was named
    train: Path
    classifier: Path | None
    decoding: Mapping[str, Any] | None  # None: the defaults
    policy: str
    weight: float | None  # of P(accurate), with reranking=probability
    metrics: Mapping[str, Any] | None

    @classmethod
    def of(cls, folder: Path) -> "Run":
        """The run that ends in `folder`: an evaluation with all that it depends on, or a training alone.

        Raises:
            ExportError: it is another folder, not finished, or has nothing that could write texts.
            ChangedError: its scores are not the ones that it left.
        """
        plan = _plan(folder)
        if plan["kind"] == "train":
            return cls(plan, folder, None, None, "none", None, None)
        if plan["kind"] != "evaluate":
            raise ExportError(f"{folder} is a {plan['kind']} folder: name an evaluate-… or train-… folder.")
        if "score" not in plan["parents"]:
            raise ExportError(f"{folder} evaluates texts that no model here has written: there is nothing to export.")
        policy = plan["config"]["reranking"]
        if policy == "oracle":
            raise ExportError(f"{folder} is reranked by the references, which new data have not: name another row.")
        score = _plan(Path(plan["parents"]["score"]))
        decode = _plan(Path(score["parents"]["decode"]))
        classifier = score["parents"].get("classifier")
        return cls(
            plan,
            Path(decode["parents"]["train"]),
            Path(classifier) if classifier else None,
            decode["config"]["decoding"],
            policy,
            _json(folder / DONE).get("weight"),
            _json(intact(folder / METRICS)),
        )


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ExportError(f"{path} is missing or damaged: remove its folder, and start the run again.") from error
    return content


def _plan(folder: Path) -> dict[str, Any]:
    try:
        plan = read_plan(folder)
    except (OSError, ValueError) as error:
        inside = sorted(folder.glob("**/evaluate-*"))
        hint = f" Name one in it, such as {inside[0]}." if inside else ""
        raise ExportError(f"{folder} is no folder of a run: {PLAN} is missing or damaged.{hint}") from error
    if not is_done(folder):
        raise ExportError(f"{folder} is not finished: start its command again first.")
    return plan


def ensure_new(folder: Path) -> None:
    """Raises: ExportError, where the export would be written over something."""
    if folder.exists():
        raise ExportError(f"{folder} is there already: name another folder, or remove it.")
