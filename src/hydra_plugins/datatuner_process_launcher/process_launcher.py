"""Hydra's launcher for `-m`: each job as a process of its own, with the overrides that somebody could have typed.

In one process, a job would inherit what the one before it left: rank variables, seeds, a W&B run; and Lightning, which
starts its ranks with the command line, would start the sweep again.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from datatuner.composing import OPTIONS_WITH_VALUE
from datatuner.errors import SweepFailedError
from datatuner.ranks import SWEEP
from datatuner.sweep_overview import Overview
from datatuner.sweeping import Job, labels, named, run_jobs, shares, visible_gpus

_OF_THE_JOB = re.compile(r"\$\{(hydra|now)[.:]")  # what only the job itself can resolve
# Of the sweep itself; a job is told its own.
_NOT_PASSED_ON = ("hydra.mode", "hydra.run", "hydra.sweep", "hydra.sweeper", "hydra/sweeper", "hydra.launcher")


@dataclass
class ProcessLauncherConfig:
    _target_: str = "hydra_plugins.datatuner_process_launcher.process_launcher.ProcessLauncher"
    n_jobs: int = 1  # jobs at a time; where trainer.threads is null, they share the cores equally


ConfigStore.instance().store(group="hydra/launcher", name="process", node=ProcessLauncherConfig, provider="datatuner")


class ProcessLauncher(Launcher):
    """Starts `python -m datatuner.commands.COMMAND` for each job, and waits for all of them.

    Raises:
        SweepFailedError: jobs failed, or `n_jobs` is no number of jobs.
    """

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:  # noqa: ARG002
        self.config, self.hydra_context = config, hydra_context

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        if self.n_jobs < 1:
            raise SweepFailedError(f"hydra.launcher.n_jobs={self.n_jobs} must be at least 1.")
        folder = Path(str(self.config.hydra.sweep.dir))
        words = labels(job_overrides)
        composed = [
            self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            for overrides in job_overrides
        ]
        _ensure_apart(composed, words)
        jobs = [
            self._job(initial_job_idx + n, label, overrides, config, folder)
            for n, (label, overrides, config) in enumerate(zip(words, job_overrides, composed, strict=True))
        ]
        name = named(folder, [self._module(), [list(overrides) for overrides in job_overrides]])
        environments = [{SWEEP: name, **share} for share in self._shares()]
        with Overview(jobs) as overview:
            run_jobs(jobs, n_jobs=self.n_jobs, watcher=overview, environments=environments)
        done = [JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED) for overrides in job_overrides]
        for each in done:
            each.return_value = None
        return done

    def _shares(self) -> list[dict[str, str]]:
        on_cpu = self.config.trainer.accelerator == "cpu"
        return shares(self.n_jobs, [] if on_cpu else visible_gpus())

    def _job(self, number: int, label: str, overrides: Sequence[str], composed: DictConfig, sweep: Path) -> Job:
        folder = sweep / str(number)
        command = [sys.executable, "-m", self._module(), *_options(sys.argv[1:])]
        command += [*self._of_hydra(), *overrides, *self._threads(composed)]
        command += [f"hydra.run.dir={_quoted(str(folder))}", "hydra.mode=RUN"]
        return Job(number, label, tuple(command), folder)

    def _module(self) -> str:
        spec = sys.modules["__main__"].__spec__
        if spec is None:
            raise SweepFailedError("a sweep starts its jobs by their module: start it as `datatuner COMMAND -m …`.")
        return spec.name

    def _of_hydra(self) -> list[str]:
        """What was typed for Hydra itself and holds for each job too, such as `hydra.searchpath`."""
        typed: Any = OmegaConf.to_container(self.config.hydra.overrides.hydra, resolve=False)
        return [word for word in typed if not word.lstrip("+~").startswith(_NOT_PASSED_ON)]

    def _threads(self, composed: DictConfig) -> list[str]:
        """Jobs side by side would each take all cores, and be slower than one after the other."""
        if self.n_jobs == 1 or composed.trainer.threads is not None:
            return []
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return [f"trainer.threads={max(1, cores // (self.n_jobs * max(1, composed.trainer.devices)))}"]


def _ensure_apart(composed: Sequence[DictConfig], named: Sequence[str]) -> None:
    """Whether each job has an `output_dir` of its own, so far as it is known before the job starts.

    Raises:
        SweepFailedError: two share one, where the second's results would have no place.
    """
    owners: dict[Path, str] = {}
    for config, label in zip(composed, named, strict=True):
        raw: Any = OmegaConf.to_container(config, resolve=False)
        if raw.get("output_dir") is None or _OF_THE_JOB.search(str(raw["output_dir"])):
            continue
        folder = Path(str(config.output_dir)).expanduser().resolve()
        if folder in owners:
            first, second = (each or "all of them" for each in (owners[folder], label))
            raise SweepFailedError(
                f"output_dir={config.output_dir} is one folder for several jobs ({first}; {second}): put what they "
                "differ in into it, such as output_dir='out/${seed}'."
            )
        owners[folder] = label


def _options(typed: Sequence[str]) -> list[str]:
    """The options among what was typed, each with its value, without those that make it a sweep."""
    words = iter(typed)
    kept = []
    for word in words:
        if not word.startswith("-") or word in ("-m", "--multirun"):
            continue
        kept.append(word)
        if word in OPTIONS_WITH_VALUE:
            kept.append(next(words, ""))
    return kept


def _quoted(text: str) -> str:
    """A value for Hydra's grammar."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
