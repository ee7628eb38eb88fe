"""`python -m datatuner.commands.track FOLDER`: tells W&B of a stage. Started by `following.followed` only.

The stage's end comes as a line on standard input, "EXIT_CODE PATIENCE"; where its end comes without one, the process
that planned the stage was killed.
"""

import os
import select
import sys
import threading
from pathlib import Path

DEFAULT_PATIENCE = 60.0  # seconds, where nobody could say


class Ending:
    """Called with seconds to wait: the stage's exit code once it has ended, else None."""

    def __call__(self, seconds: float) -> int | None:
        if not select.select([sys.stdin], [], [], seconds)[0]:
            return None
        code, _, patience = sys.stdin.readline().partition(" ")
        # W&B may hang in a call that nothing interrupts.
        timer = threading.Timer(float(patience or DEFAULT_PATIENCE), _give_up)
        timer.daemon = True
        timer.start()
        return int(code or 1)


def say(message: str) -> None:
    print(f"W&B: {message}", file=sys.stderr, flush=True)


def _give_up() -> None:
    say("no answer in time (logger.patience); what it was not told is in the stage's folder")
    os._exit(1)


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ.setdefault("WANDB_SILENT", "true")  # before it is imported: its greetings
    try:
        from datatuner.tracking import track

        track(folder, Ending(), say)
    except Exception as error:  # whatever it is, the stage goes on without
        say(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}; the stage is not affected")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
