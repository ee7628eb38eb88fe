"""A sweep's jobs as they go: a table that renews itself on a terminal, elsewhere a line for each start and end."""

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from datatuner.errors import printable
from datatuner.ranks import tail
from datatuner.sweeping import Job, Running

_REFRESH = 1.0  # seconds


class Overview:
    """A `sweeping.Watcher`, and a context manager around `run_jobs`.

    Args:
        console: where to write; a terminal shows the table.
    """

    def __init__(self, jobs: Sequence[Job], console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._jobs = jobs
        self._ended: dict[int, tuple[int, float]] = {}  # job number: exit code, seconds
        self._running: Sequence[Running] = ()
        self._live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None
        self._next = 0.0

    def __enter__(self) -> "Overview":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._running = ()
            self._live.update(self.table(), refresh=True)
            self._live.stop()

    def started(self, job: Job) -> None:
        if not self._live:
            self.console.print(Text(f"job {job.number} of {len(self._jobs)} started: {job.label}  ({job.log})"))

    def ended(self, job: Job, code: int, seconds: float) -> None:
        self._ended[job.number] = code, seconds
        if not self._live:
            how = "done" if code == 0 else f"failed with exit code {code}"
            counted = f"{len(self._ended)} of {len(self._jobs)} ended"
            self.console.print(Text(f"job {job.number} {how} after {clock(seconds)}: {job.label}  ({counted})"))

    def look(self, running: Sequence[Running]) -> None:
        if self._live and time.monotonic() >= self._next:
            self._next = time.monotonic() + _REFRESH
            self._running = running
            self._live.update(self.table(), refresh=True)

    def table(self) -> Table:
        """How many are to come, the jobs that run, those that failed, those that are done, the latest first."""
        table = Table("job", "what", "state", "time", "last line of its log", expand=True, box=None)
        if left := len(self._jobs) - len(self._ended) - len(self._running):
            table.add_row("", Text(f"{left} to come", "dim"))
        for each in self._running:
            job, seconds = each.job, time.monotonic() - each.start
            line = printable("".join(tail(job.log, 1)))
            table.add_row(str(job.number), Text(job.label), Text("running", "yellow"), clock(seconds), Text(line))
        labels = {job.number: job.label for job in self._jobs}
        latest = list(self._ended.items())[::-1]
        for number, (code, seconds) in sorted(latest, key=lambda ended: ended[1][0] == 0):
            state = Text("done", "green") if code == 0 else Text(f"failed ({code})", "red")
            table.add_row(str(number), Text(labels[number]), state, clock(seconds), "")
        return table


def clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
