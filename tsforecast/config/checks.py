"""Everything that can be wrong with a config, found before TensorFlow is imported."""

import dataclasses
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from tsforecast.config.ensemble_checks import check_ensemble
from tsforecast.config.hydra_errors import CONF
from tsforecast.config.instantiate import stem
from tsforecast.config.nodes import to_options
from tsforecast.config.plan_checks import check_plan
from tsforecast.config.schema import Config
from tsforecast.config.service_checks import check_service
from tsforecast.config.signatures import argument_rules
from tsforecast.config.stored import load
from tsforecast.errors import UserError, nearest
from tsforecast.models.options import EncodingOptions
from tsforecast.options import Rule, field_rules
from tsforecast.rules.parse import parse_rules

# Jobs that compute nothing on the device that the config names: they plan for it, or look at what is there.
NO_DEVICE = ("plan", "doctor", "compare", "promote", "rollback")
KINDS = {int: "a whole number", float: "a number", bool: "true or false"}
TRACKER_MODES = ("auto", "online", "offline", "disabled")


def check(cfg: DictConfig, given: Sequence[str] | None = None) -> Config:
    """Returns the typed config.

    A run that is resumed or evaluated takes its config from its folder, and one that starts from another's weights
    its model.

    Args:
        cfg: as Hydra composed it.
        given: the overrides that it was composed with; None for those of this command.

    Raises:
        UserError: the first thing that is wrong, in one sentence.
    """
    _check_missing(cfg)
    _check_choices()
    config = to_options(Config, cfg)
    if config.resume is not None:
        config = _of_folder(config.resume, config, "resume")
    elif config.job.name == "evaluate":
        if config.run is None:
            raise UserError("job=evaluate needs the folder of a finished run: add run=FOLDER.")
        config = _of_folder(config.run, config, "run")
    elif config.job.name == "promote" and config.run is not None:
        config = _of_folder(config.run, config, "run", own=("registry", "intervals"))
    elif config.job.name == "export" and config.run is not None:
        config = _of_folder(config.run, config, "run", own=("format", "export", "device"))
    check_service(config)
    config = check_ensemble(config, _overrides())
    check_plan(config)
    set_here = {o.lstrip("+~").partition("=")[0] for o in (_overrides() if given is None else given)}
    if config.init_from is not None and config.resume is None:
        config = _take_model(config, set_here)
    _check_batch_size(config.training.batch_size)
    _check_ranges(config)
    for node in ("model", "optimizer", "schedule", "loss"):
        _check_arguments(getattr(config, node), node)
    _check_encoding(config.model.get("encoding"))
    # Keras refuses a whole number.
    rate = float(config.optimizer["learning_rate"])
    config = dataclasses.replace(config, optimizer=config.optimizer | {"learning_rate": rate})
    parse_rules(config.model.get("rules"), config.window.lookback)
    _check_quantiles(config.loss)
    _check_tracker(config.tracker)
    _check_training(config)
    config = _check_objective(config, set_here)
    _check_strategy(config)
    _check_device(config)
    return config


def _of_folder(folder: str, config: Config, key: str, own: tuple[str, ...] = ()) -> Config:
    """The config in a run's folder, with the job, the folder and the groups in ``own`` of this command."""
    names = [(override, override.split("=")[0].lstrip("+~")) for override in _overrides()]
    given = [o for o, name in names if name not in ("job", key) and name.split(".")[0] not in own]
    if given:
        raise UserError(
            f"{key}=FOLDER goes by the config in that folder: leave out {' '.join(given)}, or start a new run."
        )
    stored = load(Path(folder) / "config.yaml", config)
    changes: dict[str, Any] = {name: getattr(config, name) for name in own} | {key: folder}
    if key == "run":
        changes["job"] = config.job
    return dataclasses.replace(stored, **changes)


def _overrides() -> list[str]:
    """What the command line set; nothing when the config was not composed by ``run.py``."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _check_missing(cfg: DictConfig) -> None:
    missing = sorted(key for key in OmegaConf.missing_keys(cfg) if not key.startswith("hydra"))
    if missing:
        raise UserError(f"{missing[0]} has no value: add {missing[0]}=VALUE to the command.")


def _check_choices() -> None:
    """Hydra would merge a list of choices into one node that is neither."""
    for override in _overrides():
        group, _, value = override.lstrip("+").partition("=")
        if "." not in group and value.startswith("[") and (CONF / group).is_dir():
            raise UserError(f"{override} names several: choose one, or sweep with -m {group}={value[1:-1]}.")


def _check_ranges(config: Any, prefix: str = "") -> None:
    for field, rule in field_rules(type(config)).items():
        value, name = getattr(config, field), f"{prefix}{field}"
        if dataclasses.is_dataclass(value):
            _check_ranges(value, f"{name}.")
        else:
            for item in value if isinstance(value, list) else [value]:
                _check_value(item, name, rule)


def _check_value(value: Any, name: str, rule: Rule) -> None:
    if value is None:
        return
    if rule.choices and value not in rule.choices:
        raise UserError(
            f"{name}={value} is not one of {', '.join(rule.choices)}.{nearest(str(value), rule.choices)}"
        )
    if rule.range is not None and not isinstance(value, str) and value not in rule.range:
        raise UserError(f"{name}={value} is out of range: it must be {rule.range}.")


def _check_arguments(node: dict[str, Any], root: str) -> None:
    """Checks the arguments of a target against the annotations of its signature."""
    rules = argument_rules(node["_target_"])
    for name, value in node.items():
        if name in rules:
            _check_argument(value, f"{root}.{name}", rules[name])


def _check_argument(value: Any, name: str, rule: Rule) -> None:
    if value == [] and rule.not_empty is not None:
        example = f"{name}=[{rule.not_empty.example}]"
        raise UserError(f"{name} is empty: give at least one value, as in {example}.")
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        if rule.kind is not None and not _is_kind(item, rule.kind):
            raise UserError(f"{name}={item} is not {KINDS[rule.kind]}.")
        _check_value(item, name, rule)


def _is_kind(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    return isinstance(value, (int, kind))


def _check_encoding(encoding: Any) -> None:
    if encoding is None:
        return
    rules = field_rules(EncodingOptions)
    if not isinstance(encoding, dict) or set(encoding) != set(rules):
        raise UserError(
            "model.encoding must be null, or give both bins and units, as in model.encoding={bins: 64, units: 96}."
        )
    for name, value in encoding.items():
        _check_argument(value, f"model.encoding.{name}", rules[name])


def _check_tracker(node: dict[str, Any]) -> None:
    mode = node.get("mode", "auto")
    if mode not in TRACKER_MODES:
        raise UserError(
            f"tracker.mode={mode} is not one of {', '.join(TRACKER_MODES)}.{nearest(str(mode), TRACKER_MODES)}"
        )


def _check_quantiles(loss: dict[str, Any]) -> None:
    levels = loss.get("quantile_levels")
    if levels is None and not loss["_target_"].endswith(".Quantile"):
        return
    listed = levels if isinstance(levels, list) else []
    numbers = bool(listed) and all(isinstance(q, float) and 0 < q < 1 for q in listed)
    if not numbers or sorted(set(listed)) != listed or 0.5 not in listed:
        raise UserError(
            f"loss.quantile_levels={levels} must rise from above 0 to below 1 and include 0.5, as in [0.1,0.5,0.9]."
        )


def _check_batch_size(value: Any) -> None:
    """A whole number or auto: OmegaConf has no type for that."""
    if value != "auto" and (isinstance(value, bool) or not isinstance(value, int)):
        raise UserError(
            f"training.batch_size={value} is not a whole number, nor auto for the largest that fits."
        )


def _check_training(config: Config) -> None:
    training, window = config.training, config.window
    if training.max_steps is None and training.max_epochs is None and training.max_minutes is None:
        raise UserError(
            "training has no end: set training.max_steps, training.max_epochs or training.max_minutes."
        )
    endless = training.max_steps is None and training.max_epochs is None
    if _decays(config) and endless and config.backend == "jax":
        raise UserError(
            "A schedule that decays by the clock does not go with backend=jax: set training.max_steps, or "
            "schedule=constant."
        )
    if training.supervision == "dense" and training.warmup_steps >= window.lookback:
        raise UserError(
            f"training.warmup_steps={training.warmup_steps} leaves no step of window.lookback={window.lookback}: "
            "set training.warmup_steps below it, or training.supervision=last."
        )
    batch_size = training.batch_size
    if training.shards is not None and batch_size != "auto" and training.shards > batch_size:
        raise UserError(
            f"training.shards={training.shards} is more than training.batch_size={batch_size} has windows."
        )


def _take_model(config: Config, set_here: Collection[str]) -> Config:
    """Gives the model the settings of the run to start from, but for those that this command sets."""
    source = str(config.init_from)
    stored = load(Path(source) / "config.yaml")
    theirs, ours = stem(stored.model), stem(config.model)
    if theirs != ours:
        raise UserError(
            f"init_from={source} holds a {theirs}, and this run's model is {ours}: add model={theirs}."
        )
    if stored.window.lookback != config.window.lookback:
        raise UserError(
            f"init_from={source} was trained with window.lookback={stored.window.lookback}, "
            f"and this run has {config.window.lookback}: give it the same."
        )
    taken = {key: value for key, value in stored.model.items() if f"model.{key}" not in set_here}
    return dataclasses.replace(config, model=config.model | taken)


def _check_objective(config: Config, set_here: Collection[str]) -> Config:
    model = config.model
    if config.training.probe and config.init_from is None:
        raise UserError(
            "training.probe trains the head of a trained model: add init_from=RUN, or leave it out."
        )
    if config.training.objective != "masked_patches":
        return config
    if stem(model) != "patchtst":
        raise UserError("training=pretrain hides patches, which only PatchTST has: add model=patchtst.")
    if config.job.name in ("backtest", "benchmark"):
        raise UserError(
            f"training=pretrain forecasts nothing that job={config.job.name} could score: use job=train."
        )
    if "model.patch_stride" in set_here and model["patch_stride"] != model["patch_len"]:
        raise UserError(
            "training=pretrain hides patches, and patches that overlap would give them away: "
            f"set model.patch_stride={model['patch_len']}, as model.patch_len is."
        )
    return dataclasses.replace(config, model=model | {"patch_stride": model["patch_len"]})


def _decays(config: Config) -> bool:
    return not config.schedule["_target_"].endswith(".constant")


def _check_strategy(config: Config) -> None:
    strategy, training = config.device.strategy, config.training
    if strategy == "single":
        return
    if config.backend != "tensorflow":
        raise UserError(f"device.strategy={strategy} needs backend=tensorflow: leave one of the two out.")
    if training.accumulate_steps > 1:
        raise UserError(
            f"device.strategy={strategy} does not go with training.accumulate_steps={training.accumulate_steps}: "
            "set training.accumulate_steps=1, as several devices hold a larger batch."
        )
    if strategy == "multi_worker" and training.max_minutes is not None:
        raise UserError(
            "device.strategy=multi_worker ends by steps, as the workers' clocks differ: "
            "set training.max_minutes=null and training.max_steps."
        )


def _check_device(config: Config) -> None:
    device, policy = config.device, config.precision.policy
    if (
        policy == "mixed_bfloat16"
        and device.compute_capability is not None
        and device.compute_capability < 8.0
    ):
        raise UserError(
            f"precision=mixed_bfloat16 needs compute capability 8.0, and this device has {device.compute_capability:g} "
            "(a V100 has no bfloat16 units): use precision=mixed or precision=mixed_float16."
        )
    if (
        config.job.name not in NO_DEVICE
        and device.kind == "gpu"
        and not any(map(os.path.exists, ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")))
    ):
        raise UserError("device asks for a GPU and this machine shows none: use device=auto or device=cpu.")
