"""`datatuner evaluate`: scores of a finished decoding, of any systems' texts, or of the references themselves."""

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from datatuner.commands.decode import trained
from datatuner.commands.run import ensure_all, show, show_scores
from datatuner.composing import command
from datatuner.config import Config
from datatuner.errors import CheckpointError, StageFailedError
from datatuner.metrics.catalogue import decimals
from datatuner.planning import decode_stage, evaluate_stage
from datatuner.records import COMPARISON, METRICS, PREDICTIONS
from datatuner.stages import LOG, Stage, cannot_write, ensure, is_done


def evaluate(config: Config) -> None:
    decode = None if config.predictions else _decoded(config)
    if config.output_dir is None:
        stage = evaluate_stage(config, decode)
        ensure_all([stage])
        _show(stage.folder, stage)
        return
    output = Path(config.output_dir).expanduser()
    with tempfile.TemporaryDirectory() as scratch:
        stage = evaluate_stage(config, decode, root=Path(scratch))
        _make_writable(output)
        try:
            ensure(stage)
            _deliver(stage, output)
        except BaseException as error:
            if isinstance(error, StageFailedError) and error.log:  # which goes with the stage's folder
                raise StageFailedError("the evaluation failed.", shutil.copyfile(error.log, output / LOG)) from error
            for folder in [*(output / name for name in _systems(stage)), output]:
                with suppress(OSError):  # it holds something, or is not there
                    folder.rmdir()
            raise
    _show(output, stage)


def _decoded(config: Config) -> Stage:
    stage = decode_stage(config, trained(config))
    if not is_done(stage.folder):
        raise CheckpointError(
            f"there is no finished decoding in {stage.folder}: start `datatuner decode` with these overrides, or pass "
            "predictions=FILE."
        )
    return stage


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def _systems(stage: Stage) -> list[str]:
    """The systems that the evaluation compares, baseline first, each with a folder of its own; else none."""
    return list(stage.config.get("systems", []))


def _deliver(stage: Stage, output: Path) -> None:
    """All files under their final names, or none."""
    systems = _systems(stage)
    folders = [Path(name) for name in systems or ["."]]
    files = [folder / name for folder in folders for name in (PREDICTIONS, METRICS)]
    files += [Path(COMPARISON)] if systems else []
    temporary = {output / file.with_name(f".{file.name}.tmp"): file for file in files}
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
    content = json.loads((folder / COMPARISON).read_text(encoding="utf-8"))
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
