"""`datatuner evaluate`: scores of a finished decoding, of any systems' texts, or of the references themselves."""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from datatuner.commands.decode import finished, finished_classifier, trained
from datatuner.commands.run import ensure_all, filling, say_other_code, show, show_scores
from datatuner.composing import command
from datatuner.config import Config, Reranking
from datatuner.errors import ConfigError, OutputError, StageFailedError
from datatuner.lineage import intact
from datatuner.locking import cannot_write, claimed_folder
from datatuner.metrics.catalogue import decimals
from datatuner.parents import row_of
from datatuner.planning import decode_stage, evaluate_stage, score_stage
from datatuner.ranks import launched
from datatuner.records import COMPARISON, METRICS, PREDICTIONS
from datatuner.stages import DONE, LOG, Stage, ensure, is_done
from datatuner.writing import make_writable

WAY_OUT = "pass output_dir= with another folder"


def evaluate(config: Config) -> None:
    if config.output_dir is None:
        stages = planned(config)
        ensure_all(stages)
        _show(stages[-1].folder, stages[-1])
        return
    if launch := launched():  # the others would look for what rank 0 does in folders of their own
        raise ConfigError(
            f"output_dir= is for one process, and this is one of {launch.place.ranks} ({launch.told}): start it "
            "without torchrun or srun, or leave output_dir= out."
        )
    output = Path(config.output_dir).expanduser()
    with tempfile.TemporaryDirectory() as scratch:
        *before, stage = planned(config, Path(scratch))
        make_writable(output, "pass output_dir= with a folder you may write to")
        try:
            with claimed_folder(output, WAY_OUT):
                _evaluate([*before, filling(stage)], output)
        except BaseException:
            with suppress(OSError):  # it holds something
                output.rmdir()
            raise
    _show(output, stage)


def _evaluate(stages: Sequence[Stage], output: Path) -> None:
    """Runs the stages, of which the last is the evaluation, and leaves its files in `output`, or nothing but a log."""
    stage = stages[-1]
    _ensure_free(stage, output)
    try:
        for each in stages:
            if not ensure(each):
                say_other_code(each.folder)
        _deliver(stage, output)
    except BaseException as error:
        if isinstance(error, StageFailedError) and error.log:  # which goes with the stage's folder
            log = output / (f"{os.getpid()}.{LOG}" if os.path.lexists(output / LOG) else LOG)
            raise StageFailedError("the evaluation failed.", shutil.copyfile(error.log, log)) from error
        for name in _systems(stage):
            with suppress(OSError):  # it holds something, or is not there
                (output / name).rmdir()
        raise


def planned(config: Config, root: Path | None = None) -> list[Stage]:
    """The evaluation, after the scoring of the finished decoding that it is of.

    Raises:
        CheckpointError: the decoding or the classifier that the config describes is not finished.
    """
    classifier = finished_classifier(config)
    if config.predictions:
        judges = {"classifier": classifier} if classifier else {}
        return [evaluate_stage(config, judges, root=root)]
    train = trained(config)
    splits = [config.split, *(["validation"] if config.reranking is Reranking.probability else [])]
    scores = {}
    for role, split in zip(("score", "validation"), splits, strict=False):
        own = replace(config, split=split)
        decode = finished(decode_stage(own, train), "decoding", f"decode split={split}", "predictions=FILE")
        scored = score_stage(own, decode, classifier)
        scores[role] = scored if is_done(scored.folder) else score_stage(own, decode, classifier, root=root)
    return [*scores.values(), evaluate_stage(config, scores, row=row_of(config, train, classifier), root=root)]


def _systems(stage: Stage) -> list[str]:
    """The systems that the evaluation compares, baseline first, each with a folder of its own; else none."""
    return list(stage.config.get("systems", []))


def _ensure_free(stage: Stage, output: Path) -> None:
    """Whether no results stand in the folder, or those of this very evaluation.

    Raises:
        OutputError: others do, or files of which nothing says what they are of.
    """
    for file in dict.fromkeys([Path(METRICS), Path(COMPARISON), *_files(stage)]):
        beside = COMPARISON if file.name == COMPARISON or (file.name == DONE and _systems(stage)) else METRICS
        if os.path.lexists(output / file) and _fingerprint(output / file.with_name(beside)) != stage.fingerprint:
            raise OutputError(f"{output / file} is there already, and not of this evaluation: {WAY_OUT}, or remove it.")


def _fingerprint(path: Path) -> str | None:
    """Of the evaluation that a file of scores is of; None where it does not say."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["provenance"]["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(stage: Stage) -> list[Path]:
    """What an evaluation leaves: scores first, which say what the texts beside them are of; last their checksums."""
    systems = _systems(stage)
    files = [Path(folder, name) for folder in systems or ["."] for name in (METRICS, PREDICTIONS)]
    return [*([Path(COMPARISON)] if systems else []), *files, Path(DONE)]


def _deliver(stage: Stage, output: Path) -> None:
    """All files under their final names, or none."""
    temporary = {output / file.with_name(f".{file.name}.{os.getpid()}.tmp"): file for file in _files(stage)}
    try:
        for path, file in temporary.items():
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(stage.folder / file, path)
        for path, file in temporary.items():
            path.replace(output / file)
    except OSError as error:
        for path in temporary:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise cannot_write(output, error) from error


def _show(folder: Path, stage: Stage) -> None:
    """What `run` shows; of several systems each one's scores, and the tests against the baseline."""
    systems = _systems(stage)
    if not systems:
        show(folder)
        return
    for name in systems:
        show_scores(folder / name)
    content = json.loads(intact(folder / COMPARISON).read_text(encoding="utf-8"))
    print(f"\n{folder / COMPARISON}\n  against {content['baseline']}; p-values after {content['correction']}")
    width = max(map(len, systems))
    print(f"  {'system':<{width}} {'metric':<10} {'difference':>10} {'p: bootstrap':>12} {'randomization':>13}")
    for name, row in content["comparisons"].items():
        for metric, found in row.items():
            difference = f"{found['difference']:+.{decimals(metric)}f}"
            bootstrap, randomization = (
                found[test]["p_holm"] for test in ("paired_bootstrap", "approximate_randomization")
            )
            print(f"  {name:<{width}} {metric:<10} {difference:>10} {bootstrap:>12.4f} {randomization:>13.4f}")


if __name__ == "__main__":
    command("evaluate", evaluate)
