"""`python -m datatuner.commands.track FOLDER [EXPORT LOGGER]`: tells W&B of a stage, or of an export of it.

Started by `following` only. The stage's end comes as a line on standard input, "EXIT_CODE PATIENCE", for an export at
once; where the end comes without one, the process that planned the stage was killed.
"""

import json
import os
import select
import signal
import sys
import threading
from pathlib import Path

DEFAULT_PATIENCE = 60.0  # seconds, where nobody could say


class Ending:
    """Called with seconds to wait: the stage's exit code once it has ended, else None.

    Args:
        unaffected: what to say of the stage where W&B does not answer in time.
    """

    def __init__(self, unaffected: str) -> None:
        self.unaffected = unaffected

    def __call__(self, seconds: float) -> int | None:
        if not select.select([sys.stdin], [], [], seconds)[0]:
            return None
        code, _, patience = sys.stdin.readline().partition(" ")
        # W&B may hang in a call that nothing interrupts.
        timer = threading.Timer(float(patience or DEFAULT_PATIENCE), _give_up, [self.unaffected])
        timer.daemon = True
        timer.start()
        return int(code or 1)


def say(message: str) -> None:
    print(f"W&B: {message}", file=sys.stderr, flush=True)


def _give_up(unaffected: str) -> None:
    say(f"no answer in time (logger.patience); {unaffected}")
    os._exit(1)


def main() -> None:
    folder, export = Path(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # by which SLURM ends a stage, which is still to be told
        signal.signal(number, signal.SIG_IGN)
    os.environ.setdefault("WANDB_SILENT", "true")  # before it is imported: its greetings
    unaffected = f"{export[0]} is complete" if export else "the stage is not affected"
    try:
        from datatuner.tracking import track, track_export

        if export:
            Ending(unaffected)(DEFAULT_PATIENCE)
            track_export(folder, Path(export[0]), json.loads(export[1]), say)
        else:
            track(folder, Ending("what it was not told is in the stage's folder"), say)
    except Exception as error:  # whatever it is, the stage goes on without
        say(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}; {unaffected}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
