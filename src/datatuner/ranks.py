"""The processes that share a stage: who starts them, what each is told, and how they end together.

One process for each device. This project starts those of one machine itself, from a parent outside their group, so that
a rank that dies is seen and takes the others along; torchrun and SLURM start one of our commands for each rank, which
starts just that rank's process. Either way a rank's process finds its place in the variables that torchrun made common.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from datatuner.errors import ConfigError, StageFailedError, printable

REPORTED = 2  # exit code of a process that has told the user what is wrong in one line
TAIL = 15  # lines of a dead rank's log that are shown
# Of Ctrl-C, of whoever ends a job, of a terminal that is closed, and of SLURM before it takes a machine away.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
SWEEP = "DATATUNER_SWEEP"  # in the environment of a sweep's jobs: its name
_GRACE = 5.0  # seconds for the others to say what they saw, once a rank has died
_POLL = 0.1
# What launchers set for their ranks. A stage's process sees the first line alone, as this module sets it.
_RANK = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
_FOREIGN = ("PL_GLOBAL_SEED", "GROUP_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_", "SLURM_")
# What tells one launch by torchrun or SLURM from another.
_LAUNCH = (
    *("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT"),
    *("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"),
)
_OF_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_OF_SLURM = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
_STEP = ("SLURM_STEP_ID", "SLURM_STEPID")  # the second in older versions
_WAY_OUT = "Unset what no launcher has set, or start this command with torchrun or srun."
_NO_SRUN = 0xFFFFFFF0  # SLURM counts the shells of sbatch and salloc as steps from here on


class Stopped(KeyboardInterrupt):
    """A signal ends this process as Ctrl-C does; says which."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")


@dataclass(frozen=True)
class Place:
    """A process among the `ranks` of a stage."""

    rank: int = 0
    ranks: int = 1
    local_rank: int = 0  # on its machine: its device
    node: int = 0

    @classmethod
    def mine(cls) -> "Place":
        """This process's own, as `run_ranks` told it.

        Raises:
            ConfigError: somebody else has told it, and what cannot be.
        """
        rank, ranks, *rest = (_number(os.environ, name) for name in _RANK[:4])
        if ranks:  # after a training Lightning has taken WORLD_SIZE away
            _ensure_among(rank, ranks, f"RANK={rank}, WORLD_SIZE={ranks}")
        return cls(rank, ranks or 1, *rest)

    def environment(self, meeting: "Meeting") -> dict[str, str]:
        values = (self.rank, self.ranks, self.local_rank, self.node, meeting.address, meeting.port)
        return dict(zip(_RANK, map(str, values), strict=True))


@dataclass(frozen=True)
class Meeting:
    """Where the ranks find each other: rank 0's address and a free port there, in one launch."""

    address: str
    port: int
    launch: str = ""

    @classmethod
    def here(cls, *, nodes: int, launch: str = "") -> "Meeting":
        with socket.socket() as probe:
            probe.bind(("", 0))
            port: int = probe.getsockname()[1]
        return cls("127.0.0.1" if nodes == 1 else socket.gethostname(), port, launch)


class Launch(NamedTuple):
    """A process that torchrun or srun started as one rank of several."""

    place: Place
    name: str  # tells it from another launch
    told: str  # the variables that the place was read from, with their values


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """This process's place in a launch; None where nobody started it as one rank of several.

    An empty variable counts as one that is not set. SLURM's count only where srun has started a step: sbatch and salloc
    set the same ones for their script, which runs once, however many tasks were asked for.

    Raises:
        ConfigError: a variable is no number, or the rank is none of the launch's.
    """
    if all(environment.get(name) for name in _OF_TORCHRUN):
        names, node = _OF_TORCHRUN, "GROUP_RANK" if environment.get("GROUP_RANK") else "NODE_RANK"
    elif all(environment.get(name) for name in _OF_SLURM) and _in_step(environment):
        names, node = _OF_SLURM, "SLURM_NODEID"
    else:
        return None
    rank, ranks, local = (_number(environment, name) for name in names)
    told = ", ".join(f"{name}={environment[name]}" for name in (*names, node) if environment.get(name))
    _ensure_among(rank, ranks, told)
    name = "/".join(environment.get(name, "") for name in _LAUNCH)
    return Launch(Place(rank, ranks, local, _number(environment, node)), name, told) if ranks > 1 else None


def _in_step(environment: Mapping[str, str]) -> bool:
    step = next((environment[name] for name in _STEP if environment.get(name)), "")
    return step.isdecimal() and int(step) < _NO_SRUN


def _number(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name) or "0"
    if not (value.isascii() and value.isdecimal()):
        raise ConfigError(f"the environment has {name}={value!r}, which is no number from 0 on. {_WAY_OUT}")
    return int(value)


def _ensure_among(rank: int, ranks: int, told: str) -> None:
    if rank >= ranks:
        raise ConfigError(f"the environment has {told}, but a rank is lower than their number. {_WAY_OUT}")


def rank_log(folder: Path, rank: int, log: str) -> Path:
    """What a rank writes besides rank 0, whose output is the terminal's and `log`."""
    return folder / (log if rank == 0 else f"{Path(log).stem}.rank{rank}{Path(log).suffix}")


def run_ranks(
    folder: Path,
    places: Sequence[Place],
    meeting: Meeting,
    *,
    log: str,
    inherited: Sequence[int],
    elsewhere: Callable[[], str],
) -> None:
    """`python -m datatuner.commands.stage FOLDER` for each place, all in one process group of their own.

    Once a rank has died the others have 5 s to end, then they are ended. A signal that ends this process, or one of
    them, ends the whole group. The processes hold the `inherited` lock too: where this process alone is killed, nobody
    else starts on the folder before they have ended. `elsewhere` says who of the launch has failed on another machine,
    or "".

    Raises:
        StageFailedError: a rank exited with another code than 0; its last lines were printed.
        SystemExit: a rank has told the user what is wrong.
    """
    processes: list[subprocess.Popen[bytes]] = []
    with _passing_on(folder, processes):
        for place in places:
            group = processes[0].pid if processes else 0  # 0 makes a new one
            with undisturbed():  # else nobody would know of a process that has just started
                processes.append(_start(folder, place, meeting, log, group, inherited))
        dead = _first_death(processes, elsewhere)
        deadline = time.monotonic() + _GRACE
        while dead is not None and time.monotonic() < deadline and any(p.poll() is None for p in processes):
            time.sleep(_POLL)
        codes = [process.returncode for process in processes]
    if dead is not None:
        _report(folder, places, codes, dead, log)


def _start(
    folder: Path, place: Place, meeting: Meeting, log: str, group: int, inherited: Sequence[int]
) -> subprocess.Popen[bytes]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith((*_RANK, *_FOREIGN))}
    if place.ranks > 1:
        environment |= place.environment(meeting)
    command = [sys.executable, "-m", "datatuner.commands.stage", str(folder)]
    with rank_log(folder, place.rank, log).open("ab") as output:
        own = {} if place.rank == 0 else {"stdout": output, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, env=environment, process_group=group, pass_fds=inherited, **own)  # type: ignore[call-overload,no-any-return]


def _first_death(processes: Sequence[subprocess.Popen[bytes]], elsewhere: Callable[[], str]) -> int | None:
    """Waits until all have ended well (None), or until one has died, and says which.

    Raises:
        StageFailedError: one has died elsewhere.
    """
    while True:
        if failed := elsewhere():
            raise StageFailedError(f"{failed}; this machine's processes are ended.")
        codes = [process.poll() for process in processes]
        dead = [number for number, code in enumerate(codes) if code]
        if dead:  # a rank that was killed, before those that lost it
            return min(dead, key=lambda number: (codes[number] or 0) > 0)
        if None not in codes:
            return None
        time.sleep(_POLL)


def _report(folder: Path, places: Sequence[Place], codes: Sequence[int | None], dead: int, log: str) -> None:
    if places[0].rank == 0 and codes[0] == REPORTED:
        raise SystemExit(REPORTED)
    code, place = codes[dead], places[dead]
    if code is not None and -code in _ENDING:
        raise _stopped(folder, Stopped(-code))
    how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    path = rank_log(folder, place.rank, log)
    if place.ranks == 1:
        raise StageFailedError(f"the stage in {folder} failed ({how}).", path)
    print(f"rank {place.rank} of {place.ranks} ended first; its last lines:", file=sys.stderr)
    for line in tail(path, TAIL):
        print(f"  {printable(line)}", file=sys.stderr)
    raise StageFailedError(f"the stage in {folder} failed (rank {place.rank} of {place.ranks}: {how}).", path)


@contextmanager
def stoppable(always: Sequence[signal.Signals] = ()) -> Iterator[list[signal.Signals]]:
    """A signal that ends a job is a `Stopped` inside, as Ctrl-C is a KeyboardInterrupt; yields those signals.

    One that is ignored, as by nohup, or that others heed, as submitit does, is left so, but for those in `always`.
    """
    free = [number for number in _ENDING if number in always or signal.getsignal(number) in (signal.SIG_DFL, _stop)]
    before = {number: signal.signal(number, _stop) for number in free}
    try:
        yield free
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: Any) -> None:
    raise Stopped(number)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A signal that would be a `Stopped` inside is one at the end."""
    came: list[int] = []
    held = [number for number in _ENDING if signal.getsignal(number) is _stop]
    for number in held:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, _stop)
    if came:
        raise Stopped(came[0])


def _stopped(folder: Path, reason: Stopped) -> StageFailedError:
    return StageFailedError(f"{reason}; start it again to go on in {folder.name}.")


@contextmanager
def _passing_on(folder: Path, processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Ends the processes' group whatever happens inside; a signal to this process does so at once."""
    with stoppable(always=[signal.SIGINT, signal.SIGTERM]) as heeded:
        try:
            yield
        except Stopped as reason:
            raise _stopped(folder, reason) from None
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, heeded)  # a second Ctrl-C must not leave a rank behind
            for number in heeded:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, heeded)
            if processes:
                _end_group(processes)


def heed_signals(ranks: int) -> None:
    """Lets a signal end a stage's process, and its group if there are several ranks, at once; the parent says so."""
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN or number == signal.SIGTERM:  # by which the parent ends it
            signal.signal(number, signal.SIG_DFL if ranks == 1 else _end_together)


def _end_together(number: int, _: Any) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.killpg(0, number)


def _end_group(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to what still runs of the group, loader workers too; SIGKILL after 10 s."""
    group = processes[0].pid
    with suppress(ProcessLookupError):  # raised once nobody is left
        os.killpg(group, signal.SIGTERM)
        for _ in range(100):
            for process in processes:
                process.poll()  # a dead one that was not waited for counts as alive
            os.killpg(group, 0)
            time.sleep(_POLL)
        os.killpg(group, signal.SIGKILL)
    for process in processes:
        process.wait()


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log that are not empty; of a progress bar's, what it showed last."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    shown = (line.rsplit("\r", 1)[-1].rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return [line for line in shown if line][-lines:]
