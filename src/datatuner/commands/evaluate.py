"""`datatuner evaluate`: scores of a finished decoding, of any system's texts, or of the references themselves."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from datatuner.commands.decode import trained
from datatuner.commands.run import ensure_all, show
from datatuner.composing import command
from datatuner.config import Config
from datatuner.errors import CheckpointError
from datatuner.planning import decode_stage, evaluate_stage
from datatuner.records import METRICS, PREDICTIONS
from datatuner.stages import Stage, cannot_write, ensure, is_done


def evaluate(config: Config) -> None:
    decode = None if config.predictions else _decoded(config)
    if config.output_dir is None:
        stage = evaluate_stage(config, decode)
        ensure_all([stage])
        show(stage.folder)
        return
    output = Path(config.output_dir).expanduser()
    with tempfile.TemporaryDirectory() as scratch:
        stage = evaluate_stage(config, decode, root=Path(scratch))
        _make_writable(output)
        try:
            ensure(stage)
            _deliver(stage.folder, output)
        except BaseException:
            with suppress(OSError):  # it holds something
                output.rmdir()
            raise
    show(output)


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


def _deliver(stage: Path, output: Path) -> None:
    """Both files under their final names, or neither."""
    temporary = {output / f".{name}.tmp": name for name in (PREDICTIONS, METRICS)}
    try:
        for path, name in temporary.items():
            shutil.copyfile(stage / name, path)
        for path, name in temporary.items():
            path.replace(output / name)
    except OSError as error:
        for path in temporary:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise cannot_write(output, error) from error


if __name__ == "__main__":
    command("evaluate", evaluate)
