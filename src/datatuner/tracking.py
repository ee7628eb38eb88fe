"""A stage as a run of W&B: its configuration, curves and results, all from the stage's own files; and an export.

Everything is read, nothing computed twice; and nothing here runs in the process that trains (see following.py).
"""

import csv
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import wandb
from wandb.errors import CommError, UsageError

from datatuner.exported import MANIFEST
from datatuner.following import TRACKED
from datatuner.lineage import ancestors
from datatuner.provenance import provenance
from datatuner.records import BEAMS, METRICS, PREDICTIONS, SCORED
from datatuner.stages import BEST, METRICS_CSV, PLAN, read_plan
from datatuner.tracked_results import tell
from datatuner.writing import write_json

POLL = 2.0  # seconds between looks at the rows that a training has written
STEP = "step"
_NAME = 128  # letters of an artifact's name at most
FILES = {"train": (BEST, "encoding.json"), "classifier": (BEST, "classifier.json"), "decode": (BEAMS,)}
FILES |= {"score": (SCORED,), "evaluate": (METRICS, PREDICTIONS)}


def track(folder: Path, ended: Callable[[float], int | None], say: Callable[[str], object]) -> None:
    """Follows the stage in `folder` until `ended`, and leaves a run that is finished, or failed as the stage did.

    Args:
        ended: waits so many seconds; the stage's exit code once it has ended, else None.
        say: tells the user one line.
    """
    plan = read_plan(folder)
    before = _before(folder, plan["settings"]["logger"])
    logger = {**plan["settings"]["logger"], "group": before["group"]}
    run = _started(plan, logger, before["id"], say)
    if run is None:
        return
    # The training may have gone on from an earlier step than W&B was told of. What is sent by hand must be whole.
    rows = _Rows(folder, -1 if run.offline else before["step"])
    known = {"id": run.id, "group": run.group, "project": run.project, "entity": logger["entity"]}
    code = None
    while code is None:
        code = ended(POLL)
        for step, values in rows.new():
            run.log({STEP: step, **values})
        write_json(folder / TRACKED, {**known, "offline": run.offline, "step": rows.step})
    if code == 0:
        tell(run, plan, folder)
        if plan["settings"]["logger"]["artifacts"]:
            _keep(run, plan, folder)
    run.finish(exit_code=code)


def track_export(folder: Path, export: Path, logger: Mapping[str, Any], say: Callable[[str], object]) -> None:
    """A run that keeps the `export` of the run in `folder` as a model, and names the artifacts it was made from.

    The files are sent from where they are, offline too: nothing is copied.

    Args:
        logger: as `planning` gives it to a stage.
        say: tells the user one line.
    """
    plan = read_plan(folder)
    plan = {**plan, "kind": "export", "settings": {**plan["settings"], "logger": logger}}
    run = _started(plan, logger, secrets.token_hex(8), say)
    if run is None:
        return
    stages = list(dict.fromkeys([folder, *(parent for _, parent, _ in ancestors(plan))]))
    for stage in stages if not run.offline else []:  # W&B itself must know them
        _name_as_source(run, stage, say)
    manifest = json.loads((export / MANIFEST).read_text(encoding="utf-8"))
    known = {key: manifest[key] for key in ("corpus", "metrics", "checksum")}
    of = [stage.name for stage in stages]
    name = re.sub(r"[^\w.-]+", "-", export.name, flags=re.ASCII)[:_NAME]
    artifact = wandb.Artifact(name, type="model", metadata={"fingerprint": plan["fingerprint"], "of": of, **known})
    artifact.add_dir(str(export), policy="immutable", skip_cache=True)
    run.log_artifact(artifact)
    if not run.offline:
        artifact.wait()  # raises what went wrong
    run.finish()


def _name_as_source(run: wandb.Run, stage: Path, say: Callable[[str], object]) -> None:
    """The stage's artifact as what `run` reads, where it has one, in the project that it was told to."""
    logger = read_plan(stage)["settings"].get("logger") or {}
    if logger.get("artifacts"):
        path = "/".join(filter(None, [logger["entity"], logger["project"], f"{stage.name}:latest"]))
        try:
            run.use_artifact(path)
        except Exception as error:  # W&B's errors share no class, and the model itself is still to be sent
            say(f"{path} is not named as what the export was made from: {' '.join(str(error).split())[:200]}")


def _before(folder: Path, logger: Mapping[str, Any]) -> dict[str, Any]:
    """The id and group of the run that a killed training had there, and the last step that W&B has; a new run else.

    A run that `wandb agent` waits for is filled from the start.
    """
    new = {"id": logger.get("fills") or secrets.token_hex(8), "group": logger["group"], "step": -1}
    if logger.get("fills"):
        return new
    try:
        known = json.loads((folder / TRACKED).read_text(encoding="utf-8"))
        if any(known.get(key, logger[key]) != logger[key] for key in ("project", "entity")):
            return new  # an id belongs to a project
        step = -1 if known.get("offline", True) else int(known["step"])  # nobody knows what was sent since
        return {"id": str(known["id"]), "group": known.get("group", logger["group"]), "step": step}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return new


def _started(
    plan: Mapping[str, Any], logger: Mapping[str, Any], identifier: str, say: Callable[[str], object]
) -> wandb.Run | None:
    """A run, online if it can be: where nobody is logged in, or nobody answers, it is kept to be sent later.

    None where W&B is switched off. Under `wandb agent` W&B itself replaces project, entity and `identifier` by the
    agent's, if this process sees them.
    """
    options: dict[str, Any] = {
        "project": logger["project"],
        "entity": logger["entity"],
        "group": logger["group"],
        "dir": logger["folder"],
        "name": name_of(plan),
        "job_type": plan["kind"],
        "id": identifier,
        "resume": "allow",
        "config": _config(plan),
        # Half of the patience is for the case that nobody answers, to keep what would have been sent.
        "settings": wandb.Settings(silent=True, console="off", init_timeout=max(1.0, logger["patience"] / 2)),
    }
    try:
        run = wandb.init(**options)
    except (UsageError, CommError) as error:
        reason = " ".join(str(error).split())[:200]
        say(f"{reason} Set WANDB_API_KEY (or `wandb login`), or WANDB_MODE=offline. This run is kept, not sent.")
        wandb.teardown()
        run = wandb.init(**options, mode="offline")
    if run.settings.mode == "disabled":
        say(f"{plan['kind']}: switched off by WANDB_MODE=disabled; nothing is kept or sent")
        return None
    sent = f"`wandb sync {Path(run.dir).parent}` sends it" if run.offline else run.url
    say(f"{plan['kind']}: {f'the run of sweep {run.sweep_id}: ' if run.sweep_id else ''}{sent}")
    run.define_metric(STEP, hidden=True)
    run.define_metric("*", step_metric=STEP)
    return run


def name_of(plan: Mapping[str, Any]) -> str:
    """What tells a run from its neighbours, in words: "decode tiny fine 1"."""
    known = _known(plan)
    words = [plan["kind"], _name(known.get("classifier" if plan["kind"] == "classifier" else "generator"))]
    words += [known.get(key) for key in ("states", "reranking")]
    words += [known["split"] if known.get("split") not in (None, "test") else None, known.get("seed")]
    return " ".join(str(word) for word in words if word is not None)


def system_of(plan: Mapping[str, Any]) -> str:
    """What a dashboard groups runs by, for it does not tell seeds apart: "demo tiny fine severity"."""
    known, given = _known(plan), plan["settings"].get("predictions")
    if plan["kind"] == "classifier":
        words = ["classifier", _name(known["classifier"])]
    elif given:  # texts that no model here has written
        words = [", ".join(given) if isinstance(given, Mapping) else Path(given).name]
    else:
        words = [_name(known.get("generator")), known.get("states"), known.get("reranking")]
    return " ".join(str(word) for word in [_name(known["corpus"]), *words] if word is not None)


def _known(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The configurations of a stage and of all that it was made from in one; what is nearer counts."""
    known: dict[str, Any] = {}
    for each in (plan, *(theirs for _, _, theirs in ancestors(plan))):
        known = {**each["config"], **(each["config"].get("row") or {}), **known}
    return known


def _name(part: object) -> object:
    return part.get("name") if isinstance(part, Mapping) else part


def _config(plan: Mapping[str, Any]) -> dict[str, Any]:
    parents = {role: read_plan(Path(folder))["fingerprint"] for role, folder in plan["parents"].items()}
    settings = {key: value for key, value in plan["settings"].items() if key != "logger"}
    known = {"fingerprint": plan["fingerprint"], "checksums": plan["inputs"], "parents": parents, "settings": settings}
    return {**plan["config"], **known, "system": system_of(plan), "provenance": provenance()}


class _Rows:
    """Rows of metrics.csv after a step, each once, while they are written; none that a killed process left."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path, self.step = folder / METRICS_CSV, step
        self._since = (folder / PLAN).stat().st_mtime_ns  # written anew at each start
        self._told: set[tuple[int, str]] = set()

    def new(self) -> Iterator[tuple[int, dict[str, float]]]:
        """(step, values) of what stands there now; a row that is half-written comes with the next call."""
        try:
            if self.path.stat().st_mtime_ns < self._since:
                return
            text = self.path.read_text(encoding="utf-8")
        except OSError:  # not there yet
            return
        begin, last = self.step, self.step
        for row in csv.DictReader(text[: text.rfind("\n") + 1].splitlines()):
            step = int(row[STEP])
            values = {
                key: float(value)
                for key, value in row.items()
                if key not in (STEP, "epoch") and value and (step, key) not in self._told
            }
            if step >= begin and values:
                self._told |= {(step, key) for key in values}
                last = max(last, step)
                yield step, {"epoch": float(row["epoch"]), **values} if row["epoch"] else values
        self.step = last


def _keep(run: wandb.Run, plan: Mapping[str, Any], folder: Path) -> None:
    """The stage's files as an artifact named like its folder, which names those it was made from."""
    parents = [Path(parent).name for parent in plan["parents"].values()]
    for parent in parents if not run.offline else []:  # W&B itself must know them
        run.use_artifact(f"{parent}:latest")
    artifact = wandb.Artifact(
        folder.name, type=plan["kind"], metadata={"fingerprint": plan["fingerprint"], "of": parents}
    )
    systems = plan["config"].get("systems", [""])
    for name in [f"{system}/{name}".lstrip("/") for system in systems for name in FILES[plan["kind"]]]:
        artifact.add_file(str(folder / name), name=name)
    run.log_artifact(artifact)
