"""The Hydra side of a sweep: expands, composes and checks all jobs before the first one starts."""

import dataclasses
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from tsforecast.config.checks import check
from tsforecast.config.device_checks import NO_DEVICE
from tsforecast.config.instantiate import build_source, stem, tracker_nodes, with_group
from tsforecast.config.schema import Config
from tsforecast.config.stored import as_dict, as_yaml
from tsforecast.errors import UserError
from tsforecast.installation import COMMAND, RUN_FILE
from tsforecast.sweeps.outcome import read_outcome
from tsforecast.sweeps.space import Range
from tsforecast.sweeps.study import Job, Study

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


# What a run's folder is named after: the model that it trains, or its job.
OmegaConf.register_new_resolver(
    "subject", lambda job, model: model if job.endswith(".train.main") else job, replace=True
)


def _resolve_by_model(target: str, values: Mapping[str, Any]) -> Any:
    name = stem({"_target_": target})
    if name not in values:
        raise UserError(
            f"This study has no settings for {name}, only for {', '.join(values)}: add model=NAME."
        )
    return values[name]


# In a study over models: the value for the one that is built, as in ${by_model:${model._target_},{gru:0.1,lstm:0.2}}.
OmegaConf.register_new_resolver("by_model", _resolve_by_model, replace=True)
# The value for what another setting has, as in ${by:${window.horizon},{96:0.1,192:0.2},0.3}; else the last one.
OmegaConf.register_new_resolver("by", lambda key, values, other: values.get(key, other), replace=True)


class StudySweeper(Sweeper):
    """Base class of the sweepers.

    Args:
        params: Values of each swept key, written as on the command line, which may override them.
    """

    def __init__(self, params: Mapping[str, Any] | None = None):
        self.params = dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what Hydra gives; a launcher other than Hydra's basic one runs the jobs elsewhere."""
        self.loader, self.composed = hydra_context.config_loader, config
        self.launcher: Launcher | None = None
        if config.hydra.launcher._target_ != BASIC:
            self.launcher = Plugins.instance().instantiate_launcher(
                hydra_context=hydra_context, task_function=task_function, config=config
            )

    def sweep(self, arguments: list[str]) -> None:
        """Runs the sweep.

        Raises:
            SystemExit: with the exit code, unless all went well.
            UserError: anything about it is wrong; no job has started then.
        """
        code = self.run(self.parse(arguments))
        if code:
            raise SystemExit(code)

    def run(self, overrides: Sequence[Override]) -> int:
        """Runs the sweep and returns its exit code."""
        raise NotImplementedError

    @property
    def folder(self) -> Path:
        """Of the sweep."""
        return Path(str(self.composed.hydra.sweep.dir))

    def parse(self, arguments: Sequence[str]) -> list[Override]:
        """The overrides of every job, without those of the sweep itself; a later one replaces an earlier one."""
        parser = OverridesParser.create(config_loader=self.loader)
        params = [f"{key}={value}" for key, value in self.params.items()]
        last = {o.get_key_element(): o for o in parser.parse_overrides([*params, *arguments])}
        return [o for key, o in last.items() if not key.startswith("sweep.")]

    def job(self, number: int, axes: Mapping[str, str], fixed: Sequence[str]) -> Job:
        """Composes and checks one job."""
        arguments = [*fixed, *(f"{key}={value}" for key, value in axes.items())]
        config = self._compose(arguments)
        if config.resume is not None or config.run is not None:
            raise UserError("A sweep starts new runs: leave out resume= and run=, or run them one by one.")
        if self.launcher is None and config.job.name not in NO_DEVICE:
            _check_file(config.data)
        nodes = tracker_nodes(config.tracker)
        if any("group" in node and node["group"] is None for node in nodes.values()):
            group = self.folder.resolve().name
            config = dataclasses.replace(config, tracker=with_group(config.tracker, group))
            arguments.append(f"tracker.group='{group}'")
        # Only a training can be started from a config in its folder.
        text = as_yaml(config) if config.job.name == "train" else ""
        return Job(number, axes, arguments, as_dict(config), text)

    def _compose(self, arguments: Sequence[str]) -> Config:
        cfg = self.loader.load_sweep_config(self.composed, list(arguments))
        with open_dict(cfg):
            del cfg["hydra"]
        return check(cfg, arguments)

    def launch_elsewhere(self, jobs: Sequence[Job], folders: Sequence[Path]) -> None:
        """Hands jobs to the launcher; what becomes of them stands in their folders."""
        from tsforecast.sweeps.launcher import launch

        if self.launcher is not None and jobs:
            launch(self.launcher.launch, jobs, folders)


class Grid(StudySweeper):
    """Every combination of the values given, as ``hydra/sweeper=grid``."""

    def run(self, overrides: Sequence[Override]) -> int:
        """Run all combinations."""
        from tsforecast.comparison.model_table import write_model_table
        from tsforecast.comparison.published import read_published, write_published_table
        from tsforecast.sweeps import grid

        axes = {o.get_key_element(): _values(o) for o in overrides if o.is_sweep_override()}
        jobs = self.jobs(axes, fixed_arguments(overrides))
        published = self.composed.published
        if published is not None:
            read_published(published)  # a typo in its name is reported before the first job
        code = grid.run(
            self.folder,
            sys.argv[1:],
            axes,
            jobs,
            RUN_FILE,
            self.composed.sweep.process,
            self.launch_elsewhere if self.launcher else None,
        )
        if code == 130 or all(read_outcome(self.folder / job.folder_name).status != "done" for job in jobs):
            return code
        if published is not None:
            print(write_published_table([str(self.folder)], published, self.folder), flush=True)
        if self.composed.model_table is not None:
            command = " ".join([COMMAND, *sys.argv[1:]])
            print(write_model_table([str(self.folder)], self.composed.model_table, command), flush=True)
        return code

    def jobs(self, axes: Mapping[str, Sequence[str]], fixed: Sequence[str]) -> list[Job]:
        """Return all combinations; the last axis changes fastest.

        Combinations with a new value are composed first, so that a typo is reported without composing the rest.
        """
        made = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
        order = sorted(range(len(made)), key=_first_of_a_value(made).__getitem__, reverse=True)
        jobs = [self.job(number, made[number], fixed) for number in order]
        return sorted(jobs, key=lambda job: job.number)


def _first_of_a_value(combinations: Sequence[Mapping[str, str]]) -> list[bool]:
    """Return for each combination whether it has a value that no earlier one has."""
    seen: set[tuple[str, str]] = set()
    first = []
    for combination in combinations:
        first.append(not seen or not seen.issuperset(combination.items()))
        seen.update(combination.items())
    return first


def _check_file(data: Mapping[str, Any]) -> None:
    """Report a missing data file before the first job starts, and not in each job."""
    path = data.get("path")
    if path is None or Path(str(path)).expanduser().exists():
        return
    from tsforecast.tables.locations import find_files

    try:
        find_files(str(path))
    except UserError:
        build_source(data)  # whose own message may say where to get the file
        raise


def fixed_arguments(overrides: Sequence[Override]) -> list[str]:
    """Return the overrides that all jobs share, as written."""
    return [str(o.input_line) for o in overrides if not o.is_sweep_override()]


class Search(StudySweeper):
    """Search by Optuna, which chooses values by the results of earlier trials, as ``hydra/sweeper=optuna``.

    Args:
        trials: Number of jobs in all sessions together.
        objectives: Figures of ``result.json``, as in ``val/rmse``; ``seconds:maximize`` sets the direction.
        sampler: ``tpe`` or ``random``.
        pruner: ``median``, ``hyperband`` or ``none``; ends trials early whose validation loss lags behind.
        startup_trials: Number of random trials before TPE begins, and of complete trials before pruning begins.
        seed: Random seed of the sampler.
        params: Values of each swept key, as for ``Grid``.
    """

    def __init__(
        self,
        trials: int,
        objectives: Sequence[str],
        sampler: str,
        pruner: str,
        startup_trials: int,
        seed: int,
        params: Mapping[str, Any] | None = None,
    ):
        super().__init__(params)
        self.options: dict[str, Any] = {
            "trials": trials,
            "objectives": list(objectives),
            "sampler": sampler,
            "pruner": pruner,
            "startup_trials": startup_trials,
            "seed": seed,
        }

    def run(self, overrides: Sequence[Override]) -> int:
        """Runs the trials that are missing."""
        from tsforecast.sweeps import search

        if self.launcher is not None:
            raise UserError(
                "hydra/sweeper=optuna runs its trials here: leave out hydra/launcher, or use the grid sweeper."
            )
        options = search.Options(**self.options)
        fixed = fixed_arguments(overrides)
        space = {o.get_key_element(): _range(o) for o in overrides if o.is_sweep_override()}
        if not space:
            raise UserError(
                "A search needs something to vary, as in optimizer.learning_rate=tag(log,interval(1e-4,1e-2))."
            )
        self._check_values(space, fixed)
        return search.run(
            self.folder,
            sys.argv[1:],
            space=space,
            base=self.job(0, {}, fixed).config,
            options=options,
            make_job=lambda number, axes: self.job(number, axes, fixed),
            run_file=RUN_FILE,
            process=self.composed.sweep.process,
        )

    def _check_values(self, space: Mapping[str, Range], fixed: Sequence[str]) -> None:
        """Composes one job for each choice and each end of a range, so that none is refused in mid-search."""
        first = {key: one.ends()[0] for key, one in space.items()}
        for key, one in space.items():
            for value in one.ends():
                self.job(0, {**first, key: value}, fixed)


def _range(override: Override) -> Range:
    """A swept override in plain terms."""
    swept: Any = override.value()
    log = "log" in getattr(swept, "tags", ())
    if override.is_interval_sweep():
        whole = isinstance(swept.start, int) and isinstance(swept.end, int)
        return Range(low=swept.start, high=swept.end, whole=whole, log=log)
    if override.is_range_sweep():
        # Hydra's range leaves its end out; the space includes both ends.
        values = [float(value) for value in override.sweep_string_iterator()]
        whole = all(isinstance(number, int) for number in (swept.start, swept.stop, swept.step))
        return Range(low=min(values), high=max(values), step=abs(swept.step), whole=whole, log=log)
    return Range(choices=tuple(_values(override)))


def _values(override: Override) -> list[str]:
    if not override.is_discrete_sweep():
        raise UserError(
            f"{override.input_line} has no end of values: list some, as in {override.get_key_element()}=1,2,3, "
            "or search it with hydra/sweeper=optuna."
        )
    return list(dict.fromkeys(override.sweep_string_iterator()))


def whole_command(arguments: Sequence[str]) -> list[str]:
    """The arguments to use: ``sweep.resume=FOLDER`` alone stands for the command that began that sweep.

    Raises:
        UserError: the folder is not that of a sweep.
    """
    given = [a for a in arguments if a not in ("-m", "--multirun")]
    resumes = [a for a in given if a.startswith("sweep.resume=")]
    if not resumes:
        named = any(a.startswith("sweep.id=") for a in given)
        return ["-m", *given] if named else list(arguments)
    if given != resumes:
        return ["-m", *given]
    folder = resumes[-1].partition("=")[2].strip("'\"")
    stored = Study(Path(folder)).read()["command"]
    kept = [a for a in stored if not a.startswith(("-m", "--multirun", "sweep.id=", "sweep.resume="))]
    return ["-m", *kept, *resumes]


def register() -> None:
    """Makes our sweepers known to Hydra, which looks for plugins in a package ``hydra_plugins`` alone."""
    classes: dict[str, Any] = Plugins.instance().class_name_to_class
    made: list[tuple[str, Callable[..., Sweeper]]] = [("Grid", Grid), ("Search", Search)]
    for name, sweeper in made:
        classes[f"hydra_plugins.tsforecast.{name}"] = sweeper
