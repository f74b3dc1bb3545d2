"""Checks of what a training needs, beyond the ranges of single options."""

import dataclasses
from collections.abc import Collection
from typing import Any

from tsforecast.config.instantiate import stem
from tsforecast.config.schema import Config
from tsforecast.errors import UserError


def check_training(config: Config) -> None:
    """Check budget, supervision and batches.

    Raises:
        UserError: The training has no end, or its options contradict each other.
    """
    _check_batch_size(config.training.batch_size)
    _check_budget(config)
    if stem(config.model) == "lightgbm":
        from tsforecast.models.lightgbm import choose_objective  # here: most commands do without

        choose_objective(config.loss["_target_"].rpartition(".")[2], config.loss["quantile_levels"])
    if stem(config.model) == "zeroshot":
        _check_weights(config)
    training, lookback = config.training, config.window.lookback
    if training.supervision == "dense" and training.warmup_steps >= lookback:
        raise UserError(
            f"training.warmup_steps={training.warmup_steps} leaves no step of window.lookback={lookback}: "
            "set training.warmup_steps below it, or training.supervision=last."
        )
    batch_size = training.batch_size
    if training.shards is not None and batch_size != "auto" and training.shards > batch_size:
        raise UserError(
            f"training.shards={training.shards} is more than training.batch_size={batch_size} has windows."
        )


def _check_weights(config: Config) -> None:
    from tsforecast.pretrained import find_pretrained

    window, levels = config.window, config.loss.get("quantile_levels")
    model = find_pretrained(config.model["weights"])
    model.check(window.lookback, window.lead + window.horizon - 1, levels)


def check_objective(config: Config, set_here: Collection[str]) -> Config:
    """Return the config with patches that do not overlap if the training is a pre-training.

    Args:
        config: The config.
        set_here: Keys that the command sets.

    Raises:
        UserError: The model or the job cannot be combined with the objective.
    """
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


def _check_batch_size(value: Any) -> None:
    """A whole number or auto: OmegaConf has no type for that."""
    if value != "auto" and (isinstance(value, bool) or not isinstance(value, int)):
        raise UserError(
            f"training.batch_size={value} is not a whole number, nor auto for the largest that fits."
        )


def _check_budget(config: Config) -> None:
    training = config.training
    endless = training.max_steps is None and training.max_epochs is None
    if endless and training.max_minutes is None:
        raise UserError(
            "training has no end: set training.max_steps, training.max_epochs or training.max_minutes."
        )
    if endless and config.backend == "jax" and not config.schedule["_target_"].endswith(".constant"):
        raise UserError(
            "A schedule that decays with time cannot be combined with backend=jax: set training.max_steps, or "
            "schedule=constant."
        )
