"""A sweep whose values Optuna chooses: ask, run, report, tell; its memory is a database in the sweep's folder.

Source: Akiba et al. (2019), "Optuna: a next-generation hyperparameter optimization framework", the ask-and-tell
interface; TPE after Bergstra et al. (2011).
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError, install_hint, nearest
from tsforecast.installation import COMMAND
from tsforecast.metrics import find_metric
from tsforecast.sweeps import summary
from tsforecast.sweeps.grid import finish, shares_process
from tsforecast.sweeps.outcome import FIGURES, Outcome, read_outcome
from tsforecast.sweeps.processes import Worker
from tsforecast.sweeps.progress import SweepProgress
from tsforecast.sweeps.runner import Runner, Stop, Watch
from tsforecast.sweeps.space import Range
from tsforecast.sweeps.study import Job, Study

SAMPLERS = ("tpe", "random")
PRUNERS = ("median", "hyperband", "none")


@dataclasses.dataclass(frozen=True)
class Options:
    """How to search; see ``Search`` for the meaning of each.

    Raises:
        UserError: a value is out of range.
    """

    trials: int
    objectives: Sequence[str]
    sampler: str
    pruner: str
    startup_trials: int
    seed: int

    def __post_init__(self) -> None:
        for name, choices in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
            value = str(getattr(self, name))
            if value not in choices:
                raise UserError(
                    f"hydra.sweeper.{name}={value} is not one of {', '.join(choices)}.{nearest(value, choices)}"
                )
        for name, low in (("trials", 1), ("startup_trials", 0), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < low:
                raise UserError(f"hydra.sweeper.{name}={value} must be a whole number of at least {low}.")
        for objective in self.objectives:
            if objective.partition(":")[2] not in ("", "minimize", "maximize"):
                raise UserError(
                    f"hydra.sweeper.objectives has {objective}: after a colon comes minimize or maximize."
                )
        for key in self.keys:  # else a whole search would run and find that no trial has it
            metric = find_metric(key)
            if key not in FIGURES and not (metric and metric.has_levels and key.startswith("test/")):
                raise UserError(
                    f"hydra.sweeper.objectives has {key}, which is not a figure of a run.{nearest(key, FIGURES)} "
                    f"Figures: {', '.join(FIGURES)}."
                )
        if not self.objectives:
            raise UserError("hydra.sweeper.objectives is empty: name a figure, as in [val/rmse].")

    @property
    def keys(self) -> list[str]:
        """The figures to look at."""
        return [objective.partition(":")[0] for objective in self.objectives]

    @property
    def directions(self) -> list[str]:
        """``minimize`` or ``maximize`` for each: as written after its colon, else as is better for the metric."""
        return [
            objective.partition(":")[2] or _better_direction(key)
            for objective, key in zip(self.objectives, self.keys, strict=True)
        ]


def _better_direction(key: str) -> str:
    metric = find_metric(key)
    return "maximize" if metric is not None and metric.better == "higher" else "minimize"


def run(
    folder: Path,
    command: Sequence[str],
    *,
    space: Mapping[str, Range],
    base: Mapping[str, Any],
    options: Options,
    make_job: Callable[[int, Mapping[str, str]], Job],
    run_file: Path,
    process: str,
) -> int:
    """Runs the trials that are missing, and says what became of all.

    Args:
        folder: Folder of the sweep.
        command: the arguments after ``run.py`` that started it.
        space: Range of each key.
        base: the config that all trials share.
        options: Options of the search. The number of trials may change when a search goes on.
        make_job: composes and checks the job of a trial from its number and values.
        run_file: path of ``run.py``.
        process: as for ``grid.run``.

    Returns:
        The exit code, as ``grid.run``.

    Raises:
        UserError: Optuna is not installed, the folder holds another study, or another process is working on it.
    """
    identity = {
        "space": {key: dataclasses.asdict(one) for key, one in space.items()},
        "search": {k: v for k, v in dataclasses.asdict(options).items() if k != "trials"},
        "jobs": {"base": base},
    }
    kept = Study(folder)
    with kept.lock() as lock:
        begun = kept.begin(command, identity)
        trials = Trials(folder, space, options)
        print(_opening(kept, options, trials.count_finished(), begun), flush=True)
        rows: dict[int, summary.Row] = {}
        for number, axes in trials.earlier():
            job = make_job(number, axes)
            job_folder = folder / job.folder_name
            rows[number] = summary.Row(job, job_folder, read_outcome(job_folder))
        with (
            SweepProgress(options.trials, trials.count_finished()) as progress,
            Worker(run_file, lock, shares_process(process, [make_job(0, _first(space))])) as worker,
            Stop().on_signals(progress.say) as stop,
        ):
            runner = Runner(worker, progress, stop)
            while trials.count_finished() < options.trials and not stop.soon:
                trial, axes = trials.ask()
                job = make_job(trial.number, axes)
                job_folder = folder / job.folder_name
                outcome = read_outcome(job_folder)
                if outcome.status not in (
                    "done",
                    "pruned",
                ):  # else the sweep was killed before it reported the outcome
                    outcome = runner.run(job, job_folder, trials.watch(trial))
                trials.tell(trial, outcome)
                rows[trial.number] = summary.Row(job, job_folder, outcome)
                summary.write(folder, "running", list(rows.values()))
        code = finish(kept, list(rows.values()), missing=max(options.trials - trials.count_finished(), 0))
        for line in trials.best(rows):
            print(line, flush=True)
    return code


def _first(space: Mapping[str, Range]) -> dict[str, str]:
    return {key: one.ends()[0] for key, one in space.items()}


def _opening(study: Study, options: Options, over: int, begun: bool) -> str:
    if begun:
        return f"{study.folder}: {over} of {options.trials} trials are over, {max(options.trials - over, 0)} to go."
    how = f"To resume after an interruption: {COMMAND} sweep.resume={study.folder}"
    return f"{study.folder}: {options.trials} trials for {', '.join(options.objectives)}. {how}"


class Trials:
    """Optuna's study of one sweep, in ``optuna.db``.

    Args:
        folder: Folder of the sweep.
        space: Range of each key.
        options: Options of the search.
    """

    def __init__(self, folder: Path, space: Mapping[str, Range], options: Options):
        try:
            import optuna
        except ImportError as error:
            raise UserError(f"hydra/sweeper=optuna needs Optuna: {install_hint('sweep')}.") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._space, self._options = space, options
        self._distributions = {key: self._distribution(key, one) for key, one in space.items()}
        storage = f"sqlite:///{folder.resolve() / 'optuna.db'}"
        directions: Any = options.directions
        self._study = optuna.create_study(
            storage=storage,
            study_name="sweep",
            load_if_exists=True,
            pruner=self._pruner(),
            directions=directions,
        )
        # Each session has its own seed: otherwise a resumed search would draw the same random values again.
        self._study.sampler = self._sampler(options.seed + len(self._study.trials))

    def count_finished(self) -> int:
        """Return the number of trials that have ended, with or without success."""
        return sum(trial.state.is_finished() for trial in self._study.trials)

    def earlier(self) -> list[tuple[int, dict[str, str]]]:
        """Return number and values of each trial that has ended."""
        return [(t.number, self._written(t.params)) for t in self._study.trials if t.state.is_finished()]

    def ask(self) -> tuple[Any, dict[str, str]]:
        """Return the next trial and its values: an interrupted one, or else a new one."""
        running = [t for t in self._study.trials if not t.state.is_finished()]
        if running:
            trial = self._optuna.trial.Trial(self._study, running[0]._trial_id)
        else:
            trial = self._study.ask(self._distributions)
        return trial, self._written(trial.params)

    def watch(self, trial: Any) -> Watch:
        """Return a function that reports the objective after each epoch, and gives a reason to end a poor trial.

        Nothing is pruned with several objectives, or with one that is not measured after each epoch.
        """
        key = self._options.keys[0]
        reported = set(self._study.trials[trial.number].intermediate_values)  # in an earlier session

        def look(row: Mapping[str, Any]) -> str | None:
            value = row.get(key)
            if len(self._options.keys) > 1 or value is None or row["step"] in reported:
                return None
            trial.report(float(value), int(row["step"]))
            if self._options.pruner == "none" or not trial.should_prune():
                return None
            return f"{key} {value:.4g} at step {row['step']} lags behind the other trials"

        return look

    def tell(self, trial: Any, outcome: Outcome) -> None:
        """Tells Optuna what came out; an interrupted trial stays open, to go on later."""
        states = self._optuna.trial.TrialState
        if outcome.status == "interrupted":
            return
        values = [outcome.figures.get(key, math.nan) for key in self._options.keys]
        if outcome.status == "pruned":
            self._study.tell(trial, state=states.PRUNED)
        elif outcome.status == "done" and all(map(math.isfinite, values)):
            self._study.tell(trial, values)
        else:
            self._study.tell(trial, state=states.FAIL)

    def best(self, rows: Mapping[int, summary.Row]) -> list[str]:
        """A line for each trial that no other one beats in every objective."""
        lines = []
        complete = [t for t in self._study.trials if t.state == self._optuna.trial.TrialState.COMPLETE]
        for trial in self._study.best_trials if complete else []:
            values = "  ".join(
                f"{key} {value:.4g}" for key, value in zip(self._options.keys, trial.values, strict=True)
            )
            lines.append(
                f"best: {values}  with {rows[trial.number].job.label}  in {rows[trial.number].folder}"
            )
        return lines

    def _written(self, params: Mapping[str, Any]) -> dict[str, str]:
        return {key: self._space[key].written(value) for key, value in params.items()}

    def _distribution(self, key: str, one: Range) -> Any:
        made = self._optuna.distributions
        if one.choices:
            return made.CategoricalDistribution(one.choices)
        try:
            if one.whole:
                return made.IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step or 1))
            return made.FloatDistribution(one.low, one.high, log=one.log, step=one.step)
        except ValueError as error:
            raise UserError(f"{key} cannot be searched: {str(error).splitlines()[0]}") from error

    def _sampler(self, seed: int) -> Any:
        if self._options.sampler == "random":
            return self._optuna.samplers.RandomSampler(seed=seed)
        return self._optuna.samplers.TPESampler(seed=seed, n_startup_trials=self._options.startup_trials)

    def _pruner(self) -> Any:
        pruners = self._optuna.pruners
        if self._options.pruner == "median":
            return pruners.MedianPruner(n_startup_trials=self._options.startup_trials)
        return pruners.HyperbandPruner() if self._options.pruner == "hyperband" else pruners.NopPruner()
