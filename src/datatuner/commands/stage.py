"""`python -m datatuner.commands.stage FOLDER`: does what FOLDER/stage.json says. Started by `ranks.run_ranks` only."""

import errno
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from types import TracebackType

from datatuner.errors import DataTunerError, printable
from datatuner.locking import cannot_write
from datatuner.ranks import REPORTED, Place, heed_signals
from datatuner.stages import LOG, PLAN

log = logging.getLogger("datatuner")
# Of a disk that is full or broken, or of a limit on files; libraries forget the file's name in them.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def main() -> None:
    folder = Path(sys.argv[1])
    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    try:
        heed_signals(Place.mine().ranks)
        set_up_logging(folder)
        set_up_threads(plan["settings"]["threads"])
        from datatuner.pipeline import run_stage

        run_stage(plan, folder)
    except DataTunerError as error:
        report(str(error))
    except SystemExit as error:  # a library's, which must not pass for the stage's end
        raise RuntimeError(f"something called exit({error.code!r}) before the stage was done") from error
    except OSError as error:
        mine = error.filename and Path(str(error.filename)).resolve().is_relative_to(folder.resolve())
        if mine or error.errno in _FULL:
            report(str(cannot_write(folder, error)))
        raise
    except FloatingPointError as error:
        part = "classifier" if plan["kind"] == "classifier" else "generator"
        report(f"training diverged ({error}): lower {part}.optim.lr.")
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, without importing it where it is not needed
            part = "classifier" if plan["kind"] == "classifier" else "corpus"
            report(f"the GPU is out of memory: lower {part}.batch_size, {part}.eval_batch_size or decoding.batch_size.")
        raise


def report(message: str) -> None:
    """The user's mistake in one line, and the exit code that tells the parent it has been said."""
    print(f"datatuner: error: {printable(' '.join(message.split()))}", file=sys.stderr)
    raise SystemExit(REPORTED)


def set_up_logging(folder: Path) -> None:
    """Messages go to the terminal and, with times, to log.txt; so does an unexpected error's traceback.

    Ranks but the first have a log of their own, which their whole output goes to (see `ranks.run_ranks`).
    """
    is_first = Place.mine().rank == 0
    file = logging.FileHandler(folder / LOG, encoding="utf-8") if is_first else logging.StreamHandler()
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.DEBUG)
    log.addHandler(file)
    if is_first:
        console = logging.StreamHandler()
        console.setFormatter(logging.Formatter("%(message)s"))
        console.setLevel(logging.INFO)
        log.addHandler(console)
    log.propagate = False
    default = sys.excepthook

    def to_file(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        file.handle(log.makeRecord(log.name, logging.ERROR, "", 0, "failed", (), (kind, error, trace)))
        if is_first:
            default(kind, error, trace)

    sys.excepthook = to_file
    logging.raiseExceptions = False  # a full disk is one line, not also a traceback of the log file's
    # Lightning advises more loader workers, and warns of a stage's folder that is not empty: it holds stage.json.
    warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric|lightning_utilities|torch")
    # peft sets it itself for GPT-2; the new name of gradient checkpointing is not in transformers 5.0.
    warnings.filterwarnings("ignore", message=r".*(fan_in_fan_out|gradient_checkpointing_enable)")


def set_up_threads(threads: int | None) -> None:
    """Before torch is imported, which reads the variable once."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)


if __name__ == "__main__":
    main()
